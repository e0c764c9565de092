//! Upload sessions as their callers see them.

use std::fmt;
use std::sync::Arc;

use time::OffsetDateTime;

use crate::oci::digest::Algorithm;
use crate::oci::name::RepositoryName;

/// Names an upload session: 128 random bits, written as 32 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadId(u128);

impl UploadId {
    /// A new one from the kernel's generator; `None` where that fails.
    pub fn random() -> Option<Self> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits).ok()?;
        Some(Self(u128::from_be_bytes(bits)))
    }

    pub fn parse(text: &str) -> Option<Self> {
        let lowercase_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 32 || !text.bytes().all(lowercase_hex) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(Self)
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Who opened a session and for which repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub repository: RepositoryName,
    pub principal: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadStatus {
    pub id: UploadId,
    pub owner: Owner,
    /// Bytes taken so far.
    pub offset: u64,
    /// UTC.
    pub started_at: OffsetDateTime,
    pub algorithm: Algorithm,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_survive_writing_and_take_nothing_else() {
        let id = UploadId::random().unwrap();
        assert_eq!(UploadId::parse(&id.to_string()), Some(id));
        let text = id.to_string();
        for wrong in [
            "",
            "../../../../../../../../../etc/pw",
            "+0000000000000000000000000000000",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            &text[1..],
        ] {
            assert_eq!(UploadId::parse(wrong), None, "{wrong}");
        }
    }
}
