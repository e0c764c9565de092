//! Manifests: kept byte for byte, read by tag and digest, conditional, refused when wrong.

use serde_json::json;

use crate::case::{Case, Check, Stop, case, ensure, skipped};
use crate::client::{Request, Response};
use crate::session::{
    CONFIG, Content, IMAGE, INDEX, LAYER, Session, descriptor, error, header, header_is, manifest,
    status,
};

const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";
const SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

pub(super) const CASES: &[Case] = &[
    case(
        "manifest-tag",
        "end-7, end-3",
        "PUT by tag; GET by tag and digest byte for byte",
        by_tag,
    ),
    case(
        "manifest-digest",
        "end-7, end-3",
        "PUT by digest; GET byte for byte",
        by_digest,
    ),
    case(
        "manifest-head",
        "end-3",
        "HEAD names type, length and digest",
        head,
    ),
    case(
        "manifest-index",
        "end-7",
        "an index of a pushed image is kept as it is",
        index,
    ),
    case(
        "manifest-docker",
        "end-7",
        "a Docker schema 2 manifest is kept as it is",
        docker,
    ),
    case(
        "manifest-wrong-digest",
        "end-7",
        "PUT under another digest is 400",
        wrong_digest,
    ),
    case(
        "manifest-overwrite",
        "end-7",
        "a tag moves; the old manifest stays by digest",
        overwrite,
    ),
    case(
        "manifest-unknown",
        "end-3",
        "an absent manifest is 404 MANIFEST_UNKNOWN",
        unknown,
    ),
    case(
        "manifest-etag",
        "RFC 9110 §13",
        "ETag, and 304 to If-None-Match",
        etag,
    ),
    case(
        "manifest-if-match",
        "RFC 9110 §13.1.1",
        "If-Match with another ETag is 412",
        if_match,
    ),
    case(
        "manifest-accept",
        "end-3",
        "any Accept gets the manifest as it is",
        accept,
    ),
    case(
        "manifest-type-mismatch",
        "image-spec",
        "mediaType other than Content-Type is 400",
        mismatch,
    ),
    case(
        "manifest-ambiguous",
        "CVE-2021-41190",
        "both manifests and layers is 400",
        ambiguous,
    ),
    case(
        "manifest-missing-blob",
        "end-7",
        "a missing layer is refused",
        missing_blob,
    ),
    case(
        "manifest-missing-child",
        "end-7",
        "a missing child of an index is refused",
        missing_child,
    ),
    case(
        "manifest-schema-1",
        "end-7",
        "Docker schema 1 is refused with 4xx",
        schema_1,
    ),
    case(
        "manifest-not-json",
        "end-7",
        "bytes that aren't JSON are 400 MANIFEST_INVALID",
        not_json,
    ),
    case(
        "manifest-too-large",
        "end-7",
        "a manifest of 40 MB is 413 or 400",
        too_large,
    ),
    case(
        "manifest-delete-tag",
        "end-9",
        "DELETE of a tag leaves the manifest",
        delete_tag,
    ),
    case(
        "manifest-delete",
        "end-9",
        "DELETE of a digest takes its tags with it",
        delete,
    ),
];

fn target(repository: &str, reference: &str) -> String {
    format!("/v2/{repository}/manifests/{reference}")
}

fn reads_as(
    session: &Session,
    repository: &str,
    reference: &str,
    kind: &str,
    own: &Content,
) -> Check {
    let request = Request::new("GET", target(repository, reference)).header("Accept", kind);
    let response = session.send(request)?;
    status(&response, &[200])?;
    header_is(&response, "Content-Type", kind)?;
    header_is(&response, "Docker-Content-Digest", &own.digest)?;
    ensure(
        response.body == own.bytes,
        "the manifest byte for byte",
        || response.excerpt(),
    )
}

fn by_tag(session: &Session) -> Check {
    let repository = session.repository();
    let image = session.image(&repository)?;
    let response = session.put_manifest(&repository, "v1", IMAGE, &image.bytes)?;
    status(&response, &[201])?;
    header_is(&response, "Docker-Content-Digest", &image.digest)?;
    header(&response, "Location")?;
    reads_as(session, &repository, "v1", IMAGE, &image)?;
    reads_as(session, &repository, &image.digest, IMAGE, &image)
}

fn by_digest(session: &Session) -> Check {
    let repository = session.repository();
    let image = session.image(&repository)?;
    status(
        &session.put_manifest(&repository, &image.digest, IMAGE, &image.bytes)?,
        &[201],
    )?;
    reads_as(session, &repository, &image.digest, IMAGE, &image)
}

