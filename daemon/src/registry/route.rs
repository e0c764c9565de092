//! The routes of the distribution API (distribution-spec 1.1, "Endpoints"): one closed enum that
//! a decoded path is parsed into. A name may hold slashes, so a path is read from its end.

use super::error::{ErrorCode, RegistryError};
use crate::oci::digest::Digest;
use crate::oci::name::RepositoryName;
use crate::oci::reference::{Reference, ReferenceError};

/// What a path of the API names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `/v2/`
    Base,
    /// `/v2/_catalog`
    Catalog,
    /// `/v2/<name>/blobs/<digest>`
    Blob {
        name: RepositoryName,
        digest: Digest,
    },
    /// `/v2/<name>/blobs/uploads/`
    Uploads { name: RepositoryName },
    /// `/v2/<name>/blobs/uploads/<id>`
    Upload { name: RepositoryName, id: String },
    /// `/v2/<name>/manifests/<reference>`
    Manifest {
        name: RepositoryName,
        reference: Reference,
    },
    /// `/v2/<name>/tags/list`
    Tags { name: RepositoryName },
    /// `/v2/<name>/referrers/<digest>`
    Referrers {
        name: RepositoryName,
        digest: Digest,
    },
}

impl Route {
    /// Reads a path that was percent-decoded once. `None`: the path is none of this API's.
    pub fn parse(path: &str) -> Option<Result<Self, RegistryError>> {
        let rest = match path.strip_prefix("/v2")? {
            "" | "/" => return Some(Ok(Route::Base)),
            rest => rest.strip_prefix('/')?,
        };
        if rest == "_catalog" {
            return Some(Ok(Route::Catalog));
        }
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return Some(parse_name(name).map(|name| Route::Tags { name }));
        }
        let uploads = rest.strip_suffix('/').unwrap_or(rest);
        if let Some(name) = uploads.strip_suffix("/blobs/uploads") {
            return Some(parse_name(name).map(|name| Route::Uploads { name }));
        }
        let (collection, last) = rest.rsplit_once('/')?;
        let (name, kind) = collection.rsplit_once('/')?;
        match kind {
            "uploads" => {
                let name = name.strip_suffix("/blobs")?;
                Some(parse_name(name).map(|name| Route::Upload {
                    name,
                    id: last.to_owned(),
                }))
            }
            "blobs" => {
                Some(parse_content(name, last).map(|(name, digest)| Route::Blob { name, digest }))
            }
            "referrers" => Some(
                parse_content(name, last).map(|(name, digest)| Route::Referrers { name, digest }),
            ),
            "manifests" => Some(parse_manifest(name, last)),
            _ => None,
        }
    }

    /// The methods that the route answers, for `Allow` of a 405 (RFC 9110 §15.5.6).
    pub fn methods(&self) -> &'static [&'static str] {
        match self {
            Route::Base | Route::Catalog | Route::Tags { .. } | Route::Referrers { .. } => {
                &["GET", "HEAD"]
            }
            Route::Blob { .. } => &["GET", "HEAD", "DELETE"],
            Route::Uploads { .. } => &["POST"],
            Route::Upload { .. } => &["GET", "HEAD", "PATCH", "PUT", "DELETE"],
            Route::Manifest { .. } => &["GET", "HEAD", "PUT", "DELETE"],
        }
    }

    /// The route's pattern: a bounded set of label values for metrics and logs.
    pub fn pattern(&self) -> &'static str {
        match self {
            Route::Base => "/v2/",
            Route::Catalog => "/v2/_catalog",
            Route::Blob { .. } => "/v2/{name}/blobs/{digest}",
            Route::Uploads { .. } => "/v2/{name}/blobs/uploads/",
            Route::Upload { .. } => "/v2/{name}/blobs/uploads/{id}",
            Route::Manifest { .. } => "/v2/{name}/manifests/{reference}",
            Route::Tags { .. } => "/v2/{name}/tags/list",
            Route::Referrers { .. } => "/v2/{name}/referrers/{digest}",
        }
    }

    pub fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Route::Base | Route::Catalog => None,
            Route::Blob { name, .. }
            | Route::Uploads { name }
            | Route::Upload { name, .. }
            | Route::Manifest { name, .. }
            | Route::Tags { name }
            | Route::Referrers { name, .. } => Some(name),
        }
    }
}

fn parse_name(text: &str) -> Result<RepositoryName, RegistryError> {
    RepositoryName::parse(text)
        .map_err(|error| RegistryError::new(ErrorCode::NameInvalid, error.to_string()))
}

