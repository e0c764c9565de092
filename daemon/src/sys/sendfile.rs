//! File bytes to a socket inside the kernel (sendfile(2)), and the copy into a driver's buffer.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::AsRawFd;

use monoio::buf::IoBufMut;

/// Keeps a socket non-blocking while it lives: sendfile has no flag for a single call, and the
/// io_uring driver works with blocking sockets.
pub struct Nonblocking<'a, S: AsRawFd> {
    socket: &'a S,
    restore: Option<libc::c_int>,
}

impl<'a, S: AsRawFd> Nonblocking<'a, S> {
    pub fn set(socket: &'a S) -> io::Result<Self> {
        // SAFETY: fcntl with F_GETFL takes no pointer; `socket` keeps the descriptor open.
        let flags = check(unsafe { libc::fcntl(socket.as_raw_fd(), libc::F_GETFL) })?;
        if flags & libc::O_NONBLOCK != 0 {
            return Ok(Nonblocking {
                socket,
                restore: None,
            });
        }
        set_flags(socket, flags | libc::O_NONBLOCK)?;
        Ok(Nonblocking {
            socket,
            restore: Some(flags),
        })
    }

    /// Sends up to `length` bytes from `offset`; `WouldBlock` when the socket takes none now, 0
    /// when the file ends there.
    pub fn send(&self, file: &std::fs::File, offset: u64, length: usize) -> io::Result<usize> {
        let mut offset = libc::off_t::try_from(offset)
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        loop {
            // SAFETY: both descriptors are borrowed and so open; `offset` is a live local.
            let sent = unsafe {
                libc::sendfile(
                    self.socket.as_raw_fd(),
                    file.as_raw_fd(),
                    &mut offset,
                    length,
                )
            };
            match usize::try_from(sent) {
                Ok(sent) => return Ok(sent),
                Err(_) => {
                    let error = io::Error::last_os_error();
                    if error.kind() != io::ErrorKind::Interrupted {
                        return Err(error);
                    }
                }
            }
        }
    }
}

impl<S: AsRawFd> Drop for Nonblocking<'_, S> {
    fn drop(&mut self) {
        if let Some(flags) = self.restore {
            // Fails only for a closed descriptor, which the borrow rules out.
            let _ = set_flags(self.socket, flags);
        }
    }
}

/// Copies as much of `bytes` as fits into `buffer` from index `at`; returns how much.
pub fn copy_into<B: IoBufMut>(buffer: &mut B, at: usize, bytes: &[u8]) -> usize {
    let count = buffer.bytes_total().saturating_sub(at).min(bytes.len());
    if count == 0 {
        return 0;
    }
    // SAFETY: the contract of IoBufMut makes `bytes_total` bytes from `write_ptr` writable; the
    // range at..at+count lies inside. `bytes` cannot overlap, as `buffer` is borrowed uniquely.
    // The first `at` bytes were initialised by the caller's earlier calls or reads.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), buffer.write_ptr().add(at), count);
        buffer.set_init(at + count);
    }
    count
}

fn set_flags<S: AsRawFd>(socket: &S, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: fcntl with F_SETFL takes an int; `socket` keeps the descriptor open.
    check(unsafe { libc::fcntl(socket.as_raw_fd(), libc::F_SETFL, flags) }).map(|_| ())
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
