//! The literal image of `drift.toml`: every key there is, with its place in the file, unchecked.

use std::fmt;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::error::{ConfigError, Origin};

/// A key's value with its byte range in the file; none where the key is absent.
pub type Field<T> = Option<Spanned<T>>;

/// Declares a section and the list of its keys, so that documentation can be held against it.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($key:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name { $(pub $key: Field<$kind>,)* }
        impl $name {
            /// The section's keys as the file writes them.
            pub const KEYS: &'static [&'static str] = &[$(stringify!($key)),*];
        }
    };
}

section! {
    /// `[server]`
    Server {
        bind_addr: String,
        ui_addr: String,
        workers: u64,
        io_driver: String,
        public_url: String,
        drain_timeout: Quantity,
        head_timeout: Quantity,
        stall_timeout: Quantity,
        idle_timeout: Quantity,
        head_bytes_max: Quantity,
        connections_max: u64,
        tls_cert: String,
        tls_key: String,
    }
}
section! {
    /// `[auth]`
    Auth {
        mode: OneOrMany,
        anonymous_pull: Vec<Spanned<String>>,
    }
}
section! {
    /// `[basic]`
    Basic {
        users: Vec<Spanned<String>>,
    }
}
section! {
    /// `[token]`
    Token {
        issuer: String,
        jwks_url: String,
        audience: String,
    }
}
section! {
    /// `[oidc]`
    Oidc {
        issuer: String,
        client_id: String,
        client_secret: String,
    }
}
section! {
    /// `[storage]`
    Storage {
        backend: String,
        fs_root: String,
        upload_expiry: Quantity,
    }
}
section! {
    /// `[registry]`
    Registry {
        missing_references: String,
        manifest_bytes_max: Quantity,
    }
}
section! {
    /// `[s3]`
    S3 {
        endpoint: String,
        region: String,
        bucket: String,
        path_style: bool,
        access_key: String,
        secret_key: String,
    }
}
section! {
    /// `[retention]`
    Retention {
        immutable_tags: Vec<Spanned<String>>,
        min_age_days: u64,
    }
}

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    pub server: Server,
    pub auth: Auth,
    pub basic: Basic,
    pub token: Token,
    pub oidc: Oidc,
    pub storage: Storage,
    pub registry: Registry,
    pub s3: S3,
    pub retention: Retention,
}

/// Every section with its keys, in the order of the file.
pub const SECTIONS: &[(&str, &[&str])] = &[
    ("server", Server::KEYS),
    ("auth", Auth::KEYS),
    ("basic", Basic::KEYS),
    ("token", Token::KEYS),
    ("oidc", Oidc::KEYS),
    ("storage", Storage::KEYS),
    ("registry", Registry::KEYS),
    ("s3", S3::KEYS),
    ("retention", Retention::KEYS),
];

/// A size or a duration: a number, or a text with its unit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a number, or a text with its unit such as \"30s\" or \"4MiB\""
)]
pub enum Quantity {
    Number(u64),
    Text(String),
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// One text, or several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// The 1-based line of a byte offset.
pub fn line_of(text: &str, offset: usize) -> usize {
    let end = offset.min(text.len());
    1 + text.as_bytes()[..end]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
}

/// Reads the text of a `drift.toml`; `path` is only for messages.
pub fn parse(text: &str, path: &Path) -> Result<File, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        let origin = Origin::File {
            path: path.to_path_buf(),
            line,
        };
        let what = error.message().trim().to_owned();
        let key = key_at(text, line);
        let mend = match unknown_name(&what) {
            Some(name) => suggestion(name, &key),
            None => "write the value as the drift.toml that comes with Drift shows it".to_owned(),
        };
        ConfigError::Syntax {
            origin,
            key,
            what,
            mend,
        }
    })
}

/// The dotted key that a line sets, or the section it opens, read off the text: a file that
/// doesn't parse has no better.
fn key_at(text: &str, line: usize) -> Option<String> {
    let mut section = "";
    let mut key = None;
    for current in text.lines().take(line) {
        let current = current.trim();
        if let Some(header) = current
            .strip_prefix('[')
            .and_then(|rest| rest.split(']').next())
        {
            // A line of a list can open with a bracket too; a section's name has no quotes.
            if !header.contains(['"', '\'', ',']) {
                section = header.trim();
                key = None;
            }
        } else if let Some((name, _)) = current.split_once('=') {
            let name = name.trim();
            if !name.is_empty()
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
            {
                key = Some(name);
            }
        }
    }
    match (section, key) {
        ("", None) => None,
        ("", Some(key)) => Some(key.to_owned()),
        (section, None) => Some(section.to_owned()),
        (section, Some(key)) => Some(format!("{section}.{key}")),
    }
}

/// The name inside serde's "unknown field `x`, expected …".
fn unknown_name(message: &str) -> Option<&str> {
    message.strip_prefix("unknown field `")?.split('`').next()
}

fn suggestion(name: &str, key: &Option<String>) -> String {
    let section = key
        .as_deref()
        .and_then(|key| key.split_once('.'))
        .map(|(section, _)| section);
    let elsewhere = SECTIONS
        .iter()
        .find(|(other, keys)| Some(*other) != section && keys.contains(&name));
    if let Some((other, _)) = elsewhere {
        return format!("{name} belongs under [{other}]");
    }
    let candidates: Vec<&str> = match section {
        Some(section) => SECTIONS
            .iter()
            .find(|(name, _)| *name == section)
            .map_or(Vec::new(), |(_, keys)| keys.to_vec()),
        None => SECTIONS.iter().map(|(name, _)| *name).collect(),
    };
    match candidates
        .iter()
        .map(|known| (distance(name, known), known))
        .min()
    {
        Some((steps, known)) if steps <= 3 => format!("did you mean {known}? Else remove it"),
        _ => "remove it, or correct its name".to_owned(),
    }
}

/// Edits between two short names (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(x != *y))
                .min(above + 1)
                .min(row[j] + 1);
            diagonal = above;
        }
    }
    row[b.len()]
}
