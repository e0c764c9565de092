//! One request as handlers see it: a head that passed every rule, and who sent it.

use std::borrow::Cow;
use std::net::{Ipv4Addr, SocketAddr};

use crate::http::framing::BodyLength;
use crate::http::method::Method;
use crate::http::parse::{self, Head, HeadError, Version};
use crate::observe::RequestId;

#[derive(Clone, Debug)]
pub struct Request {
    head: Head,
    peer: SocketAddr,
    id: RequestId,
}

impl Request {
    pub fn new(head: Head, peer: SocketAddr, id: RequestId) -> Self {
        Request { head, peer, id }
    }

    /// A request from the bytes of its head, with no connection behind it.
    pub fn from_head(bytes: &[u8]) -> Result<Self, HeadError> {
        let (head, _) = parse::head(bytes, crate::limits::HEAD_BYTES_MAX as usize)?
            .ok_or(HeadError::Malformed("head ends early"))?;
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Ok(Request::new(head, peer, RequestId::next()))
    }

    pub fn method(&self) -> Method {
        self.head.method
    }

    pub fn version(&self) -> Version {
        self.head.version
    }

    /// Percent-decoded once; begins with a slash (or is `*`), no dot segments, no control bytes.
    pub fn path(&self) -> &str {
        &self.head.path
    }

    /// As it stood in the request line.
    pub fn raw_target(&self) -> &str {
        &self.head.raw_target
    }

    /// Not decoded.
    pub fn query(&self) -> Option<&str> {
        self.head.query.as_deref()
    }

    /// Decoded names and values in their order; what is not UTF-8 after decoding is replaced.
    pub fn query_pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        let query = self.query().unwrap_or_default();
        query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(name), decode(value))
            })
    }

    /// The first value of a header, by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.head.headers.iter();
        found
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        let found = self.head.headers.iter();
        found
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    pub fn host(&self) -> Option<&str> {
        self.head.host.as_deref()
    }

    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub fn id(&self) -> RequestId {
        self.id
    }

    pub fn body_length(&self) -> BodyLength {
        self.head.body
    }

    pub fn expects_continue(&self) -> bool {
        self.head.expect_continue
    }

    pub fn keep_alive(&self) -> bool {
        self.head.keep_alive
    }
}

/// Percent-decoding of a query part. `+` stays: `application/vnd.oci…+json` is sent unescaped.
fn decode(raw: &str) -> Cow<'_, str> {
    if !raw.contains('%') {
        return Cow::Borrowed(raw);
    }
    let bytes = raw.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| (*byte as char).to_digit(16));
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_pairs_are_decoded_once() {
        let head = b"GET /x?digest=sha256%3Aab&a=b+c&&d&e=%2541%zz HTTP/1.1\r\nHost: a\r\n\r\n";
        let request = Request::from_head(head).unwrap();
        let pairs: Vec<_> = request
            .query_pairs()
            .map(|(n, v)| format!("{n}={v}"))
            .collect();
        assert_eq!(pairs, ["digest=sha256:ab", "a=b+c", "d=", "e=%41%zz"]);
    }
}
