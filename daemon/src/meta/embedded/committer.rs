//! Group commit: one thread appends for all cores, with one write and one sync a group.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::super::records::{Operation, RecordsError};
use super::completion::Completion;
use super::log::{Log, Write1};
use super::memory::Memory;
use super::{BATCH_BYTES_MAX, GROUP_BYTES_MAX, Options};

/// Memory may grow to this many times its flush size before commits wait for the index.
const MEMORY_OVERRUN: usize = 4;

pub(super) struct Submitted {
    operations: Vec<Operation>,
    bytes: usize,
    completion: Completion,
}

impl Submitted {
    pub(super) fn new(
        operations: Vec<Operation>,
        completion: Completion,
    ) -> Result<Self, RecordsError> {
        let bytes = operations
            .iter()
            .map(|operation| {
                let value = match operation {
                    Operation::Put { value, .. } => value.len(),
                    Operation::Delete { .. } | Operation::Check { .. } => 0,
                };
                operation.key().len() + value + 16
            })
            .sum();
        if bytes > BATCH_BYTES_MAX {
            return Err(RecordsError::TooLarge {
                bytes,
                bytes_max: BATCH_BYTES_MAX,
            });
        }
        Ok(Self {
            operations,
            bytes,
            completion,
        })
    }
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Submitted>,
    closed: bool,
    /// The committer has ended, so nothing more comes to memory.
    ended: bool,
    flush_wanted: bool,
    poisoned: Option<String>,
}

pub(super) struct Commits {
    queue: Mutex<Queue>,
    arrived: Condvar,
    flush: Condvar,
    flushed: Condvar,
    options: Options,
}

