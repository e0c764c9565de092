//! Incremental hashes whose state can be written down and taken up again.

use sha2::digest::common::hazmat::SerializableState;
use sha2::{Digest as _, Sha256, Sha512};

use crate::oci::digest::{Algorithm, Digest};

#[derive(Debug, Clone)]
pub(super) enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            Algorithm::Sha512 => Hasher::Sha512(Sha512::new()),
        }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Hasher::Sha256(_) => Algorithm::Sha256,
            Hasher::Sha512(_) => Algorithm::Sha512,
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Sha256(state) => state.update(bytes),
            Hasher::Sha512(state) => state.update(bytes),
        }
    }

    /// The digest of what was hashed so far; hashing may go on.
    pub(super) fn digest(&self) -> Digest {
        match self {
            Hasher::Sha256(state) => Digest::sha256(state.clone().finalize().into()),
            Hasher::Sha512(state) => Digest::sha512(state.clone().finalize().into()),
        }
    }

    pub(super) fn state(&self) -> Vec<u8> {
        match self {
            Hasher::Sha256(state) => state.serialize().to_vec(),
            Hasher::Sha512(state) => state.serialize().to_vec(),
        }
    }

    pub(super) fn from_state(algorithm: Algorithm, state: &[u8]) -> Option<Self> {
        match algorithm {
            Algorithm::Sha256 => Sha256::deserialize(state.try_into().ok()?)
                .ok()
                .map(Hasher::Sha256),
            Algorithm::Sha512 => Sha512::deserialize(state.try_into().ok()?)
                .ok()
                .map(Hasher::Sha512),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_taken_up_again_gives_the_same_digest() {
        for algorithm in Algorithm::ALL {
            for cut in [0, 1, 63, 64, 127, 128, 129, 999] {
                let content = [0xA7; 1000];
                let mut first = Hasher::new(algorithm);
                first.update(&content[..cut]);
                let mut second = Hasher::from_state(algorithm, &first.state()).unwrap();
                second.update(&content[cut..]);
                assert_eq!(second.digest(), Digest::of(algorithm, &content));
            }
            assert!(Hasher::from_state(algorithm, b"short").is_none());
        }
    }
}