fn head(session: &Session) -> Check {
    let repository = session.repository();
    let image = session.new_image(&repository, "v1")?;
    let request = Request::new("HEAD", target(&repository, "v1")).header("Accept", IMAGE);
    let response = session.send(request)?;
    status(&response, &[200])?;
    header_is(&response, "Content-Type", IMAGE)?;
    header_is(&response, "Content-Length", &image.bytes.len().to_string())?;
    header_is(&response, "Docker-Content-Digest", &image.digest)
}

fn index(session: &Session) -> Check {
    let repository = session.repository();
    let image = session.new_image(&repository, "child")?;
    let index = manifest(&json!({
        "schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor(IMAGE, &image)],
    }));
    status(
        &session.put_manifest(&repository, "all", INDEX, &index.bytes)?,
        &[201],
    )?;
    reads_as(session, &repository, "all", INDEX, &index)
}

fn docker(session: &Session) -> Check {
    let repository = session.repository();
    let (config, layer) = (
        session.new_blob(&repository, 64)?,
        session.new_blob(&repository, 99)?,
    );
    let image = manifest(&json!({
        "schemaVersion": 2, "mediaType": DOCKER,
        "config": descriptor("application/vnd.docker.container.image.v1+json", &config),
        "layers": [descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", &layer)],
    }));
    status(
        &session.put_manifest(&repository, "v1", DOCKER, &image.bytes)?,
        &[201],
    )?;
    reads_as(session, &repository, "v1", DOCKER, &image)
}

fn wrong_digest(session: &Session) -> Check {
    let repository = session.repository();
    let image = session.image(&repository)?;
    let other = session.content(64).digest;
    let response = session.put_manifest(&repository, &other, IMAGE, &image.bytes)?;
    error(&response, &[400], &["DIGEST_INVALID", "MANIFEST_INVALID"])
}

fn overwrite(session: &Session) -> Check {
    let repository = session.repository();
    let old = session.new_image(&repository, "v1")?;
    let new = session.new_image(&repository, "v1")?;
    reads_as(session, &repository, "v1", IMAGE, &new)?;
    reads_as(session, &repository, &old.digest, IMAGE, &old)
}

fn unknown(session: &Session) -> Check {
    let repository = session.repository();
    session.new_image(&repository, "v1")?;
    let absent = session.content(64).digest;
    for reference in ["absent", absent.as_str()] {
        error(
            &session.get(target(&repository, reference))?,
            &[404],
            &["MANIFEST_UNKNOWN"],
        )?;
        status(
            &session.send(Request::new("HEAD", target(&repository, reference)))?,
            &[404],
        )?;
    }
    Ok(())
}

fn conditional(session: &Session, target: &str, name: &str, value: &str) -> Result<Response, Stop> {
    session.send(
        Request::new("GET", target)
            .header("Accept", IMAGE)
            .header(name, value),
    )
}

fn etag(session: &Session) -> Check {
    let repository = session.repository();
    session.new_image(&repository, "v1")?;
    let target = target(&repository, "v1");
    let etag = header(&conditional(session, &target, "X-None", "")?, "ETag")?;
    ensure(
        etag.starts_with('"') && etag.len() > 2,
        "a strong, quoted ETag",
        || etag.clone(),
    )?;
    status(
        &conditional(session, &target, "If-None-Match", &etag)?,
        &[304],
    )?;
    status(
        &conditional(session, &target, "If-None-Match", "\"other\"")?,
        &[200],
    )
}

fn if_match(session: &Session) -> Check {
    let repository = session.repository();
    let old = session.new_image(&repository, "v1")?;
    let new = session.image(&repository)?;
    let current =
        session.send(Request::new("GET", target(&repository, "v1")).header("Accept", IMAGE))?;
    let etag = header(&current, "ETag")?;
    let put = |value: &str| {
        session.send(
            Request::new("PUT", target(&repository, "v1"))
                .header("Content-Type", IMAGE)
                .header("If-Match", value)
                .body(&new.bytes),
        )
    };
    status(&put("\"other\"")?, &[412])?;
    reads_as(session, &repository, "v1", IMAGE, &old)?;
    status(&put(&etag)?, &[201])?;
    reads_as(session, &repository, "v1", IMAGE, &new)
}

fn accept(session: &Session) -> Check {
    let repository = session.repository();
    let image = session.new_image(&repository, "v1")?;
    for value in [
        None,
        Some("*/*"),
        Some(DOCKER),
        Some("text/html, */*;q=0.1"),
    ] {
        let mut request = Request::new("GET", target(&repository, "v1"));
        if let Some(value) = value {
            request = request.header("Accept", value);
        }
        let response = session.send(request)?;
        status(&response, &[200])?;
        header_is(&response, "Content-Type", IMAGE)?;
        ensure(
            response.body == image.bytes,
            "the manifest as it is",
            || response.excerpt(),
        )?;
    }
    Ok(())
}

fn mismatch(session: &Session) -> Check {
    let repository = session.repository();
    let image = session.image(&repository)?;
    let response = session.put_manifest(&repository, "v1", DOCKER, &image.bytes)?;
    error(&response, &[400], &["MANIFEST_INVALID"])
}

fn ambiguous(session: &Session) -> Check {
    let repository = session.repository();
    let (config, layer) = (
        session.new_blob(&repository, 64)?,
        session.new_blob(&repository, 99)?,
    );
    let both = manifest(&json!({
        "schemaVersion": 2, "mediaType": IMAGE, "config": descriptor(CONFIG, &config),
        "layers": [descriptor(LAYER, &layer)], "manifests": [],
    }));
    let response = session.put_manifest(&repository, "v1", IMAGE, &both.bytes)?;
    error(&response, &[400], &["MANIFEST_INVALID"])
}

fn missing_blob(session: &Session) -> Check {
    let repository = session.repository();
    let config = session.new_blob(&repository, 64)?;
    let image = manifest(&json!({
        "schemaVersion": 2, "mediaType": IMAGE, "config": descriptor(CONFIG, &config),
        "layers": [descriptor(LAYER, &session.content(99))],
    }));
    let response = session.put_manifest(&repository, "v1", IMAGE, &image.bytes)?;
    if response.status() == 201 {
        return skipped("the registry accepts missing blobs, as the specification allows");
    }
    error(
        &response,
        &[400, 404],
        &["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"],
    )
}

fn missing_child(session: &Session) -> Check {
    let repository = session.repository();
    session.new_blob(&repository, 64)?;
    let index = manifest(&json!({
        "schemaVersion": 2, "mediaType": INDEX,
        "manifests": [descriptor(IMAGE, &session.content(99))],
    }));
    let response = session.put_manifest(&repository, "v1", INDEX, &index.bytes)?;
    if response.status() == 201 {
        return skipped("the registry accepts missing children, as the specification allows");
    }
    let codes = ["MANIFEST_BLOB_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN"];
    error(&response, &[400, 404], &codes)
}

fn schema_1(session: &Session) -> Check {
    let repository = session.repository();
    session.new_blob(&repository, 64)?;
    let body =
        br#"{"schemaVersion":1,"name":"a","tag":"v1","fsLayers":[],"history":[],"signatures":[]}"#;
    error(
        &session.put_manifest(&repository, "v1", SCHEMA_1, body)?,
        &[400, 415],
        &[],
    )
}

fn not_json(session: &Session) -> Check {
    let repository = session.repository();
    session.new_blob(&repository, 64)?;
    for body in [&b""[..], b"{", b"[]", b"null", b"\xff\xfe", b"{} {}"] {
        let response = session.put_manifest(&repository, "v1", IMAGE, body)?;
        error(&response, &[400], &["MANIFEST_INVALID"])?;
    }
    Ok(())
}

fn too_large(session: &Session) -> Check {
    let repository = session.repository();
    session.new_blob(&repository, 64)?;
    let body = vec![b' '; 40 * 1024 * 1024];
    let response = session.put_manifest(&repository, "v1", IMAGE, &body)?;
    status(&response, &[413, 400])
}

fn delete_tag(session: &Session) -> Check {
    let repository = session.repository();
    let image = session.new_image(&repository, "v1")?;
    let response = session.send(Request::new("DELETE", target(&repository, "v1")))?;
    if matches!(response.status(), 400 | 405) {
        return skipped("the registry doesn't delete tags, as the specification allows");
    }
    status(&response, &[202])?;
    status(&session.get(target(&repository, "v1"))?, &[404])?;
    reads_as(session, &repository, &image.digest, IMAGE, &image)
}

fn delete(session: &Session) -> Check {
    let repository = session.repository();
    let image = session.new_image(&repository, "v1")?;
    let response = session.send(Request::new("DELETE", target(&repository, &image.digest)))?;
    if response.status() == 405 {
        return skipped("the registry doesn't delete manifests (405)");
    }
    status(&response, &[202])?;
    error(
        &session.get(target(&repository, &image.digest))?,
        &[404],
        &["MANIFEST_UNKNOWN"],
    )?;
    error(
        &session.get(target(&repository, "v1"))?,
        &[404],
        &["MANIFEST_UNKNOWN"],
    )
}
