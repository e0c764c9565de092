//! What the registry knows besides blob bytes: repositories, links, manifests, tags, users.
//!
//! [`Records`] is the contract an engine keeps, [`Embedded`] the engine on a local file system,
//! and [`Tables`] the only place that knows how keys and records look.

mod records;
pub mod embedded;
pub mod tables;

#[cfg(test)]
mod tests;

pub use embedded::Embedded;
pub use records::{Expect, Operation, Pending, Record, Records, RecordsError};
pub use tables::manifests::ManifestRecord;
pub use tables::push::{PushManifest, PushOutcome, Referrer, TagMove, TagMoved};
pub use tables::tags::{TagEntry, TagExpect, TagRecord};
pub use tables::{MetaError, Tables};
