//! What can go wrong in a store, and whose fault it is.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::oci::digest::Digest;
use crate::sys::blocking::Refused;
use crate::sys::file::is_no_space;

/// Why the client's bytes stopped coming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceError {
    Closed,
    TimedOut,
    TooLarge,
    Malformed(&'static str),
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceError::Closed => f.write_str("the client closed the connection"),
            SourceError::TimedOut => f.write_str("the client sent nothing for too long"),
            SourceError::TooLarge => f.write_str("the body is larger than allowed"),
            SourceError::Malformed(why) => write!(f, "the body is malformed: {why}"),
        }
    }
}

impl std::error::Error for SourceError {}

#[derive(Debug)]
pub enum StorageError {
    /// Client: no session has this identifier.
    NoSuchUpload,
    /// Client: another request works on this session.
    Busy,
    /// Client: the session stands at `offset`.
    WrongOffset { offset: u64 },
    /// Client: its bytes stopped; the session keeps what arrived and stands at `offset`.
    SourceFailed { offset: u64, source: SourceError },
    /// Client: the bytes have another digest than it said.
    DigestMismatch {
        expected: Box<Digest>,
        actual: Box<Digest>,
    },
    /// Load: as many sessions are open as there may be.
    TooManyUploads,
    /// Load: the file threads don't keep up.
    Overloaded,
    /// Operator: the disk or a quota is full.
    NoSpace { what: &'static str },
    /// Operator: an earlier sync failed, or the store stops; writes are refused.
    Degraded { why: String },
    /// Operator: another process holds the store.
    InUse { path: PathBuf },
    /// Operator: the system refused an operation.
    Io {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// Drift: a job panicked.
    Internal,
}

impl StorageError {
    pub fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        if is_no_space(&source) {
            return StorageError::NoSpace { what };
        }
        StorageError::Io {
            what,
            path: path.to_owned(),
            source,
        }
    }
}

impl From<Refused> for StorageError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => StorageError::Overloaded,
            Refused::Panicked => StorageError::Internal,
        }
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorageError::NoSuchUpload => f.write_str("no such upload session"),
            StorageError::Busy => f.write_str("another request works on this upload session"),
            StorageError::WrongOffset { offset } => {
                write!(f, "the upload session stands at offset {offset}")
            }
            StorageError::SourceFailed { offset, source } => {
                write!(f, "{source}; the upload session stands at offset {offset}")
            }
            StorageError::DigestMismatch { expected, actual } => {
                write!(f, "the content has digest {actual}, not {expected}")
            }
            StorageError::TooManyUploads => f.write_str("too many upload sessions are open"),
            StorageError::Overloaded => f.write_str("the storage threads don't keep up"),
            StorageError::NoSpace { what } => write!(f, "no space left to {what}"),
            StorageError::Degraded { why } => write!(f, "the store takes no writes: {why}"),
            StorageError::InUse { path } => {
                write!(f, "another process uses the store {}", path.display())
            }
            StorageError::Io { what, path, source } => {
                write!(f, "cannot {what} {}: {source}", path.display())
            }
            StorageError::Internal => f.write_str("a storage job failed unexpectedly"),
        }
    }
}

impl std::error::Error for StorageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StorageError::Io { source, .. } => Some(source),
            StorageError::SourceFailed { source, .. } => Some(source),
            _ => None,
        }
    }
}
