//! The OCI distribution protocol: which route a request takes, what its parameters mean, and how
//! its errors are written.

pub mod route;
pub mod page;
pub mod chunk;
pub mod error;
