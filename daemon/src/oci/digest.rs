//! Content digests (image-spec 1.1, "Digests"): `sha256:` and `sha512:` with lowercase hex.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use sha2::{Digest as _, Sha256, Sha512};

/// A digest algorithm that image-spec registers and Drift computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    pub const ALL: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Sha512];

    /// The name before the colon.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    /// Bytes of the raw hash.
    pub fn hash_bytes(self) -> usize {
        match self {
            Algorithm::Sha256 => 32,
            Algorithm::Sha512 => 64,
        }
    }

    pub fn parse(name: &str) -> Result<Self, DigestError> {
        Algorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or(DigestError::UnknownAlgorithm)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not a digest that Drift takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestError {
    NoColon,
    UnknownAlgorithm,
    WrongLength { expected: usize },
    NotLowercaseHex,
}

impl fmt::Display for DigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DigestError::NoColon => f.write_str("a digest is written ALGORITHM:HEX"),
            DigestError::UnknownAlgorithm => {
                f.write_str("the digest algorithm must be sha256 or sha512")
            }
            DigestError::WrongLength { expected } => {
                write!(
                    f,
                    "the digest needs {expected} hexadecimal digits after the colon"
                )
            }
            DigestError::NotLowercaseHex => {
                f.write_str("the digest may hold only the digits 0-9 and a-f after the colon")
            }
        }
    }
}

impl std::error::Error for DigestError {}

/// A content digest: the algorithm and the raw hash.
#[derive(Clone, Copy)]
pub struct Digest {
    algorithm: Algorithm,
    /// The hash; bytes past the algorithm's length are zero.
    hash: [u8; 64],
}

impl Digest {
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        let (name, hex) = text.split_once(':').ok_or(DigestError::NoColon)?;
        let algorithm = Algorithm::parse(name)?;
        let expected = algorithm.hash_bytes() * 2;
        if hex.len() != expected {
            return Err(DigestError::WrongLength { expected });
        }
        let mut hash = [0; 64];
        for (byte, pair) in hash.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Ok(Self { algorithm, hash })
    }

    pub fn sha256(hash: [u8; 32]) -> Self {
        Self::from_hash(Algorithm::Sha256, &hash)
    }

    pub fn sha512(hash: [u8; 64]) -> Self {
        Self {
            algorithm: Algorithm::Sha512,
            hash,
        }
    }

    /// The digest of `content`.
    pub fn of(algorithm: Algorithm, content: &[u8]) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::from_hash(algorithm, &Sha256::digest(content)),
            Algorithm::Sha512 => Self::from_hash(algorithm, &Sha512::digest(content)),
        }
    }

    /// The digest whose raw hash is `hash`, where its length is the algorithm's.
    pub fn from_raw(algorithm: Algorithm, hash: &[u8]) -> Option<Self> {
        (hash.len() == algorithm.hash_bytes()).then(|| Self::from_hash(algorithm, hash))
    }

    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The raw hash: 32 or 64 bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.hash[..self.algorithm.hash_bytes()]
    }

    /// The hash in lowercase hexadecimal digits.
    pub fn hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
        self.bytes()
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
            .collect()
    }

    fn from_hash(algorithm: Algorithm, content_hash: &[u8]) -> Self {
        debug_assert_eq!(content_hash.len(), algorithm.hash_bytes());
        let mut hash = [0; 64];
        hash[..content_hash.len()].copy_from_slice(content_hash);
        Self { algorithm, hash }
    }
}

fn nibble(digit: u8) -> Result<u8, DigestError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(DigestError::NotLowercaseHex),
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && self.bytes() == other.bytes()
    }
}

impl Eq for Digest {}

impl PartialOrd for Digest {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Digest {
    /// The order of the written forms.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.algorithm, self.bytes()).cmp(&(other.algorithm, other.bytes()))
    }
}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.algorithm.hash(state);
        self.bytes().hash(state);
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// SHA-256 of nothing (FIPS 180-4 example).
    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn knows_the_digest_of_nothing() {
        assert_eq!(Digest::of(Algorithm::Sha256, b"").to_string(), EMPTY);
        assert_eq!(
            Digest::parse(EMPTY).unwrap(),
            Digest::of(Algorithm::Sha256, b"")
        );
    }

    #[test]
    fn refuses_what_is_no_digest() {
        for (text, expected) in [
            ("", DigestError::NoColon),
            ("sha256", DigestError::NoColon),
            (
                "md5:d41d8cd98f00b204e9800998ecf8427e",
                DigestError::UnknownAlgorithm,
            ),
            ("SHA256:00", DigestError::UnknownAlgorithm),
            ("sha256:", DigestError::WrongLength { expected: 64 }),
            (
                "sha256:../../etc/passwd",
                DigestError::WrongLength { expected: 64 },
            ),
            (
                &EMPTY.to_uppercase().replace("SHA256", "sha256"),
                DigestError::NotLowercaseHex,
            ),
            (&EMPTY.replace('e', "/"), DigestError::NotLowercaseHex),
            (
                &format!("{EMPTY} "),
                DigestError::WrongLength { expected: 64 },
            ),
            (
                &EMPTY.replace("256", "512"),
                DigestError::WrongLength { expected: 128 },
            ),
        ] {
            assert_eq!(Digest::parse(text), Err(expected), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn survives_writing_and_reading(content: Vec<u8>) {
            for algorithm in Algorithm::ALL {
                let digest = Digest::of(algorithm, &content);
                prop_assert_eq!(Digest::parse(&digest.to_string()), Ok(digest));
                prop_assert_eq!(Digest::from_raw(algorithm, digest.bytes()), Some(digest));
            }
        }

        #[test]
        fn is_ordered_as_written(a: Vec<u8>, b: Vec<u8>) {
            let (a, b) = (Digest::of(Algorithm::Sha256, &a), Digest::of(Algorithm::Sha512, &b));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }

        #[test]
        fn parsing_never_panics(text: String) {
            let _outcome = Digest::parse(&text);
        }
    }
}
