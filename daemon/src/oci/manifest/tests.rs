//! Manifests as clients write them, and as attackers do.

use proptest::prelude::*;

use super::*;
use crate::oci::digest::Algorithm;

fn descriptor(media_type: &str) -> String {
    let digest = Digest::of(Algorithm::Sha256, media_type.as_bytes());
    format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":7}}"#)
}

fn image(extra: &str) -> String {
    let (config, layer) = (descriptor("a/config"), descriptor("a/layer"));
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{config},"layers":[{layer}]{extra}}}"#,
        media_type::OCI_MANIFEST
    )
}

fn parse(text: &str, content_type: &str) -> Result<Manifest, ManifestError> {
    Manifest::parse(
        text.as_bytes(),
        Some(&MediaType::parse(content_type).unwrap()),
    )
}

#[test]
fn reads_an_image_and_its_subject() {
    let text = image(&format!(
        r#","subject":{},"annotations":{{"k":"v"}}"#,
        descriptor("a/s")
    ));
    let manifest = parse(&text, media_type::OCI_MANIFEST).unwrap();
    assert_eq!(
        manifest.config.as_ref().unwrap().media_type.as_str(),
        "a/config"
    );
    assert_eq!(manifest.layers.len(), 1);
    assert_eq!(manifest.subject.as_ref().unwrap().size, 7);
    let digest = Digest::of(Algorithm::Sha256, text.as_bytes());
    let referrer = manifest.referrer(&digest, text.len() as u64);
    assert_eq!(referrer.artifact_type.as_deref(), Some("a/config"));
    assert_eq!(referrer.annotations["k"], "v");
}

#[test]
fn takes_the_type_from_the_header_where_the_body_names_none() {
    let text = image("").replace(
        &format!(r#""mediaType":"{}","#, media_type::OCI_MANIFEST),
        "",
    );
    assert_eq!(
        parse(&text, media_type::OCI_MANIFEST)
            .unwrap()
            .media_type
            .as_str(),
        media_type::OCI_MANIFEST
    );
    assert_eq!(
        Manifest::parse(text.as_bytes(), None),
        Err(ManifestError::MediaTypeMissing)
    );
}

#[test]
fn takes_indexes_and_types_it_does_not_know() {
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{}]}}"#,
        descriptor("a/m")
    );
    assert_eq!(
        parse(&index, media_type::OCI_INDEX)
            .unwrap()
            .manifests
            .len(),
        1
    );
    assert_eq!(
        parse(&index, media_type::DOCKER_MANIFEST_LIST)
            .unwrap()
            .manifests
            .len(),
        1
    );
    assert!(parse("{}", "application/x.own+json").is_ok());
}

#[test]
fn marks_foreign_layers() {
    let layer = descriptor("a/l").replace("\"size\":7", "\"size\":7,\"urls\":[\"https://e.test\"]");
    let text = image("").replace(&descriptor("a/layer"), &layer);
    assert!(parse(&text, media_type::OCI_MANIFEST).unwrap().layers[0].foreign);
}

#[test]
fn refuses_what_could_be_read_in_two_ways() {
    let both = image(r#","manifests":[]"#);
    assert_eq!(
        parse(&both, media_type::OCI_MANIFEST),
        Err(ManifestError::BothKinds)
    );
    assert!(matches!(
        parse(&image(""), media_type::OCI_INDEX),
        Err(ManifestError::MediaTypeDiffers { .. })
    ));
}

#[test]
fn refuses_schema_1_by_name_and_by_shape() {
    for (text, content_type) in [
        ("{}", media_type::DOCKER_SCHEMA1),
        ("{}", media_type::DOCKER_SCHEMA1_SIGNED),
        (r#"{"schemaVersion":1}"#, "a/b"),
        (r#"{"fsLayers":[]}"#, "a/b"),
    ] {
        assert_eq!(
            parse(text, content_type),
            Err(ManifestError::Schema1),
            "{text}"
        );
    }
}

#[test]
fn refuses_broken_documents_and_says_where() {
    let bad_digest = image("").replace("sha256:", "sha256:../");
    for (text, expected) in [
        ("", "not valid JSON"),
        ("[]", "not valid JSON"),
        (
            r#"[2,null,null,null,null,null,null,null,null,null]"#,
            "must be an object",
        ),
        (r#"{"schemaVersion":3}"#, "schemaVersion is 3"),
        (r#"{"config":{}}"#, "not valid JSON"),
        (bad_digest.as_str(), "config.digest"),
    ] {
        let error = parse(text, media_type::OCI_MANIFEST)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let wanted = parse(r#"{"schemaVersion":2}"#, media_type::OCI_MANIFEST).unwrap_err();
    assert_eq!(
        wanted,
        ManifestError::Wanted {
            field: "config",
            by: "an image manifest"
        }
    );
    let wanted = parse(r#"{"schemaVersion":2}"#, media_type::OCI_INDEX).unwrap_err();
    assert_eq!(
        wanted,
        ManifestError::Wanted {
            field: "manifests",
            by: "an image index"
        }
    );
}

proptest! {
    #[test]
    fn parsing_never_panics(content: Vec<u8>) {
        let _outcome = Manifest::parse(&content, None);
    }

    #[test]
    fn parsing_json_never_panics(cut in 0usize..600, byte: u8) {
        let mut content = image(&format!(r#","subject":{}"#, descriptor("a/s"))).into_bytes();
        let at = cut % content.len();
        content[at] = byte;
        let _outcome = Manifest::parse(&content, None);
    }
}
