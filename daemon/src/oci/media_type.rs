//! Media types (RFC 6838 §4.2), and the names that the registry protocol gives meaning to.

use std::fmt;
use std::sync::Arc;

use crate::limits::MEDIA_TYPE_BYTES_MAX;

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub const DOCKER_MANIFEST_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";
pub const DOCKER_SCHEMA1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
/// The withdrawn artifact manifest of image-spec 1.1 release candidates, which old clients push.
pub const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";

/// A media type without parameters: `type/subtype`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaType(Arc<str>);

/// Why a text is not a media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaTypeError;

impl fmt::Display for MediaTypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a media type is written TYPE/SUBTYPE (RFC 6838, section 4.2)")
    }
}

impl std::error::Error for MediaTypeError {}

impl MediaType {
    /// Parses a bare type; parameters are refused.
    pub fn parse(text: &str) -> Result<Self, MediaTypeError> {
        let (kind, subtype) = text.split_once('/').ok_or(MediaTypeError)?;
        if text.len() > MEDIA_TYPE_BYTES_MAX || !is_restricted(kind) || !is_restricted(subtype) {
            return Err(MediaTypeError);
        }
        Ok(Self(text.into()))
    }

    /// Parses a `Content-Type` field: what stands before the first parameter.
    pub fn from_content_type(field: &str) -> Result<Self, MediaTypeError> {
        let bare = field.split(';').next().unwrap_or(field).trim();
        Self::parse(bare)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `restricted-name` of RFC 6838 §4.2.
fn is_restricted(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
    starts && name.len() <= 127 && name.bytes().all(allowed)
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_the_rfc_names() {
        for text in [OCI_MANIFEST, DOCKER_SCHEMA1_SIGNED, "a/b", "text/x+y.z-1"] {
            assert_eq!(MediaType::parse(text).unwrap().as_str(), text);
        }
        for text in [
            "", "a", "/", "a/", "/b", "a/b/c", "a/b;q=1", "a /b", "a/\n", "é/b", "+a/b",
        ] {
            assert_eq!(MediaType::parse(text), Err(MediaTypeError), "{text:?}");
        }
    }

    #[test]
    fn drops_the_parameters_of_a_field() {
        let parsed = MediaType::from_content_type("application/json ; charset=utf-8");
        assert_eq!(parsed.unwrap().as_str(), "application/json");
    }
}
