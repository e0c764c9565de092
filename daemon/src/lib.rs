//! Drift: a self-hosted OCI image registry. `ARCHITECTURE.md` beside this crate is the map.
//!
//! Modules stand in layer order, lowest first; a module imports only from those above it in
//! this list, which the `tidy` test holds.

pub mod oci;
pub mod limits;
pub mod observe;
pub mod config;
pub mod sys;
pub mod http;
pub mod storage;
pub mod meta;
pub mod audit;
pub mod auth;
pub mod content;
pub mod ops;
pub mod registry;
pub mod api;
pub mod console;
pub mod server;
