//! What a registry must know of a manifest: what it is and what it references.
//!
//! The bytes themselves are kept and served as they came; this is a reading of them.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::descriptor::{Descriptor, ReferrerDescriptor};
use super::digest::Digest;
use super::media_type::{self, MediaType};
use crate::limits::MANIFEST_DESCRIPTORS_MAX;

/// A manifest's references, read from its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub media_type: MediaType,
    pub config: Option<Descriptor>,
    /// Layers, or the blobs of an artifact manifest.
    pub layers: Vec<Descriptor>,
    /// The members of an index or a manifest list.
    pub manifests: Vec<Descriptor>,
    pub subject: Option<Descriptor>,
    pub artifact_type: Option<String>,
    pub annotations: BTreeMap<String, String>,
}

/// Why bytes are not a manifest that a registry may take. The pusher is at fault in every case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestError {
    NotJson(String),
    Schema1,
    SchemaVersion(u64),
    MediaTypeMissing,
    MediaTypeDiffers {
        body: String,
        content_type: String,
    },
    MediaTypeInvalid {
        at: String,
        value: String,
    },
    BothKinds,
    Wanted {
        field: &'static str,
        by: &'static str,
    },
    Digest {
        at: String,
        value: String,
        why: String,
    },
    TooManyDescriptors,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ManifestError::NotJson(why) => write!(f, "the manifest is not valid JSON: {why}"),
            ManifestError::Schema1 => f.write_str(
                "Docker schema 1 manifests are not supported; push the image again with a client \
                 that writes Docker schema 2 or OCI manifests",
            ),
            ManifestError::SchemaVersion(found) => {
                write!(f, "schemaVersion is {found}; it must be 2")
            }
            ManifestError::MediaTypeMissing => f.write_str(
                "neither a Content-Type header nor the manifest's mediaType says what it is",
            ),
            ManifestError::MediaTypeDiffers { body, content_type } => write!(
                f,
                "the manifest's mediaType {body:?} differs from its Content-Type {content_type:?}"
            ),
            ManifestError::MediaTypeInvalid { at, value } => {
                write!(f, "{at} is {value:?}, which is no media type")
            }
            ManifestError::BothKinds => f.write_str(
                "the manifest holds both 'manifests' and 'layers' or 'config', so it could be \
                 read in two ways",
            ),
            ManifestError::Wanted { field, by } => write!(f, "{by} needs the field '{field}'"),
            ManifestError::Digest { at, value, why } => {
                write!(f, "{at} is {value:?}, which is no digest: {why}")
            }
            ManifestError::TooManyDescriptors => write!(
                f,
                "the manifest holds more than {MANIFEST_DESCRIPTORS_MAX} descriptors"
            ),
        }
    }
}

impl std::error::Error for ManifestError {}

/// The fields of every manifest kind, as they come.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawManifest {
    schema_version: Option<u64>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<RawDescriptor>,
    layers: Option<Vec<RawDescriptor>>,
    blobs: Option<Vec<RawDescriptor>>,
    manifests: Option<Vec<RawDescriptor>>,
    subject: Option<RawDescriptor>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    /// Present in Docker schema 1 alone.
    fs_layers: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDescriptor {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    urls: Option<Vec<String>>,
}

impl Manifest {
    /// Reads a manifest that was pushed with the media type `content_type`, where there was one.
    pub fn parse(content: &[u8], content_type: Option<&MediaType>) -> Result<Self, ManifestError> {
        // serde would read a struct from an array too.
        if content.trim_ascii_start().first() != Some(&b'{') {
            return Err(ManifestError::NotJson(
                "the document must be an object".to_owned(),
            ));
        }
        let raw: RawManifest = serde_json::from_slice(content)
            .map_err(|error| ManifestError::NotJson(error.to_string()))?;
        let media_type = agreed_media_type(&raw, content_type)?;
        refuse_schema1(&raw, &media_type)?;
        require_kind(&raw, &media_type)?;
        let count = [&raw.layers, &raw.blobs, &raw.manifests]
            .iter()
            .map(|list| list.as_ref().map_or(0, Vec::len))
            .sum::<usize>();
        if count > MANIFEST_DESCRIPTORS_MAX {
            return Err(ManifestError::TooManyDescriptors);
        }
        let (layers_at, layers) = match raw.layers {
            Some(layers) => ("layers", layers),
            None => ("blobs", raw.blobs.unwrap_or_default()),
        };
        Ok(Self {
            media_type,
            config: raw.config.map(|raw| read("config", raw)).transpose()?,
            layers: read_all(layers_at, layers)?,
            manifests: read_all("manifests", raw.manifests.unwrap_or_default())?,
            subject: raw.subject.map(|raw| read("subject", raw)).transpose()?,
            artifact_type: raw.artifact_type.filter(|kind| !kind.is_empty()),
            annotations: raw.annotations.unwrap_or_default(),
        })
    }

