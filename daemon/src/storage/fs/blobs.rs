//! Published blobs: reading, removing, listing, checking.

use std::fs::{self, File};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::Store;
use super::lease::{Fate, hash_prefix};
use crate::oci::digest::{Algorithm, Digest};
use crate::storage::{Blob, StorageError, Usage, Verdict};
use crate::sys::file::{remove_if_present, space, sync_directory};

impl Store {
    pub(super) fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, StorageError> {
        let path = self.blob_path(digest);
        match fs::metadata(&path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StorageError::io("look up a blob", &path, error)),
        }
    }

    pub(super) fn open_blob(&self, digest: &Digest) -> Result<Option<Blob>, StorageError> {
        let path = self.blob_path(digest);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StorageError::io("open a blob", &path, error)),
        };
        let metadata = file.metadata();
        let size = metadata.map_err(|error| StorageError::io("look up a blob", &path, error))?;
        Ok(Some(Blob {
            size: size.len(),
            file: Arc::new(file),
        }))
    }

    pub(super) fn remove_blob(&self, digest: &Digest) -> Result<bool, StorageError> {
        let path = self.blob_path(digest);
        let removed = remove_if_present(&path)
            .map_err(|error| StorageError::io("remove a blob", &path, error))?;
        if removed {
            let directory = self.blob_directory(digest);
            sync_directory(&directory)
                .map_err(|error| self.sync_failed("sync a directory", &directory, error))?;
        }
        Ok(removed)
    }

    pub(super) fn verify_blob(&self, digest: &Digest) -> Result<Verdict, StorageError> {
        let Some(blob) = self.open_blob(digest)? else {
            return Ok(Verdict::Missing);
        };
        let (_read, hasher) = hash_prefix(&blob.file, digest.algorithm(), blob.size)
            .map_err(|error| StorageError::io("read a blob", &self.blob_path(digest), error))?;
        let actual = hasher.digest();
        Ok(if actual == *digest {
            Verdict::Intact { size: blob.size }
        } else {
            Verdict::Corrupt { actual }
        })
    }

    pub(super) fn list(
        &self,
        after: Option<Digest>,
        limit: usize,
    ) -> Result<Vec<(Digest, u64)>, StorageError> {
        let mut found = Vec::new();
        for algorithm in Algorithm::ALL {
            for shard in 0..=u8::MAX {
                let passed = after.is_some_and(|after| {
                    (algorithm, shard) < (after.algorithm(), after.bytes()[0])
                });
                if !passed {
                    self.list_shard(algorithm, shard, after, &mut found)?;
                }
                if found.len() >= limit {
                    found.truncate(limit);
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    /// Adds the blobs of one directory in order; files that are no blobs are passed over.
    fn list_shard(
        &self,
        algorithm: Algorithm,
        shard: u8,
        after: Option<Digest>,
        found: &mut Vec<(Digest, u64)>,
    ) -> Result<(), StorageError> {
        let directory = self.root.join("blobs").join(algorithm.as_str());
        let directory = directory.join(format!("{shard:02x}"));
        let failed = |error| StorageError::io("list blobs", &directory, error);
        let first = found.len();
        for entry in fs::read_dir(&directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let parsed = name
                .to_str()
                .and_then(|hex| Digest::parse(&format!("{algorithm}:{hex}")).ok());
            let Some(digest) = parsed.filter(|digest| after.is_none_or(|after| *digest > after))
            else {
                continue;
            };
            match entry.metadata() {
                Ok(metadata) => found.push((digest, metadata.len())),
                // Removed while this looked.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
            }
        }
        found[first..].sort_unstable();
        Ok(())
    }

    pub(super) fn measure(&self) -> Result<Usage, StorageError> {
        let space = space(&self.root)
            .map_err(|error| StorageError::io("measure the filesystem", &self.root, error))?;
        Ok(Usage {
            total_bytes: space.total_bytes,
            available_bytes: space.available_bytes,
            uploads: self.table().sessions.len(),
        })
    }

    pub(super) fn expire(self: &Arc<Self>, idle_for: Duration) -> Result<usize, StorageError> {
        let idle: Vec<_> = {
            let table = self.table();
            let sessions = table.sessions.values().flatten();
            sessions
                .filter(|session| session.is_idle_for(idle_for))
                .map(|session| session.id)
                .collect()
        };
        let mut ended = 0;
        for id in idle {
            // Taken up again or ended meanwhile: not idle.
            let Ok(mut lease) = self.lease(id) else {
                continue;
            };
            if lease.session.is_idle_for(idle_for) {
                lease.fate = Fate::Discard;
                ended += 1;
            }
        }
        Ok(ended)
    }
}
