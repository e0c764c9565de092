//! What every backend keeps, as tests over any [`BlobStore`].

use crate::oci::digest::{Algorithm, Digest};
use crate::oci::name::RepositoryName;
use crate::storage::{
    BlobStore, ByteSource, Owner, Pending, SourceError, StorageError, UploadId, Verdict,
};
use crate::sys::buffer::Buffer;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// Bytes from memory, which may end in a failure.
pub(crate) struct Bytes {
    rest: Vec<u8>,
    failure: Option<SourceError>,
}

impl Bytes {
    pub(crate) fn new(content: &[u8]) -> Self {
        Self {
            rest: content.to_vec(),
            failure: None,
        }
    }

    pub(crate) fn failing(content: &[u8], failure: SourceError) -> Self {
        Self {
            rest: content.to_vec(),
            failure: Some(failure),
        }
    }
}

impl ByteSource for Bytes {
    fn length(&self) -> Option<u64> {
        Some(self.rest.len() as u64)
    }

    fn fill<'a>(
        &'a mut self,
        mut buffer: Buffer,
    ) -> Pending<'a, (Result<usize, SourceError>, Buffer)> {
        Box::pin(async move {
            buffer.clear();
            let count = buffer.extend(&self.rest);
            self.rest.drain(..count);
            match self.failure {
                Some(failure) if count == 0 => (Err(failure), buffer),
                _ => (Ok(count), buffer),
            }
        })
    }
}

pub(crate) fn owner() -> Owner {
    Owner {
        repository: RepositoryName::parse("team/app").unwrap(),
        principal: "ada".into(),
    }
}

pub(crate) fn sha256(content: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, content)
}

/// Content that no two offsets of share.
pub(crate) fn content(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 31 + i / 251) as u8).collect()
}

pub(crate) async fn keeps_the_contract(store: &dyn BlobStore) {
    puts_and_reads(store).await;
    refuses_wrong_digests(store).await;
    appends_and_commits(store).await;
    keeps_what_arrived(store).await;
    takes_one_digest_twice(store).await;
    lists_and_removes(store).await;
    expires(store).await;
}

async fn puts_and_reads(store: &dyn BlobStore) {
    for length in [0, 1, 4095, 4096, 300_000, 1_000_001] {
        let content = content(length);
        for digest in Algorithm::ALL.map(|algorithm| Digest::of(algorithm, &content)) {
            let size = store
                .put(&owner(), &digest, &mut Bytes::new(&content))
                .await
                .unwrap();
            assert_eq!(size, length as u64);
            assert_eq!(store.stat(&digest).await.unwrap(), Some(size));
            let blob = store.open(&digest).await.unwrap().unwrap();
            let mut read = vec![0; length];
            blob.file.read_exact_at(&mut read, 0).unwrap();
            assert_eq!((blob.size, read), (size, content.clone()));
            assert_eq!(
                store.verify(&digest).await.unwrap(),
                Verdict::Intact { size }
            );
        }
    }
    let missing = sha256(b"missing");
    assert_eq!(store.stat(&missing).await.unwrap(), None);
    assert!(store.open(&missing).await.unwrap().is_none());
    assert_eq!(store.verify(&missing).await.unwrap(), Verdict::Missing);
}

async fn refuses_wrong_digests(store: &dyn BlobStore) {
    let wrong = sha256(b"something else");
    let put = store
        .put(&owner(), &wrong, &mut Bytes::new(b"content"))
        .await;
    assert!(
        matches!(put, Err(StorageError::DigestMismatch { actual, .. })
        if *actual == sha256(b"content"))
    );
    let cut = Bytes::failing(b"conte", SourceError::Closed);
    let put = store.put(&owner(), &wrong, &mut { cut }).await;
    assert!(matches!(put, Err(StorageError::SourceFailed { .. })));
    assert_eq!(store.stat(&wrong).await.unwrap(), None);
    assert_eq!(store.uploads(None, 10).await.unwrap(), []);
    assert_eq!(store.usage().await.unwrap().uploads, 0);
}

