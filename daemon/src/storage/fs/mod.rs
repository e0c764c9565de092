//! Blobs as files of one local filesystem.
//!
//! ```text
//! lock                       held by the process that uses the store
//! clean                      the run that stopped cleanly last; gone while a process runs
//! blobs/sha256/ab/<hex>      published blobs, by the first byte of their hash
//! uploads/<id>               bytes of an upload
//! uploads/<id>.state         its session, without which the bytes are a leftover
//! ```

mod blobs;
mod hasher;
mod lease;
mod recover;
mod session;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use crate::limits::UPLOAD_SESSIONS_MAX;
use crate::oci::digest::{Algorithm, Digest};
use crate::storage::{
    Blob, BlobStore, ByteSource, Health, Owner, Pending, StorageError, UploadId, UploadStatus,
    Usage, Verdict,
};
use crate::sys::blocking::{self, Outcome};
use crate::sys::buffer;
use lease::{Fate, Lease};
use session::Session;

/// What an operator may set.
#[derive(Debug, Clone)]
pub struct Options {
    pub upload_sessions_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            upload_sessions_max: UPLOAD_SESSIONS_MAX,
        }
    }
}

/// A store on a local filesystem. Cheap to clone; usable from every core.
#[derive(Debug, Clone)]
pub struct FsStore {
    store: Arc<Store>,
}

struct Store {
    root: PathBuf,
    options: Options,
    /// Names this run of the process.
    run: String,
    table: Mutex<Table>,
    /// Held open for its lock.
    _lock: File,
}

#[derive(Default)]
struct Table {
    /// `None` while a lease holds the session.
    sessions: BTreeMap<UploadId, Option<Session>>,
    /// Why writes are refused.
    refusing: Option<String>,
    degraded: bool,
}

impl FsStore {
    /// Opens the store at `root`, creating it where it is missing, and sweeps what earlier
    /// runs left behind. Blocks.
    pub fn open(root: &Path, options: Options) -> Result<Self, StorageError> {
        recover::open(root, options).map(|store| Self {
            store: Arc::new(store),
        })
    }

    fn job<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Store) -> Result<T, StorageError> + Send + 'static,
    ) -> Outcome<Result<T, StorageError>> {
        let store = Arc::clone(&self.store);
        blocking::io().submit(move || job(&store))
    }

    /// Takes bytes until the source ends. Writing one buffer overlaps receiving the next.
    async fn receive(
        mut lease: Lease,
        source: &mut (dyn ByteSource + '_),
    ) -> Result<Lease, StorageError> {
        let opened = blocking::io().run(move || lease.open().map(|file| (lease, file)));
        let (taken, file) = opened.await??;
        lease = taken;
        let file = Arc::new(file);
        let start = (lease.session.offset, lease.session.hasher.clone());
        let mut held = Held::Idle(Box::new(lease));
        let end = loop {
            let (result, bytes) = source.fill(buffer::pool().take()).await;
            let mut lease = held.lease().await?;
            let count = match result {
                Ok(0) => break (lease, None),
                Ok(count) => count,
                Err(failure) => break (lease, Some(failure)),
            };
            let file = Arc::clone(&file);
            let start = start.clone();
            held = Held::Writing(blocking::io().submit(move || {
                let bytes_there = &bytes_of(&bytes)[..count.min(bytes_of(&bytes).len())];
                match lease.write(&file, bytes_there) {
                    Ok(()) => Ok(lease),
                    Err(error) => {
                        lease.roll_back(&file, start.0, start.1);
                        Err(error)
                    }
                }
            }));
        };
        match end {
            (lease, None) => Ok(lease),
            (lease, Some(source)) => {
                let offset = lease.session.offset;
                if lease.fate == Fate::Keep {
                    blocking::io().run(move || lease.save()).await??;
                }
                Err(StorageError::SourceFailed { offset, source })
            }
        }
    }
}

fn bytes_of(buffer: &buffer::Buffer) -> &[u8] {
    buffer.filled()
}

/// Where the lease is between two receives.
enum Held {
    Idle(Box<Lease>),
    Writing(Outcome<Result<Lease, StorageError>>),
}

