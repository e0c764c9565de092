//! The contract over the local filesystem, and what a crash may leave there.

use std::fs;
use std::path::Path;

use super::*;
use crate::storage::contract::{self, Bytes, content, owner, sha256};

fn on_both_drivers(test: impl AsyncFn(&Path)) {
    let root = tempfile::tempdir().unwrap();
    monoio::RuntimeBuilder::<monoio::LegacyDriver>::new()
        .build()
        .unwrap()
        .block_on(test(root.path()));
    let root = tempfile::tempdir().unwrap();
    if let Ok(mut ring) = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new()
        .with_entries(64)
        .build()
    {
        ring.block_on(test(root.path()));
    }
}

fn open(root: &Path) -> FsStore {
    FsStore::open(root, Options::default()).unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// Opens `root` as a crash left it: nothing of the run before closes.
async fn session_of(root: &Path, bytes: &[u8]) -> UploadId {
    let store = open(root);
    let id = store.start(owner(), Algorithm::Sha256).await.unwrap();
    let appended = store.append(&id, None, &mut Bytes::new(bytes)).await;
    assert_eq!(appended.unwrap(), bytes.len() as u64);
    id
}

#[test]
fn keeps_the_contract() {
    on_both_drivers(async |root| {
        let store = open(root);
        contract::keeps_the_contract(&store).await;
        assert_eq!(names(&root.join("uploads")), [""; 0]);
    });
}

#[test]
fn a_killed_process_loses_no_answered_byte() {
    on_both_drivers(async |root| {
        let content = content(500_000);
        let id = session_of(root, &content[..400_000]).await;
        // Bytes that were written and never answered.
        let path = root.join("uploads").join(id.to_string());
        let mut grown = fs::read(&path).unwrap();
        grown.extend([0xEE; 100]);
        fs::write(&path, grown).unwrap();
        let store = open(root);
        assert_eq!(store.status(&id).await.unwrap().unwrap().offset, 400_000);
        let rest = &mut Bytes::new(&content[400_000..]);
        store.append(&id, Some(400_000), rest).await.unwrap();
        assert_eq!(store.commit(&id, &sha256(&content)).await.unwrap(), 500_000);
        let verdict = store.verify(&sha256(&content)).await.unwrap();
        assert_eq!(verdict, Verdict::Intact { size: 500_000 });
    });
}

/// What a power cut did to an upload's bytes.
type Damage = fn(&mut Vec<u8>);

#[test]
fn a_power_cut_never_leads_to_a_wrong_blob() {
    on_both_drivers(async |root| {
        let content = content(500_000);
        let damages: [Damage; 4] = [
            |bytes| bytes[250_000..].fill(0),
            |bytes| bytes.truncate(250_000),
            |bytes| bytes.clear(),
            |bytes| bytes[17] ^= 1,
        ];
        for damage in damages {
            let id = session_of(root, &content).await;
            let path = root.join("uploads").join(id.to_string());
            let mut bytes = fs::read(&path).unwrap();
            damage(&mut bytes);
            fs::write(&path, bytes).unwrap();
            let store = open(root);
            let commit = store.commit(&id, &sha256(&content)).await;
            assert!(matches!(commit, Err(StorageError::DigestMismatch { .. })));
            assert_eq!(store.stat(&sha256(&content)).await.unwrap(), None);
            assert_eq!(store.status(&id).await.unwrap().unwrap().offset, 0);
            store
                .append(&id, Some(0), &mut Bytes::new(&content))
                .await
                .unwrap();
            store.commit(&id, &sha256(&content)).await.unwrap();
            assert!(store.remove(&sha256(&content)).await.unwrap());
        }
    });
}

#[test]
fn damage_goes_back_to_what_a_clean_stop_synced() {
    on_both_drivers(async |root| {
        let content = content(500_000);
        let store = open(root);
        let id = store.start(owner(), Algorithm::Sha256).await.unwrap();
        let head = &mut Bytes::new(&content[..200_000]);
        store.append(&id, None, head).await.unwrap();
        store.close().await.unwrap();
        let refused = store.append(&id, None, &mut Bytes::new(b"x")).await;
        assert!(matches!(refused, Err(StorageError::Degraded { .. })));
        drop(store);
        assert!(root.join("clean").exists());

        let store = open(root);
        assert!(!root.join("clean").exists());
        let tail = &mut Bytes::new(&content[200_000..]);
        store.append(&id, Some(200_000), tail).await.unwrap();
        drop(store);
        let path = root.join("uploads").join(id.to_string());
        let mut bytes = fs::read(&path).unwrap();
        bytes[400_000..].fill(0);
        fs::write(&path, bytes).unwrap();

        let store = open(root);
        assert_eq!(store.status(&id).await.unwrap().unwrap().offset, 200_000);
        let tail = &mut Bytes::new(&content[200_000..]);
        store.append(&id, Some(200_000), tail).await.unwrap();
        store.commit(&id, &sha256(&content)).await.unwrap();
    });
}

#[test]
fn leftovers_are_swept_and_a_store_has_one_user() {
    on_both_drivers(async |root| {
        let kept = session_of(root, b"kept").await;
        let torn = session_of(root, b"torn").await;
        let uploads = root.join("uploads");
        fs::write(uploads.join(format!("{torn}.state")), b"00000000 {}").unwrap();
        fs::write(uploads.join(UploadId::random().unwrap().to_string()), b"x").unwrap();
        fs::write(uploads.join(format!("{kept}.state-new")), b"x").unwrap();
        let store = open(root);
        let mut left = names(&uploads);
        left.sort();
        assert_eq!(left, [kept.to_string(), format!("{kept}.state")]);
        let second = FsStore::open(root, Options::default());
        assert!(matches!(second, Err(StorageError::InUse { .. })));
        assert!(store.status(&torn).await.unwrap().is_none());
    });
}

/// Never sends anything.
struct Silent;

impl ByteSource for Silent {
    fn length(&self) -> Option<u64> {
        None
    }

    fn fill<'a>(
        &'a mut self,
        _buffer: buffer::Buffer,
    ) -> Pending<'a, (Result<usize, crate::storage::SourceError>, buffer::Buffer)> {
        Box::pin(std::future::pending())
    }
}

