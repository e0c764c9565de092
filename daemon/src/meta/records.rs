//! The contract of a record engine: ordered byte-string keys, conditional writes, atomic batches.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use bytes::Bytes;

pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, RecordsError>> + 'a>>;

/// A value with the version its last write gave it. Versions of one key only grow, over
/// deletions too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub version: u64,
    pub value: Bytes,
}

/// What a write expects of the key's state before its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    Any,
    Absent,
    Version(u64),
}

impl Expect {
    /// The expectation that what was read still stands.
    pub fn unchanged(record: Option<&Record>) -> Self {
        record.map_or(Self::Absent, |record| Self::Version(record.version))
    }

    pub fn holds(self, version: Option<u64>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => version.is_none(),
            Self::Version(expected) => version == Some(expected),
        }
    }
}

#[derive(Clone, Debug)]
pub enum Operation {
    Put {
        key: Vec<u8>,
        value: Bytes,
        expect: Expect,
    },
    Delete {
        key: Vec<u8>,
        expect: Expect,
    },
    /// Writes nothing; the batch fails where the expectation doesn't hold.
    Check {
        key: Vec<u8>,
        expect: Expect,
    },
}

impl Operation {
    pub fn key(&self) -> &[u8] {
        match self {
            Self::Put { key, .. } | Self::Delete { key, .. } | Self::Check { key, .. } => key,
        }
    }

    pub fn expect(&self) -> Expect {
        match self {
            Self::Put { expect, .. } | Self::Delete { expect, .. } | Self::Check { expect, .. } => {
                *expect
            }
        }
    }
}

/// An engine. A write whose future was dropped may still happen.
pub trait Records: Send + Sync {
    fn get<'a>(&'a self, key: &'a [u8]) -> Pending<'a, Option<Record>>;

    /// Up to `limit` records whose keys start with `prefix` and sort after `after`, in byte order.
    fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> Pending<'a, Vec<(Vec<u8>, Record)>>;

    /// All operations or none; durable when it resolves. Every expectation is held against the
    /// state before the batch. Gives the version its writes got.
    fn batch(&self, operations: Vec<Operation>) -> Pending<'_, u64>;

    fn put(&self, key: Vec<u8>, value: Bytes, expect: Expect) -> Pending<'_, u64> {
        self.batch(vec![Operation::Put { key, value, expect }])
    }

    fn delete(&self, key: Vec<u8>, expect: Expect) -> Pending<'_, u64> {
        self.batch(vec![Operation::Delete { key, expect }])
    }
}

#[derive(Clone, Debug)]
pub enum RecordsError {
    /// The caller's expectation doesn't hold (any more).
    Conflict {
        key: Vec<u8>,
    },
    /// The caller's batch is larger than the engine takes.
    TooLarge {
        bytes: usize,
        bytes_max: usize,
    },
    /// More commits wait than the queue holds.
    Busy,
    /// A write failed before; what is on the disk is unknown, so nothing more is written.
    Poisoned {
        why: String,
    },
    Closed,
    Corrupt {
        path: PathBuf,
        offset: u64,
        what: String,
    },
    /// The directory was written by a newer release.
    NewerFormat {
        path: PathBuf,
        found: u32,
        known: u32,
    },
    InUse {
        path: PathBuf,
    },
    Index {
        what: String,
    },
    Io {
        what: &'static str,
        path: PathBuf,
        why: String,
    },
}

impl fmt::Display for RecordsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict { key } => {
                write!(f, "record {} changed meanwhile", key.escape_ascii())
            }
            Self::TooLarge { bytes, bytes_max } => {
                write!(
                    f,
                    "a batch of {bytes} bytes is over the limit of {bytes_max}"
                )
            }
            Self::Busy => f.write_str("too many commits wait"),
            Self::Poisoned { why } => write!(f, "records take no more writes: {why}"),
            Self::Closed => f.write_str("records are closed"),
            Self::Corrupt { path, offset, what } => {
                write!(f, "{} is damaged at byte {offset}: {what}", path.display())
            }
            Self::NewerFormat { path, found, known } => write!(
                f,
                "{} has format {found}, this release knows up to {known}: run a newer release",
                path.display()
            ),
            Self::InUse { path } => {
                write!(f, "{} is held by another process", path.display())
            }
            Self::Index { what } => write!(f, "the record index: {what}"),
            Self::Io { what, path, why } => write!(f, "cannot {what} {}: {why}", path.display()),
        }
    }
}

impl std::error::Error for RecordsError {}