async fn appends_and_commits(store: &dyn BlobStore) {
    let content = content(700_000);
    for digest in Algorithm::ALL.map(|algorithm| Digest::of(algorithm, &content)) {
        let id = store.start(owner(), Algorithm::Sha256).await.unwrap();
        let (head, tail) = content.split_at(300_001);
        let offset = store
            .append(&id, None, &mut Bytes::new(head))
            .await
            .unwrap();
        assert_eq!(offset, 300_001);
        let wrong = store.append(&id, Some(7), &mut Bytes::new(tail)).await;
        assert!(matches!(
            wrong,
            Err(StorageError::WrongOffset { offset: 300_001 })
        ));
        let early = store.commit(&id, &digest).await;
        assert!(matches!(early, Err(StorageError::DigestMismatch { .. })));
        let offset = store.append(&id, Some(offset), &mut Bytes::new(tail)).await;
        assert_eq!(offset.unwrap(), 700_000);
        let status = store.status(&id).await.unwrap().unwrap();
        assert_eq!((status.offset, status.owner), (700_000, owner()));
        assert_eq!(store.commit(&id, &digest).await.unwrap(), 700_000);
        assert!(store.status(&id).await.unwrap().is_none());
        let size = 700_000;
        assert_eq!(
            store.verify(&digest).await.unwrap(),
            Verdict::Intact { size }
        );
        let gone = store.commit(&id, &digest).await;
        assert!(matches!(gone, Err(StorageError::NoSuchUpload)));
    }
}

async fn keeps_what_arrived(store: &dyn BlobStore) {
    let id = store.start(owner(), Algorithm::Sha256).await.unwrap();
    let cut = store
        .append(
            &id,
            None,
            &mut Bytes::failing(b"abc", SourceError::TimedOut),
        )
        .await;
    assert!(matches!(
        cut,
        Err(StorageError::SourceFailed {
            offset: 3,
            source: SourceError::TimedOut
        })
    ));
    store
        .append(&id, Some(3), &mut Bytes::new(b"def"))
        .await
        .unwrap();
    assert_eq!(store.commit(&id, &sha256(b"abcdef")).await.unwrap(), 6);
    let id = store.start(owner(), Algorithm::Sha256).await.unwrap();
    assert!(store.cancel(&id).await.unwrap());
    assert!(!store.cancel(&id).await.unwrap());
    let unknown = UploadId::random().unwrap();
    let append = store.append(&unknown, None, &mut Bytes::new(b"x")).await;
    assert!(matches!(append, Err(StorageError::NoSuchUpload)));
}

async fn takes_one_digest_twice(store: &dyn BlobStore) {
    let digest = sha256(b"twice");
    let first = store.start(owner(), Algorithm::Sha256).await.unwrap();
    let second = store.start(owner(), Algorithm::Sha256).await.unwrap();
    for id in [first, second] {
        store
            .append(&id, None, &mut Bytes::new(b"twice"))
            .await
            .unwrap();
    }
    assert_eq!(store.commit(&first, &digest).await.unwrap(), 5);
    assert_eq!(store.commit(&second, &digest).await.unwrap(), 5);
}

async fn lists_and_removes(store: &dyn BlobStore) {
    let all = store.digests(None, usize::MAX).await.unwrap();
    assert!(all.is_sorted() && all.len() > 10);
    let mut paged = Vec::new();
    while let page = store
        .digests(paged.last().map(|(digest, _)| *digest), 3)
        .await
        .unwrap()
        && !page.is_empty()
    {
        paged.extend(page);
    }
    assert_eq!(paged, all);
    let held = store.open(&sha256(b"twice")).await.unwrap().unwrap();
    assert!(store.remove(&sha256(b"twice")).await.unwrap());
    assert!(!store.remove(&sha256(b"twice")).await.unwrap());
    let mut read = [0; 5];
    held.file.read_exact_at(&mut read, 0).unwrap();
    assert_eq!(&read, b"twice");
}

async fn expires(store: &dyn BlobStore) {
    let id = store.start(owner(), Algorithm::Sha256).await.unwrap();
    let hour = Duration::from_secs(3600);
    assert_eq!(store.expire_uploads(hour).await.unwrap(), 0);
    assert_eq!(store.uploads(None, 10).await.unwrap().len(), 1);
    assert_eq!(store.expire_uploads(Duration::ZERO).await.unwrap(), 1);
    assert!(store.status(&id).await.unwrap().is_none());
}