#[test]
fn a_session_in_use_is_busy_until_its_user_goes() {
    on_both_drivers(async |root| {
        let store = open(root);
        let id = store.start(owner(), Algorithm::Sha256).await.unwrap();
        let mut silent = Silent;
        let mut writing = store.append(&id, None, &mut silent);
        std::future::poll_fn(|context| {
            assert!(writing.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        assert!(matches!(store.status(&id).await, Err(StorageError::Busy)));
        drop(writing);
        // The job that opens the file may still hold the lease.
        while let Err(StorageError::Busy) = store.cancel(&id).await {
            std::thread::yield_now();
        }
        assert!(store.status(&id).await.unwrap().is_none());
    });
}

#[test]
fn a_failed_sync_stops_writes_and_not_reads() {
    on_both_drivers(async |root| {
        let store = open(root);
        let digest = sha256(b"kept");
        let put = store.put(&owner(), &digest, &mut Bytes::new(b"kept")).await;
        assert_eq!(put.unwrap(), 4);
        let error = io::Error::from_raw_os_error(libc::EIO);
        store.store.sync_failed("sync", root, error);
        let put = store.put(&owner(), &digest, &mut Bytes::new(b"kept")).await;
        assert!(matches!(put, Err(StorageError::Degraded { .. })));
        assert!(matches!(store.health(), Health::Degraded { .. }));
        assert_eq!(store.stat(&digest).await.unwrap(), Some(4));
        assert!(store.close().await.is_err());
        assert!(!root.join("clean").exists());
    });
}
