//! Repositories: made by their first manifest, listed in byte order.

use time::OffsetDateTime;

use super::{MetaError, Tables, codec};
use crate::oci::name::RepositoryName;

pub struct Repositories<'a>(&'a Tables);

impl Tables {
    pub fn repositories(&self) -> Repositories<'_> {
        Repositories(self)
    }
}

pub(super) fn key(repository: &RepositoryName) -> Vec<u8> {
    [&[codec::REPOSITORY], repository.as_str().as_bytes()].concat()
}

impl Repositories<'_> {
    /// When it was made.
    pub async fn get(&self, name: &RepositoryName) -> Result<Option<OffsetDateTime>, MetaError> {
        let key = key(name);
        let Some(record) = self.0.records.get(&key).await? else {
            return Ok(None);
        };
        let (created_at, _) = codec::decode::<i128>(&key, &record.value)?;
        Ok(codec::moment(created_at))
    }

    pub async fn list(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<RepositoryName>, MetaError> {
        let prefix = [codec::REPOSITORY];
        let after = after.map(|after| [&prefix, after.as_bytes()].concat());
        let page = self
            .0
            .records
            .scan(&prefix, after.as_deref(), limit)
            .await?;
        page.into_iter()
            .map(|(key, _)| {
                RepositoryName::parse(&codec::text(&key, 1)?)
                    .map_err(|_| MetaError::Malformed { key })
            })
            .collect()
    }
}
