//! The id that ties a request's answer, its log lines and its audit record together.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

/// Tells requests apart; it is no secret and must not be used as one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(u64);

/// 2^64 over the golden ratio: odd, so that the sequence visits every value once.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

thread_local! {
    static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(std::thread::current().id()));
}

impl RequestId {
    /// The next id of this core: SplitMix64 from a random start, no lock and no system call.
    pub fn next() -> Self {
        let state = STATE.get().wrapping_add(STEP);
        STATE.set(state);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(mixed ^ (mixed >> 31))
    }

    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_sixteen_hex_digits_and_differ_between_requests_and_cores() {
        let of_a_core = || (0..1_000).map(|_| RequestId::next()).collect::<Vec<_>>();
        let other = std::thread::spawn(of_a_core).join().unwrap();
        let all: HashSet<_> = of_a_core().into_iter().chain(other).collect();
        assert_eq!(all.len(), 2_000);
        for id in all {
            let text = id.to_string();
            assert_eq!(text.len(), 16);
            assert!(
                text.bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            );
        }
    }
}
