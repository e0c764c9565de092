//! Where blobs live: the contract that every backend keeps, and the backends.
//!
//! The contract is [`BlobStore`]; `contract` holds its tests, which every backend runs.

pub mod error;
pub mod upload;
pub mod fs;
#[cfg(test)]
pub(crate) mod contract;

use std::fs::File;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::oci::digest::{Algorithm, Digest};
use crate::sys::buffer::Buffer;
pub use error::{SourceError, StorageError};
pub use upload::{Owner, UploadId, UploadStatus};

/// A future bound to the core that made it.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Where an upload's bytes come from.
pub trait ByteSource {
    /// Bytes still to come, where known.
    fn length(&self) -> Option<u64>;

    /// Fills the buffer from its start as far as it can and says how many bytes it put there:
    /// fewer than its capacity only at the end, 0 when there was nothing left.
    fn fill<'a>(&'a mut self, buffer: Buffer) -> Pending<'a, (Result<usize, SourceError>, Buffer)>;
}

/// A published blob, open for reading. Removing the blob doesn't disturb its readers.
#[derive(Debug, Clone)]
pub struct Blob {
    pub size: u64,
    pub file: Arc<File>,
}

/// What re-reading a blob found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Missing,
    Intact { size: u64 },
    Corrupt { actual: Digest },
}

/// Room and load of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    pub total_bytes: u64,
    pub available_bytes: u64,
    pub uploads: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    Healthy,
    /// A sync failed: reads go on, writes are refused until a restart.
    Degraded {
        why: String,
    },
}

/// Keeps blobs by digest and the upload sessions that become blobs.
pub trait BlobStore: Send + Sync {
    /// The blob's size, where it is there.
    fn stat<'a>(&'a self, digest: &'a Digest) -> Pending<'a, Result<Option<u64>, StorageError>>;

    fn open<'a>(&'a self, digest: &'a Digest) -> Pending<'a, Result<Option<Blob>, StorageError>>;

    /// Stores a blob in one go: verified, synced and published when this returns its size;
    /// nothing left behind on failure.
    fn put<'a>(
        &'a self,
        owner: &'a Owner,
        digest: &'a Digest,
        source: &'a mut (dyn ByteSource + 'a),
    ) -> Pending<'a, Result<u64, StorageError>>;

    /// Opens an upload session. `algorithm` is what the digest is expected to use.
    fn start(
        &self,
        owner: Owner,
        algorithm: Algorithm,
    ) -> Pending<'_, Result<UploadId, StorageError>>;

    fn status<'a>(
        &'a self,
        id: &'a UploadId,
    ) -> Pending<'a, Result<Option<UploadStatus>, StorageError>>;

    /// Appends to a session; the new offset. With `at` other than the session's offset it
    /// answers [`StorageError::WrongOffset`] and takes nothing. When the source fails, what
    /// arrived stays; when the disk is full, the session is as it was before.
    fn append<'a>(
        &'a self,
        id: &'a UploadId,
        at: Option<u64>,
        source: &'a mut (dyn ByteSource + 'a),
    ) -> Pending<'a, Result<u64, StorageError>>;

    /// Publishes the session's bytes durably as `digest`; their number. A session whose bytes
    /// have another digest stays as it is.
    fn commit<'a>(
        &'a self,
        id: &'a UploadId,
        digest: &'a Digest,
    ) -> Pending<'a, Result<u64, StorageError>>;

    /// Ends a session and frees its bytes; whether there was one.
    fn cancel<'a>(&'a self, id: &'a UploadId) -> Pending<'a, Result<bool, StorageError>>;

    /// Sessions in the order of their identifiers, after `after`.
    fn uploads(
        &self,
        after: Option<UploadId>,
        limit: usize,
    ) -> Pending<'_, Result<Vec<UploadStatus>, StorageError>>;

    /// Ends the sessions that nobody touched for `idle_for`; how many.
    fn expire_uploads(&self, idle_for: Duration) -> Pending<'_, Result<usize, StorageError>>;

    /// Removes a blob durably; whether it was there.
    fn remove<'a>(&'a self, digest: &'a Digest) -> Pending<'a, Result<bool, StorageError>>;

    /// Blobs and their sizes in the order of their digests, after `after`.
    fn digests(
        &self,
        after: Option<Digest>,
        limit: usize,
    ) -> Pending<'_, Result<Vec<(Digest, u64)>, StorageError>>;

    /// Re-reads a blob and compares it with its digest.
    fn verify<'a>(&'a self, digest: &'a Digest) -> Pending<'a, Result<Verdict, StorageError>>;

    fn usage(&self) -> Pending<'_, Result<Usage, StorageError>>;

    fn health(&self) -> Health;

    /// Stops cleanly: syncs the sessions, and leaves the mark that lets the next start trust
    /// them. Writes are refused from here on.
    fn close(&self) -> Pending<'_, Result<(), StorageError>>;
}
