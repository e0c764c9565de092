//! Validated, typed settings: what the rest of Drift sees of the configuration.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::pattern::Pattern;
use crate::limits;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub server: Server,
    pub auth: Auth,
    pub storage: Storage,
    pub registry: Registry,
    pub retention: Retention,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    pub bind_addr: SocketAddr,
    pub ui_addr: SocketAddr,
    /// One per core where none.
    pub workers: Option<usize>,
    pub io_driver: IoDriver,
    /// The address clients reach Drift by, without a slash at its end.
    pub public_url: Option<String>,
    pub drain_timeout: Duration,
    pub head_timeout: Duration,
    pub stall_timeout: Duration,
    pub idle_timeout: Duration,
    pub head_bytes_max: usize,
    pub connections_max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IoDriver {
    /// io_uring where the kernel lets it, else epoll.
    Auto,
    IoUring,
    Epoll,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// HTTP Basic with the users of the file; the only mode of this version.
    pub users: Vec<User>,
    /// Repositories that anyone may pull from.
    pub anonymous_pull: Vec<Pattern>,
}

/// A user of `[basic] users`.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub secret: Secret,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("name", &self.name)
            .field("secret", &self.secret)
            .finish()
    }
}

/// What a password is checked against. Its `Debug` form shows the kind alone.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    Plain(String),
    /// `$2a$`, `$2b$`, `$2x$` or `$2y$`, as `htpasswd -B` writes it.
    Bcrypt(String),
    /// A PHC string `$argon2id$…`.
    Argon2(String),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain(…)",
            Self::Bcrypt(_) => "Bcrypt(…)",
            Self::Argon2(_) => "Argon2(…)",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    pub backend: Backend,
    pub fs_root: PathBuf,
    pub upload_expiry: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Fs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registry {
    pub missing_references: MissingReferences,
    pub manifest_bytes_max: usize,
}

/// What happens to a manifest that names content the repository doesn't hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingReferences {
    Refuse,
    /// An index may name manifests that aren't here; an image may not miss its config or layers.
    AllowInIndexes,
    Allow,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retention {
    pub immutable_tags: Vec<String>,
    pub min_age_days: u64,
}

impl Settings {
    /// The defaults, with the store where it is given.
    pub fn defaults(fs_root: PathBuf) -> Self {
        let seconds = Duration::from_secs;
        Self {
            server: Server {
                bind_addr: SocketAddr::from(([0, 0, 0, 0], 5000)),
                ui_addr: SocketAddr::from(([0, 0, 0, 0], 5001)),
                workers: None,
                io_driver: IoDriver::Auto,
                public_url: None,
                drain_timeout: seconds(limits::DRAIN_TIMEOUT_SECONDS),
                head_timeout: seconds(limits::HEAD_TIMEOUT_SECONDS),
                stall_timeout: seconds(limits::STALL_TIMEOUT_SECONDS),
                idle_timeout: seconds(limits::IDLE_TIMEOUT_SECONDS),
                head_bytes_max: limits::HEAD_BYTES_MAX as usize,
                connections_max: limits::CONNECTIONS_MAX as usize,
            },
            auth: Auth {
                users: Vec::new(),
                anonymous_pull: Vec::new(),
            },
            storage: Storage {
                backend: Backend::Fs,
                fs_root,
                upload_expiry: seconds(limits::UPLOAD_EXPIRY_DAYS * 86_400),
            },
            registry: Registry {
                missing_references: MissingReferences::Refuse,
                manifest_bytes_max: limits::MANIFEST_BYTES_MAX,
            },
            retention: Retention::default(),
        }
    }
}
