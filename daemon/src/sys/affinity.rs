//! The processors this process may use, and binding a thread to one.
#![allow(unsafe_code)]

use std::io;
use std::mem::size_of;

/// In ascending order; what the service manager or a container left of the machine's.
pub fn allowed() -> io::Result<Vec<usize>> {
    // SAFETY: cpu_set_t is a plain bit array, for which zeroes are valid.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes at most the size that is given with the pointer.
    let code = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
    if code != 0 {
        return Err(io::Error::last_os_error());
    }
    let width = usize::try_from(libc::CPU_SETSIZE).unwrap_or(0);
    // SAFETY: every index is below the set's width.
    Ok((0..width)
        .filter(|processor| unsafe { libc::CPU_ISSET(*processor, &set) })
        .collect())
}

/// Binds the calling thread.
pub fn pin(processor: usize) -> io::Result<()> {
    if processor >= usize::try_from(libc::CPU_SETSIZE).unwrap_or(0) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: zeroes are a valid, empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the index was checked against the set's width.
    unsafe { libc::CPU_SET(processor, &mut set) };
    // SAFETY: the kernel reads the size that is given with the pointer.
    match unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_pinned_thread_may_use_its_processor_alone() {
        std::thread::spawn(|| {
            let first = super::allowed().unwrap()[0];
            super::pin(first).unwrap();
            assert_eq!(super::allowed().unwrap(), [first]);
        })
        .join()
        .unwrap();
    }
}