impl Commits {
    pub(super) fn new(options: Options) -> Self {
        Self {
            queue: Mutex::default(),
            arrived: Condvar::new(),
            flush: Condvar::new(),
            flushed: Condvar::new(),
            options,
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn submit(&self, submitted: Submitted) -> Result<(), RecordsError> {
        let mut queue = self.queue();
        if queue.closed {
            return Err(RecordsError::Closed);
        }
        if let Some(why) = &queue.poisoned {
            return Err(RecordsError::Poisoned { why: why.clone() });
        }
        if queue.waiting.len() >= self.options.queue_batches_max {
            return Err(RecordsError::Busy);
        }
        queue.waiting.push_back(submitted);
        self.arrived.notify_one();
        Ok(())
    }

    pub(super) fn close(&self) {
        self.queue().closed = true;
        self.arrived.notify_all();
        self.flush.notify_all();
    }

    pub(super) fn poisoned(&self) -> Option<String> {
        self.queue().poisoned.clone()
    }

    fn poison(&self, error: &RecordsError) {
        tracing::error!(%error, "records take no more writes");
        self.queue()
            .poisoned
            .get_or_insert_with(|| error.to_string());
        self.flushed.notify_all();
    }

    /// The next group; none once closed and empty.
    fn take(&self) -> Option<Vec<Submitted>> {
        let mut queue = self.queue();
        while queue.waiting.is_empty() {
            if queue.closed {
                return None;
            }
            queue = self
                .arrived
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let (mut group, mut bytes) = (Vec::new(), 0);
        while bytes < GROUP_BYTES_MAX {
            let Some(submitted) = queue.waiting.pop_front() else {
                break;
            };
            bytes += submitted.bytes;
            group.push(submitted);
        }
        Some(group)
    }

    /// Asks for a flush when memory is full, and waits for it when it is far too full.
    fn relieve(&self, memory: &Memory) {
        if memory.bytes() < self.options.memory_bytes {
            return;
        }
        let mut queue = self.queue();
        queue.flush_wanted = true;
        self.flush.notify_all();
        while memory.bytes() > self.options.memory_bytes * MEMORY_OVERRUN
            && queue.poisoned.is_none()
        {
            queue.flush_wanted = true;
            self.flush.notify_all();
            queue = self
                .flushed
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

pub(super) fn start(
    commits: &Arc<Commits>,
    memory: &Arc<Memory>,
    log: Log,
    next: u64,
) -> io::Result<Vec<JoinHandle<()>>> {
    let (queue, shown) = (Arc::clone(commits), Arc::clone(memory));
    let flusher = std::thread::Builder::new()
        .name("records-index".to_owned())
        .spawn(move || flush_loop(&queue, &shown))?;
    let (queue, shown) = (Arc::clone(commits), Arc::clone(memory));
    let committer = std::thread::Builder::new()
        .name("records-log".to_owned())
        .spawn(move || {
            // Also when the thread panics: nobody may wait for it for ever.
            struct Ended(Arc<Commits>);
            impl Drop for Ended {
                fn drop(&mut self) {
                    let mut queue = self.0.queue();
                    (queue.closed, queue.ended) = (true, true);
                    for submitted in queue.waiting.drain(..) {
                        submitted.completion.complete(Err(RecordsError::Closed));
                    }
                    self.0.flush.notify_all();
                }
            }
            let _ended = Ended(Arc::clone(&queue));
            commit_loop(&queue, &shown, log, next);
        });
    match committer {
        Ok(committer) => Ok(vec![committer, flusher]),
        Err(error) => {
            commits.queue().ended = true;
            commits.flush.notify_all();
            Err(error)
        }
    }
}

fn flush_loop(commits: &Commits, memory: &Memory) {
    loop {
        {
            let mut queue = commits.queue();
            if !queue.flush_wanted && !queue.ended {
                let wait = commits
                    .flush
                    .wait_timeout(queue, commits.options.flush_every);
                queue = wait.unwrap_or_else(PoisonError::into_inner).0;
            }
            if queue.ended {
                return;
            }
            queue.flush_wanted = false;
        }
        if let Err(error) = memory.flush() {
            commits.poison(&error);
            return;
        }
        // Under the lock, so that a committer about to wait can't miss it.
        let _queue = commits.queue();
        commits.flushed.notify_all();
    }
}

fn commit_loop(commits: &Commits, memory: &Memory, mut log: Log, mut next: u64) {
    while let Some(group) = commits.take() {
        commits.relieve(memory);
        if let Some(why) = commits.poisoned() {
            for submitted in group {
                submitted
                    .completion
                    .complete(Err(RecordsError::Poisoned { why: why.clone() }));
            }
            continue;
        }
        let first = next;
        let mut pending: HashMap<Vec<u8>, Option<u64>> = HashMap::new();
        let (mut batches, mut waiters) = (Vec::new(), Vec::new());
        for submitted in group {
            if let Err(error) = check(memory, &pending, &submitted.operations) {
                submitted.completion.complete(Err(error));
                continue;
            }
            let writes: Vec<Write1> = submitted
                .operations
                .into_iter()
                .filter_map(|operation| match operation {
                    Operation::Put { key, value, .. } => Some((key, Some(value))),
                    Operation::Delete { key, .. } => Some((key, None)),
                    Operation::Check { .. } => None,
                })
                .collect();
            for (key, value) in &writes {
                pending.insert(key.clone(), value.as_ref().map(|_| next));
            }
            batches.push(writes);
            waiters.push(submitted.completion);
            next += 1;
        }
        if batches.is_empty() {
            continue;
        }
        if let Err(error) = log.append(first, &batches) {
            commits.poison(&error);
            let why = error.to_string();
            for waiter in waiters {
                waiter.complete(Err(RecordsError::Poisoned { why: why.clone() }));
            }
            continue;
        }
        memory.apply((first..).zip(batches).collect());
        for (sequence, waiter) in (first..).zip(waiters) {
            waiter.complete(Ok(sequence));
        }
    }
}

fn check(
    memory: &Memory,
    pending: &HashMap<Vec<u8>, Option<u64>>,
    operations: &[Operation],
) -> Result<(), RecordsError> {
    use super::super::records::Expect;
    for operation in operations {
        if operation.expect() == Expect::Any {
            continue;
        }
        let version = match pending.get(operation.key()) {
            Some(version) => *version,
            None => memory.get(operation.key())?.map(|record| record.version),
        };
        if !operation.expect().holds(version) {
            return Err(RecordsError::Conflict {
                key: operation.key().to_vec(),
            });
        }
    }
    Ok(())
}
