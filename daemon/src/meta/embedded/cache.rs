//! Hot records, kept by each thread for itself, so that a hit takes no lock.
//!
//! Every key falls on one of a few thousand generation counters. A commit bumps the counters of
//! its keys once readers can see it and before it is acknowledged; an entry is good while its
//! counter stands where it stood before the entry's value was read.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::records::Record;

const STRIPES: usize = 4096;
const THREAD_BYTES_MAX: usize = 8 << 20;
const RECORD_BYTES_MAX: usize = 256 << 10;
const ENTRY_OVERHEAD_BYTES: usize = 128;

pub(super) struct Generations {
    engine: u64,
    hasher: RandomState,
    counters: Box<[AtomicU64]>,
}

type Entries = HashMap<Vec<u8>, (u64, Option<Record>)>;

/// Two halves: what is hit moves to the young one, and the old one goes when the young is full.
#[derive(Default)]
struct Hot {
    engine: u64,
    young: Entries,
    young_bytes: usize,
    old: Entries,
}

thread_local! {
    static HOT: RefCell<Hot> = RefCell::default();
}

impl Generations {
    pub(super) fn new() -> Self {
        static ENGINES: AtomicU64 = AtomicU64::new(1);
        Self {
            engine: ENGINES.fetch_add(1, Ordering::Relaxed),
            hasher: RandomState::new(),
            counters: (0..STRIPES).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    fn counter(&self, key: &[u8]) -> &AtomicU64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        &self.counters[hasher.finish() as usize % STRIPES]
    }

    /// To be read before the value it is to vouch for.
    pub(super) fn current(&self, key: &[u8]) -> u64 {
        self.counter(key).load(Ordering::Acquire)
    }

    pub(super) fn bump(&self, key: &[u8]) {
        self.counter(key).fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn find(&self, key: &[u8], generation: u64) -> Option<Option<Record>> {
        HOT.with_borrow_mut(|hot| {
            if hot.engine != self.engine {
                return None;
            }
            if let Some((held, record)) = hot.young.get(key) {
                return (*held == generation).then(|| record.clone());
            }
            let (held, record) = hot.old.remove(key)?;
            if held != generation {
                return None;
            }
            hot.insert(key, generation, &record);
            Some(record)
        })
    }

    pub(super) fn keep(&self, key: &[u8], generation: u64, record: &Option<Record>) {
        if record
            .as_ref()
            .is_some_and(|record| record.value.len() > RECORD_BYTES_MAX)
        {
            return;
        }
        HOT.with_borrow_mut(|hot| {
            if hot.engine != self.engine {
                *hot = Hot {
                    engine: self.engine,
                    ..Hot::default()
                };
            }
            hot.insert(key, generation, record);
        });
    }
}

impl Hot {
    fn insert(&mut self, key: &[u8], generation: u64, record: &Option<Record>) {
        let bytes = |key: &[u8], record: &Option<Record>| {
            ENTRY_OVERHEAD_BYTES + key.len() + record.as_ref().map_or(0, |r| r.value.len())
        };
        self.young_bytes += bytes(key, record);
        if let Some((_, before)) = self
            .young
            .insert(key.to_vec(), (generation, record.clone()))
        {
            self.young_bytes -= bytes(key, &before);
        }
        if self.young_bytes > THREAD_BYTES_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
    }
}
