//! The head of a request from bytes, in three passes: a scan for what `httparse` lets through,
//! `httparse` itself, and the meaning of target, `Host` and framing (RFC 9112 §2 to §6).
//!
//! The verdict depends on the bytes alone, never on how they were cut into reads.

use std::fmt;

use crate::http::framing::{self, BodyLength, FramingError};
use crate::http::method::Method;
use crate::limits::{HEADERS_MAX, TARGET_BYTES_MAX};

/// A head that is refused; always the client's fault. The connection closes after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadError {
    Malformed(&'static str),
    Framing(FramingError),
    TooLarge,
    TargetTooLong,
    MethodUnknown,
    VersionUnknown,
    ExpectationUnknown,
}

impl HeadError {
    pub fn status(self) -> u16 {
        match self {
            HeadError::Malformed(_) => 400,
            HeadError::Framing(FramingError::EncodingUnknown) => 501,
            HeadError::Framing(_) => 400,
            HeadError::TooLarge => 431,
            HeadError::TargetTooLong => 414,
            HeadError::MethodUnknown => 501,
            HeadError::VersionUnknown => 505,
            HeadError::ExpectationUnknown => 417,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            HeadError::Malformed(what) => what,
            HeadError::Framing(error) => error.as_str(),
            HeadError::TooLarge => "request head too large",
            HeadError::TargetTooLong => "request target too long",
            HeadError::MethodUnknown => "method not supported",
            HeadError::VersionUnknown => "HTTP version not supported",
            HeadError::ExpectationUnknown => "the only expectation met is 100-continue",
        }
    }
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    Http10,
    Http11,
}

/// A head that passed every rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub method: Method,
    pub version: Version,
    pub raw_target: String,
    /// Percent-decoded once.
    pub path: String,
    /// Without its question mark, not decoded.
    pub query: Option<String>,
    pub host: Option<String>,
    /// Names as sent, values without the white space around them.
    pub headers: Vec<(String, String)>,
    pub body: BodyLength,
    pub expect_continue: bool,
    pub keep_alive: bool,
}

/// The head at the front of `bytes` and its length; `None` while it is incomplete.
pub fn head(bytes: &[u8], bytes_max: usize) -> Result<Option<(Head, usize)>, HeadError> {
    // One empty line before the request is skipped (RFC 9112 §2.2).
    let skipped = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
    if bytes == b"\r" {
        return Ok(None);
    }
    let rest = &bytes[skipped..];
    let window = &rest[..rest.len().min(bytes_max)];
    let Some(length) = scan(window)? else {
        return if rest.len() >= bytes_max {
            Err(HeadError::TooLarge)
        } else {
            Ok(None)
        };
    };
    let head = understand(&rest[..length])?;
    Ok(Some((head, skipped + length)))
}

/// Walks the lines; the first offence in byte order is the verdict. Length of the head when the
/// empty line is there.
fn scan(bytes: &[u8]) -> Result<Option<usize>, HeadError> {
    let bad = |what| Err(HeadError::Malformed(what));
    let (mut line_start, mut first_line, mut named, mut previous) = (0, true, false, 0u8);
    for (at, &byte) in bytes.iter().enumerate() {
        if previous == b'\r' && byte != b'\n' {
            return bad("bare CR in the head");
        }
        match byte {
            b'\n' if previous != b'\r' => return bad("bare LF in the head"),
            b'\n' if at == line_start + 1 => {
                return if first_line {
                    bad("empty request line")
                } else {
                    Ok(Some(at + 1))
                };
            }
            b'\n' => {
                if !first_line && !named {
                    return bad("header line without a colon");
                }
                (line_start, first_line, named) = (at + 1, false, false);
                previous = byte;
                continue;
            }
            b'\r' => {}
            0 => return bad("NUL in the head"),
            b'\t' if first_line => return bad("tab in the request line"),
            b' ' | b'\t' if at == line_start => return bad("line begins with white space"),
            b':' if !first_line && at == line_start => return bad("empty header name"),
            b':' if !first_line && !named => {
                if previous == b' ' || previous == b'\t' {
                    return bad("white space before the colon");
                }
                named = true;
            }
            b'\t' => {}
            byte if byte < b' ' || byte == 0x7f => return bad("control byte in the head"),
            byte if first_line && byte >= 0x80 => return bad("request line is not ASCII"),
            _ => {}
        }
        previous = byte;
    }
    Ok(None)
}

