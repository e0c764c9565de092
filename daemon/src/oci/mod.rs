//! The parsed types of the OCI specifications: a value of one of them is valid by construction.
//! No I/O and nothing of Drift below it.

pub mod digest;
pub mod name;
pub mod reference;
pub mod media_type;
pub mod descriptor;
pub mod manifest;
