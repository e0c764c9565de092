//! The typed tables: the only place that knows how keys and records look.
//!
//! A key is one type byte, the name, NUL, and the rest, so that names list in byte order and
//! `a`, `a-b` and `a/b` never mix. A record is a version byte and a postcard header; a
//! manifest's body follows it raw.

mod codec;
pub mod links;
pub mod manifests;
pub mod push;
pub mod referrers;
pub mod repositories;
pub mod tags;
pub mod users;

use std::fmt;
use std::sync::Arc;

use super::records::{Records, RecordsError};
use crate::oci::digest::Digest;

/// Attempts at a batch whose records others change meanwhile.
const ATTEMPTS_MAX: usize = 64;

#[derive(Clone)]
pub struct Tables {
    records: Arc<dyn Records>,
}

impl Tables {
    pub fn new(records: Arc<dyn Records>) -> Self {
        Self { records }
    }

    pub fn records(&self) -> &dyn Records {
        &*self.records
    }
}

#[derive(Clone, Debug)]
pub enum MetaError {
    Records(RecordsError),
    /// The caller expected another digest under the tag.
    TagChanged {
        tag: String,
        current: Option<Digest>,
    },
    /// Others kept changing the same records.
    Contended,
    /// A stored record can't be read.
    Malformed {
        key: Vec<u8>,
    },
}

impl fmt::Display for MetaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Records(error) => error.fmt(f),
            Self::TagChanged {
                tag,
                current: Some(digest),
            } => {
                write!(f, "tag {tag} points to {digest}")
            }
            Self::TagChanged { tag, current: None } => write!(f, "tag {tag} doesn't exist"),
            Self::Contended => f.write_str("others kept changing the same records"),
            Self::Malformed { key } => {
                write!(f, "the record under {} can't be read", key.escape_ascii())
            }
        }
    }
}

impl std::error::Error for MetaError {}

impl From<RecordsError> for MetaError {
    fn from(error: RecordsError) -> Self {
        Self::Records(error)
    }
}
