//! What a manifest is asked for by: a tag or a digest (distribution-spec 1.1, `<reference>`).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::digest::{Digest, DigestError};
use crate::limits::TAG_BYTES_MAX;

/// A tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Arc<str>);

/// Why a text is not a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagError {
    Empty,
    TooLong,
    Character(char),
    Start(char),
}

impl fmt::Display for TagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TagError::Empty => f.write_str("the tag is empty"),
            TagError::TooLong => write!(f, "the tag is longer than {TAG_BYTES_MAX} characters"),
            TagError::Character(found) => write!(
                f,
                "the tag holds {found:?}; only letters, digits, '_', '.' and '-' are allowed"
            ),
            TagError::Start(found) => {
                write!(
                    f,
                    "the tag begins with {found:?}; it must begin with a letter, digit or '_'"
                )
            }
        }
    }
}

impl std::error::Error for TagError {}

impl Tag {
    pub fn parse(text: &str) -> Result<Self, TagError> {
        let first = text.chars().next().ok_or(TagError::Empty)?;
        let outside = |c: &char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
        if let Some(found) = text.chars().find(outside) {
            return Err(TagError::Character(found));
        }
        if matches!(first, '.' | '-') {
            return Err(TagError::Start(first));
        }
        if text.len() > TAG_BYTES_MAX {
            return Err(TagError::TooLong);
        }
        Ok(Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        Self::parse(text)
    }
}

/// A tag or a digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    Tag(Tag),
    Digest(Digest),
}

/// Why a text is neither a tag nor a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceError {
    Tag(TagError),
    Digest(DigestError),
}

impl fmt::Display for ReferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReferenceError::Tag(error) => fmt::Display::fmt(error, f),
            ReferenceError::Digest(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl std::error::Error for ReferenceError {}

impl Reference {
    /// A colon makes it a digest: no tag can hold one.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if text.contains(':') {
            Digest::parse(text)
                .map(Reference::Digest)
                .map_err(ReferenceError::Digest)
        } else {
            Tag::parse(text)
                .map(Reference::Tag)
                .map_err(ReferenceError::Tag)
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Tag(tag) => fmt::Display::fmt(tag, f),
            Reference::Digest(digest) => fmt::Display::fmt(digest, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_grammar_of_the_specification() {
        for tag in [
            "a",
            "_",
            "0",
            "latest",
            "v1.2.3-rc.1",
            "A_B",
            &"t".repeat(TAG_BYTES_MAX),
        ] {
            assert_eq!(Tag::parse(tag).unwrap().as_str(), tag);
        }
        for (tag, expected) in [
            ("", TagError::Empty),
            (".a", TagError::Start('.')),
            ("..", TagError::Start('.')),
            ("-a", TagError::Start('-')),
            ("a/b", TagError::Character('/')),
            ("a b", TagError::Character(' ')),
            ("ä", TagError::Character('ä')),
            (&"t".repeat(TAG_BYTES_MAX + 1), TagError::TooLong),
        ] {
            assert_eq!(Tag::parse(tag), Err(expected), "{tag:?}");
        }
    }

    #[test]
    fn a_colon_makes_a_digest() {
        assert!(matches!(Reference::parse("latest"), Ok(Reference::Tag(_))));
        assert_eq!(
            Reference::parse("sha256:x"),
            Err(ReferenceError::Digest(DigestError::WrongLength {
                expected: 64
            }))
        );
    }
}
