//! Which driver the cores run: io_uring where the kernel really grants it, epoll elsewhere.

use std::cell::Cell;
use std::io;

use monoio::time::TimeDriver;
use monoio::{FusionRuntime, IoUringDriver, LegacyDriver, RuntimeBuilder};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    IoUring,
    Epoll,
}

impl Driver {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IoUring => "io_uring",
            Self::Epoll => "epoll",
        }
    }
}

impl std::fmt::Display for Driver {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What the operator asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Wanted {
    #[default]
    Auto,
    IoUring,
    Epoll,
}

/// What `probe` found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub driver: Driver,
    /// Why the cores don't run io_uring although it wasn't ruled out by configuration.
    pub fallback_reason: Option<String>,
}

/// A core's runtime, with timers.
pub type CoreRuntime = FusionRuntime<TimeDriver<IoUringDriver>, TimeDriver<LegacyDriver>>;

/// Submission queue sizes, tried in this order: the locked-memory limit may refuse the first.
const RING_ENTRIES: [u32; 3] = [1024, 512, 256];

thread_local! {
    static CURRENT: Cell<Option<Driver>> = const { Cell::new(None) };
}

/// The driver of the runtime that was built last on this thread; epoll where none was.
pub fn driver() -> Driver {
    CURRENT.get().unwrap_or(Driver::Epoll)
}

/// Builds a ring as a core would and lets it go, since kernels, seccomp profiles and limits each
/// refuse at a different step. An error only where io_uring was demanded and is refused.
pub fn probe(wanted: Wanted) -> io::Result<Choice> {
    if wanted == Wanted::Epoll {
        return Ok(Choice {
            driver: Driver::Epoll,
            fallback_reason: None,
        });
    }
    // On a thread of its own: what the runtime leaves in thread-locals goes with it.
    let built = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                if monoio::utils::detect_uring() {
                    ring().map(drop)
                } else {
                    Err(refusal())
                }
            })
            .join()
    });
    match built {
        Ok(Ok(())) => Ok(Choice {
            driver: Driver::IoUring,
            fallback_reason: None,
        }),
        Ok(Err(error)) if wanted == Wanted::IoUring => Err(error),
        Ok(Err(error)) => Ok(Choice {
            driver: Driver::Epoll,
            fallback_reason: Some(error.to_string()),
        }),
        Err(_) => Err(io::Error::other("the io_uring probe panicked")),
    }
}

fn refusal() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "the kernel refuses io_uring or lacks an operation (see kernel.io_uring_disabled and the container's seccomp profile)",
    )
}

fn ring() -> io::Result<monoio::Runtime<TimeDriver<IoUringDriver>>> {
    let mut last = io::Error::other("no ring size to try");
    for entries in RING_ENTRIES {
        match RuntimeBuilder::<IoUringDriver>::new()
            .with_entries(entries)
            .enable_timer()
            .build()
        {
            Ok(runtime) => return Ok(runtime),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The runtime of the calling thread.
pub fn build(driver: Driver) -> io::Result<CoreRuntime> {
    let runtime = match driver {
        Driver::IoUring => CoreRuntime::from(ring()?),
        Driver::Epoll => CoreRuntime::from(
            RuntimeBuilder::<LegacyDriver>::new()
                .enable_timer()
                .build()?,
        ),
    };
    CURRENT.set(Some(driver));
    Ok(runtime)
}

/// Like `build`, but falls back to epoll where the ring can't be had any more: rings count
/// against a limit, so that a later core's may fail after the probe's succeeded.
pub fn build_or_epoll(driver: Driver) -> io::Result<(CoreRuntime, Choice)> {
    match build(driver) {
        Ok(runtime) => Ok((
            runtime,
            Choice {
                driver,
                fallback_reason: None,
            },
        )),
        Err(error) if driver == Driver::IoUring => {
            let runtime = build(Driver::Epoll)?;
            Ok((
                runtime,
                Choice {
                    driver: Driver::Epoll,
                    fallback_reason: Some(error.to_string()),
                },
            ))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_probe_chose_runs_timers_and_is_reported_on_its_thread() {
        assert_eq!(probe(Wanted::Epoll).unwrap().driver, Driver::Epoll);
        let choice = probe(Wanted::Auto).unwrap();
        assert_eq!(
            choice.fallback_reason.is_some(),
            choice.driver == Driver::Epoll
        );
        for chosen in [choice.driver, Driver::Epoll] {
            std::thread::spawn(move || {
                let mut runtime = build(chosen).unwrap();
                runtime.block_on(async {
                    monoio::time::sleep(std::time::Duration::from_millis(1)).await
                });
                assert_eq!(driver(), chosen);
            })
            .join()
            .unwrap();
        }
    }
}