fn parse_content(name: &str, digest: &str) -> Result<(RepositoryName, Digest), RegistryError> {
    let name = parse_name(name)?;
    let digest = Digest::parse(digest)
        .map_err(|error| RegistryError::new(ErrorCode::DigestInvalid, error.to_string()))?;
    Ok((name, digest))
}

fn parse_manifest(name: &str, reference: &str) -> Result<Route, RegistryError> {
    let name = parse_name(name)?;
    let reference = Reference::parse(reference).map_err(|error| {
        let code = match error {
            ReferenceError::Tag(_) => ErrorCode::TagInvalid,
            ReferenceError::Digest(_) => ErrorCode::DigestInvalid,
        };
        RegistryError::new(code, error.to_string())
    })?;
    Ok(Route::Manifest { name, reference })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::digest::Algorithm;
    use proptest::prelude::*;

    fn name(text: &str) -> RepositoryName {
        RepositoryName::parse(text).unwrap()
    }

    #[test]
    fn reads_names_with_slashes_from_the_end() {
        let digest = Digest::of(Algorithm::Sha256, b"");
        let tag = Reference::parse("1").unwrap();
        for (path, expected) in [
            ("/v2", Route::Base),
            ("/v2/", Route::Base),
            ("/v2/_catalog", Route::Catalog),
            ("/v2/a/b/tags/list", Route::Tags { name: name("a/b") }),
            (
                "/v2/tags/list/tags/list",
                Route::Tags {
                    name: name("tags/list"),
                },
            ),
            ("/v2/a/blobs/uploads/", Route::Uploads { name: name("a") }),
            ("/v2/a/blobs/uploads", Route::Uploads { name: name("a") }),
            (
                "/v2/blobs/uploads/blobs/uploads/",
                Route::Uploads {
                    name: name("blobs/uploads"),
                },
            ),
            (
                "/v2/a/b/blobs/uploads/x",
                Route::Upload {
                    name: name("a/b"),
                    id: "x".into(),
                },
            ),
            (
                "/v2/manifests/manifests/1",
                Route::Manifest {
                    name: name("manifests"),
                    reference: tag,
                },
            ),
            (
                &format!("/v2/a/blobs/{digest}"),
                Route::Blob {
                    name: name("a"),
                    digest,
                },
            ),
            (
                &format!("/v2/a/referrers/{digest}"),
                Route::Referrers {
                    name: name("a"),
                    digest,
                },
            ),
        ] {
            assert_eq!(Route::parse(path), Some(Ok(expected)), "{path}");
        }
    }

    #[test]
    fn leaves_what_is_not_of_this_api() {
        for path in [
            "",
            "/",
            "/v1/",
            "/v2x",
            "/v2/a",
            "/v2/a/b",
            "/v2//",
            "/v2/a/tags",
            "/metrics",
        ] {
            assert_eq!(Route::parse(path), None, "{path}");
        }
    }

    #[test]
    fn names_what_is_wrong() {
        for (path, code) in [
            ("/v2/A/tags/list", ErrorCode::NameInvalid),
            ("/v2//tags/list", ErrorCode::NameInvalid),
            ("/v2/../manifests/1", ErrorCode::NameInvalid),
            ("/v2/a/manifests/", ErrorCode::TagInvalid),
            ("/v2/a/manifests/.x", ErrorCode::TagInvalid),
            ("/v2/a/manifests/sha256:x", ErrorCode::DigestInvalid),
            ("/v2/a/blobs/latest", ErrorCode::DigestInvalid),
            ("/v2/a/referrers/latest", ErrorCode::DigestInvalid),
        ] {
            assert_eq!(
                Route::parse(path).unwrap().unwrap_err().code,
                code,
                "{path}"
            );
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(path: String) {
            let _outcome = Route::parse(&path);
            let _outcome = Route::parse(&format!("/v2/{path}"));
        }

        #[test]
        fn every_name_reaches_its_tags(
            text in "(tags|list|blobs|uploads|manifests|[a-z]{1,3})(/(tags|list|blobs|uploads|manifests|[a-z]{1,3})){0,4}"
        ) {
            let name = name(&text);
            prop_assert_eq!(Route::parse(&format!("/v2/{text}/tags/list")), Some(Ok(Route::Tags { name: name.clone() })));
            let path = format!("/v2/{text}/blobs/uploads/");
            prop_assert_eq!(Route::parse(&path), Some(Ok(Route::Uploads { name })));
        }
    }
}
