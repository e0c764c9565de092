//! What a case is, and how it ends.

use serde::Serialize;

use crate::client::ClientError;
use crate::session::Session;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "outcome")]
pub enum Outcome {
    Passed,
    Failed { expected: String, got: String },
    Skipped { reason: String },
}

/// Why a case ended before its last check.
#[derive(Debug)]
pub enum Stop {
    Failed { expected: String, got: String },
    Skipped(String),
}

impl From<ClientError> for Stop {
    fn from(error: ClientError) -> Self {
        Self::Failed {
            expected: "a well-formed answer".into(),
            got: error.to_string(),
        }
    }
}

pub type Check = Result<(), Stop>;

#[derive(Clone, Copy)]
pub struct Case {
    pub id: &'static str,
    pub specification: &'static str,
    pub description: &'static str,
    pub run: fn(&Session) -> Check,
}

pub const fn case(
    id: &'static str,
    specification: &'static str,
    description: &'static str,
    run: fn(&Session) -> Check,
) -> Case {
    Case {
        id,
        specification,
        description,
        run,
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    pub section: &'static str,
    pub id: &'static str,
    pub specification: &'static str,
    pub description: &'static str,
    pub milliseconds: u64,
    #[serde(flatten)]
    pub outcome: Outcome,
}

pub fn failed<T>(expected: impl Into<String>, got: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Failed {
        expected: expected.into(),
        got: got.into(),
    })
}

pub fn skipped<T>(reason: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Skipped(reason.into()))
}

/// Fails with both values when they differ.
pub fn same<T: PartialEq + std::fmt::Debug + ?Sized>(what: &str, expected: &T, got: &T) -> Check {
    if expected == got {
        return Ok(());
    }
    failed(format!("{what} {expected:?}"), format!("{got:?}"))
}

pub fn ensure(holds: bool, expected: &str, got: impl FnOnce() -> String) -> Check {
    if holds {
        Ok(())
    } else {
        failed(expected, got())
    }
}
