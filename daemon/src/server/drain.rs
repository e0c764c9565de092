//! The connections of one core: counted, capped, and awaited at the end.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

pub use crate::sys::drain::Drain;

/// A core's open connections. Clones share the count.
#[derive(Clone)]
pub(super) struct Connections {
    shared: Rc<Shared>,
}

struct Shared {
    open: Cell<usize>,
    max: usize,
    waiting: RefCell<Vec<Waker>>,
}

/// Counts as an open connection until it is dropped, also by a panic.
pub(super) struct Place {
    shared: Rc<Shared>,
}

impl Connections {
    pub(super) fn new(max: usize) -> Self {
        Self {
            shared: Rc::new(Shared {
                open: Cell::new(0),
                max: max.max(1),
                waiting: RefCell::default(),
            }),
        }
    }

    pub(super) fn enter(&self) -> Place {
        self.shared.open.set(self.shared.open.get() + 1);
        Place {
            shared: Rc::clone(&self.shared),
        }
    }

    pub(super) fn open(&self) -> usize {
        self.shared.open.get()
    }

    /// Until another connection may be accepted, or `drain` was begun.
    pub(super) async fn room(&self, drain: &Drain) {
        let mut begun = std::pin::pin!(drain.wait());
        self.until(|context| {
            self.open() < self.shared.max || begun.as_mut().poll(context).is_ready()
        })
        .await;
    }

    /// Until none is open.
    pub(super) async fn ended(&self) {
        self.until(|_| self.open() == 0).await;
    }

    /// Until `holds`, asked again whenever a connection ends.
    async fn until(&self, mut holds: impl FnMut(&mut Context<'_>) -> bool) {
        poll_fn(|context| {
            if holds(context) {
                return Poll::Ready(());
            }
            self.shared
                .waiting
                .borrow_mut()
                .push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.open.set(self.shared.open.get() - 1);
        for waker in self.shared.waiting.take() {
            waker.wake();
        }
    }
}
