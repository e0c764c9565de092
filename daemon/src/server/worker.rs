//! One core: its runtime, its listeners, its connections.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use monoio::io::Canceller;
use monoio::net::TcpStream;

use super::drain::{Connections, Drain};
use crate::observe::metrics::{CoreMetrics, Metrics};
use crate::sys::driver::{self, Driver};

/// Which of the daemon's addresses a connection came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    Api,
    Console,
}

/// An accepted connection.
pub struct Accepted {
    pub stream: TcpStream,
    pub peer: SocketAddr,
    pub port: Port,
    pub drain: Drain,
}

/// Serves connections on one core: made there, so that it may hold what never leaves the core.
pub trait Handler: 'static {
    /// Until the connection ends. Once the drain is begun: finish the request in hand, then end.
    fn serve(&self, accepted: Accepted) -> impl Future<Output = ()>;
}

#[derive(Clone, Debug)]
pub struct WorkerOptions {
    pub driver: Driver,
    /// Pins worker N to the Nth processor that the process may use.
    pub pin: bool,
    /// Open connections of one core; at the cap, new ones wait in the kernel's queue.
    pub connections_max: usize,
    /// How long requests in flight may go on once the drain was begun.
    pub drain_limit: Duration,
}

/// What a worker needs to tell before it serves.
type Started = io::Result<Option<String>>;

/// The running workers.
pub struct Workers {
    threads: Vec<JoinHandle<usize>>,
    drain: Drain,
    /// Why some cores run epoll although io_uring was chosen.
    pub fallback_reason: Option<String>,
}

/// A descriptor or memory shortage passes; accepting again at once would spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

impl Workers {
    /// Starts a worker for each element of `listeners` and returns when all accept. `make` runs
    /// once on each core, inside its runtime, with the core's own counters.
    pub fn start<H, F>(
        options: &WorkerOptions,
        listeners: Vec<Vec<(Port, TcpListener)>>,
        metrics: &Metrics,
        drain: &Drain,
        make: F,
    ) -> io::Result<Self>
    where
        H: Handler,
        F: Fn(usize, Rc<CoreMetrics>) -> H + Clone + Send + 'static,
    {
        let processors = if options.pin {
            crate::sys::affinity::allowed()?
        } else {
            Vec::new()
        };
        let (tell, told) = mpsc::channel::<Started>();
        let mut workers = Self {
            threads: Vec::new(),
            drain: drain.clone(),
            fallback_reason: None,
        };
        let count = listeners.len();
        for (core, listeners) in listeners.into_iter().enumerate() {
            let (options, metrics, drain) = (options.clone(), metrics.clone(), drain.clone());
            let (make, tell) = (make.clone(), tell.clone());
            let processor = processors.get(core % processors.len().max(1)).copied();
            let thread = thread::Builder::new()
                .name(format!("core-{core}"))
                .spawn(move || {
                    if let Some(processor) = processor
                        && let Err(error) = crate::sys::affinity::pin(processor)
                    {
                        tracing::warn!(core, processor, %error, "the worker runs unpinned");
                    }
                    run(&options, listeners, &drain, &tell, || {
                        let counters = Rc::new(metrics.core());
                        (make(core, Rc::clone(&counters)), counters)
                    })
                });
            match thread {
                Ok(thread) => workers.threads.push(thread),
                Err(error) => return Err(workers.abandon(error)),
            }
        }
        drop(tell);
        for _ in 0..count {
            match told.recv() {
                Ok(Ok(reason)) => {
                    workers.fallback_reason = workers.fallback_reason.take().or(reason)
                }
                Ok(Err(error)) => return Err(workers.abandon(error)),
                Err(_) => {
                    return Err(workers.abandon(io::Error::other("a worker died at its start")));
                }
            }
        }
        Ok(workers)
    }

    fn abandon(self, error: io::Error) -> io::Error {
        self.drain.begin();
        self.join();
        error
    }

    /// Waits until all workers ended; returns how many connections were cut off by the limit.
    pub fn join(self) -> usize {
        let ended = self
            .threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or(0));
        ended.sum()
    }
}

