//! Tags, with the history of where each pointed.
//!
//! A tag's record holds its newest entry; a move puts the one before under a key of its own in
//! the same batch. A deleted tag leaves a tombstone under another prefix, so that lists read
//! only live tags and the history goes on when the tag comes back.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{MetaError, Tables, codec};
use crate::meta::records::{Expect, Operation};
use crate::oci::digest::Digest;
use crate::oci::name::RepositoryName;
use crate::oci::reference::Tag;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagEntry {
    /// Counts the moves of this tag, from 1.
    pub sequence: u64,
    pub at: OffsetDateTime,
    pub by: String,
    pub from: Option<Digest>,
    /// None where the tag was deleted.
    pub to: Option<Digest>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagRecord {
    pub digest: Digest,
    pub media_type: String,
    pub size: u64,
    pub entry: TagEntry,
}

/// What a push expects of a tag before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagExpect {
    Any,
    Absent,
    Digest(Digest),
}

#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    sequence: u64,
    at: i128,
    by: String,
    from: Option<Vec<u8>>,
    to: Option<Vec<u8>>,
    media_type: String,
    size: u64,
}

impl Stored {
    fn entry(&self) -> Option<TagEntry> {
        let digest = |raw: &Option<Vec<u8>>| match raw {
            Some(raw) => codec::digest(raw).map(Some),
            None => Some(None),
        };
        Some(TagEntry {
            sequence: self.sequence,
            at: codec::moment(self.at)?,
            by: self.by.clone(),
            from: digest(&self.from)?,
            to: digest(&self.to)?,
        })
    }
}

pub struct Tags<'a>(&'a Tables);

impl Tables {
    pub fn tags(&self) -> Tags<'_> {
        Tags(self)
    }
}

pub(super) fn tagged_prefix(repository: &RepositoryName, digest: &Digest) -> Vec<u8> {
    codec::key(codec::TAGGED, repository.as_str(), &codec::raw(digest))
}

fn history_prefix(repository: &RepositoryName, tag: &str) -> Vec<u8> {
    codec::key(
        codec::HISTORY,
        repository.as_str(),
        &[tag.as_bytes(), &[0]].concat(),
    )
}

/// Where a tag is to go.
pub(super) struct Target<'a> {
    pub(super) digest: Digest,
    pub(super) media_type: &'a str,
    pub(super) size: u64,
}