fn understand(bytes: &[u8]) -> Result<Head, HeadError> {
    let mut slots = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut slots);
    match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        Ok(_) => return Err(HeadError::Malformed("head ends early")),
        Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooLarge),
        Err(httparse::Error::Version) => return Err(HeadError::VersionUnknown),
        Err(httparse::Error::HeaderName) => return Err(HeadError::Malformed("bad header name")),
        Err(_) => return Err(HeadError::Malformed("malformed head")),
    }
    let missing = HeadError::Malformed("malformed request line");
    let version = match parsed.version.ok_or(missing)? {
        0 => Version::Http10,
        _ => Version::Http11,
    };
    let raw_target = parsed.path.ok_or(missing)?;
    let method = Method::parse(parsed.method.ok_or(missing)?).ok_or(HeadError::MethodUnknown)?;
    if raw_target.len() > TARGET_BYTES_MAX {
        return Err(HeadError::TargetTooLong);
    }
    let mut headers = Vec::with_capacity(parsed.headers.len());
    for header in parsed.headers.iter() {
        let value = std::str::from_utf8(header.value)
            .map_err(|_| HeadError::Malformed("header value is not UTF-8"))?;
        headers.push((
            header.name.to_owned(),
            value.trim_matches([' ', '\t']).to_owned(),
        ));
    }
    let host = host(&headers, version)?;
    let (path, query) = target(raw_target, method, host)?;
    let body = framing::body_length(
        values(&headers, "content-length"),
        values(&headers, "transfer-encoding"),
        version == Version::Http10,
    )
    .map_err(HeadError::Framing)?;
    let mut expect_continue = false;
    for value in values(&headers, "expect") {
        if !value.eq_ignore_ascii_case("100-continue") {
            return Err(HeadError::ExpectationUnknown);
        }
        // A client of 1.0 would take the interim answer for the answer (RFC 9110 §10.1.1).
        expect_continue = version == Version::Http11;
    }
    let connection = |token: &str| {
        values(&headers, "connection")
            .flat_map(|value| value.split(','))
            .any(|option| option.trim().eq_ignore_ascii_case(token))
    };
    let keep_alive =
        !connection("close") && (version == Version::Http11 || connection("keep-alive"));
    let host = host.map(str::to_owned);
    let raw_target = raw_target.to_owned();
    Ok(Head {
        method,
        version,
        raw_target,
        path,
        query,
        host,
        headers,
        body,
        expect_continue,
        keep_alive,
    })
}

fn values<'a>(headers: &'a [(String, String)], wanted: &'a str) -> impl Iterator<Item = &'a str> {
    headers
        .iter()
        .filter(move |(name, _)| name.eq_ignore_ascii_case(wanted))
        .map(|(_, value)| value.as_str())
}

/// Exactly one valid `Host` in 1.1, at most one in 1.0 (RFC 9112 §3.2).
fn host(headers: &[(String, String)], version: Version) -> Result<Option<&str>, HeadError> {
    let mut found = values(headers, "host");
    let host = found.next();
    if found.next().is_some() {
        return Err(HeadError::Malformed("more than one Host"));
    }
    match host {
        None if version == Version::Http11 => Err(HeadError::Malformed("no Host")),
        Some(host) if !is_authority(host) => Err(HeadError::Malformed("invalid Host")),
        host => Ok(host),
    }
}

/// `host [":" port]` without user information; a name, an IPv4 or a bracketed IPv6 address.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if address.parse::<std::net::Ipv6Addr>().is_ok() => {
                match port.strip_prefix(':') {
                    Some(port) => ("v6", Some(port)),
                    None if port.is_empty() => ("v6", None),
                    None => return false,
                }
            }
            _ => return false,
        },
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let named = !host.is_empty()
        && host.len() <= 255
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    let numbered = port.is_none_or(|port| {
        port.is_empty() || (port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok())
    });
    named && numbered
}

