//! From an `Authorization` field to a principal, with hashing off the cores and successes remembered.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use ring::hmac;
use ring::rand::SystemRandom;

use super::Principal;
use super::credentials::{self, CredentialError, Credentials};
use super::passwords::verify;
use crate::config::settings::{Secret, User};
use crate::limits;
use crate::sys::blocking::Pool;

/// Why a request has no principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthFailure {
    /// The field can't be read: 400.
    Malformed,
    /// Another scheme, an unknown user or a wrong password, never told apart: 401.
    Rejected,
    /// Too many passwords are waiting: 503 with Retry-After.
    Busy,
}

/// The users of one configuration; a reload replaces it whole.
struct Policy {
    generation: u64,
    users: HashMap<String, Secret>,
    /// What an unknown user's password is checked against, so that it costs what a known one's does.
    decoy: Secret,
}

impl Policy {
    fn new(generation: u64, users: Vec<User>) -> Self {
        let hashed = users
            .iter()
            .find(|user| !matches!(user.secret, Secret::Plain(_)));
        let decoy = hashed.map_or_else(
            || Secret::Plain("decoy".to_owned()),
            |user| user.secret.clone(),
        );
        Self {
            generation,
            users: users
                .into_iter()
                .map(|user| (user.name, user.secret))
                .collect(),
            decoy,
        }
    }

    /// Checks a pair. Every path hashes once where any user has a hash.
    fn accepts(&self, name: &str, password: &str) -> bool {
        let known = self.users.get(name);
        let accepted = known.is_some_and(|secret| verify(secret, password));
        if known.is_none_or(|secret| matches!(secret, Secret::Plain(_))) {
            std::hint::black_box(verify(&self.decoy, password));
        }
        accepted
    }
}

/// Finds the principal of a request; shared by all cores.
pub struct Authenticator {
    policy: RwLock<Arc<Policy>>,
    pool: Pool,
    /// Random for each process: a dump of the cache tells nothing without it.
    key: hmac::Key,
    /// Successes by keyed hash of generation, name and password, with their end.
    remembered: Mutex<HashMap<[u8; 32], Instant>>,
}

/// The host gave no random key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRandomness;

impl Authenticator {
    pub fn new(users: Vec<User>) -> Result<Self, NoRandomness> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| NoRandomness)?;
        Ok(Self {
            policy: RwLock::new(Arc::new(Policy::new(0, users))),
            pool: Pool::new(
                "password",
                limits::PASSWORD_THREADS,
                limits::PASSWORD_QUEUE_MAX,
            ),
            key,
            remembered: Mutex::new(HashMap::new()),
        })
    }

    /// The caller of a request; without the field it is anonymous, and the gate decides.
    pub async fn authenticate(
        &self,
        authorization: Option<&str>,
        _peer: IpAddr,
    ) -> Result<Principal, AuthFailure> {
        let Some(value) = authorization else {
            return Ok(Principal::anonymous());
        };
        let credentials = credentials::parse(value).map_err(|error| match error {
            CredentialError::Scheme => AuthFailure::Rejected,
            CredentialError::TooLong | CredentialError::Base64 | CredentialError::UserPass => {
                AuthFailure::Malformed
            }
        })?;
        let policy = self.policy();
        let cache_key = self.cache_key(policy.generation, &credentials);
        let Credentials { name, password } = credentials;
        if self.is_remembered(&cache_key) {
            return Ok(Principal::user(&name));
        }
        let principal = Principal::user(&name);
        let checked = self
            .pool
            .run(move || policy.accepts(&name, &password))
            .await;
        match checked {
            Ok(true) => {
                self.remember(cache_key);
                Ok(principal)
            }
            Ok(false) => Err(AuthFailure::Rejected),
            Err(_) => Err(AuthFailure::Busy),
        }
    }

    /// Takes new users; what was remembered of the old ones is void at once.
    pub fn reload(&self, users: Vec<User>) {
        let mut policy = self.policy.write().unwrap_or_else(PoisonError::into_inner);
        *policy = Arc::new(Policy::new(policy.generation + 1, users));
        drop(policy);
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Holds the generation, so that a check still under way at a reload remembers nothing valid.
    fn cache_key(&self, generation: u64, credentials: &Credentials) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&generation.to_be_bytes());
        context.update(&(credentials.name.len() as u64).to_be_bytes());
        context.update(credentials.name.as_bytes());
        context.update(credentials.password.as_bytes());
        let mut key = [0; 32];
        key.copy_from_slice(context.sign().as_ref());
        key
    }

    fn is_remembered(&self, key: &[u8; 32]) -> bool {
        let remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        remembered
            .get(key)
            .is_some_and(|until| Instant::now() < *until)
    }

    fn remember(&self, key: [u8; 32]) {
        let now = Instant::now();
        let mut remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= limits::CREDENTIAL_CACHE_ENTRIES_MAX {
            remembered.retain(|_, until| now < *until);
        }
        // Still full of live entries: this one goes unremembered and is checked again next time.
        if remembered.len() < limits::CREDENTIAL_CACHE_ENTRIES_MAX {
            remembered.insert(
                key,
                now + Duration::from_secs(limits::CREDENTIAL_CACHE_SECONDS),
            );
        }
    }
}
