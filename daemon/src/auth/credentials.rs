//! Basic credentials (RFC 7617), parsed strictly: one spelling for one user and password.

use crate::limits;

/// A name and password as the client sent them. No `Debug`, so that none is ever logged.
#[derive(PartialEq, Eq)]
pub struct Credentials {
    pub name: String,
    pub password: String,
}

/// What is wrong with an `Authorization` value; the client's fault each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialError {
    TooLong,
    /// Another scheme than Basic.
    Scheme,
    /// Not canonical base64, with its padding (RFC 4648 §4).
    Base64,
    /// Not UTF-8, without a colon, or with control characters.
    UserPass,
}

/// Parses the value of an `Authorization` field.
pub fn parse(value: &str) -> Result<Credentials, CredentialError> {
    if value.len() > limits::AUTHORIZATION_BYTES_MAX {
        return Err(CredentialError::TooLong);
    }
    let (scheme, token) = value.split_once(' ').ok_or(CredentialError::Scheme)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(CredentialError::Scheme);
    }
    let bytes =
        decode_base64(token.trim_start_matches(' ').as_bytes()).ok_or(CredentialError::Base64)?;
    let text = String::from_utf8(bytes).map_err(|_| CredentialError::UserPass)?;
    if text.chars().any(char::is_control) {
        return Err(CredentialError::UserPass);
    }
    let (name, password) = text.split_once(':').ok_or(CredentialError::UserPass)?;
    if name.len() > limits::USER_NAME_BYTES_MAX || password.len() > limits::PASSWORD_BYTES_MAX {
        return Err(CredentialError::TooLong);
    }
    Ok(Credentials {
        name: name.to_owned(),
        password: password.to_owned(),
    })
}

fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let body = match text {
        [body @ .., b'=', b'='] | [body @ .., b'='] => body,
        body => body,
    };
    let mut bytes = Vec::with_capacity(body.len() * 3 / 4);
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in body {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    // Bits left over must be zero: else two texts would mean the same bytes.
    (bits == 0 && held < 6).then_some(bytes)
}
