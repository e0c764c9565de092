//! Users: a record each, whose content is up to `auth`.

use bytes::Bytes;

use super::{MetaError, Tables, codec};
use crate::meta::records::Expect;

pub struct Users<'a>(&'a Tables);

impl Tables {
    pub fn users(&self) -> Users<'_> {
        Users(self)
    }
}

fn key(name: &str) -> Vec<u8> {
    [&[codec::USER], name.as_bytes()].concat()
}

impl Users<'_> {
    pub async fn get(&self, name: &str) -> Result<Option<Bytes>, MetaError> {
        let key = key(name);
        let Some(record) = self.0.records.get(&key).await? else {
            return Ok(None);
        };
        Ok(Some(codec::decode::<()>(&key, &record.value)?.1))
    }

    pub async fn put(&self, name: &str, content: &[u8]) -> Result<(), MetaError> {
        self.0
            .records
            .put(key(name), codec::encode(&(), content), Expect::Any)
            .await?;
        Ok(())
    }

    pub async fn delete(&self, name: &str) -> Result<(), MetaError> {
        self.0.records.delete(key(name), Expect::Any).await?;
        Ok(())
    }

    pub async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>, MetaError> {
        let after = after.map(key);
        let page = self
            .0
            .records
            .scan(&[codec::USER], after.as_deref(), limit)
            .await?;
        page.into_iter()
            .map(|(key, _)| codec::text(&key, 1))
            .collect()
    }
}
