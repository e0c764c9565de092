//! A blocking HTTP/1.1 client that sends exactly the bytes a case asks for, one connection a request,
//! and reads to the end of the connection, so that surplus bytes are seen.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::http::{self, Framing, Head, Malformed};
use crate::rules::Rules;

const RESPONSE_BYTES_MAX: usize = 64 * 1024 * 1024;
const ANSWER_WAIT: Duration = Duration::from_secs(30);
const CLOSE_WAIT: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub enum ClientError {
    Usage(String),
    Unreachable {
        authority: String,
        source: io::Error,
    },
    Io {
        request: String,
        source: io::Error,
    },
    Malformed {
        request: String,
        what: Malformed,
    },
    Cut {
        request: String,
        received: usize,
    },
    TooLong {
        request: String,
    },
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) => write!(f, "{what}"),
            Self::Unreachable { authority, source } => {
                write!(f, "cannot connect to {authority}: {source}")
            }
            Self::Io { request, source } => write!(f, "{request}: {source}"),
            Self::Malformed { request, what } => write!(f, "{request}: {what}"),
            Self::Cut { request, received } => {
                write!(
                    f,
                    "{request}: connection closed inside the answer, {received} bytes in"
                )
            }
            Self::TooLong { request } => {
                write!(f, "{request}: answer over {RESPONSE_BYTES_MAX} bytes")
            }
        }
    }
}

#[derive(Debug, Clone)]
pub enum Body {
    None,
    Fixed(Vec<u8>),
    Chunked(Vec<Vec<u8>>),
    /// Announces more than it sends, then drops the connection.
    Dropped {
        announced: usize,
        sent: Vec<u8>,
    },
}

#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Body,
    pub anonymous: bool,
}

impl Request {
    pub fn new(method: &str, target: impl Into<String>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.into(),
            headers: Vec::new(),
            body: Body::None,
            anonymous: false,
        }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn body(mut self, bytes: &[u8]) -> Self {
        self.body = Body::Fixed(bytes.to_vec());
        self
    }

    pub fn with(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    fn describe(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    fn write(&self, authority: &str, authorization: Option<&str>) -> Vec<u8> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: drift-conformance\r\nConnection: close\r\n",
            self.method, self.target
        );
        if let Some(value) = authorization {
            head.push_str(&format!("Authorization: {value}\r\n"));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match &self.body {
            Body::None if matches!(self.method.as_str(), "POST" | "PUT" | "PATCH") => {
                head.push_str("Content-Length: 0\r\n");
            }
            Body::None => {}
            Body::Fixed(bytes) => head.push_str(&format!("Content-Length: {}\r\n", bytes.len())),
            Body::Chunked(_) => head.push_str("Transfer-Encoding: chunked\r\n"),
            Body::Dropped { announced, .. } => {
                head.push_str(&format!("Content-Length: {announced}\r\n"));
            }
        }
        let mut bytes = (head + "\r\n").into_bytes();
        match &self.body {
            Body::None => {}
            Body::Fixed(body) | Body::Dropped { sent: body, .. } => bytes.extend_from_slice(body),
            Body::Chunked(chunks) => {
                for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
                    bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    bytes.extend_from_slice(chunk);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"0\r\n\r\n");
            }
        }
        bytes
    }
}

#[derive(Debug, Clone)]
pub struct Response {
    pub request: String,
    pub head: Head,
    pub body: Vec<u8>,
    /// Bytes after the end that the framing named.
    pub surplus: usize,
}

impl Response {
    pub fn status(&self) -> u16 {
        self.head.status
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// The body's beginning, for messages.
    pub fn excerpt(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let short: String = text.chars().take(200).collect();
        format!("{} to {} {}", self.status(), self.request, short.trim_end())
    }
}

pub struct Client {
    pub authority: String,
    basic: Option<String>,
    token: Mutex<Option<String>>,
    pub rules: Rules,
}

impl Client {
    pub fn new(url: &str, credentials: Option<(&str, &str)>) -> Result<Self, ClientError> {
        let authority = authority(url)?;
        let basic = credentials
            .map(|(name, password)| http::base64(format!("{name}:{password}").as_bytes()))
            .map(|text| format!("Basic {text}"));
        Ok(Self {
            authority,
            basic,
            token: Mutex::new(None),
            rules: Rules::default(),
        })
    }

