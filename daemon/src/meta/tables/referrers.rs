//! Referrers: the descriptors that answer "what refers to this manifest".

use bytes::Bytes;

use super::{MetaError, Tables, codec};
use crate::oci::digest::Digest;
use crate::oci::name::RepositoryName;

pub struct Referrers<'a>(&'a Tables);

impl Tables {
    pub fn referrers(&self) -> Referrers<'_> {
        Referrers(self)
    }
}

pub(super) fn key(repository: &RepositoryName, subject: &Digest, referrer: &Digest) -> Vec<u8> {
    let rest = [codec::raw(subject), codec::raw(referrer)].concat();
    codec::key(codec::REFERRER, repository.as_str(), &rest)
}

impl Referrers<'_> {
    /// Each referrer's digest and its descriptor as JSON.
    pub async fn list(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        after: Option<&Digest>,
        limit: usize,
    ) -> Result<Vec<(Digest, Bytes)>, MetaError> {
        let prefix = codec::key(codec::REFERRER, repository.as_str(), &codec::raw(subject));
        let after = after.map(|after| key(repository, subject, after));
        let page = self
            .0
            .records
            .scan(&prefix, after.as_deref(), limit)
            .await?;
        page.into_iter()
            .map(|(key, record)| {
                let descriptor = codec::decode::<()>(&key, &record.value)?.1;
                let digest = codec::digest(&key[prefix.len()..]);
                digest
                    .map(|digest| (digest, descriptor))
                    .ok_or(MetaError::Malformed { key })
            })
            .collect()
    }
}
