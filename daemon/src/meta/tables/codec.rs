//! Keys and record encoding, shared by the tables.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;

use super::MetaError;
use crate::oci::digest::{Algorithm, Digest};

const VERSION: u8 = 1;

pub(super) const REPOSITORY: u8 = b'r';
pub(super) const LINK: u8 = b'l';
pub(super) const HOLDER: u8 = b'h';
pub(super) const MANIFEST: u8 = b'm';
pub(super) const TAG: u8 = b't';
pub(super) const TOMBSTONE: u8 = b'd';
pub(super) const HISTORY: u8 = b'y';
pub(super) const TAGGED: u8 = b'g';
pub(super) const REFERRER: u8 = b'f';
pub(super) const USER: u8 = b'u';

/// Type byte, name, NUL, rest.
pub(super) fn key(table: u8, name: &str, rest: &[u8]) -> Vec<u8> {
    [&[table], name.as_bytes(), &[0], rest].concat()
}

pub(super) fn raw(digest: &Digest) -> Vec<u8> {
    let algorithm = match digest.algorithm() {
        Algorithm::Sha256 => 0,
        Algorithm::Sha512 => 1,
    };
    [&[algorithm], digest.bytes()].concat()
}

pub(super) fn digest(raw: &[u8]) -> Option<Digest> {
    let (algorithm, hash) = raw.split_first()?;
    let algorithm = match algorithm {
        0 => Algorithm::Sha256,
        1 => Algorithm::Sha512,
        _ => return None,
    };
    Digest::from_raw(algorithm, hash)
}

pub(super) fn moment(nanoseconds: i128) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok()
}

pub(super) fn encode<T: Serialize>(header: &T, body: &[u8]) -> Bytes {
    let mut encoded = postcard::to_extend(header, vec![VERSION])
        .expect("plain structs encode to memory without failing");
    encoded.extend_from_slice(body);
    encoded.into()
}

/// The header and what follows it.
pub(super) fn decode<T: DeserializeOwned>(
    key: &[u8],
    value: &Bytes,
) -> Result<(T, Bytes), MetaError> {
    let malformed = || MetaError::Malformed { key: key.to_vec() };
    let (version, rest) = value.split_first().ok_or_else(malformed)?;
    if *version != VERSION {
        return Err(malformed());
    }
    let (header, body) = postcard::take_from_bytes(rest).map_err(|_| malformed())?;
    Ok((header, value.slice_ref(body)))
}

pub(super) fn text(key: &[u8], from: usize) -> Result<String, MetaError> {
    key.get(from..)
        .and_then(|rest| String::from_utf8(rest.to_vec()).ok())
        .ok_or_else(|| MetaError::Malformed { key: key.to_vec() })
}