    /// Sends a request; answers a Bearer challenge once.
    pub fn send(&self, request: &Request) -> Result<Response, ClientError> {
        if request.anonymous {
            return self.exchange(request, None);
        }
        let token = self
            .token
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let response = self.exchange(request, token.as_deref().or(self.basic.as_deref()))?;
        let challenge = response
            .head
            .all("www-authenticate")
            .find(|value| value.to_ascii_lowercase().starts_with("bearer "));
        let Some(challenge) = challenge.filter(|_| response.status() == 401) else {
            return Ok(response);
        };
        let Some(token) = self.fetch_token(challenge)? else {
            return Ok(response);
        };
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        self.exchange(request, Some(&token))
    }

    fn fetch_token(&self, challenge: &str) -> Result<Option<String>, ClientError> {
        let parameter = |name| challenge_parameter(challenge, name);
        let Some(realm) = parameter("realm") else {
            return Ok(None);
        };
        let authority = authority(&realm)?;
        // A challenge may name any host: credentials follow it only to the registry's own.
        let trusted = host_of(&authority) == host_of(&self.authority);
        let basic = self.basic.as_deref().filter(|_| trusted);
        let path = path_of(&realm);
        let mut target = format!("{path}{}", if path.contains('?') { "&" } else { "?" });
        for name in ["service", "scope"] {
            if let Some(value) = parameter(name) {
                target.push_str(&format!("{name}={}&", percent_encode(&value)));
            }
        }
        let request = Request::new("GET", target.trim_end_matches(['&', '?']));
        let response = transfer(&authority, &request, basic)?;
        let answer: serde_json::Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let token = answer.get("token").or_else(|| answer.get("access_token"));
        Ok(token
            .and_then(|token| token.as_str())
            .map(|token| format!("Bearer {token}")))
    }

    fn exchange(&self, request: &Request, auth: Option<&str>) -> Result<Response, ClientError> {
        let result = transfer(&self.authority, request, auth);
        match &result {
            Ok(response) => self.rules.observe(request, response),
            Err(ClientError::Malformed { request, what }) => self.rules.malformed(request, what),
            Err(_) => {}
        }
        result
    }