impl Tags<'_> {
    pub async fn get(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<TagRecord>, MetaError> {
        let key = codec::key(codec::TAG, repository.as_str(), tag.as_str().as_bytes());
        let Some(record) = self.0.records.get(&key).await? else {
            return Ok(None);
        };
        let stored = codec::decode::<Stored>(&key, &record.value)?.0;
        let entry = stored.entry();
        let found = entry.and_then(|entry| {
            let Stored {
                media_type, size, ..
            } = stored;
            Some(TagRecord {
                digest: entry.to?,
                media_type,
                size,
                entry,
            })
        });
        found.map(Some).ok_or(MetaError::Malformed { key })
    }

    /// Names of live tags in byte order.
    pub async fn list(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, MetaError> {
        let prefix = codec::key(codec::TAG, repository.as_str(), &[]);
        let after = after.map(|after| [prefix.as_slice(), after.as_bytes()].concat());
        let page = self
            .0
            .records
            .scan(&prefix, after.as_deref(), limit)
            .await?;
        page.into_iter()
            .map(|(key, _)| codec::text(&key, prefix.len()))
            .collect()
    }

    /// Entries older than `before`, newest first; from the newest without it.
    pub async fn history(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<TagEntry>, MetaError> {
        let mut found = Vec::new();
        let (_, current) = self.current(repository, tag.as_str()).await?;
        let newest = current.and_then(|(_, stored)| stored.entry());
        found.extend(newest.filter(|entry| before.is_none_or(|before| entry.sequence < before)));
        let prefix = history_prefix(repository, tag.as_str());
        let after =
            before.map(|before| [prefix.as_slice(), &(u64::MAX - before).to_be_bytes()].concat());
        let page = self
            .0
            .records
            .scan(&prefix, after.as_deref(), limit)
            .await?;
        for (key, record) in page {
            let entry = codec::decode::<Stored>(&key, &record.value)?.0.entry();
            found.push(entry.ok_or(MetaError::Malformed { key })?);
        }
        found.dedup_by_key(|entry| entry.sequence);
        found.truncate(limit);
        Ok(found)
    }

    /// The live record or the tombstone, and what a batch has to expect of both keys.
    async fn current(
        &self,
        repository: &RepositoryName,
        tag: &str,
    ) -> Result<([(Vec<u8>, Expect); 2], Option<(Bytes, Stored)>), MetaError> {
        let live = codec::key(codec::TAG, repository.as_str(), tag.as_bytes());
        let dead = codec::key(codec::TOMBSTONE, repository.as_str(), tag.as_bytes());
        let live_record = self.0.records.get(&live).await?;
        let dead_record = self.0.records.get(&dead).await?;
        let expects = [
            (live.clone(), Expect::unchanged(live_record.as_ref())),
            (dead, Expect::unchanged(dead_record.as_ref())),
        ];
        let stored = match live_record.or(dead_record) {
            Some(record) => Some((
                record.value.clone(),
                codec::decode::<Stored>(&live, &record.value)?.0,
            )),
            None => None,
        };
        Ok((expects, stored))
    }

    /// Adds what moves the tag to the batch; gives where it pointed. Nothing to do where it
    /// points there already, or is to go and isn't there.
    pub(super) async fn plan(
        &self,
        repository: &RepositoryName,
        tag: &str,
        expect: TagExpect,
        target: Option<&Target<'_>>,
        (by, at): (&str, OffsetDateTime),
        batch: &mut Vec<Operation>,
    ) -> Result<Option<Digest>, MetaError> {
        let ([live, dead], current) = self.current(repository, tag).await?;
        let from = current
            .as_ref()
            .and_then(|(_, stored)| stored.to.as_deref())
            .and_then(codec::digest);
        let met = match expect {
            TagExpect::Any => true,
            TagExpect::Absent => from.is_none(),
            TagExpect::Digest(digest) => from == Some(digest),
        };
        if !met {
            return Err(MetaError::TagChanged {
                tag: tag.to_owned(),
                current: from,
            });
        }
        if from == target.map(|target| target.digest) {
            return Ok(from);
        }
        let sequence = current
            .as_ref()
            .map_or(1, |(_, stored)| stored.sequence + 1);
        if let Some((value, stored)) = current {
            let number = (u64::MAX - stored.sequence).to_be_bytes();
            let key = [history_prefix(repository, tag).as_slice(), &number].concat();
            batch.push(Operation::Put {
                key,
                value,
                expect: Expect::Absent,
            });
        }
        let stored = Stored {
            sequence,
            at: at.unix_timestamp_nanos(),
            by: by.to_owned(),
            from: from.as_ref().map(codec::raw),
            to: target.map(|target| codec::raw(&target.digest)),
            media_type: target.map_or_else(String::new, |target| target.media_type.to_owned()),
            size: target.map_or(0, |target| target.size),
        };
        let (put, delete) = if target.is_some() {
            (live, dead)
        } else {
            (dead, live)
        };
        let value = codec::encode(&stored, &[]);
        batch.push(Operation::Put {
            key: put.0,
            value,
            expect: put.1,
        });
        batch.push(Operation::Delete {
            key: delete.0,
            expect: delete.1,
        });
        let tagged =
            |digest| [tagged_prefix(repository, digest).as_slice(), tag.as_bytes()].concat();
        if let Some(from) = &from {
            batch.push(Operation::Delete {
                key: tagged(from),
                expect: Expect::Any,
            });
        }
        if let Some(target) = target {
            let (key, value) = (tagged(&target.digest), codec::encode(&(), &[]));
            batch.push(Operation::Put {
                key,
                value,
                expect: Expect::Any,
            });
        }
        Ok(from)
    }
}
