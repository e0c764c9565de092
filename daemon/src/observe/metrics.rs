//! Counters that cost a request no lock: each core writes its own, a scrape sums them.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds of the latency buckets; the last, without a bound, is implied.
const BUCKETS_SECONDS: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0,
];

/// `Content-Type` of what `Metrics::render` returns.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// One answered request. The strings are the daemon's own, so that the number of series is
/// bounded whatever clients send.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    pub route: &'static str,
    pub method: &'static str,
    pub status: u16,
    pub duration: Duration,
    pub bytes_in: u64,
    pub bytes_out: u64,
}

type RequestKey = (&'static str, &'static str, u16);

/// One core's numbers for one route, method and status. Padded so that neighbours on the heap,
/// which another core may own, share no cache line (two lines: the prefetcher fetches pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
struct Series {
    requests: AtomicU64,
    duration_nanos: AtomicU64,
    /// Not cumulative; the last one has no bound.
    buckets: [AtomicU64; BUCKETS_SECONDS.len() + 1],
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Totals {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    connections_accepted: AtomicU64,
    connections_open: AtomicI64,
    /// May be negative on one core: an upload ends where its last request happens to arrive.
    uploads_open: AtomicI64,
    panics: AtomicU64,
}

#[derive(Debug, Default)]
struct Shard {
    totals: Totals,
    /// Locked by a scrape and by a core's first sight of a key, never by a counted request.
    series: Mutex<Vec<(RequestKey, Arc<Series>)>>,
}

/// The process's counters: hand `core()` to each core, `render()` to whoever scrapes.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    shards: Arc<Mutex<Vec<Arc<Shard>>>>,
}

/// The counters of one core, which alone writes them: not `Send`.
pub struct CoreMetrics {
    shard: Arc<Shard>,
    series: RefCell<HashMap<RequestKey, Arc<Series>>>,
}

/// Adds without a locked instruction: sound since one thread alone writes each counter.
fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(amount), Relaxed);
}

fn shift(gauge: &AtomicI64, amount: i64) {
    gauge.store(gauge.load(Relaxed).wrapping_add(amount), Relaxed);
}

impl CoreMetrics {
    pub fn answered(&self, request: &Answered) {
        let key = (request.route, request.method, request.status);
        let mut known = self.series.borrow_mut();
        let series = known.entry(key).or_insert_with(|| {
            let series = Arc::new(Series::default());
            let mut all = self
                .shard
                .series
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            all.push((key, Arc::clone(&series)));
            series
        });
        let seconds = request.duration.as_secs_f64();
        add(&series.requests, 1);
        add(
            &series.duration_nanos,
            u64::try_from(request.duration.as_nanos()).unwrap_or(u64::MAX),
        );
        add(
            &series.buckets[BUCKETS_SECONDS.partition_point(|bound| *bound < seconds)],
            1,
        );
        add(&self.shard.totals.bytes_in, request.bytes_in);
        add(&self.shard.totals.bytes_out, request.bytes_out);
    }

    pub fn connection_opened(&self) {
        add(&self.shard.totals.connections_accepted, 1);
        shift(&self.shard.totals.connections_open, 1);
    }

    pub fn connection_closed(&self) {
        shift(&self.shard.totals.connections_open, -1);
    }

    pub fn upload_started(&self) {
        shift(&self.shard.totals.uploads_open, 1);
    }

    pub fn upload_ended(&self) {
        shift(&self.shard.totals.uploads_open, -1);
    }

    pub fn panicked(&self) {
        add(&self.shard.totals.panics, 1);
    }
}

/// One route's, method's and status's numbers over all cores.
#[derive(Default)]
struct Summed {
    requests: u64,
    duration_nanos: u64,
    buckets: [u64; BUCKETS_SECONDS.len() + 1],
}

