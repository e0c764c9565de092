//! Manifests: what the registry needs at hand of each, and its bytes as they were pushed.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{MetaError, Tables, codec};
use crate::oci::digest::Digest;
use crate::oci::name::RepositoryName;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestRecord {
    pub digest: Digest,
    pub media_type: String,
    pub bytes: Bytes,
    pub pushed_at: OffsetDateTime,
    pub pushed_by: String,
    pub subject: Option<Digest>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    media_type: String,
    pushed_at: i128,
    pushed_by: String,
    subject: Option<Vec<u8>>,
}

pub struct Manifests<'a>(&'a Tables);

impl Tables {
    pub fn manifests(&self) -> Manifests<'_> {
        Manifests(self)
    }
}

pub(super) fn key(repository: &RepositoryName, digest: &Digest) -> Vec<u8> {
    codec::key(codec::MANIFEST, repository.as_str(), &codec::raw(digest))
}

pub(super) fn encode(record: &ManifestRecord) -> Bytes {
    let header = Header {
        media_type: record.media_type.clone(),
        pushed_at: record.pushed_at.unix_timestamp_nanos(),
        pushed_by: record.pushed_by.clone(),
        subject: record.subject.as_ref().map(codec::raw),
    };
    codec::encode(&header, &record.bytes)
}

pub(super) fn decode(
    key: &[u8],
    digest: Digest,
    value: &Bytes,
) -> Result<ManifestRecord, MetaError> {
    let malformed = || MetaError::Malformed { key: key.to_vec() };
    let (header, bytes) = codec::decode::<Header>(key, value)?;
    let subject = match header.subject {
        Some(raw) => Some(codec::digest(&raw).ok_or_else(malformed)?),
        None => None,
    };
    let pushed_at = codec::moment(header.pushed_at).ok_or_else(malformed)?;
    let Header {
        media_type,
        pushed_by,
        ..
    } = header;
    Ok(ManifestRecord {
        digest,
        media_type,
        bytes,
        pushed_at,
        pushed_by,
        subject,
    })
}

impl Manifests<'_> {
    pub async fn get(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<ManifestRecord>, MetaError> {
        let key = key(repository, digest);
        let Some(record) = self.0.records.get(&key).await? else {
            return Ok(None);
        };
        decode(&key, *digest, &record.value).map(Some)
    }

    pub async fn list(
        &self,
        repository: &RepositoryName,
        after: Option<&Digest>,
        limit: usize,
    ) -> Result<Vec<ManifestRecord>, MetaError> {
        let prefix = codec::key(codec::MANIFEST, repository.as_str(), &[]);
        let after = after.map(|after| key(repository, after));
        let page = self
            .0
            .records
            .scan(&prefix, after.as_deref(), limit)
            .await?;
        page.into_iter()
            .map(|(key, record)| match codec::digest(&key[prefix.len()..]) {
                Some(digest) => decode(&key, digest, &record.value),
                None => Err(MetaError::Malformed { key }),
            })
            .collect()
    }
}
