//! SIGTERM, SIGINT and SIGHUP, taken by a thread of their own.

use std::io;
use std::thread;

use crate::sys::signals::{Signal, SignalSet};

/// What the operator or the service manager asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// SIGTERM or SIGINT. The second one means: now.
    Stop { again: bool },
    /// SIGHUP.
    Reload,
}

/// Signals held back from every thread that starts later; `watch` takes them.
pub struct Signals {
    set: SignalSet,
}

impl Signals {
    /// To be called on the main thread before any other is started: threads inherit the mask.
    pub fn block() -> io::Result<Self> {
        Ok(Self {
            set: SignalSet::block(&[Signal::Terminate, Signal::Interrupt, Signal::HangUp])?,
        })
    }

    /// Calls `on_request` for each signal, on a thread that lives as long as the process.
    pub fn watch(self, mut on_request: impl FnMut(Request) + Send + 'static) -> io::Result<()> {
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                let mut again = false;
                loop {
                    match self.set.wait() {
                        Ok(Signal::HangUp) => on_request(Request::Reload),
                        Ok(Signal::Terminate | Signal::Interrupt) => {
                            on_request(Request::Stop { again });
                            again = true;
                        }
                        Err(error) => {
                            tracing::error!(%error, "signals can't be received any more");
                            return;
                        }
                    }
                }
            })?;
        Ok(())
    }
}
