//! The engine and the tables together: reopening, torn tails, a lost index, tags.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use bytes::Bytes;

use super::embedded::Options;
use super::*;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

fn put(engine: &Embedded, key: &str, expect: Expect) -> Result<u64, RecordsError> {
    block_on(engine.put(key.into(), Bytes::copy_from_slice(key.as_bytes()), expect))
}

#[test]
fn survives_a_crash_at_every_byte_of_the_last_frame_and_a_lost_index() {
    let root = tempfile::tempdir().unwrap();
    let log = root.path().join("records/log/00000000000000000001.log");
    let engine = Embedded::open(root.path(), Options::default()).unwrap();
    put(&engine, "a", Expect::Absent).unwrap();
    drop(engine);
    let whole = std::fs::read(&log).unwrap().len();
    let engine = Embedded::open(root.path(), Options::default()).unwrap();
    put(&engine, "b", Expect::Absent).unwrap();
    drop(engine);
    let content = std::fs::read(&log).unwrap();
    for length in whole..=content.len() {
        std::fs::write(&log, &content[..length]).unwrap();
        let _ = std::fs::remove_file(root.path().join("records/index.redb"));
        let engine = Embedded::open(root.path(), Options::default()).unwrap();
        let found = block_on(engine.scan(b"", None, 10)).unwrap().len();
        assert_eq!(found, if length == content.len() { 2 } else { 1 });
        assert!(matches!(
            put(&engine, "a", Expect::Absent),
            Err(RecordsError::Conflict { .. })
        ));
        engine.close().unwrap();
        assert_eq!(block_on(engine.scan(b"", None, 10)).unwrap().len(), found);
    }
}

#[test]
fn one_of_many_wins() {
    let root = tempfile::tempdir().unwrap();
    let engine = Embedded::open(root.path(), Options::default()).unwrap();
    let wins = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..32)
            .map(|_| scope.spawn(|| put(&engine, "k", Expect::Absent).is_ok()))
            .collect();
        threads
            .into_iter()
            .map(|t| t.join().unwrap())
            .filter(|won| *won)
            .count()
    });
    assert_eq!(wins, 1);
}

#[test]
fn a_tag_moves_dies_and_comes_back_with_its_history() {
    use crate::oci::{
        digest::{Algorithm, Digest},
        name::RepositoryName,
        reference::Tag,
    };
    let root = tempfile::tempdir().unwrap();
    let tables = Tables::new(Arc::new(
        Embedded::open(root.path(), Options::default()).unwrap(),
    ));
    let (repository, tag) = (
        RepositoryName::parse("a/b").unwrap(),
        Tag::parse("v1").unwrap(),
    );
    let at = time::OffsetDateTime::UNIX_EPOCH;
    let push = |body: &'static str| PushManifest {
        repository: repository.clone(),
        record: ManifestRecord {
            digest: Digest::of(Algorithm::Sha256, body.as_bytes()),
            media_type: "m".into(),
            bytes: Bytes::from_static(body.as_bytes()),
            pushed_at: at,
            pushed_by: "u".into(),
            subject: None,
        },
        referrer: None,
        tags: vec![TagMove {
            tag: tag.clone(),
            expect: TagExpect::Any,
        }],
        by: "u".into(),
        at,
    };
    let two = push("two").record;
    block_on(async {
        assert!(tables.push_manifest(push("one")).await.unwrap().created);
        tables.push_manifest(push("two")).await.unwrap();
        assert_eq!(
            tables
                .manifests()
                .get(&repository, &two.digest)
                .await
                .unwrap(),
            Some(two.clone())
        );
        assert!(
            tables
                .delete_manifest(&repository, &two.digest, "u", at)
                .await
                .unwrap()
        );
        assert!(
            tables
                .tags()
                .list(&repository, None, 9)
                .await
                .unwrap()
                .is_empty()
        );
        tables.push_manifest(push("one")).await.unwrap();
        assert_eq!(
            tables.tags().list(&repository, None, 9).await.unwrap(),
            ["v1"]
        );
        let history = tables
            .tags()
            .history(&repository, &tag, None, 9)
            .await
            .unwrap();
        let sequences: Vec<u64> = history.iter().map(|entry| entry.sequence).collect();
        assert_eq!(sequences, [4, 3, 2, 1]);
    });
}
