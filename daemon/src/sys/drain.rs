//! The word that goes to every core when the daemon ends: finish what is in hand, begin nothing.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Cheap to clone. Any thread may begin it; tasks of any core may await it.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    begun: AtomicBool,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Drain {
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells everybody; further calls change nothing.
    pub fn begin(&self) {
        // Under the lock, so that a task about to wait either sees it or is woken.
        let wakers: Vec<Waker> = {
            let mut waiting = self
                .shared
                .waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            self.shared.begun.store(true, Ordering::Release);
            waiting.wakers.iter_mut().filter_map(Option::take).collect()
        };
        for waker in wakers {
            waker.wake();
        }
    }

    /// Whether it was begun.
    pub fn requested(&self) -> bool {
        self.shared.begun.load(Ordering::Acquire)
    }

    /// Resolves once it was begun. Dropping the future takes its place in the list back.
    pub fn wait(&self) -> Wait {
        Wait {
            shared: Arc::clone(&self.shared),
            slot: None,
        }
    }
}

#[derive(Debug)]
pub struct Wait {
    shared: Arc<Shared>,
    slot: Option<usize>,
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.shared.begun.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        let mut waiting = this
            .shared
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if this.shared.begun.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        let slot = *this.slot.get_or_insert_with(|| {
            waiting.free.pop().unwrap_or_else(|| {
                waiting.wakers.push(None);
                waiting.wakers.len() - 1
            })
        });
        match &mut waiting.wakers[slot] {
            Some(waker) => waker.clone_from(context.waker()),
            empty => *empty = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            let mut waiting = self
                .shared
                .waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            waiting.wakers[slot] = None;
            waiting.free.push(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::driver::{self, Driver, Wanted};

    #[test]
    fn wakes_waiting_tasks_of_another_thread_on_both_drivers() {
        for chosen in [driver::probe(Wanted::Auto).unwrap().driver, Driver::Epoll] {
            let drain = Drain::new();
            let told = drain.clone();
            let (waiting, is_waiting) = std::sync::mpsc::channel();
            let core = std::thread::spawn(move || {
                driver::build(chosen).unwrap().block_on(async move {
                    drop(told.wait());
                    let idle = monoio::spawn(told.wait());
                    waiting.send(()).unwrap();
                    told.wait().await;
                    idle.await;
                    assert!(told.requested());
                });
            });
            is_waiting.recv().unwrap();
            drain.begin();
            core.join().unwrap();
        }
    }
}