impl Held {
    async fn lease(self) -> Result<Lease, StorageError> {
        match self {
            Held::Idle(lease) => Ok(*lease),
            Held::Writing(outcome) => outcome.await?,
        }
    }
}

impl Store {
    fn data_path(&self, id: UploadId) -> PathBuf {
        self.root.join("uploads").join(id.to_string())
    }

    fn state_path(&self, id: UploadId) -> PathBuf {
        self.root.join("uploads").join(format!("{id}.state"))
    }

    fn blob_directory(&self, digest: &Digest) -> PathBuf {
        let shard = format!("{:02x}", digest.bytes()[0]);
        let algorithm = digest.algorithm().as_str();
        self.root.join("blobs").join(algorithm).join(shard)
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.blob_directory(digest).join(digest.hex())
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_writable(&self) -> Result<(), StorageError> {
        match &self.table().refusing {
            Some(why) => Err(StorageError::Degraded { why: why.clone() }),
            None => Ok(()),
        }
    }

    fn new_lease(
        self: &Arc<Self>,
        owner: Owner,
        algorithm: Algorithm,
        fate: Fate,
    ) -> Result<Lease, StorageError> {
        self.check_writable()?;
        let id = UploadId::random().ok_or(StorageError::Internal)?;
        let mut table = self.table();
        if table.sessions.len() >= self.options.upload_sessions_max {
            return Err(StorageError::TooManyUploads);
        }
        table.sessions.insert(id, None);
        Ok(Lease {
            store: Arc::clone(self),
            session: Session::new(id, owner, algorithm),
            fate,
        })
    }

    fn lease(self: &Arc<Self>, id: UploadId) -> Result<Lease, StorageError> {
        let mut table = self.table();
        let slot = table
            .sessions
            .get_mut(&id)
            .ok_or(StorageError::NoSuchUpload)?;
        let session = slot.take().ok_or(StorageError::Busy)?;
        Ok(Lease {
            store: Arc::clone(self),
            session,
            fate: Fate::Keep,
        })
    }

    fn give_back(&self, session: Session) {
        self.table().sessions.insert(session.id, Some(session));
    }

    fn forget(&self, id: UploadId) {
        self.table().sessions.remove(&id);
    }

    fn sync_failed(&self, what: &'static str, path: &Path, error: io::Error) -> StorageError {
        let why = format!("cannot {what} {}: {error}", path.display());
        let mut table = self.table();
        table.refusing = Some(why.clone());
        table.degraded = true;
        StorageError::Degraded { why }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

impl BlobStore for FsStore {
    fn stat<'a>(&'a self, digest: &'a Digest) -> Pending<'a, Result<Option<u64>, StorageError>> {
        let digest = *digest;
        Box::pin(async move { self.job(move |store| store.blob_size(&digest)).await? })
    }

    fn open<'a>(&'a self, digest: &'a Digest) -> Pending<'a, Result<Option<Blob>, StorageError>> {
        let digest = *digest;
        Box::pin(async move { self.job(move |store| store.open_blob(&digest)).await? })
    }

    fn put<'a>(
        &'a self,
        owner: &'a Owner,
        digest: &'a Digest,
        source: &'a mut (dyn ByteSource + 'a),
    ) -> Pending<'a, Result<u64, StorageError>> {
        let digest = *digest;
        Box::pin(async move {
            let lease = self
                .store
                .new_lease(owner.clone(), digest.algorithm(), Fate::Discard)?;
            let mut lease = Self::receive(lease, source).await?;
            blocking::io().run(move || lease.publish(&digest)).await?
        })
    }

