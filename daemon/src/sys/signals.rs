//! Signals received as values, by a thread that waits for them.
#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Terminate,
    Interrupt,
    HangUp,
}

impl Signal {
    fn number(self) -> libc::c_int {
        match self {
            Self::Terminate => libc::SIGTERM,
            Self::Interrupt => libc::SIGINT,
            Self::HangUp => libc::SIGHUP,
        }
    }
}

/// Signals that the calling thread, and the threads it starts, no longer act on.
pub struct SignalSet {
    set: libc::sigset_t,
}

impl SignalSet {
    pub fn block(signals: &[Signal]) -> io::Result<Self> {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: sigemptyset initialises the set it is given.
        let mut set = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            set.assume_init()
        };
        for signal in signals {
            // SAFETY: the set is initialised and the number is a signal's.
            unsafe { libc::sigaddset(&raw mut set, signal.number()) };
        }
        // SAFETY: the set is initialised; the old mask isn't asked for.
        match unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut())
        } {
            0 => Ok(Self { set }),
            code => Err(io::Error::from_raw_os_error(code)),
        }
    }

    /// The next of them, sent to the process or to this thread.
    pub fn wait(&self) -> io::Result<Signal> {
        loop {
            let mut number = 0;
            // SAFETY: both point to live values of the right types.
            let code = unsafe { libc::sigwait(&raw const self.set, &raw mut number) };
            match (code, number) {
                (0, libc::SIGTERM) => return Ok(Signal::Terminate),
                (0, libc::SIGINT) => return Ok(Signal::Interrupt),
                (0, libc::SIGHUP) => return Ok(Signal::HangUp),
                (0 | libc::EINTR, _) => {}
                (code, _) => return Err(io::Error::from_raw_os_error(code)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocked_signal_is_received_as_a_value() {
        std::thread::spawn(|| {
            let set = SignalSet::block(&[Signal::HangUp, Signal::Terminate]).unwrap();
            for signal in [Signal::HangUp, Signal::Terminate] {
                // SAFETY: sends to this very thread, which has the signal blocked.
                let code = unsafe { libc::pthread_kill(libc::pthread_self(), signal.number()) };
                assert_eq!(code, 0);
                assert_eq!(set.wait().unwrap(), signal);
            }
        })
        .join()
        .unwrap();
    }
}
