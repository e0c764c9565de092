//! The worker with a service of a few lines, on both drivers.

use std::io::{Read, Write};
use std::net::TcpStream as Client;
use std::sync::mpsc;

use monoio::io::{AsyncReadRent, AsyncWriteRentExt};

use super::*;
use crate::server::listener;
use crate::sys::driver::Wanted;

/// Answers each byte: `e` with itself, `p` with a panic, `s` once the gate is opened.
struct Echo {
    arrived: mpsc::Sender<()>,
    gate: Drain,
}

impl Handler for Echo {
    async fn serve(&self, accepted: Accepted) {
        let Accepted {
            mut stream, drain, ..
        } = accepted;
        let mut fresh = true;
        loop {
            // A connection that the drain found waiting is still heard.
            let read = if std::mem::take(&mut fresh) {
                Some(stream.read(vec![0_u8; 1]).await)
            } else {
                let mut read = pin!(stream.read(vec![0_u8; 1]));
                let mut begun = pin!(drain.wait());
                poll_fn(|context| {
                    if let Poll::Ready(read) = read.as_mut().poll(context) {
                        return Poll::Ready(Some(read));
                    }
                    begun.as_mut().poll(context).map(|()| None)
                })
                .await
            };
            let Some((Ok(1), byte)) = read else { return };
            match byte[0] {
                b'p' => panic!("asked for by the test"),
                b's' => {
                    self.arrived.send(()).unwrap();
                    self.gate.wait().await;
                }
                _ => {}
            }
            if stream.write_all(byte).await.0.is_err() || drain.requested() {
                return;
            }
        }
    }
}

struct Running {
    workers: Workers,
    address: SocketAddr,
    drain: Drain,
    gate: Drain,
    metrics: Metrics,
    arrived: mpsc::Receiver<()>,
}

fn start(driver: Driver, cores: usize, connections_max: usize) -> Running {
    let (address, listeners) = listener::bind("127.0.0.1:0".parse().unwrap(), cores).unwrap();
    let listeners = listeners
        .into_iter()
        .map(|listener| vec![(Port::Api, listener)])
        .collect();
    let (drain, gate, metrics) = (Drain::new(), Drain::new(), Metrics::default());
    let (tell, arrived) = mpsc::channel();
    let opened = gate.clone();
    let options = WorkerOptions {
        driver,
        pin: true,
        connections_max,
        drain_limit: Duration::from_secs(20),
    };
    let workers = Workers::start(&options, listeners, &metrics, &drain, move |_, _| Echo {
        arrived: tell.clone(),
        gate: opened.clone(),
    })
    .unwrap();
    Running {
        workers,
        address,
        drain,
        gate,
        metrics,
        arrived,
    }
}

fn drivers() -> Vec<Driver> {
    let best = driver::probe(Wanted::Auto).unwrap().driver;
    if best == Driver::Epoll {
        vec![best]
    } else {
        vec![best, Driver::Epoll]
    }
}

fn connect(address: SocketAddr) -> Client {
    let client = Client::connect(address).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    client
}

/// What came back before the end.
fn ask(client: &mut Client, byte: u8) -> Option<u8> {
    client.write_all(&[byte]).ok()?;
    let mut answer = [0];
    client.read_exact(&mut answer).ok().map(|()| answer[0])
}

/// Sockets on this port that a descriptor holds: one that was closed shows inode 0.
fn held_sockets(address: SocketAddr) -> usize {
    let port = format!(":{:04X}", address.port());
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let held = table.lines().skip(1).filter(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields[1].ends_with(&port) && fields[9] != "0"
    });
    held.count()
}

#[test]
fn a_thousand_connections_leave_no_descriptor_behind() {
    for driver in drivers() {
        let running = start(driver, 2, 100);
        for _ in 0..1_000 {
            assert_eq!(ask(&mut connect(running.address), b'e'), Some(b'e'));
        }
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        while held_sockets(running.address) != 2 {
            assert!(
                std::time::Instant::now() < deadline,
                "{driver}: {}",
                held_sockets(running.address)
            );
            thread::yield_now();
        }
        running.drain.begin();
        assert_eq!(running.workers.join(), 0);
        assert_eq!(held_sockets(running.address), 0, "{driver}");
    }
}

#[test]
fn serves_on_all_cores_and_survives_panics() {
    for driver in drivers() {
        let running = start(driver, 2, 100);
        let mut bystander = connect(running.address);
        for _ in 0..20 {
            assert_eq!(ask(&mut connect(running.address), b'p'), None);
            assert_eq!(ask(&mut connect(running.address), b'e'), Some(b'e'));
        }
        assert_eq!(ask(&mut bystander, b'e'), Some(b'e'), "{driver}");
        running.drain.begin();
        assert_eq!(running.workers.join(), 0);
        let page = running.metrics.render().unwrap();
        assert!(page.contains("drift_panics_total 20\n"), "{page}");
        assert!(
            page.contains("drift_connections_accepted_total 41\n"),
            "{page}"
        );
        assert!(page.contains("drift_connections_open 0\n"), "{page}");
    }
}

#[test]
fn a_drain_finishes_the_request_in_hand_and_closes_idle_connections() {
    for driver in drivers() {
        let running = start(driver, 2, 100);
        let mut idle = connect(running.address);
        assert_eq!(ask(&mut idle, b'e'), Some(b'e'));
        let mut slow = connect(running.address);
        slow.write_all(b"s").unwrap();
        running.arrived.recv().unwrap();

        running.drain.begin();
        assert_eq!(
            idle.read(&mut [0]).unwrap(),
            0,
            "the idle one ends while the slow one goes on"
        );
        running.gate.begin();
        let mut answer = Vec::new();
        slow.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, b"s", "{driver}");
        assert_eq!(running.workers.join(), 0);
        assert!(Client::connect(running.address).is_err());
    }
}

#[test]
fn connections_over_the_cap_wait_and_queued_ones_are_answered_in_a_drain() {
    for driver in drivers() {
        let running = start(driver, 1, 1);
        let mut slow = connect(running.address);
        slow.write_all(b"s").unwrap();
        running.arrived.recv().unwrap();
        let mut queued: Vec<Client> = (0..5)
            .map(|_| {
                let mut client = connect(running.address);
                client.write_all(b"e").unwrap();
                client
            })
            .collect();
        running.drain.begin();
        for client in &mut queued {
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).unwrap();
            assert_eq!(answer, b"e", "{driver}");
        }
        running.gate.begin();
        assert_eq!(running.workers.join(), 0);
    }
}

#[test]
fn the_drain_limit_cuts_off_what_does_not_end() {
    for driver in drivers() {
        let (address, listeners) = listener::bind("127.0.0.1:0".parse().unwrap(), 1).unwrap();
        let listeners = listeners
            .into_iter()
            .map(|listener| vec![(Port::Api, listener)])
            .collect();
        let drain = Drain::new();
        let (tell, arrived) = mpsc::channel();
        let options = WorkerOptions {
            driver,
            pin: false,
            connections_max: 10,
            drain_limit: Duration::from_millis(20),
        };
        let workers = Workers::start(
            &options,
            listeners,
            &Metrics::default(),
            &drain,
            move |_, _| Echo {
                arrived: tell.clone(),
                gate: Drain::new(),
            },
        )
        .unwrap();
        let mut stuck = connect(address);
        stuck.write_all(b"s").unwrap();
        arrived.recv().unwrap();
        drain.begin();
        assert_eq!(workers.join(), 1);
    }
}
