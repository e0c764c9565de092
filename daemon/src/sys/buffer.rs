//! Page-aligned transfer buffers out of one process-wide budget.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use monoio::buf::{IoBuf, IoBufMut};

use crate::limits::{
    BUFFER_BYTES_LARGE, BUFFER_BYTES_SMALL, BUFFER_POOL_BYTES_MAX, BUFFER_POOL_IDLE_MAX,
};

/// What direct I/O needs of addresses, offsets and lengths on every filesystem Drift meets.
pub const ALIGNMENT_BYTES: usize = 4096;

/// Lends buffers. Above its budget it lends small ones, so that many slow uploads neither
/// starve the others nor take memory beyond what the connection ceiling allows.
#[derive(Debug)]
pub struct BufferPool {
    state: Mutex<PoolState>,
    lent_bytes_max: usize,
}

#[derive(Debug)]
struct PoolState {
    lent_bytes: usize,
    idle: Vec<Memory>,
}

impl BufferPool {
    pub const fn new(lent_bytes_max: usize) -> Self {
        Self {
            state: Mutex::new(PoolState {
                lent_bytes: 0,
                idle: Vec::new(),
            }),
            lent_bytes_max,
        }
    }

    /// An empty buffer: a large one while the budget lasts.
    pub fn take(&'static self) -> Buffer {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.lent_bytes + BUFFER_BYTES_LARGE > self.lent_bytes_max {
            drop(state);
            return Buffer::from_memory(Memory::new(BUFFER_BYTES_SMALL), None);
        }
        state.lent_bytes += BUFFER_BYTES_LARGE;
        let reused = state.idle.pop();
        drop(state);
        Buffer::from_memory(
            reused.unwrap_or_else(|| Memory::new(BUFFER_BYTES_LARGE)),
            Some(self),
        )
    }

    /// Bytes of large buffers now lent.
    pub fn lent_bytes(&self) -> usize {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.lent_bytes
    }

    fn give_back(&self, memory: Memory) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.lent_bytes -= BUFFER_BYTES_LARGE;
        if state.idle.len() < BUFFER_POOL_IDLE_MAX {
            state.idle.push(memory);
        }
    }
}

/// The process-wide pool.
pub fn pool() -> &'static BufferPool {
    static POOL: BufferPool = BufferPool::new(BUFFER_POOL_BYTES_MAX);
    &POOL
}

/// A fixed-size buffer whose address is a multiple of 4096. It goes back to its pool when
/// dropped.
#[derive(Debug)]
pub struct Buffer {
    /// Taken only by `drop`.
    memory: Option<Memory>,
    filled: usize,
    pool: Option<&'static BufferPool>,
}

impl Buffer {
    /// A buffer outside of any pool, of at least `bytes`.
    pub fn unpooled(bytes: usize) -> Self {
        Self::from_memory(Memory::new(bytes), None)
    }

    fn from_memory(memory: Memory, pool: Option<&'static BufferPool>) -> Self {
        Self {
            memory: Some(memory),
            filled: 0,
            pool,
        }
    }

    pub fn capacity(&self) -> usize {
        self.memory().layout.size()
    }

    /// The bytes written so far.
    pub fn filled(&self) -> &[u8] {
        &self.memory().as_slice()[..self.filled]
    }

    /// Copies as much of `bytes` behind what is there as fits; says how much that was.
    pub fn extend(&mut self, bytes: &[u8]) -> usize {
        let filled = self.filled;
        let space = &mut self.memory_mut().as_mut_slice()[filled..];
        let count = space.len().min(bytes.len());
        space[..count].copy_from_slice(&bytes[..count]);
        self.filled += count;
        count
    }

    pub fn clear(&mut self) {
        self.filled = 0;
    }

    fn memory(&self) -> &Memory {
        self.memory.as_ref().expect("only drop takes the memory")
    }

    fn memory_mut(&mut self) -> &mut Memory {
        self.memory.as_mut().expect("only drop takes the memory")
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let (Some(pool), Some(memory)) = (self.pool, self.memory.take()) {
            pool.give_back(memory);
        }
    }
}

// SAFETY: the memory is on the heap, so moving the buffer doesn't move it; it lives as long as
// the buffer; all of it is initialised (allocated zeroed) and `filled` never exceeds its size.
unsafe impl IoBuf for Buffer {
    fn read_ptr(&self) -> *const u8 {
        self.memory().start.as_ptr()
    }

    fn bytes_init(&self) -> usize {
        self.filled
    }
}

// SAFETY: as above; `bytes_total` is the allocation's size.
unsafe impl IoBufMut for Buffer {
    fn write_ptr(&mut self) -> *mut u8 {
        self.memory_mut().start.as_ptr()
    }

    fn bytes_total(&mut self) -> usize {
        self.capacity()
    }

    unsafe fn set_init(&mut self, position: usize) {
        self.filled = position.min(self.capacity());
    }
}

/// An aligned allocation, initialised from the start.
#[derive(Debug)]
struct Memory {
    start: NonNull<u8>,
    layout: Layout,
}

impl Memory {
    fn new(bytes: usize) -> Self {
        let size = bytes.max(1).next_multiple_of(ALIGNMENT_BYTES);
        let layout = Layout::from_size_align(size, ALIGNMENT_BYTES)
            .expect("buffer sizes are far below isize::MAX");
        // SAFETY: the layout's size isn't zero.
        let start = unsafe { alloc_zeroed(layout) };
        match NonNull::new(start) {
            Some(start) => Self { start, layout },
            None => handle_alloc_error(layout),
        }
    }

    fn as_slice(&self) -> &[u8] {
        // SAFETY: the allocation is `size` initialised bytes, borrowed as `self` is.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.layout.size()) }
    }

    fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_slice`, and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.layout.size()) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout, and freed only here.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}

// SAFETY: the memory is owned by this value alone and holds plain bytes.
unsafe impl Send for Memory {}
// SAFETY: shared references only read plain bytes.
unsafe impl Sync for Memory {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_and_hold_what_was_put() {
        let mut buffer = Buffer::unpooled(5000);
        assert_eq!(buffer.capacity(), 8192);
        assert_eq!(buffer.read_ptr().addr() % ALIGNMENT_BYTES, 0);
        assert_eq!(buffer.extend(b"abc"), 3);
        assert_eq!(buffer.extend(&[1; 9000]), 8189);
        assert_eq!(&buffer.filled()[..4], b"abc\x01");
        buffer.clear();
        assert_eq!(buffer.filled(), b"");
    }

    #[test]
    fn the_budget_holds_and_comes_back() {
        static POOL: BufferPool = BufferPool::new(2 * BUFFER_BYTES_LARGE);
        let first = POOL.take();
        let second = POOL.take();
        let third = POOL.take();
        assert_eq!(first.capacity(), BUFFER_BYTES_LARGE);
        assert_eq!(third.capacity(), BUFFER_BYTES_SMALL);
        assert_eq!(POOL.lent_bytes(), 2 * BUFFER_BYTES_LARGE);
        drop((first, second, third));
        assert_eq!(POOL.lent_bytes(), 0);
        assert_eq!(POOL.take().filled(), b"");
    }
}