    /// Sends part of a body and drops the connection, as a dying client does.
    pub fn drop_within(&self, request: &Request) -> Result<(), ClientError> {
        let token = self
            .token
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut stream = connect(&self.authority)?;
        let bytes = request.write(&self.authority, token.as_deref().or(self.basic.as_deref()));
        stream
            .write_all(&bytes)
            .and_then(|()| stream.shutdown(std::net::Shutdown::Write))
            .map_err(|source| ClientError::Io {
                request: request.describe(),
                source,
            })?;
        // The registry's end of the connection marks that it has dealt with what arrived.
        let _ = stream.read_to_end(&mut Vec::new());
        Ok(())
    }
}

fn transfer(
    authority: &str,
    request: &Request,
    auth: Option<&str>,
) -> Result<Response, ClientError> {
    let mut stream = connect(authority)?;
    // An early refusal may reset the sending side; the answer counts, so reading goes on.
    let sent = stream.write_all(&request.write(authority, auth));
    let name = request.describe();
    let mut bytes = Vec::new();
    let mut start = 0;
    let head = loop {
        let parsed = Head::parse(&bytes[start..]).map_err(|what| ClientError::Malformed {
            request: name.clone(),
            what,
        })?;
        match parsed {
            Some((head, taken)) => {
                start += taken;
                if head.status >= 200 {
                    break head;
                }
            }
            None => match more(&mut stream, &mut bytes, &name) {
                Ok(true) => {}
                Ok(false) => {
                    sent.map_err(|source| ClientError::Io {
                        request: name.clone(),
                        source,
                    })?;
                    return Err(ClientError::Cut {
                        request: name,
                        received: bytes.len(),
                    });
                }
                Err(error) => return Err(error),
            },
        }
    };
    let malformed = |what| ClientError::Malformed {
        request: name.clone(),
        what,
    };
    let framing = head.framing(&request.method).map_err(malformed)?;
    let (body, end) = loop {
        let rest = &bytes[start..];
        let whole = match framing {
            Framing::Empty => Some((Vec::new(), 0)),
            Framing::Length(length) => usize::try_from(length)
                .ok()
                .and_then(|length| rest.get(..length))
                .map(|body| (body.to_vec(), body.len())),
            Framing::Chunked => http::decode_chunked(rest).map_err(malformed)?,
            Framing::UntilClose => None,
        };
        if let Some(whole) = whole {
            break whole;
        }
        if !more(&mut stream, &mut bytes, &name)? {
            if framing == Framing::UntilClose {
                let rest = bytes[start..].to_vec();
                let length = rest.len();
                break (rest, length);
            }
            return Err(ClientError::Cut {
                request: name,
                received: bytes.len(),
            });
        }
    };
    let _ = stream.set_read_timeout(Some(CLOSE_WAIT));
    while matches!(more(&mut stream, &mut bytes, &name), Ok(true)) {}
    let surplus = bytes.len() - start - end;
    Ok(Response {
        request: name,
        head,
        body,
        surplus,
    })
}

fn connect(authority: &str) -> Result<TcpStream, ClientError> {
    let failed = |source| ClientError::Unreachable {
        authority: authority.to_owned(),
        source,
    };
    let named = if authority
        .rsplit(']')
        .next()
        .is_some_and(|end| end.contains(':'))
    {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    };
    let address = named
        .to_socket_addrs()
        .and_then(|mut all| all.next().ok_or_else(|| io::ErrorKind::NotFound.into()))
        .map_err(failed)?;
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(10)).map_err(failed)?;
    stream.set_read_timeout(Some(ANSWER_WAIT)).map_err(failed)?;
    stream
        .set_write_timeout(Some(ANSWER_WAIT))
        .map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    Ok(stream)
}

fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>, name: &str) -> Result<bool, ClientError> {
    let mut buffer = [0; 16 * 1024];
    if bytes.len() > RESPONSE_BYTES_MAX {
        return Err(ClientError::TooLong {
            request: name.to_owned(),
        });
    }
    let count = stream.read(&mut buffer).map_err(|source| ClientError::Io {
        request: name.to_owned(),
        source,
    })?;
    bytes.extend_from_slice(&buffer[..count]);
    Ok(count > 0)
}

/// The host of `HOST:PORT`, brackets of an IPv6 address included.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn authority(url: &str) -> Result<String, ClientError> {
    let rest = match url.split_once("://") {
        Some(("http", rest)) => rest,
        None => url,
        Some((scheme, _)) => {
            return Err(ClientError::Usage(format!(
                "{url:?}: only http:// is spoken, not {scheme}://; put a TLS-ending proxy before it"
            )));
        }
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.is_empty() || authority.contains('@') {
        return Err(ClientError::Usage(format!(
            "{url:?} doesn't name a host as http://HOST:PORT"
        )));
    }
    Ok(authority.to_owned())
}

/// The request target of an absolute or relative `Location`.
pub fn path_of(location: &str) -> String {
    match location.split_once("://") {
        Some((_, rest)) => rest
            .find('/')
            .map_or_else(|| "/".into(), |at| rest[at..].into()),
        None => location.to_owned(),
    }
}

fn challenge_parameter(challenge: &str, name: &str) -> Option<String> {
    let start = challenge.find(&format!("{name}=\""))? + name.len() + 2;
    challenge[start..].split('"').next().map(str::to_owned)
}

pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
#[test]
fn a_realm_is_trusted_by_its_host() {
    for (authority, host) in [
        ("a.test:5000", "a.test"),
        ("a.test", "a.test"),
        ("[::1]:5000", "[::1]"),
        ("a.test.evil:5000", "a.test.evil"),
    ] {
        assert_eq!(host_of(authority), host);
    }
}
