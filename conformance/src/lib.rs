//! A black-box conformance suite for any OCI registry, spoken to over plain HTTP/1.1.

pub mod http;
pub mod rules;
pub mod client;
pub mod case;
pub mod session;
pub mod sections;
pub mod report;
