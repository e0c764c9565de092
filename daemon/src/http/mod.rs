//! HTTP/1.1 as the daemon serves it. Everything but the connection itself does no I/O.

pub mod method;
pub mod framing;
pub mod parse;
pub mod request;
pub mod range;
pub mod conditional;
pub mod response;

pub use framing::BodyLength;
pub use method::Method;
pub use request::Request;
pub use response::{Annotations, HeaderValue, Response, ResponseBody, StatusCode};
