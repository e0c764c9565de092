//! What Drift asks of the kernel itself.

pub mod drain;
pub mod driver;

pub use driver::driver;
