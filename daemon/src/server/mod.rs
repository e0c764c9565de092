//! The running daemon: signals, listeners, one worker per core, and their orderly end.

pub mod drain;
pub mod listener;
pub mod signals;
pub mod worker;
