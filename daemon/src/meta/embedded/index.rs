//! The index over the log: an ordered store on disk that can be thrown away and made anew.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;

use bytes::Bytes;
use redb::{Database, ReadTransaction, ReadableDatabase, TableDefinition, TableError};

use super::super::records::{Record, RecordsError};
use super::io_error;

const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
const HELD: TableDefinition<'_, &str, u64> = TableDefinition::new("held");
const VERSION_BYTES: usize = 8;

pub(super) struct Index {
    database: Database,
}

impl Index {
    /// Opens the index; one that is missing or can't be read starts empty, at sequence 0.
    pub(super) fn open(path: &Path, cache_bytes: usize) -> Result<(Self, u64), RecordsError> {
        if path.exists() {
            match Self::open_existing(path, cache_bytes) {
                Ok(opened) => return Ok(opened),
                Err(error) => {
                    tracing::warn!(%error, "the record index can't be read; making it anew");
                    std::fs::remove_file(path).map_err(|error| io_error("remove", path, &error))?;
                }
            }
        }
        Self::open_existing(path, cache_bytes)
    }

    fn open_existing(path: &Path, cache_bytes: usize) -> Result<(Self, u64), RecordsError> {
        let database = Database::builder()
            .set_cache_size(cache_bytes)
            .create(path)
            .map_err(failed)?;
        let index = Self { database };
        let read = index.read()?;
        let held = match read.open_table(HELD) {
            Ok(table) => table
                .get("sequence")
                .map_err(failed)?
                .map_or(0, |held| held.value()),
            Err(TableError::TableDoesNotExist(_)) => 0,
            Err(error) => return Err(failed(error)),
        };
        Ok((index, held))
    }

    pub(super) fn read(&self) -> Result<ReadTransaction, RecordsError> {
        self.database.begin_read().map_err(failed)
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Record>, RecordsError> {
        let read = self.read()?;
        match read.open_table(RECORDS) {
            Ok(table) => table
                .get(key)
                .map_err(failed)?
                .map(|v| decode(v.value()))
                .transpose(),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Gives records after `after` under `prefix` to `take` until it says stop.
    pub(super) fn scan(
        read: &ReadTransaction,
        prefix: &[u8],
        start: Bound<&[u8]>,
        mut take: impl FnMut(&[u8], Record) -> bool,
    ) -> Result<(), RecordsError> {
        let table = match read.open_table(RECORDS) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        let range = table
            .range::<&[u8]>((start, Bound::Unbounded))
            .map_err(failed)?;
        for entry in range {
            let (key, value) = entry.map_err(failed)?;
            if !key.value().starts_with(prefix) || !take(key.value(), decode(value.value())?) {
                break;
            }
        }
        Ok(())
    }

    /// Writes what memory holds, with the sequence it goes up to, durably and at once.
    pub(super) fn write(
        &self,
        records: &BTreeMap<Vec<u8>, Option<Record>>,
        held: u64,
    ) -> Result<(), RecordsError> {
        let mut write = self.database.begin_write().map_err(failed)?;
        write.set_quick_repair(true);
        {
            let mut table = write.open_table(RECORDS).map_err(failed)?;
            for (key, record) in records {
                match record {
                    Some(Record { version, value }) => {
                        let encoded = [version.to_le_bytes().as_slice(), value].concat();
                        table
                            .insert(key.as_slice(), encoded.as_slice())
                            .map_err(failed)?;
                    }
                    None => {
                        table.remove(key.as_slice()).map_err(failed)?;
                    }
                }
            }
            let mut table = write.open_table(HELD).map_err(failed)?;
            table.insert("sequence", held).map_err(failed)?;
        }
        write.commit().map_err(failed)
    }
}

fn decode(encoded: &[u8]) -> Result<Record, RecordsError> {
    let (version, value) = encoded
        .split_first_chunk::<VERSION_BYTES>()
        .ok_or_else(|| RecordsError::Index {
            what: "a record without its version".to_owned(),
        })?;
    let value = Bytes::copy_from_slice(value);
    Ok(Record {
        version: u64::from_le_bytes(*version),
        value,
    })
}

fn failed(error: impl Into<redb::Error>) -> RecordsError {
    RecordsError::Index {
        what: error.into().to_string(),
    }
}