/// A worker's life; returns how many connections the drain's limit cut off.
fn run<H: Handler>(
    options: &WorkerOptions,
    listeners: Vec<(Port, TcpListener)>,
    drain: &Drain,
    tell: &mpsc::Sender<Started>,
    make: impl FnOnce() -> (H, Rc<CoreMetrics>),
) -> usize {
    let (mut runtime, choice) = match driver::build_or_epoll(options.driver) {
        Ok(built) => built,
        Err(error) => {
            // Nobody listens any more where another worker failed first.
            tell.send(Err(error)).ok();
            return 0;
        }
    };
    runtime.block_on(async {
        let (handler, counters) = make();
        let connections = Connections::new(options.connections_max);
        let core = Rc::new(Core {
            handler,
            counters,
            connections,
            drain: drain.clone(),
        });
        let acceptors: io::Result<Vec<_>> = listeners
            .into_iter()
            .map(|(port, listener)| Acceptor::new(port, listener, choice.driver))
            .collect();
        let acceptors = match acceptors {
            Ok(acceptors) => acceptors,
            Err(error) => {
                tell.send(Err(error)).ok();
                return 0;
            }
        };
        let accepting: Vec<_> = acceptors
            .into_iter()
            .map(|acceptor| monoio::spawn(acceptor.run(Rc::clone(&core))))
            .collect();
        tell.send(Ok(choice.fallback_reason)).ok();
        for acceptor in accepting {
            acceptor.await;
        }
        let ended = monoio::time::timeout(options.drain_limit, core.connections.ended()).await;
        if ended.is_err() {
            core.connections.open()
        } else {
            0
        }
    })
}

struct Core<H> {
    handler: H,
    counters: Rc<CoreMetrics>,
    connections: Connections,
    drain: Drain,
}

impl<H: Handler> Core<H> {
    /// A panic ends the connection, not the core.
    fn spawn(self: &Rc<Self>, stream: TcpStream, peer: SocketAddr, port: Port) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "a connection was gone as it was accepted");
            return;
        }
        let place = self.connections.enter();
        self.counters.connection_opened();
        let core = Rc::clone(self);
        monoio::spawn(async move {
            let drain = core.drain.clone();
            let mut serving = pin!(core.handler.serve(Accepted {
                stream,
                peer,
                port,
                drain
            }));
            let panicked = poll_fn(|context| {
                match catch_unwind(AssertUnwindSafe(|| serving.as_mut().poll(context))) {
                    Ok(Poll::Pending) => Poll::Pending,
                    Ok(Poll::Ready(())) => Poll::Ready(false),
                    Err(_) => Poll::Ready(true),
                }
            })
            .await;
            if panicked {
                core.counters.panicked();
                tracing::error!(%peer, "a connection was ended by a panic");
            }
            core.counters.connection_closed();
            drop(place);
        });
    }
}

struct Acceptor {
    port: Port,
    listener: monoio::net::TcpListener,
    /// The same socket, for emptying its queue without the runtime.
    direct: TcpListener,
    driver: Driver,
}

impl Acceptor {
    fn new(port: Port, listener: TcpListener, driver: Driver) -> io::Result<Self> {
        // A ring's accept on a non-blocking socket returns at once with EAGAIN.
        listener.set_nonblocking(driver == Driver::Epoll)?;
        let direct = listener.try_clone()?;
        Ok(Self {
            port,
            listener: monoio::net::TcpListener::from_std(listener)?,
            direct,
            driver,
        })
    }

    async fn run<H: Handler>(self, core: Rc<Core<H>>) {
        // An accept that is merely dropped may take a connection along: it is cancelled, awaited.
        let canceller = Canceller::new();
        let handle = canceller.handle();
        let begun = core.drain.wait();
        monoio::spawn(async move {
            begun.await;
            canceller.cancel();
        });
        let failing = Cell::new(false);
        while !core.drain.requested() {
            core.connections.room(&core.drain).await;
            match self.listener.cancelable_accept(handle.clone()).await {
                Ok((stream, peer)) => {
                    failing.set(false);
                    core.spawn(stream, peer, self.port);
                }
                Err(_) if core.drain.requested() => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    if !failing.replace(true) {
                        tracing::error!(%error, "connections can't be accepted");
                    }
                    monoio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
        if let Err(error) = self.empty_queue(&core) {
            tracing::warn!(%error, "connections that waited to be accepted were dropped");
        }
    }

    /// Takes the connections that the kernel completed already: closing would reset them.
    fn empty_queue<H: Handler>(&self, core: &Rc<Core<H>>) -> io::Result<()> {
        self.direct.set_nonblocking(true)?;
        loop {
            match self.direct.accept() {
                Ok((stream, peer)) => {
                    stream.set_nonblocking(self.driver == Driver::Epoll)?;
                    core.spawn(TcpStream::from_std(stream)?, peer, self.port);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
