//! Who is calling, and whether they may: one gate that denies what nothing grants.

pub mod authenticator;
pub mod credentials;
pub mod passwords;
#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError, RwLock};

use crate::config::pattern::Pattern;
use crate::oci::name::RepositoryName;

pub use authenticator::{AuthFailure, Authenticator};
pub use passwords::FirstBoot;

/// Whoever sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub name: Arc<str>,
    pub anonymous: bool,
}

impl Principal {
    /// A caller who showed no credentials.
    pub fn anonymous() -> Self {
        Self {
            name: Arc::from("anonymous"),
            anonymous: true,
        }
    }

    /// A caller who proved to be this user.
    pub fn user(name: &str) -> Self {
        Self {
            name: Arc::from(name),
            anonymous: false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Pull,
    Push,
    Delete,
}

/// What a route needs of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access<'a> {
    Public,
    Authenticated,
    Repository {
        name: &'a RepositoryName,
        action: Action,
    },
    Catalog,
    Admin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Granted,
    /// The caller is anonymous, and a login could help: 401 with the challenge.
    NeedsLogin,
    /// The caller is known and may not: 403.
    Refused,
}

/// Compares the access a route needs with what its caller was granted.
#[derive(Debug, Default)]
pub struct Gate {
    anonymous_pull: RwLock<Vec<Pattern>>,
}

impl Gate {
    pub fn new(anonymous_pull: Vec<Pattern>) -> Self {
        Self {
            anonymous_pull: RwLock::new(anonymous_pull),
        }
    }

    /// Users of the `basic` mode are trusted with everything; the anonymous may only pull, and
    /// only where a pattern says so.
    pub fn check(&self, principal: &Principal, access: &Access<'_>) -> Decision {
        match access {
            Access::Public => Decision::Granted,
            _ if !principal.anonymous => Decision::Granted,
            Access::Repository {
                name,
                action: Action::Pull,
            } if self.anyone_may_pull(name.as_str()) => Decision::Granted,
            Access::Repository { .. } | Access::Authenticated | Access::Catalog | Access::Admin => {
                Decision::NeedsLogin
            }
        }
    }

    /// The `WWW-Authenticate` value of a 401 (RFC 7617 §2).
    pub fn challenge(&self) -> String {
        "Basic realm=\"drift\", charset=\"UTF-8\"".to_owned()
    }

    /// Takes new patterns; requests decided from now on go by them.
    pub fn reload(&self, anonymous_pull: Vec<Pattern>) {
        *self
            .anonymous_pull
            .write()
            .unwrap_or_else(PoisonError::into_inner) = anonymous_pull;
    }

    fn anyone_may_pull(&self, name: &str) -> bool {
        let patterns = self
            .anonymous_pull
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        patterns.iter().any(|pattern| pattern.matches(name))
    }
}
