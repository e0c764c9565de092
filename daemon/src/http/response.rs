//! Answers: status, headers, body, and the bytes of their head.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use time::OffsetDateTime;

use crate::http::parse::Version;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatusCode(pub u16);

impl StatusCode {
    pub const OK: StatusCode = StatusCode(200);
    pub const CREATED: StatusCode = StatusCode(201);
    pub const ACCEPTED: StatusCode = StatusCode(202);
    pub const NO_CONTENT: StatusCode = StatusCode(204);
    pub const PARTIAL_CONTENT: StatusCode = StatusCode(206);
    pub const SEE_OTHER: StatusCode = StatusCode(303);
    pub const NOT_MODIFIED: StatusCode = StatusCode(304);
    pub const TEMPORARY_REDIRECT: StatusCode = StatusCode(307);
    pub const BAD_REQUEST: StatusCode = StatusCode(400);
    pub const UNAUTHORIZED: StatusCode = StatusCode(401);
    pub const FORBIDDEN: StatusCode = StatusCode(403);
    pub const NOT_FOUND: StatusCode = StatusCode(404);
    pub const METHOD_NOT_ALLOWED: StatusCode = StatusCode(405);
    pub const REQUEST_TIMEOUT: StatusCode = StatusCode(408);
    pub const CONFLICT: StatusCode = StatusCode(409);
    pub const PRECONDITION_FAILED: StatusCode = StatusCode(412);
    pub const CONTENT_TOO_LARGE: StatusCode = StatusCode(413);
    pub const RANGE_NOT_SATISFIABLE: StatusCode = StatusCode(416);
    pub const EXPECTATION_FAILED: StatusCode = StatusCode(417);
    pub const TOO_MANY_REQUESTS: StatusCode = StatusCode(429);
    pub const INTERNAL_SERVER_ERROR: StatusCode = StatusCode(500);
    pub const NOT_IMPLEMENTED: StatusCode = StatusCode(501);
    pub const SERVICE_UNAVAILABLE: StatusCode = StatusCode(503);
    pub const INSUFFICIENT_STORAGE: StatusCode = StatusCode(507);

    pub fn as_u16(self) -> u16 {
        self.0
    }

    pub fn reason(self) -> &'static str {
        match self.0 {
            200 => "OK",
            201 => "Created",
            202 => "Accepted",
            204 => "No Content",
            206 => "Partial Content",
            303 => "See Other",
            304 => "Not Modified",
            307 => "Temporary Redirect",
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            409 => "Conflict",
            412 => "Precondition Failed",
            413 => "Content Too Large",
            414 => "URI Too Long",
            416 => "Range Not Satisfiable",
            417 => "Expectation Failed",
            429 => "Too Many Requests",
            431 => "Request Header Fields Too Large",
            500 => "Internal Server Error",
            501 => "Not Implemented",
            503 => "Service Unavailable",
            505 => "HTTP Version Not Supported",
            507 => "Insufficient Storage",
            _ => "",
        }
    }

    /// 1xx, 204 and 304 end with their head (RFC 9110 §6.4.1).
    fn is_bodiless(self) -> bool {
        self.0 < 200 || self.0 == 204 || self.0 == 304
    }
}

/// A header value that cannot break out of its line: control bytes become spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderValue(Cow<'static, str>);

impl HeaderValue {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&'static str> for HeaderValue {
    fn from(text: &'static str) -> Self {
        HeaderValue(clean(Cow::Borrowed(text)))
    }
}

impl From<String> for HeaderValue {
    fn from(text: String) -> Self {
        HeaderValue(clean(Cow::Owned(text)))
    }
}

impl From<u64> for HeaderValue {
    fn from(number: u64) -> Self {
        HeaderValue(Cow::Owned(number.to_string()))
    }
}

fn clean(text: Cow<'static, str>) -> Cow<'static, str> {
    let bad = |c: char| c.is_ascii_control() && c != '\t';
    if text.contains(bad) {
        Cow::Owned(text.replace(bad, " "))
    } else {
        text
    }
}

#[derive(Clone, Debug, Default)]
pub enum ResponseBody {
    #[default]
    Empty,
    Bytes(Bytes),
    File {
        file: Arc<std::fs::File>,
        offset: u64,
        length: u64,
    },
}

impl ResponseBody {
    pub fn length(&self) -> u64 {
        match self {
            ResponseBody::Empty => 0,
            ResponseBody::Bytes(bytes) => bytes.len() as u64,
            ResponseBody::File { length, .. } => *length,
        }
    }
}

impl From<Bytes> for ResponseBody {
    fn from(bytes: Bytes) -> Self {
        ResponseBody::Bytes(bytes)
    }
}

impl From<Vec<u8>> for ResponseBody {
    fn from(bytes: Vec<u8>) -> Self {
        ResponseBody::Bytes(bytes.into())
    }
}

impl From<String> for ResponseBody {
    fn from(text: String) -> Self {
        ResponseBody::Bytes(text.into())
    }
}

impl From<&'static str> for ResponseBody {
    fn from(text: &'static str) -> Self {
        ResponseBody::Bytes(Bytes::from_static(text.as_bytes()))
    }
}

