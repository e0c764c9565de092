//! Records newer than the index, laid over it for every read.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::super::records::{Record, RecordsError};
use super::cache::Generations;
use super::index::Index;
use super::log::Write1;

type Layer = BTreeMap<Vec<u8>, Option<Record>>;

#[derive(Default)]
struct Layers {
    active: Layer,
    active_bytes: usize,
    /// The layer that is being written to the index.
    frozen: Arc<Layer>,
    sequence: u64,
}

pub(super) struct Memory {
    layers: RwLock<Layers>,
    index: Index,
    generations: Generations,
    flushing: Mutex<()>,
}

impl Memory {
    pub(super) fn new(index: Index, sequence: u64) -> Self {
        Self {
            layers: RwLock::new(Layers {
                sequence,
                ..Layers::default()
            }),
            index,
            generations: Generations::new(),
            flushing: Mutex::new(()),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.layers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .active_bytes
    }

    /// Shows committed batches to readers.
    pub(super) fn apply(&self, batches: Vec<(u64, Vec<Write1>)>) {
        let mut keys = Vec::new();
        {
            let mut layers = self.layers.write().unwrap_or_else(PoisonError::into_inner);
            for (sequence, writes) in batches {
                layers.sequence = sequence;
                for (key, value) in writes {
                    layers.active_bytes += key.len() + value.as_ref().map_or(0, |v| v.len()) + 64;
                    let record = value.map(|value| Record {
                        version: sequence,
                        value,
                    });
                    keys.push(key.clone());
                    layers.active.insert(key, record);
                }
            }
        }
        for key in &keys {
            self.generations.bump(key);
        }
    }

    pub(super) fn get_cached(&self, key: &[u8]) -> Result<Option<Record>, RecordsError> {
        let generation = self.generations.current(key);
        if let Some(found) = self.generations.find(key, generation) {
            return Ok(found);
        }
        let record = self.get(key)?;
        self.generations.keep(key, generation, &record);
        Ok(record)
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Record>, RecordsError> {
        {
            let layers = self.layers.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(found) = layers.active.get(key).or_else(|| layers.frozen.get(key)) {
                return Ok(found.clone());
            }
        }
        self.index.get(key)
    }

    pub(super) fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Record)>, RecordsError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let (mut overlay, read) = {
            let layers = self.layers.read().unwrap_or_else(PoisonError::into_inner);
            let overlay = overlay(&layers, prefix, start, limit);
            // Begun under the lock: a flush can't end between the two views.
            (overlay.into_iter().peekable(), self.index.read()?)
        };
        let mut page: Vec<(Vec<u8>, Record)> = Vec::new();
        Index::scan(&read, prefix, start, |key, record| {
            while let Some((newer, value)) = overlay.next_if(|(newer, _)| newer.as_slice() < key) {
                page.extend(value.map(|value| (newer, value)));
            }
            match overlay.next_if(|(newer, _)| newer == key) {
                Some((newer, value)) => page.extend(value.map(|value| (newer, value))),
                None => page.push((key.to_vec(), record)),
            }
            page.len() < limit
        })?;
        for (key, value) in overlay {
            if page.len() >= limit {
                break;
            }
            page.extend(value.map(|value| (key, value)));
        }
        page.truncate(limit);
        Ok(page)
    }

    /// Moves what is in memory to the index. On failure it stays in memory.
    pub(super) fn flush(&self) -> Result<(), RecordsError> {
        let _one_at_a_time = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let (frozen, sequence) = {
            let mut layers = self.layers.write().unwrap_or_else(PoisonError::into_inner);
            let active = std::mem::take(&mut layers.active);
            layers.active_bytes = 0;
            if layers.frozen.is_empty() {
                layers.frozen = Arc::new(active);
            } else {
                let mut joined = (*layers.frozen).clone();
                joined.extend(active);
                layers.frozen = Arc::new(joined);
            }
            (Arc::clone(&layers.frozen), layers.sequence)
        };
        if frozen.is_empty() {
            return Ok(());
        }
        self.index.write(&frozen, sequence)?;
        self.layers
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .frozen = Arc::default();
        Ok(())
    }
}

/// What memory says of the range, up to `limit` live records, which is as far as a page can go.
fn overlay(
    layers: &Layers,
    prefix: &[u8],
    start: Bound<&[u8]>,
    limit: usize,
) -> Vec<(Vec<u8>, Option<Record>)> {
    let range = (start, Bound::Unbounded);
    let mut newer = layers.active.range::<[u8], _>(range).peekable();
    let mut older = layers.frozen.range::<[u8], _>(range).peekable();
    let (mut found, mut live) = (Vec::new(), 0);
    while live < limit {
        let next = match (newer.peek(), older.peek()) {
            (Some((a, _)), Some((b, _))) if a == b => {
                older.next();
                newer.next()
            }
            (Some((a, _)), Some((b, _))) if a > b => older.next(),
            (Some(_), _) => newer.next(),
            (None, _) => older.next(),
        };
        match next {
            Some((key, record)) if key.starts_with(prefix) => {
                live += usize::from(record.is_some());
                found.push((key.clone(), record.clone()));
            }
            _ => break,
        }
    }
    found
}
