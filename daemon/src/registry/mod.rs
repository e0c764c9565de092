//! The OCI distribution protocol: which route a request takes, and how its errors are written.

pub mod error;
pub mod route;