impl Metrics {
    /// A new core's counters. A core asks once, at its start.
    pub fn core(&self) -> CoreMetrics {
        let shard = Arc::new(Shard::default());
        self.shards
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(&shard));
        CoreMetrics {
            shard,
            series: RefCell::default(),
        }
    }

    /// The exposition text, for scrapers.
    pub fn render(&self) -> Result<String, std::fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self.clone()));
        let mut page = String::new();
        text::encode(&mut page, &registry)?;
        Ok(page)
    }

    fn shards(&self) -> Vec<Arc<Shard>> {
        self.shards
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let shards = self.shards();
        let mut summed: BTreeMap<RequestKey, Summed> = BTreeMap::new();
        for shard in &shards {
            for (key, series) in shard
                .series
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
            {
                let sum = summed.entry(*key).or_default();
                sum.requests += series.requests.load(Relaxed);
                sum.duration_nanos += series.duration_nanos.load(Relaxed);
                for (total, bucket) in sum.buckets.iter_mut().zip(&series.buckets) {
                    *total += bucket.load(Relaxed);
                }
            }
        }
        let total = |of: fn(&Totals) -> &AtomicU64| -> u64 {
            shards
                .iter()
                .map(|shard| of(&shard.totals).load(Relaxed))
                .sum()
        };
        let level = |of: fn(&Totals) -> &AtomicI64| -> i64 {
            shards
                .iter()
                .map(|shard| of(&shard.totals).load(Relaxed))
                .sum::<i64>()
                .max(0)
        };

        let mut requests = encoder.encode_descriptor(
            "drift_http_requests",
            "Requests answered",
            None,
            MetricType::Counter,
        )?;
        for ((route, method, status), sum) in &summed {
            let labels = [
                ("route", *route),
                ("method", *method),
                ("status", &status.to_string()),
            ];
            requests
                .encode_family(&labels)?
                .encode_counter::<NoLabelSet, _, f64>(&sum.requests, None)?;
        }

        let mut by_route: BTreeMap<(&str, &str), Summed> = BTreeMap::new();
        for ((route, method, _), sum) in &summed {
            let of_route = by_route.entry((route, method)).or_default();
            of_route.requests += sum.requests;
            of_route.duration_nanos += sum.duration_nanos;
            for (total, bucket) in of_route.buckets.iter_mut().zip(&sum.buckets) {
                *total += bucket;
            }
        }
        let mut durations = encoder.encode_descriptor(
            "drift_http_request_duration",
            "Time from a request's head to the end of its answer",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        let bounds = BUCKETS_SECONDS.into_iter().chain([f64::INFINITY]);
        for ((route, method), sum) in &by_route {
            // The encoder makes the cumulative counts, and spells the infinite bound.
            let buckets: Vec<(f64, u64)> = bounds.clone().zip(sum.buckets).collect();
            let count = sum.buckets.iter().sum();
            #[allow(clippy::cast_precision_loss)]
            let seconds = sum.duration_nanos as f64 / 1e9;
            durations
                .encode_family(&[("route", *route), ("method", *method)])?
                .encode_histogram::<NoLabelSet>(seconds, count, &buckets, None)?;
        }

        let counters: [(&str, &str, Option<Unit>, u64); 4] = [
            (
                "drift_http_received",
                "Bytes of request bodies",
                Some(Unit::Bytes),
                total(|of| &of.bytes_in),
            ),
            (
                "drift_http_sent",
                "Bytes of answers' bodies",
                Some(Unit::Bytes),
                total(|of| &of.bytes_out),
            ),
            (
                "drift_connections_accepted",
                "Connections accepted",
                None,
                total(|of| &of.connections_accepted),
            ),
            (
                "drift_panics",
                "Connections ended by a panic",
                None,
                total(|of| &of.panics),
            ),
        ];
        for (name, help, unit, value) in &counters {
            encoder
                .encode_descriptor(name, help, unit.as_ref(), MetricType::Counter)?
                .encode_counter::<NoLabelSet, _, f64>(value, None)?;
        }
        let gauges = [
            (
                "drift_connections_open",
                "Connections open now",
                level(|of| &of.connections_open),
            ),
            (
                "drift_uploads_open",
                "Upload sessions begun and neither committed nor given up",
                level(|of| &of.uploads_open),
            ),
        ];
        for (name, help, value) in &gauges {
            encoder
                .encode_descriptor(name, help, None, MetricType::Gauge)?
                .encode_gauge(value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, millis: u64) -> Answered {
        Answered {
            route: "blob",
            method: "GET",
            status,
            duration: Duration::from_millis(millis),
            bytes_in: 1,
            bytes_out: 10,
        }
    }

    #[test]
    fn a_scrape_sums_what_the_cores_counted() {
        let metrics = Metrics::default();
        let here = metrics.core();
        let elsewhere = metrics.clone();
        std::thread::spawn(move || {
            let core = elsewhere.core();
            core.connection_opened();
            core.answered(&answered(200, 1));
            core.answered(&answered(404, 1));
            core.upload_ended();
        })
        .join()
        .unwrap();
        here.connection_opened();
        here.connection_closed();
        here.upload_started();
        here.upload_started();
        here.answered(&answered(200, 300_000));

        let page = metrics.render().unwrap();
        for line in [
            "drift_http_requests_total{route=\"blob\",method=\"GET\",status=\"200\"} 2",
            "drift_http_requests_total{route=\"blob\",method=\"GET\",status=\"404\"} 1",
            "drift_http_request_duration_seconds_bucket{le=\"0.001\",route=\"blob\",method=\"GET\"} 2",
            "drift_http_request_duration_seconds_bucket{le=\"120.0\",route=\"blob\",method=\"GET\"} 2",
            "drift_http_request_duration_seconds_bucket{le=\"+Inf\",route=\"blob\",method=\"GET\"} 3",
            "drift_http_request_duration_seconds_count{route=\"blob\",method=\"GET\"} 3",
            "drift_http_received_bytes_total 3",
            "drift_http_sent_bytes_total 30",
            "drift_connections_accepted_total 2",
            "drift_connections_open 1",
            "drift_uploads_open 1",
            "drift_panics_total 0",
            "# EOF",
        ] {
            assert!(
                page.lines().any(|found| found == line),
                "{line}\nis missing in\n{page}"
            );
        }
    }
}
