//! What Drift asks of the kernel itself.

pub mod affinity;
pub mod blocking;
pub mod drain;
pub mod driver;
pub mod signals;

pub use driver::driver;
