//! Exclusive use of an upload while something works on it.
//!
//! A lease travels with each job on the file threads. Wherever it is dropped, by an abandoned
//! future or at the end of a job that nobody waits for, the session goes back as the last
//! finished step left it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use time::OffsetDateTime;

use super::Store;
use super::hasher::Hasher;
use super::session::Session;
use crate::limits::BUFFER_BYTES_LARGE;
use crate::oci::digest::{Algorithm, Digest};
use crate::storage::StorageError;
use crate::sys::file::{remove_if_present, sync_directory};

pub(super) struct Lease {
    pub(super) store: Arc<Store>,
    pub(super) session: Session,
    /// What becomes of the upload when the lease ends.
    pub(super) fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The session goes on.
    Keep,
    /// Its files go.
    Discard,
    /// It became a blob.
    Published,
}

impl Drop for Lease {
    fn drop(&mut self) {
        match self.fate {
            Fate::Keep => self.store.give_back(self.session.clone()),
            Fate::Discard => {
                // What cannot be removed now is swept at the next start.
                let _left = remove_if_present(&self.store.data_path(self.session.id));
                let _left = remove_if_present(&self.store.state_path(self.session.id));
                self.store.forget(self.session.id);
            }
            Fate::Published => self.store.forget(self.session.id),
        }
    }
}

impl Lease {
    /// Ends the upload and removes its files.
    pub(super) fn discard(mut self) {
        self.fate = Fate::Discard;
    }

    /// Opens the bytes, after making sure that they are those that were hashed.
    pub(super) fn open(&mut self) -> Result<File, StorageError> {
        let path = self.store.data_path(self.session.id);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| StorageError::io("open an upload", &path, error))?;
        if !self.session.trusted {
            self.distrust(&file)
                .map_err(|error| StorageError::io("read back an upload", &path, error))?;
            self.save()?;
        }
        Ok(file)
    }

    /// After an unclean stop: takes the bytes for good only when they hash to the saved state,
    /// else goes back to what was synced.
    fn distrust(&mut self, file: &File) -> io::Result<()> {
        let algorithm = self.session.hasher.algorithm();
        let (read, hasher) = hash_prefix(file, algorithm, self.session.offset)?;
        if read != self.session.offset || hasher.state() != self.session.hasher.state() {
            let (read, hasher) = hash_prefix(file, algorithm, self.session.synced)?;
            // Fewer bytes than were synced: the file isn't the one that was synced.
            let whole = read == self.session.synced;
            self.session.offset = if whole { read } else { 0 };
            self.session.synced = self.session.offset;
            self.session.hasher = if whole {
                hasher
            } else {
                Hasher::new(algorithm)
            };
        }
        file.set_len(self.session.offset)?;
        self.session.trusted = true;
        Ok(())
    }

    /// Appends and hashes; the session moves on only when all was written.
    pub(super) fn write(&mut self, file: &File, bytes: &[u8]) -> Result<(), StorageError> {
        file.write_all_at(bytes, self.session.offset)
            .map_err(|error| {
                let path = self.store.data_path(self.session.id);
                StorageError::io("write an upload", &path, error)
            })?;
        self.session.hasher.update(bytes);
        self.session.offset += bytes.len() as u64;
        self.session.touched_at = OffsetDateTime::now_utc();
        Ok(())
    }

    /// Goes back to an earlier point, which frees the bytes behind it.
    pub(super) fn roll_back(&mut self, file: &File, offset: u64, hasher: Hasher) {
        self.session.offset = offset;
        self.session.hasher = hasher;
        // Bytes past the offset are never read: a failure only keeps them on the disk longer.
        let _cut = file.set_len(offset);
    }

    /// Replaces the state file. Syncs nothing: after an unclean stop the bytes are checked.
    pub(super) fn save(&self) -> Result<(), StorageError> {
        let path = self.store.state_path(self.session.id);
        let new = path.with_extension("state-new");
        fs::write(&new, self.session.encode(&self.store.run))
            .and_then(|()| fs::rename(&new, &path))
            .map_err(|error| {
                let _left = remove_if_present(&new);
                StorageError::io("save an upload's state", &path, error)
            })
    }

    /// Syncs the bytes and the state that covers them, in this order.
    pub(super) fn save_synced(&mut self) -> Result<(), StorageError> {
        let file = self.open()?;
        self.sync(&file)?;
        self.session.synced = self.session.offset;
        self.save()?;
        let path = self.store.state_path(self.session.id);
        let state = File::open(&path).map_err(|e| StorageError::io("open state", &path, e))?;
        self.sync(&state)
    }

    /// Verifies and publishes the bytes durably as `expected`; their number.
    pub(super) fn publish(&mut self, expected: &Digest) -> Result<u64, StorageError> {
        let file = self.open()?;
        let from = self.store.data_path(self.session.id);
        file.set_len(self.session.offset)
            .map_err(|error| StorageError::io("cut an upload", &from, error))?;
        let actual = if self.session.hasher.algorithm() == expected.algorithm() {
            self.session.hasher.digest()
        } else {
            let (_read, hasher) = hash_prefix(&file, expected.algorithm(), self.session.offset)
                .map_err(|error| StorageError::io("read back an upload", &from, error))?;
            hasher.digest()
        };
        if actual != *expected {
            return Err(StorageError::DigestMismatch {
                expected: Box::new(*expected),
                actual: Box::new(actual),
            });
        }
        self.sync(&file)?;
        let to = self.store.blob_path(expected);
        fs::rename(&from, &to).map_err(|error| StorageError::io("publish a blob", &to, error))?;
        self.fate = Fate::Published;
        let _left = remove_if_present(&self.store.state_path(self.session.id));
        let directory = self.store.blob_directory(expected);
        sync_directory(&directory).map_err(|error| {
            self.store
                .sync_failed("sync a directory", &directory, error)
        })?;
        Ok(self.session.offset)
    }

    /// A failed sync may have lost bytes that a second one would report as written, so the
    /// upload is given up.
    fn sync(&mut self, file: &File) -> Result<(), StorageError> {
        file.sync_data().map_err(|error| {
            self.fate = Fate::Discard;
            let path = self.store.data_path(self.session.id);
            self.store.sync_failed("sync an upload", &path, error)
        })
    }
}

/// Hashes up to `length` bytes from the start; how many there were.
pub(super) fn hash_prefix(
    file: &File,
    algorithm: Algorithm,
    length: u64,
) -> io::Result<(u64, Hasher)> {
    let mut hasher = Hasher::new(algorithm);
    let mut buffer = vec![0; BUFFER_BYTES_LARGE];
    let mut position = 0;
    while position < length {
        let wanted = (length - position).min(buffer.len() as u64) as usize;
        let count = match file.read_at(&mut buffer[..wanted], position) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..count]);
        position += count as u64;
    }
    Ok((position, hasher))
}

/// Reads a small file whole; `None` where it is missing, too large or not text.
pub(super) fn read_small(path: &std::path::Path, bytes_max: u64) -> Option<String> {
    let mut text = String::new();
    let file = File::open(path).ok()?;
    file.take(bytes_max + 1).read_to_string(&mut text).ok()?;
    (text.len() as u64 <= bytes_max).then_some(text)
}