/// What the access line and the counters tell of a request beside its head.
#[derive(Clone, Debug, Default)]
pub struct Annotations {
    pub route: &'static str,
    pub principal: Option<Arc<str>>,
    pub repository: Option<Arc<str>>,
    pub reference: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: Vec<(&'static str, HeaderValue)>,
    pub body: ResponseBody,
    pub note: Annotations,
}

impl Response {
    pub fn new(status: StatusCode) -> Self {
        Response {
            status,
            headers: Vec::new(),
            body: ResponseBody::Empty,
            note: Annotations::default(),
        }
    }

    /// Adds a header. Framing headers and `Date` are the connection's, and are left out here.
    pub fn header(mut self, name: &'static str, value: impl Into<HeaderValue>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn body(mut self, body: impl Into<ResponseBody>) -> Self {
        self.body = body.into();
        self
    }

    /// An error body in the form of the distribution specification ("Error Codes").
    pub fn error(status: StatusCode, code: &str, message: &str) -> Self {
        let body = serde_json::json!({
            "errors": [{ "code": code, "message": message, "detail": null }]
        });
        Response::new(status)
            .header("Content-Type", "application/json")
            .body(body.to_string())
    }

    /// Whether body bytes follow the head.
    pub fn sends_body(&self, head_only: bool) -> bool {
        !head_only && !self.status.is_bodiless()
    }

    /// The head as it goes over the wire. An answer to `HEAD` keeps the length of the answer
    /// to `GET`; 204 and 304 carry none (RFC 9110 §8.6).
    pub fn write_head(
        &self,
        out: &mut Vec<u8>,
        version: Version,
        close: bool,
        now: OffsetDateTime,
    ) {
        let mut line = |parts: [&str; 3]| {
            parts
                .iter()
                .for_each(|part| out.extend_from_slice(part.as_bytes()));
            out.extend_from_slice(b"\r\n");
        };
        line([
            "HTTP/1.1 ",
            &format!("{} ", self.status.0),
            self.status.reason(),
        ]);
        line(["Date", ": ", &date(now)]);
        for (name, value) in &self.headers {
            if !OWN.iter().any(|own| own.eq_ignore_ascii_case(name)) {
                line([name, ": ", value.as_str()]);
            }
        }
        if !self.status.is_bodiless() {
            line(["Content-Length", ": ", &self.body.length().to_string()]);
        }
        if close {
            line(["Connection", ": ", "close"]);
        } else if version == Version::Http10 {
            line(["Connection", ": ", "keep-alive"]);
        }
        line(["", "", ""]);
    }
}

/// Headers that only the connection can set rightly.
const OWN: [&str; 4] = ["Content-Length", "Transfer-Encoding", "Connection", "Date"];

/// IMF-fixdate (RFC 9110 §5.6.7).
fn date(now: OffsetDateTime) -> String {
    let now = now.to_offset(time::UtcOffset::UTC);
    let (weekday, month) = (now.weekday().to_string(), now.month().to_string());
    format!(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        &weekday[..3],
        now.day(),
        &month[..3],
        now.year(),
        now.hour(),
        now.minute(),
        now.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(response: &Response, version: Version, close: bool) -> String {
        let mut out = Vec::new();
        response.write_head(&mut out, version, close, OffsetDateTime::UNIX_EPOCH);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn heads() {
        let response = Response::new(StatusCode::OK)
            .header("X-A", "b\r\nSet-Cookie: c".to_owned())
            .header("content-length", 7)
            .body("hello");
        assert_eq!(
            head(&response, Version::Http11, true),
            "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
             X-A: b  Set-Cookie: c\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
        );
        assert!(response.sends_body(false) && !response.sends_body(true));
        let empty = Response::new(StatusCode::NO_CONTENT).body("never");
        let text = head(&empty, Version::Http10, false);
        assert!(!text.contains("Content-Length") && text.contains("Connection: keep-alive"));
        assert!(!empty.sends_body(false));
    }
}
