//! Opening a store after whatever ended the last run, and closing it cleanly.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::lease::read_small;
use super::session::Session;
use super::{Options, Store, Table};
use crate::limits::UPLOAD_STATE_BYTES_MAX;
use crate::oci::digest::Algorithm;
use crate::storage::{StorageError, UploadId};
use crate::sys::file::{create_directory_durably, remove_if_present, sync_directory};

pub(super) fn open(root: &Path, options: Options) -> Result<Store, StorageError> {
    let failed = |error| StorageError::io("open the store", root, error);
    create_directory_durably(root).map_err(failed)?;
    let lock = lock(root)?;
    make_layout(root).map_err(failed)?;
    let marker = root.join("clean");
    let clean_run = read_small(&marker, 64);
    // Gone durably before anything is written: a crash from here on is an unclean stop.
    remove_if_present(&marker).map_err(failed)?;
    sync_directory(root).map_err(failed)?;
    let sessions = load_sessions(root, clean_run.as_deref())?;
    let run = UploadId::random()
        .ok_or(StorageError::Internal)?
        .to_string();
    Ok(Store {
        root: root.to_owned(),
        options,
        run,
        table: Mutex::new(Table {
            sessions,
            ..Table::default()
        }),
        _lock: lock,
    })
}

fn lock(root: &Path) -> Result<File, StorageError> {
    let path = root.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|error| StorageError::io("open", &path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StorageError::InUse {
            path: root.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(StorageError::io("lock", &path, error)),
    }
}

/// All directories are there and durable before the first blob, so publishing syncs one.
fn make_layout(root: &Path) -> std::io::Result<()> {
    create_directory_durably(&root.join("uploads"))?;
    for algorithm in Algorithm::ALL {
        let directory = root.join("blobs").join(algorithm.as_str());
        create_directory_durably(&directory)?;
        for shard in 0..=u8::MAX {
            match fs::create_dir(directory.join(format!("{shard:02x}"))) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(error);
                }
                Ok(()) | Err(_) => {}
            }
        }
        sync_directory(&directory)?;
    }
    Ok(())
}

/// Reads the sessions back and removes every file that belongs to none.
fn load_sessions(
    root: &Path,
    clean_run: Option<&str>,
) -> Result<BTreeMap<UploadId, Option<Session>>, StorageError> {
    let uploads = root.join("uploads");
    let failed = |error| StorageError::io("read the uploads", &uploads, error);
    let mut names = Vec::new();
    let mut sessions = BTreeMap::new();
    for entry in fs::read_dir(&uploads).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let id = name
            .to_str()
            .and_then(|name| name.strip_suffix(".state"))
            .and_then(UploadId::parse);
        if let Some(id) = id
            && let Some(text) = read_small(&uploads.join(&name), UPLOAD_STATE_BYTES_MAX)
            && let Some(session) = Session::decode(id, &text, clean_run)
        {
            sessions.insert(id, Some(session));
        }
        names.push(name);
    }
    for name in names {
        let text = name.to_str().unwrap_or_default();
        let id = UploadId::parse(text.strip_suffix(".state").unwrap_or(text));
        if !id.is_some_and(|id| sessions.contains_key(&id)) {
            remove_if_present(&uploads.join(&name)).map_err(failed)?;
        }
    }
    Ok(sessions)
}

/// Syncs every session at rest, then leaves the mark. A session in use keeps its last saved
/// state, which doesn't claim more than was synced.
pub(super) fn close(store: &Arc<Store>) -> Result<(), StorageError> {
    store.check_writable()?;
    let resting: Vec<UploadId> = {
        let mut table = store.table();
        table.refusing = Some("the store is closed".to_owned());
        let sessions = table.sessions.iter();
        sessions
            .filter(|(_id, session)| session.as_ref().is_some_and(|session| session.trusted))
            .map(|(id, _session)| *id)
            .collect()
    };
    for id in resting {
        if let Ok(mut lease) = store.lease(id) {
            lease.save_synced()?;
        }
    }
    let uploads = store.root.join("uploads");
    sync_directory(&uploads).map_err(|e| store.sync_failed("sync", &uploads, e))?;
    let marker = store.root.join("clean");
    fs::write(&marker, &store.run).map_err(|e| StorageError::io("write", &marker, e))?;
    File::open(&marker)
        .and_then(|file| file.sync_all())
        .and_then(|()| sync_directory(&store.root))
        .map_err(|error| store.sync_failed("sync", &marker, error))
}
