//! Writes that belong together, each one atomic batch, tried again when others interfere.

use bytes::Bytes;
use time::OffsetDateTime;

use super::manifests::ManifestRecord;
use super::tags::{TagExpect, Target, tagged_prefix};
use super::{ATTEMPTS_MAX, MetaError, Tables, codec, manifests, referrers, repositories};
use crate::meta::records::{Expect, Operation, RecordsError};
use crate::oci::digest::Digest;
use crate::oci::name::RepositoryName;
use crate::oci::reference::Tag;

const DELETE_PAGE: usize = 1000;

#[derive(Clone, Debug)]
pub struct Referrer {
    pub subject: Digest,
    /// The pushed manifest's descriptor, as JSON.
    pub descriptor: Bytes,
}

#[derive(Clone, Debug)]
pub struct TagMove {
    pub tag: Tag,
    pub expect: TagExpect,
}

#[derive(Clone, Debug)]
pub struct PushManifest {
    pub repository: RepositoryName,
    pub record: ManifestRecord,
    pub referrer: Option<Referrer>,
    pub tags: Vec<TagMove>,
    pub by: String,
    pub at: OffsetDateTime,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagMoved {
    pub tag: Tag,
    pub from: Option<Digest>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushOutcome {
    /// The repository didn't hold the manifest before.
    pub created: bool,
    pub tags: Vec<TagMoved>,
}

impl Tables {
    pub async fn push_manifest(&self, push: PushManifest) -> Result<PushOutcome, MetaError> {
        for _ in 0..ATTEMPTS_MAX {
            let (batch, outcome) = self.plan_push(&push).await?;
            if self.attempt(batch).await? {
                return Ok(outcome);
            }
        }
        Err(MetaError::Contended)
    }

    async fn plan_push(
        &self,
        push: &PushManifest,
    ) -> Result<(Vec<Operation>, PushOutcome), MetaError> {
        let (repository, record) = (&push.repository, &push.record);
        let mut batch = Vec::new();
        let key = repositories::key(repository);
        if self.records.get(&key).await?.is_none() {
            let value = codec::encode(&push.at.unix_timestamp_nanos(), &[]);
            batch.push(Operation::Put {
                key,
                value,
                expect: Expect::Absent,
            });
        }
        let key = manifests::key(repository, &record.digest);
        let before = self.records.get(&key).await?;
        // Written anew even when it is there: a deletion that runs beside this push has listed
        // the manifest's tags already, and must lose.
        let value = before
            .as_ref()
            .map_or_else(|| manifests::encode(record), |found| found.value.clone());
        batch.push(Operation::Put {
            key,
            value,
            expect: Expect::unchanged(before.as_ref()),
        });
        if let Some(referrer) = &push.referrer {
            batch.push(Operation::Put {
                key: referrers::key(repository, &referrer.subject, &record.digest),
                value: codec::encode(&(), &referrer.descriptor),
                expect: Expect::Any,
            });
        }
        let size = record.bytes.len() as u64;
        let target = Target {
            digest: record.digest,
            media_type: &record.media_type,
            size,
        };
        let mut tags: Vec<TagMoved> = Vec::new();
        for TagMove { tag, expect } in &push.tags {
            if tags.iter().any(|moved| moved.tag.as_str() == tag.as_str()) {
                continue;
            }
            let by = (push.by.as_str(), push.at);
            let name = tag.as_str();
            let table = self.tags();
            let from = table
                .plan(repository, name, *expect, Some(&target), by, &mut batch)
                .await?;
            tags.push(TagMoved {
                tag: tag.clone(),
                from,
            });
        }
        Ok((
            batch,
            PushOutcome {
                created: before.is_none(),
                tags,
            },
        ))
    }

    /// False where there is no such tag.
    pub async fn delete_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        by: &str,
        at: OffsetDateTime,
    ) -> Result<bool, MetaError> {
        for _ in 0..ATTEMPTS_MAX {
            let mut batch = Vec::new();
            let table = self.tags();
            let name = tag.as_str();
            let any = TagExpect::Any;
            let from = table
                .plan(repository, name, any, None, (by, at), &mut batch)
                .await?;
            if from.is_none() {
                return Ok(false);
            }
            if self.attempt(batch).await? {
                return Ok(true);
            }
        }
        Err(MetaError::Contended)
    }

    /// Deletes the manifest with its tags and its referrer record; false where it isn't there.
    pub async fn delete_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        by: &str,
        at: OffsetDateTime,
    ) -> Result<bool, MetaError> {
        for _ in 0..ATTEMPTS_MAX {
            let key = manifests::key(repository, digest);
            let Some(found) = self.records.get(&key).await? else {
                return Ok(false);
            };
            let mut batch = Vec::new();
            if let Some(subject) = manifests::decode(&key, *digest, &found.value)?.subject {
                let key = referrers::key(repository, &subject, digest);
                batch.push(Operation::Delete {
                    key,
                    expect: Expect::Any,
                });
            }
            batch.push(Operation::Delete {
                key,
                expect: Expect::Version(found.version),
            });
            let prefix = tagged_prefix(repository, digest);
            for (key, _) in self.records.scan(&prefix, None, usize::MAX).await? {
                let tag = codec::text(&key, prefix.len())?;
                let expect = TagExpect::Digest(*digest);
                let table = self.tags();
                match table
                    .plan(repository, &tag, expect, None, (by, at), &mut batch)
                    .await
                {
                    // Moved away since it was listed.
                    Ok(_) | Err(MetaError::TagChanged { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            if self.attempt(batch).await? {
                return Ok(true);
            }
        }
        Err(MetaError::Contended)
    }

    /// Deletes all that a repository holds, page by page, tags first and its own record last, so
    /// that a stop in between leaves a smaller repository to delete again.
    pub async fn delete_repository(&self, repository: &RepositoryName) -> Result<bool, MetaError> {
        let own = repositories::key(repository);
        if self.records.get(&own).await?.is_none() {
            return Ok(false);
        }
        let tables = [
            codec::TAG,
            codec::TOMBSTONE,
            codec::HISTORY,
            codec::TAGGED,
            codec::REFERRER,
            codec::MANIFEST,
        ];
        for table in tables {
            let prefix = codec::key(table, repository.as_str(), &[]);
            loop {
                let page = self.records.scan(&prefix, None, DELETE_PAGE).await?;
                if page.is_empty() {
                    break;
                }
                let delete = |(key, _)| Operation::Delete {
                    key,
                    expect: Expect::Any,
                };
                self.records
                    .batch(page.into_iter().map(delete).collect())
                    .await?;
            }
        }
        loop {
            let page = self.links().list(repository, None, DELETE_PAGE).await?;
            if page.is_empty() {
                break;
            }
            for (digest, _) in page {
                self.links().unlink(repository, &digest).await?;
            }
        }
        self.records.delete(own, Expect::Any).await?;
        Ok(true)
    }

    /// False where another write came first.
    async fn attempt(&self, batch: Vec<Operation>) -> Result<bool, MetaError> {
        match self.records.batch(batch).await {
            Ok(_) => Ok(true),
            Err(RecordsError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