    /// The descriptor by which a list of its subject's referrers names this manifest.
    pub fn referrer(&self, digest: &Digest, size: u64) -> ReferrerDescriptor {
        let config_type = || {
            self.config
                .as_ref()
                .map(|config| config.media_type.to_string())
        };
        ReferrerDescriptor {
            media_type: self.media_type.to_string(),
            digest: digest.to_string(),
            size,
            artifact_type: self.artifact_type.clone().or_else(config_type),
            annotations: self.annotations.clone(),
        }
    }
}

fn agreed_media_type(
    raw: &RawManifest,
    content_type: Option<&MediaType>,
) -> Result<MediaType, ManifestError> {
    let Some(body) = raw.media_type.as_deref().filter(|text| !text.is_empty()) else {
        return content_type.cloned().ok_or(ManifestError::MediaTypeMissing);
    };
    if let Some(content_type) = content_type
        && content_type.as_str() != body
    {
        return Err(ManifestError::MediaTypeDiffers {
            body: body.to_owned(),
            content_type: content_type.to_string(),
        });
    }
    parse_media_type("mediaType", body)
}

fn refuse_schema1(raw: &RawManifest, media_type: &MediaType) -> Result<(), ManifestError> {
    let named = [
        media_type::DOCKER_SCHEMA1,
        media_type::DOCKER_SCHEMA1_SIGNED,
    ];
    if raw.fs_layers.is_some()
        || raw.schema_version == Some(1)
        || named.contains(&media_type.as_str())
    {
        return Err(ManifestError::Schema1);
    }
    match raw.schema_version {
        Some(2) | None => Ok(()),
        Some(other) => Err(ManifestError::SchemaVersion(other)),
    }
}

/// Holds the known media types to their shape, and any type to being of one kind
/// (CVE-2021-41190: a document that is both an image and an index).
fn require_kind(raw: &RawManifest, media_type: &MediaType) -> Result<(), ManifestError> {
    let image = raw.config.is_some() || raw.layers.is_some() || raw.blobs.is_some();
    if raw.manifests.is_some() && image {
        return Err(ManifestError::BothKinds);
    }
    let wanted = |field, by| Err(ManifestError::Wanted { field, by });
    let versioned = raw.schema_version.is_some();
    match media_type.as_str() {
        media_type::OCI_MANIFEST | media_type::DOCKER_MANIFEST => match () {
            () if !versioned => wanted("schemaVersion", "an image manifest"),
            () if raw.config.is_none() => wanted("config", "an image manifest"),
            () if raw.layers.is_none() => wanted("layers", "an image manifest"),
            () => Ok(()),
        },
        media_type::OCI_INDEX | media_type::DOCKER_MANIFEST_LIST => match () {
            () if !versioned => wanted("schemaVersion", "an image index"),
            () if raw.manifests.is_none() => wanted("manifests", "an image index"),
            () => Ok(()),
        },
        _ => Ok(()),
    }
}

fn parse_media_type(at: &str, value: &str) -> Result<MediaType, ManifestError> {
    MediaType::parse(value).map_err(|_| ManifestError::MediaTypeInvalid {
        at: at.to_owned(),
        value: value.to_owned(),
    })
}

fn read(at: &str, raw: RawDescriptor) -> Result<Descriptor, ManifestError> {
    let digest = Digest::parse(&raw.digest).map_err(|why| ManifestError::Digest {
        at: format!("{at}.digest"),
        value: raw.digest.clone(),
        why: why.to_string(),
    })?;
    Ok(Descriptor {
        media_type: parse_media_type(&format!("{at}.mediaType"), &raw.media_type)?,
        digest,
        size: raw.size,
        foreign: raw.urls.is_some_and(|urls| !urls.is_empty()),
    })
}

fn read_all(at: &str, list: Vec<RawDescriptor>) -> Result<Vec<Descriptor>, ManifestError> {
    let entries = list.into_iter().enumerate();
    entries
        .map(|(index, raw)| read(&format!("{at}[{index}]"), raw))
        .collect()
}

#[cfg(test)]
mod tests;
