//! Faults of a configuration, each told in one line; the fault is always the operator's to mend.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    File {
        path: PathBuf,
        line: usize,
    },
    Variable(&'static str),
    /// No value was given, and there is no default that would do.
    Absent,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "${name}"),
            Self::Absent => f.write_str("configuration"),
        }
    }
}

/// Why a configuration can't be used. The process ends with status 2.
#[derive(Debug)]
pub enum ConfigError {
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    /// Not TOML, an unknown key or a value of the wrong kind.
    Syntax {
        origin: Origin,
        key: Option<String>,
        what: String,
        mend: String,
    },
    /// A value that can't be right.
    Value {
        origin: Origin,
        key: &'static str,
        what: String,
        mend: String,
    },
    /// A valid wish that this version can't fulfil yet.
    Unsupported {
        origin: Origin,
        key: &'static str,
        what: String,
        mend: String,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = match self {
            Self::Unreadable { path, source } => {
                format!(
                    "{}: can't be read: {source}; give a readable file with --config",
                    path.display()
                )
            }
            Self::Syntax {
                origin,
                key: None,
                what,
                mend,
            } => format!("{origin}: {what}; {mend}"),
            Self::Syntax {
                origin,
                key: Some(key),
                what,
                mend,
            } => format!("{origin}: {key}: {what}; {mend}"),
            Self::Value {
                origin,
                key,
                what,
                mend,
            }
            | Self::Unsupported {
                origin,
                key,
                what,
                mend,
            } => {
                format!("{origin}: {key}: {what}; {mend}")
            }
        };
        // What was quoted from the outside may hold line breaks; the message is one line.
        f.write_str(&line.replace(['\n', '\r'], " "))
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            Self::Syntax { .. } | Self::Value { .. } | Self::Unsupported { .. } => None,
        }
    }
}