    fn start(
        &self,
        owner: Owner,
        algorithm: Algorithm,
    ) -> Pending<'_, Result<UploadId, StorageError>> {
        Box::pin(async move {
            let mut lease = self.store.new_lease(owner, algorithm, Fate::Discard)?;
            blocking::io()
                .run(move || {
                    lease.open()?;
                    lease.save()?;
                    lease.fate = Fate::Keep;
                    Ok(lease.session.id)
                })
                .await?
        })
    }

    fn status<'a>(
        &'a self,
        id: &'a UploadId,
    ) -> Pending<'a, Result<Option<UploadStatus>, StorageError>> {
        Box::pin(async move {
            let mut lease = match self.store.lease(*id) {
                Ok(lease) => lease,
                Err(StorageError::NoSuchUpload) => return Ok(None),
                Err(error) => return Err(error),
            };
            if lease.session.trusted {
                return Ok(Some(lease.session.status()));
            }
            let verified = blocking::io().run(move || {
                lease.open()?;
                Ok(Some(lease.session.status()))
            });
            verified.await?
        })
    }

    fn append<'a>(
        &'a self,
        id: &'a UploadId,
        at: Option<u64>,
        source: &'a mut (dyn ByteSource + 'a),
    ) -> Pending<'a, Result<u64, StorageError>> {
        Box::pin(async move {
            self.store.check_writable()?;
            let mut lease = self.store.lease(*id)?;
            if !lease.session.trusted {
                let opened = blocking::io().run(move || lease.open().map(|_file| lease));
                lease = opened.await??;
            }
            let offset = lease.session.offset;
            if at.is_some_and(|at| at != offset) {
                return Err(StorageError::WrongOffset { offset });
            }
            let lease = Self::receive(lease, source).await?;
            let saved = blocking::io().run(move || {
                lease.save()?;
                Ok(lease.session.offset)
            });
            saved.await?
        })
    }

    fn commit<'a>(
        &'a self,
        id: &'a UploadId,
        digest: &'a Digest,
    ) -> Pending<'a, Result<u64, StorageError>> {
        let digest = *digest;
        Box::pin(async move {
            self.store.check_writable()?;
            let mut lease = self.store.lease(*id)?;
            blocking::io().run(move || lease.publish(&digest)).await?
        })
    }

    fn cancel<'a>(&'a self, id: &'a UploadId) -> Pending<'a, Result<bool, StorageError>> {
        Box::pin(async move {
            let lease = match self.store.lease(*id) {
                Ok(lease) => lease,
                Err(StorageError::NoSuchUpload) => return Ok(false),
                Err(error) => return Err(error),
            };
            let discarded = blocking::io().run(move || lease.discard());
            discarded.await?;
            Ok(true)
        })
    }

    fn uploads(
        &self,
        after: Option<UploadId>,
        limit: usize,
    ) -> Pending<'_, Result<Vec<UploadStatus>, StorageError>> {
        Box::pin(async move {
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let table = self.store.table();
            let range = table.sessions.range((from, Bound::Unbounded));
            Ok(range
                .filter_map(|(_id, session)| session.as_ref().map(Session::status))
                .take(limit)
                .collect())
        })
    }

    fn expire_uploads(&self, idle_for: Duration) -> Pending<'_, Result<usize, StorageError>> {
        Box::pin(async move {
            let store = Arc::clone(&self.store);
            blocking::io().run(move || store.expire(idle_for)).await?
        })
    }

    fn remove<'a>(&'a self, digest: &'a Digest) -> Pending<'a, Result<bool, StorageError>> {
        let digest = *digest;
        Box::pin(async move {
            self.store.check_writable()?;
            self.job(move |store| store.remove_blob(&digest)).await?
        })
    }

    fn digests(
        &self,
        after: Option<Digest>,
        limit: usize,
    ) -> Pending<'_, Result<Vec<(Digest, u64)>, StorageError>> {
        Box::pin(async move { self.job(move |store| store.list(after, limit)).await? })
    }

    fn verify<'a>(&'a self, digest: &'a Digest) -> Pending<'a, Result<Verdict, StorageError>> {
        let digest = *digest;
        Box::pin(async move { self.job(move |store| store.verify_blob(&digest)).await? })
    }

    fn usage(&self) -> Pending<'_, Result<Usage, StorageError>> {
        Box::pin(async move { self.job(Store::measure).await? })
    }

    fn health(&self) -> Health {
        let table = self.store.table();
        match &table.refusing {
            Some(why) if table.degraded => Health::Degraded { why: why.clone() },
            _ => Health::Healthy,
        }
    }

    fn close(&self) -> Pending<'_, Result<(), StorageError>> {
        Box::pin(async move {
            let store = Arc::clone(&self.store);
            blocking::io().run(move || recover::close(&store)).await?
        })
    }
}
