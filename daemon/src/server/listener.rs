//! Listening sockets: one per core and address, among which the kernel spreads connections.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted, per core; the kernel cuts it to `somaxconn`.
const BACKLOG: i32 = 4096;

/// An address that can't be listened on: the operator's, or another program's.
#[derive(Debug)]
pub struct ListenError {
    pub address: SocketAddr,
    pub source: io::Error,
}

impl std::fmt::Display for ListenError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "can't listen on {}: {}",
            self.address, self.source
        )
    }
}

impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// One listener for each of `cores`, all on the address that is returned: where `address` has
/// port 0, the first bind chooses the port for all.
pub fn bind(
    address: SocketAddr,
    cores: usize,
) -> Result<(SocketAddr, Vec<TcpListener>), ListenError> {
    let failed = |source| ListenError { address, source };
    // Another daemon of the same user could share a port that allows it: find that out first.
    if address.port() != 0 {
        drop(open(address, false).map_err(failed)?);
    }
    let first = open(address, true).map_err(failed)?;
    let bound = first.local_addr().map_err(failed)?;
    let mut listeners = vec![first];
    while listeners.len() < cores {
        listeners.push(open(bound, true).map_err(failed)?);
    }
    for listener in &listeners {
        Socket::listen(&socket2::SockRef::from(listener), BACKLOG).map_err(failed)?;
    }
    Ok((bound, listeners))
}

/// Binds without listening, so that nobody is queued before all cores' sockets are there.
fn open(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_share_the_port_that_the_first_bind_chose() {
        let (bound, listeners) = bind("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        assert_ne!(bound.port(), 0);
        assert_eq!(listeners.len(), 3);
        for listener in &listeners {
            assert_eq!(listener.local_addr().unwrap(), bound);
        }
    }

    #[test]
    fn an_address_in_use_is_refused_even_where_its_holder_would_share_it() {
        let (bound, _held) = bind("127.0.0.1:0".parse().unwrap(), 1).unwrap();
        assert_eq!(
            bind(bound, 1).unwrap_err().source.kind(),
            io::ErrorKind::AddrInUse
        );
    }
}
