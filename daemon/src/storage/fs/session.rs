//! An upload session and the file that keeps its state beside its bytes.
//!
//! The file is a CRC-32C in eight hexadecimal digits, a space, and a JSON object.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::hasher::Hasher;
use crate::oci::digest::Algorithm;
use crate::oci::name::RepositoryName;
use crate::storage::{Owner, UploadId, UploadStatus};

#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) id: UploadId,
    pub(super) owner: Owner,
    pub(super) offset: u64,
    /// The hash of the first `offset` bytes.
    pub(super) hasher: Hasher,
    /// How many of the first bytes are known to survive a power cut.
    pub(super) synced: u64,
    /// Whether the bytes below `offset` are known to be those that were hashed.
    pub(super) trusted: bool,
    pub(super) started_at: OffsetDateTime,
    pub(super) touched_at: OffsetDateTime,
}

impl Session {
    pub(super) fn new(id: UploadId, owner: Owner, algorithm: Algorithm) -> Self {
        let now = OffsetDateTime::now_utc();
        Self {
            id,
            owner,
            offset: 0,
            hasher: Hasher::new(algorithm),
            synced: 0,
            trusted: true,
            started_at: now,
            touched_at: now,
        }
    }

    pub(super) fn status(&self) -> UploadStatus {
        UploadStatus {
            id: self.id,
            owner: self.owner.clone(),
            offset: self.offset,
            started_at: self.started_at,
            algorithm: self.hasher.algorithm(),
        }
    }

    pub(super) fn is_idle_for(&self, idle_for: Duration) -> bool {
        let idle = OffsetDateTime::now_utc() - self.touched_at;
        Duration::try_from(idle).is_ok_and(|idle| idle >= idle_for)
    }

    pub(super) fn encode(&self, run: &str) -> String {
        let record = Record {
            repository: self.owner.repository.as_str().to_owned(),
            principal: self.owner.principal.to_string(),
            algorithm: self.hasher.algorithm().as_str().to_owned(),
            offset: self.offset,
            hash_state: self.hasher.state(),
            synced: self.synced,
            run: run.to_owned(),
            started_at: self.started_at.unix_timestamp(),
            touched_at: self.touched_at.unix_timestamp(),
        };
        let json = serde_json::to_string(&record).expect("plain fields are always JSON");
        format!("{:08x} {json}", crc32c::crc32c(json.as_bytes()))
    }

    /// The session a state file describes; `None` where the file is damaged. It is trusted
    /// only when `clean_run`, the run that stopped cleanly, wrote it.
    pub(super) fn decode(id: UploadId, text: &str, clean_run: Option<&str>) -> Option<Self> {
        let (checksum, json) = text.split_at_checked(8)?;
        let json = json.strip_prefix(' ')?;
        if u32::from_str_radix(checksum, 16).ok()? != crc32c::crc32c(json.as_bytes()) {
            return None;
        }
        let record: Record = serde_json::from_str(json).ok()?;
        let algorithm = Algorithm::parse(&record.algorithm).ok()?;
        if record.synced > record.offset {
            return None;
        }
        Some(Self {
            id,
            owner: Owner {
                repository: RepositoryName::parse(&record.repository).ok()?,
                principal: Arc::from(record.principal),
            },
            offset: record.offset,
            hasher: Hasher::from_state(algorithm, &record.hash_state)?,
            synced: record.synced,
            trusted: clean_run == Some(record.run.as_str()) && record.synced == record.offset,
            started_at: OffsetDateTime::from_unix_timestamp(record.started_at).ok()?,
            touched_at: OffsetDateTime::from_unix_timestamp(record.touched_at).ok()?,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Record {
    repository: String,
    principal: String,
    algorithm: String,
    offset: u64,
    hash_state: Vec<u8>,
    synced: u64,
    /// The run of the daemon that wrote this.
    run: String,
    started_at: i64,
    touched_at: i64,
}
