//! Bounded pools of threads for calls that block: file I/O on both drivers, password hashing.
//!
//! A job runs from the moment it is taken, whether or not its future is polled or dropped, so
//! a job must own what it works on.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::limits::{FILE_IO_QUEUE_JOBS_MAX, FILE_IO_THREADS};

/// Threads that take jobs from one bounded queue. They end when the pool is dropped.
#[derive(Debug)]
pub struct Pool {
    queue: Arc<Queue>,
}

/// Why a job gave no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The queue is full: the job never started.
    Full,
    /// The job panicked.
    Panicked,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refused::Full => "too many jobs are waiting",
            Refused::Panicked => "the job failed unexpectedly",
        })
    }
}

impl std::error::Error for Refused {}

impl Pool {
    /// Starts `threads` threads named `name`; at most `queue_max` jobs wait.
    ///
    /// Where the system refuses a thread the pool runs with those it got; with none, every
    /// job is refused.
    pub fn new(name: &'static str, threads: usize, queue_max: usize) -> Self {
        let queue = Arc::new(Queue {
            state: Mutex::new(QueueState::default()),
            work: Condvar::new(),
            jobs_max: queue_max,
        });
        let mut started = 0;
        for _ in 0..threads {
            let worker = Arc::clone(&queue);
            let spawned = std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || worker.work());
            started += usize::from(spawned.is_ok());
        }
        if started == 0 {
            queue.lock().closed = true;
        }
        Self { queue }
    }

    /// Runs `job` on a thread of the pool and waits for its result.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refused> {
        self.submit(job).await
    }

    /// Queues `job` at once; the future only waits for its result. A job that is refused is
    /// dropped before this returns.
    pub fn submit<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Outcome<T> {
        let slot = Arc::new(Slot {
            state: Mutex::new(SlotState {
                result: None,
                waker: None,
            }),
        });
        let answer = Arc::clone(&slot);
        let queued = self.queue.push(Box::new(move || {
            let result = catch_unwind(AssertUnwindSafe(job)).map_err(|_panic| Refused::Panicked);
            answer.fill(result);
        }));
        if !queued {
            slot.fill(Err(Refused::Full));
        }
        Outcome { slot }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.work.notify_all();
    }
}

/// The process-wide pool for file I/O.
pub fn io() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| Pool::new("drift-io", FILE_IO_THREADS, FILE_IO_QUEUE_JOBS_MAX))
}

/// The result of a queued job, once it is there.
#[derive(Debug)]
pub struct Outcome<T> {
    slot: Arc<Slot<T>>,
}

impl<T> Future for Outcome<T> {
    type Output = Result<T, Refused>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.slot.lock();
        match state.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

type Job = Box<dyn FnOnce() + Send>;

struct Queue {
    state: Mutex<QueueState>,
    work: Condvar,
    jobs_max: usize,
}

#[derive(Default)]
struct QueueState {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    fn push(&self, job: Job) -> bool {
        let mut state = self.lock();
        if state.closed || state.jobs.len() >= self.jobs_max {
            // The job's captures may lock this queue when they drop.
            drop(state);
            drop(job);
            return false;
        }
        state.jobs.push_back(job);
        drop(state);
        self.work.notify_one();
        true
    }

    fn work(&self) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                job();
                state = self.lock();
            } else if state.closed {
                return;
            } else {
                state = self
                    .work
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("jobs_max", &self.jobs_max)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Slot<T> {
    state: Mutex<SlotState<T>>,
}

#[derive(Debug)]
struct SlotState<T> {
    result: Option<Result<T, Refused>>,
    waker: Option<Waker>,
}

impl<T> Slot<T> {
    fn fill(&self, result: Result<T, Refused>) {
        let mut state = self.lock();
        state.result = Some(result);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, SlotState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn on_both_drivers(test: impl AsyncFn()) {
        monoio::RuntimeBuilder::<monoio::LegacyDriver>::new()
            .build()
            .unwrap()
            .block_on(test());
        if let Ok(mut ring) = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new()
            .with_entries(64)
            .build()
        {
            ring.block_on(test());
        }
    }

    #[test]
    fn answers_wake_the_core_that_waits() {
        let pool = Pool::new("test", 2, 64);
        on_both_drivers(async || {
            for round in 0..100_u32 {
                assert_eq!(pool.run(move || round + 1).await, Ok(round + 1));
            }
        });
    }

    #[test]
    fn a_panic_is_an_error_and_the_thread_lives_on() {
        let pool = Pool::new("test", 1, 4);
        on_both_drivers(async || {
            assert_eq!(
                pool.run(|| -> u32 { panic!("on purpose") }).await,
                Err(Refused::Panicked)
            );
            assert_eq!(pool.run(|| 7).await, Ok(7));
        });
    }

    #[test]
    fn a_full_queue_refuses() {
        let pool = Pool::new("test", 1, 1);
        let (release, gate) = mpsc::channel::<()>();
        let (started, running) = mpsc::channel::<()>();
        let first = pool.submit(move || {
            started.send(()).unwrap();
            gate.recv().unwrap();
        });
        running.recv().unwrap();
        let second = pool.submit(|| 2);
        let third = pool.submit(|| 3);
        on_both_drivers_once(async || {
            assert_eq!(third.await, Err(Refused::Full));
            release.send(()).unwrap();
            assert_eq!(first.await, Ok(()));
            assert_eq!(second.await, Ok(2));
        });
    }

    fn on_both_drivers_once(test: impl AsyncFnOnce()) {
        monoio::RuntimeBuilder::<monoio::LegacyDriver>::new()
            .build()
            .unwrap()
            .block_on(test());
    }
}