/// Path and query of an origin-form, absolute-form or (for `OPTIONS`) asterisk-form target.
fn target(
    raw: &str,
    method: Method,
    host: Option<&str>,
) -> Result<(String, Option<String>), HeadError> {
    let bad = |what| Err(HeadError::Malformed(what));
    if !raw
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'#')
    {
        return bad("byte not allowed in the request target");
    }
    if raw == "*" {
        return if method == Method::Options {
            Ok((raw.to_owned(), None))
        } else {
            bad("asterisk target with a method other than OPTIONS")
        };
    }
    let origin = if raw.starts_with('/') {
        raw
    } else {
        let Some((scheme, rest)) = raw.split_once("://") else {
            return bad("request target is neither a path nor an absolute URL");
        };
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return bad("scheme of the request target is not HTTP");
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, origin) = rest.split_at(end);
        if !is_authority(authority) {
            return bad("invalid authority in the request target");
        }
        if host.is_some_and(|host| !host.eq_ignore_ascii_case(authority)) {
            return bad("authority of the request target differs from Host");
        }
        origin
    };
    let (path, query) = match origin.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (origin, None),
    };
    let path = if path.is_empty() {
        "/".to_owned()
    } else {
        decode_path(path)?
    };
    Ok((path, query))
}

fn decode_path(raw: &str) -> Result<String, HeadError> {
    let bad = |what| Err(HeadError::Malformed(what));
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' {
            let digit = |byte: Option<u8>| byte.and_then(|b| (b as char).to_digit(16));
            let (Some(high), Some(low)) = (digit(bytes.next()), digit(bytes.next())) else {
                return bad("malformed percent-encoding in the path");
            };
            match (high * 16 + low) as u8 {
                b'/' => return bad("encoded slash in the path"),
                byte => byte,
            }
        } else {
            byte
        };
        if byte < b' ' || byte == 0x7f || byte == b'\\' {
            return bad("byte not allowed in the path");
        }
        decoded.push(byte);
    }
    let Ok(path) = String::from_utf8(decoded) else {
        return bad("path is not UTF-8");
    };
    if path
        .split('/')
        .any(|segment| segment == "." || segment == "..")
    {
        return bad("dot segment in the path");
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAX: usize = 4096;

    fn status(text: &str) -> u16 {
        match head(text.as_bytes(), MAX) {
            Ok(Some((_, length))) => {
                assert!(length <= text.len());
                200
            }
            Ok(None) => 0,
            Err(error) => error.status(),
        }
    }

    #[test]
    fn heads() {
        let h = "Host: a:5000\r\n";
        for (text, expected) in [
            (format!("GET /v2/ HTTP/1.1\r\n{h}\r\n"), 200),
            (format!("\r\nGET /v2/ HTTP/1.1\r\n{h}\r\n"), 200),
            (format!("\r\n\r\nGET /v2/ HTTP/1.1\r\n{h}\r\n"), 400),
            ("GET / HTTP/1.0\r\n\r\n".into(), 200),
            ("GET / HTTP/1.1\r\n\r\n".into(), 400),
            (format!("GET / HTTP/1.1\r\n{h}{h}\r\n"), 400),
            ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n".into(), 400),
            ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n".into(), 400),
            ("GET / HTTP/1.1\r\nHost:\r\n\r\n".into(), 400),
            ("GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n".into(), 400),
            ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n".into(), 200),
            (format!("GET / HTTP/1.1\n{h}\r\n"), 400),
            (format!("GET / HTTP/1.1\r\n{h}X: a\rb\r\n\r\n"), 400),
            (format!("GET / HTTP/1.1\r\n{h}X: a\0b\r\n\r\n"), 400),
            (format!("GET / HTTP/1.1\r\n{h}X: a\r\n b\r\n\r\n"), 400),
            (format!("GET / HTTP/1.1\r\n{h}X : a\r\n\r\n"), 400),
            (format!("GET / HTTP/1.1\r\n{h}: a\r\n\r\n"), 400),
            (format!("GET / HTTP/1.1\r\n{h}X\r\n\r\n"), 400),
            (format!("GET / HTTP/1.1\r\n{h}X(): 1\r\n\r\n"), 400),
            (format!("GET  / HTTP/1.1\r\n{h}\r\n"), 400),
            (format!("get / HTTP/1.1\r\n{h}\r\n"), 501),
            (format!("GET / HTTP/2.0\r\n{h}\r\n"), 505),
            (format!("GET /%2F HTTP/1.1\r\n{h}\r\n"), 400),
            (format!("GET /a/../b HTTP/1.1\r\n{h}\r\n"), 400),
            (format!("GET /a/%2e%2E/b HTTP/1.1\r\n{h}\r\n"), 400),
            (format!("GET /%00 HTTP/1.1\r\n{h}\r\n"), 400),
            (format!("GET /%5c HTTP/1.1\r\n{h}\r\n"), 400),
            (format!("GET /%zz HTTP/1.1\r\n{h}\r\n"), 400),
            (format!("GET /%2 HTTP/1.1\r\n{h}\r\n"), 400),
            (format!("GET http://A:5000/x HTTP/1.1\r\n{h}\r\n"), 200),
            (format!("GET http://b/x HTTP/1.1\r\n{h}\r\n"), 400),
            (format!("GET a/x HTTP/1.1\r\n{h}\r\n"), 400),
            (format!("GET * HTTP/1.1\r\n{h}\r\n"), 400),
            (format!("OPTIONS * HTTP/1.1\r\n{h}\r\n"), 200),
            (
                format!("PUT / HTTP/1.1\r\n{h}Expect: 100-Continue\r\n\r\n"),
                200,
            ),
            (format!("PUT / HTTP/1.1\r\n{h}Expect: x\r\n\r\n"), 417),
            (
                format!("PUT / HTTP/1.1\r\n{h}Content-Length: 1, 1\r\n\r\n"),
                400,
            ),
            (
                format!("PUT / HTTP/1.1\r\n{h}Transfer-Encoding: gzip\r\n\r\n"),
                501,
            ),
            (
                format!("GET /{} HTTP/1.1\r\n{h}\r\n", "a".repeat(5000)),
                431,
            ),
            (
                format!(
                    "GET / HTTP/1.1\r\n{h}{}\r\n",
                    "a: b\r\n".repeat(HEADERS_MAX)
                ),
                431,
            ),
            (format!("GET / HTTP/1.1\r\n{h}"), 0),
        ] {
            assert_eq!(status(&text), expected, "{text:?}");
        }
    }

    #[test]
    fn meaning() {
        let text = b"GET /a%20b%2541?q=%2F HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\nrest";
        let (head, length) = head(text, MAX).unwrap().unwrap();
        assert_eq!(
            (head.path.as_str(), head.query.as_deref()),
            ("/a b%41", Some("q=%2F"))
        );
        assert!(!head.keep_alive);
        assert_eq!(&text[length..], b"rest");
    }

    proptest! {
        #[test]
        fn segmentation_does_not_matter(
            damage in proptest::collection::vec((0usize..200, any::<u8>()), 0..3),
            cuts in proptest::collection::vec(0usize..200, 0..10),
            max in 20usize..200,
        ) {
            let mut bytes = b"\r\nPUT /v2/a/b?c=d HTTP/1.1\r\nHost: a.b:80\r\nX-Y: z z\r\n\
                Content-Length: 12\r\nExpect: 100-continue\r\n\r\nhello world!".to_vec();
            for (at, value) in damage {
                let at = at % bytes.len();
                bytes[at] = value;
            }
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % bytes.len()).collect();
            cuts.push(bytes.len());
            cuts.sort_unstable();
            let whole = head(&bytes, max);
            let mut pieces = Ok(None);
            for cut in cuts {
                pieces = head(&bytes[..cut], max);
                if pieces != Ok(None) {
                    break;
                }
            }
            prop_assert_eq!(whole, pieces);
        }
    }
}
