//! What Drift asks of the kernel itself: the only place with `unsafe` code.

pub mod affinity;
pub mod blocking;
pub mod buffer;
pub mod drain;
pub mod driver;
pub mod file;
pub mod sendfile;
pub mod signals;

pub use driver::driver;
