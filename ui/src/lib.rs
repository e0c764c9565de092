//! The pages of Drift's console: Maud views of plain structs. No I/O, and nothing of the daemon.

pub mod layout;
pub mod start;
