//! Passwords: checking them against what is stored, and making the first one.

use std::fmt;

use argon2::password_hash::SaltString;
use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier};
use ring::hmac;
use subtle::ConstantTimeEq;

use crate::config::settings::Secret;

/// Whether the password is the one; costs up to a second of CPU for hashes, so off-core only.
pub fn verify(secret: &Secret, password: &str) -> bool {
    match secret {
        Secret::Plain(expected) => equal(expected.as_bytes(), password.as_bytes()),
        // A password beyond bcrypt's 72 bytes fails rather than match by its beginning.
        Secret::Bcrypt(hash) => bcrypt::non_truncating_verify(password, hash).unwrap_or(false),
        Secret::Argon2(hash) => PasswordHash::new(hash).is_ok_and(|hash| {
            Argon2::default()
                .verify_password(password.as_bytes(), &hash)
                .is_ok()
        }),
    }
}

/// Constant time in content and length: both sides are hashed first.
fn equal(a: &[u8], b: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"drift password comparison");
    let (a, b) = (hmac::sign(&key, a), hmac::sign(&key, b));
    a.as_ref().ct_eq(b.as_ref()).into()
}

/// The user that the first start makes where the configuration has none.
pub struct FirstBoot {
    pub name: &'static str,
    /// Shown once and kept nowhere.
    pub password: String,
    /// What to store: a PHC string `$argon2id$…`.
    pub hash: String,
}

/// Why no first password could be made; the host's fault.
#[derive(Debug)]
pub enum FirstBootError {
    NoRandomness(getrandom::Error),
    Hashing(argon2::password_hash::Error),
}

impl fmt::Display for FirstBootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRandomness(source) => write!(f, "the system gives no random bytes: {source}"),
            Self::Hashing(source) => write!(f, "the first password can't be hashed: {source}"),
        }
    }
}

impl std::error::Error for FirstBootError {}

/// 32 characters that can't be taken for one another, so 5 bits each without bias.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// 24 characters are 120 bits.
const FIRST_PASSWORD_CHARACTERS: usize = 24;

impl FirstBoot {
    /// Makes the user `admin` with a random password. Blocks for the time of one hash.
    pub fn make() -> Result<Self, FirstBootError> {
        let mut random = [0u8; FIRST_PASSWORD_CHARACTERS];
        let mut salt = [0u8; 16];
        getrandom::fill(&mut random).map_err(FirstBootError::NoRandomness)?;
        getrandom::fill(&mut salt).map_err(FirstBootError::NoRandomness)?;
        let password: String = random
            .iter()
            .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
            .collect();
        let salt = SaltString::encode_b64(&salt).map_err(FirstBootError::Hashing)?;
        let hash = Argon2::default()
            .hash_password(password.as_bytes(), &salt)
            .map_err(FirstBootError::Hashing)?
            .to_string();
        Ok(Self {
            name: "admin",
            password,
            hash,
        })
    }
}
