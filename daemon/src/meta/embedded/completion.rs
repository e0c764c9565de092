//! The answer to one commit, handed from the committer's thread to the core that waits for it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use super::super::records::RecordsError;

#[derive(Default)]
struct State {
    answer: Option<Result<u64, RecordsError>>,
    waker: Option<Waker>,
}

#[derive(Clone, Default)]
pub(super) struct Completion(Arc<Mutex<State>>);

impl Completion {
    pub(super) fn complete(&self, answer: Result<u64, RecordsError>) {
        let waker = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.answer = Some(answer);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Future for Completion {
    type Output = Result<u64, RecordsError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
