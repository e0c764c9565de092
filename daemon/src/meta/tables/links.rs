//! Which repository holds which blob, and back.

use super::{MetaError, Tables, codec};
use crate::meta::records::{Expect, Operation, RecordsError};
use crate::oci::digest::Digest;
use crate::oci::name::RepositoryName;

pub struct Links<'a>(&'a Tables);

impl Tables {
    pub fn links(&self) -> Links<'_> {
        Links(self)
    }
}

fn keys(repository: &RepositoryName, digest: &Digest) -> (Vec<u8>, Vec<u8>) {
    let raw = codec::raw(digest);
    let holder = [
        &[codec::HOLDER],
        raw.as_slice(),
        repository.as_str().as_bytes(),
    ]
    .concat();
    (codec::key(codec::LINK, repository.as_str(), &raw), holder)
}

impl Links<'_> {
    pub async fn link(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        size: u64,
    ) -> Result<(), MetaError> {
        let (link, holder) = keys(repository, digest);
        let value = codec::encode(&size, &[]);
        let put = |key| Operation::Put {
            key,
            value: value.clone(),
            expect: Expect::Any,
        };
        self.0.records.batch(vec![put(link), put(holder)]).await?;
        Ok(())
    }

    /// The blob's size, where the repository holds it.
    pub async fn get(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<u64>, MetaError> {
        let (key, _) = keys(repository, digest);
        let Some(record) = self.0.records.get(&key).await? else {
            return Ok(None);
        };
        Ok(Some(codec::decode::<u64>(&key, &record.value)?.0))
    }

    pub async fn unlink(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<bool, MetaError> {
        let (link, holder) = keys(repository, digest);
        let Some(record) = self.0.records.get(&link).await? else {
            return Ok(false);
        };
        let expect = Expect::Version(record.version);
        let batch = vec![
            Operation::Delete { key: link, expect },
            Operation::Delete {
                key: holder,
                expect: Expect::Any,
            },
        ];
        match self.0.records.batch(batch).await {
            Ok(_) => Ok(true),
            Err(RecordsError::Conflict { .. }) => Err(MetaError::Contended),
            Err(error) => Err(error.into()),
        }
    }

    pub async fn list(
        &self,
        repository: &RepositoryName,
        after: Option<&Digest>,
        limit: usize,
    ) -> Result<Vec<(Digest, u64)>, MetaError> {
        let prefix = codec::key(codec::LINK, repository.as_str(), &[]);
        let after = after.map(|after| [prefix.as_slice(), &codec::raw(after)].concat());
        let page = self
            .0
            .records
            .scan(&prefix, after.as_deref(), limit)
            .await?;
        page.into_iter()
            .map(|(key, record)| {
                let size = codec::decode::<u64>(&key, &record.value)?.0;
                let digest = codec::digest(&key[prefix.len()..]);
                digest
                    .map(|digest| (digest, size))
                    .ok_or(MetaError::Malformed { key })
            })
            .collect()
    }

    /// Repositories that hold the blob.
    pub async fn holders(
        &self,
        digest: &Digest,
        after: Option<&RepositoryName>,
        limit: usize,
    ) -> Result<Vec<RepositoryName>, MetaError> {
        let prefix = [&[codec::HOLDER], codec::raw(digest).as_slice()].concat();
        let after = after.map(|after| [prefix.as_slice(), after.as_str().as_bytes()].concat());
        let page = self
            .0
            .records
            .scan(&prefix, after.as_deref(), limit)
            .await?;
        page.into_iter()
            .map(|(key, _)| {
                RepositoryName::parse(&codec::text(&key, prefix.len())?)
                    .map_err(|_| MetaError::Malformed { key })
            })
            .collect()
    }
}
