//! The meaning of HTTP/1.1 bytes as a registry sends them: heads, framing, chunks. No I/O.

use std::fmt;

/// Heads longer than this are refused: no registry needs them.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub version: String,
    pub status: u16,
    pub headers: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Empty,
    Length(u64),
    Chunked,
    UntilClose,
}

/// What the registry got wrong in its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Malformed {
    StatusLine(String),
    Header(String),
    HeadTooLong,
    ContentLength(String),
    TransferEncoding(String),
    BothFramings,
    Chunk(&'static str),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StatusLine(line) => write!(f, "malformed status line {line:?}"),
            Self::Header(line) => write!(f, "malformed header line {line:?}"),
            Self::HeadTooLong => write!(f, "response head over {HEAD_BYTES_MAX} bytes"),
            Self::ContentLength(value) => write!(f, "malformed Content-Length {value:?}"),
            Self::TransferEncoding(value) => write!(f, "unknown Transfer-Encoding {value:?}"),
            Self::BothFramings => write!(f, "both Content-Length and Transfer-Encoding"),
            Self::Chunk(what) => write!(f, "malformed chunk: {what}"),
        }
    }
}

impl Head {
    /// Parses a head; `None` while it isn't whole. The number is the bytes it took.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Malformed> {
        let Some(end) = find(bytes, b"\r\n\r\n") else {
            return if bytes.len() > HEAD_BYTES_MAX {
                Err(Malformed::HeadTooLong)
            } else {
                Ok(None)
            };
        };
        let text = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let bad = || Malformed::StatusLine(first.to_owned());
        let mut parts = first.splitn(3, ' ');
        let version = parts.next().unwrap_or_default();
        let code = parts.next().ok_or_else(bad)?;
        if !version.starts_with("HTTP/1.") || code.len() != 3 {
            return Err(bad());
        }
        let status = code.parse().map_err(|_| bad())?;
        let mut headers = Vec::new();
        for line in lines {
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| Malformed::Header(line.to_owned()))?;
            if name.is_empty() || !name.bytes().all(is_token) || value.contains(['\n', '\r', '\0'])
            {
                return Err(Malformed::Header(line.to_owned()));
            }
            headers.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
        }
        Ok(Some((
            Self {
                version: version.to_owned(),
                status,
                headers,
            },
            end + 4,
        )))
    }

    /// The first value of a header, by any case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let own = |(own, _): &&(String, String)| own.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .find(own)
            .map(|(_, value)| value.as_str())
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// RFC 9112 §6.3.
    pub fn framing(&self, method: &str) -> Result<Framing, Malformed> {
        if method == "HEAD" || self.status < 200 || matches!(self.status, 204 | 304) {
            return Ok(Framing::Empty);
        }
        let encoding = self.header("transfer-encoding");
        let mut length = None;
        for value in self.all("content-length") {
            let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
            let parsed = value
                .parse::<u64>()
                .ok()
                .filter(|_| digits && length.is_none());
            length = Some(parsed.ok_or_else(|| Malformed::ContentLength(value.to_owned()))?);
        }
        match (encoding, length) {
            (Some(_), Some(_)) => Err(Malformed::BothFramings),
            (Some(value), None) if value.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
            (Some(value), None) => Err(Malformed::TransferEncoding(value.to_owned())),
            (None, Some(length)) => Ok(Framing::Length(length)),
            (None, None) => Ok(Framing::UntilClose),
        }
    }
}

/// Decodes a chunked body; `None` while it isn't whole. The number is the bytes it took.
pub fn decode_chunked(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Malformed> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let Some(line) = find(&bytes[at..], b"\r\n") else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&bytes[at..at + line])
            .map_err(|_| Malformed::Chunk("size line isn't text"))?;
        let digits = text.split(';').next().unwrap_or_default().trim_end();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Malformed::Chunk("size isn't hexadecimal"));
        }
        let size =
            usize::from_str_radix(digits, 16).map_err(|_| Malformed::Chunk("size overflows"))?;
        at += line + 2;
        if size == 0 {
            return Ok(trailers_end(&bytes[at..]).map(|end| (body, at + end)));
        }
        let end = at
            .checked_add(size)
            .ok_or(Malformed::Chunk("size overflows"))?;
        match bytes.get(end..end.saturating_add(2)) {
            None => return Ok(None),
            Some(b"\r\n") => body.extend_from_slice(&bytes[at..end]),
            Some(_) => return Err(Malformed::Chunk("no CRLF after the data")),
        }
        at = end + 2;
    }
}

fn trailers_end(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(b"\r\n") {
        return Some(2);
    }
    find(bytes, b"\r\n\r\n").map(|at| at + 4)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

/// Standard base64 with padding, for Basic credentials.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let word = at(0) << 16 | at(1) << 8 | at(2);
        for index in 0..4 {
            if index <= group.len() {
                let six = word >> (18 - 6 * index) & 0x3f;
                text.push(char::from(ALPHABET[six as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_cut_of_a_head_is_incomplete() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-A:b\r\n\r\nabc";
        for cut in 0..bytes.len() - 3 {
            assert_eq!(Head::parse(&bytes[..cut]).unwrap(), None, "cut at {cut}");
        }
        let (head, taken) = Head::parse(bytes).unwrap().unwrap();
        assert_eq!((head.status, taken), (200, bytes.len() - 3));
        assert_eq!(head.header("x-a"), Some("b"));
        assert_eq!(head.framing("GET"), Ok(Framing::Length(3)));
        assert_eq!(head.framing("HEAD"), Ok(Framing::Empty));
    }

    #[test]
    fn malformed_heads_are_refused() {
        for bytes in [
            "HTTP/2 200 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\nspace : x\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: x\ny\r\n\r\n",
        ] {
            assert!(Head::parse(bytes.as_bytes()).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn ambiguous_framing_is_refused() {
        for headers in [
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            "Content-Length: 3\r\nContent-Length: 3",
            "Content-Length: +3",
            "Content-Length: 99999999999999999999999",
            "Transfer-Encoding: gzip",
        ] {
            let bytes = format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n");
            let (head, _) = Head::parse(bytes.as_bytes()).unwrap().unwrap();
            assert!(head.framing("GET").is_err(), "{headers}");
        }
    }

    #[test]
    fn chunks_decode_at_any_cut() {
        let bytes = b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: v\r\n\r\n";
        for cut in 0..bytes.len() {
            assert_eq!(decode_chunked(&bytes[..cut]).unwrap(), None, "cut at {cut}");
        }
        let whole = decode_chunked(bytes).unwrap().unwrap();
        assert_eq!(whole, (b"abc0123456789".to_vec(), bytes.len()));
        assert!(decode_chunked(b"\r\n\r\n").is_err());
        assert!(decode_chunked(b"1\r\nabc\r\n").is_err());
        assert!(decode_chunked(b"ffffffffffffffff\r\na").is_err());
    }

    #[test]
    fn base64_pads() {
        let of = |text: &str| base64(text.as_bytes());
        assert_eq!(
            (of(""), of("f"), of("fo")),
            (String::new(), "Zg==".into(), "Zm8=".into())
        );
        assert_eq!(
            (of("foo"), of("user:pass")),
            ("Zm9v".into(), "dXNlcjpwYXNz".into())
        );
    }
}
