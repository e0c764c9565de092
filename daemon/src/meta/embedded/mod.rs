//! The engine on a local file system: a log that is the commit, memory for what is new, and an
//! index on disk for the rest.
//!
//! `records/` holds `format`, `lock`, `log/<first sequence>.log` and `index.redb`. One thread
//! commits for all cores, another moves memory to the index every few seconds. Reads run where
//! they are called; one that misses both the cache and memory reads the index file in place.

mod cache;
mod committer;
mod completion;
mod index;
mod log;
mod memory;

use std::fmt::Display;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::records::{Operation, Pending, Record, Records, RecordsError};
use committer::{Commits, Submitted};
use completion::Completion;
use index::Index;
use log::Log;
use memory::Memory;

const FORMAT: u32 = 1;
/// Bytes of keys and values one batch may hold.
pub(super) const BATCH_BYTES_MAX: usize = 16 << 20;
/// A group takes no further batch once it holds this much.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// Bounds of the engine.
#[derive(Clone, Debug)]
pub struct Options {
    pub segment_bytes_max: u64,
    pub index_cache_bytes: usize,
    /// Memory is moved to the index once it holds this much…
    pub memory_bytes: usize,
    /// …or this long after the last time.
    pub flush_every: std::time::Duration,
    pub queue_batches_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes_max: 64 << 20,
            index_cache_bytes: 16 << 20,
            memory_bytes: 8 << 20,
            flush_every: std::time::Duration::from_secs(3),
            queue_batches_max: 16_384,
        }
    }
}

pub struct Embedded {
    commits: Arc<Commits>,
    memory: Arc<Memory>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    _lock: File,
}

impl Embedded {
    /// Opens `<root>/records`, making it where it's missing. Blocks: for the start of the daemon.
    pub fn open(root: &Path, options: Options) -> Result<Self, RecordsError> {
        let directory = root.join("records");
        let segments = directory.join("log");
        make_directory(root, &directory)?;
        make_directory(&directory, &segments)?;
        let lock = lock(&directory)?;
        check_format(&directory)?;
        let (index, held) = Index::open(&directory.join("index.redb"), options.index_cache_bytes)?;
        sync_directory(&directory)?;
        let memory = Arc::new(Memory::new(index, held));
        let (log, last) = Log::open(
            &segments,
            held,
            options.segment_bytes_max,
            |sequence, writes| {
                memory.apply(vec![(sequence, writes)]);
                if memory.bytes() > options.memory_bytes {
                    memory.flush()
                } else {
                    Ok(())
                }
            },
        )?;
        if last < held {
            return Err(RecordsError::Corrupt {
                path: segments,
                offset: 0,
                what: format!("the log ends at sequence {last}, its index at {held}"),
            });
        }
        let commits = Arc::new(Commits::new(options));
        let threads = committer::start(&commits, &memory, log, last + 1)
            .map_err(|error| io_error("start threads for", &directory, &error))?;
        Ok(Self {
            commits,
            memory,
            threads: Mutex::new(threads),
            _lock: lock,
        })
    }

    /// Why no more is written, where that is so.
    pub fn poisoned(&self) -> Option<String> {
        self.commits.poisoned()
    }

    /// Takes no more commits, ends those that wait, and writes the index, so that the next start
    /// reads nothing from the log. Blocks.
    pub fn close(&self) -> Result<(), RecordsError> {
        self.stop();
        self.memory.flush()
    }

    fn stop(&self) {
        self.commits.close();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the record engine panicked");
            }
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Records for Embedded {
    fn get<'a>(&'a self, key: &'a [u8]) -> Pending<'a, Option<Record>> {
        Box::pin(async move { self.memory.get_cached(key) })
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Pending<'a, Vec<(Vec<u8>, Record)>> {
        Box::pin(async move { self.memory.scan(prefix, after, limit) })
    }

    fn batch(&self, operations: Vec<Operation>) -> Pending<'_, u64> {
        Box::pin(async move {
            let completion = Completion::default();
            self.commits
                .submit(Submitted::new(operations, completion.clone())?)?;
            completion.await
        })
    }
}

fn make_directory(parent: &Path, directory: &Path) -> Result<(), RecordsError> {
    std::fs::create_dir_all(directory).map_err(|error| io_error("create", directory, &error))?;
    sync_directory(parent)
}

fn sync_directory(directory: &Path) -> Result<(), RecordsError> {
    File::open(directory)
        .and_then(|opened| opened.sync_all())
        .map_err(|error| io_error("sync", directory, &error))
}

fn lock(directory: &Path) -> Result<File, RecordsError> {
    let path = directory.join("lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| io_error("open", &path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(RecordsError::InUse { path }),
        Err(TryLockError::Error(error)) => Err(io_error("lock", &path, &error)),
    }
}

fn check_format(directory: &Path) -> Result<(), RecordsError> {
    let path = directory.join("format");
    match std::fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => match text.trim().parse::<u32>() {
            Ok(found) if found <= FORMAT => Ok(()),
            Ok(found) => Err(RecordsError::NewerFormat {
                path,
                found,
                known: FORMAT,
            }),
            Err(_) => Err(RecordsError::Corrupt {
                path,
                offset: 0,
                what: "not a format number".to_owned(),
            }),
        },
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_error("read", &path, &error))
        }
        _ => write_format(&path).map_err(|error| io_error("write", &path, &error)),
    }
}

fn write_format(path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    writeln!(file, "{FORMAT}")?;
    file.sync_all()
}

fn io_error(what: &'static str, path: &Path, error: &dyn Display) -> RecordsError {
    RecordsError::Io {
        what,
        path: PathBuf::from(path),
        why: error.to_string(),
    }
}
