//! What the daemon tells about itself: its log, its counters, the ids of requests.

pub mod logging;
pub mod metrics;
pub mod request_id;

pub use request_id::RequestId;
