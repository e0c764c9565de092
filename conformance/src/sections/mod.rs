//! The sections, in the order they run.

use std::time::Instant;

use crate::case::{Case, Finding, Outcome, Stop};
use crate::session::Session;

mod base;
mod blobs;
mod uploads;
mod manifests;
mod listing;
mod errors;

pub struct Section {
    pub name: &'static str,
    pub cases: &'static [Case],
}

/// `headers` comes last: it judges the responses that the others drew.
pub const SECTIONS: &[Section] = &[
    Section {
        name: "base",
        cases: base::CASES,
    },
    Section {
        name: "blobs",
        cases: blobs::CASES,
    },
    Section {
        name: "uploads",
        cases: uploads::CASES,
    },
    Section {
        name: "mount",
        cases: uploads::MOUNT_CASES,
    },
    Section {
        name: "manifests",
        cases: manifests::CASES,
    },
    Section {
        name: "tags",
        cases: listing::TAG_CASES,
    },
    Section {
        name: "referrers",
        cases: listing::REFERRER_CASES,
    },
    Section {
        name: "errors",
        cases: errors::CASES,
    },
    Section {
        name: "headers",
        cases: errors::HEADER_CASES,
    },
];

pub fn run(section: &Section, session: &Session) -> Vec<Finding> {
    section
        .cases
        .iter()
        .map(|case| run_case(section.name, case, session))
        .collect()
}

fn run_case(section: &'static str, case: &Case, session: &Session) -> Finding {
    let started = Instant::now();
    let outcome = match (case.run)(session) {
        Ok(()) => Outcome::Passed,
        Err(Stop::Failed { expected, got }) => Outcome::Failed { expected, got },
        Err(Stop::Skipped(reason)) => Outcome::Skipped { reason },
    };
    Finding {
        section,
        id: case.id,
        specification: case.specification,
        description: case.description,
        milliseconds: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_ids_are_unique() {
        let mut ids: Vec<_> = SECTIONS
            .iter()
            .flat_map(|section| section.cases)
            .map(|case| case.id)
            .collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}
