//! One run against one registry: fresh repository names, contents and the steps that cases share.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::case::{Check, Stop, failed};
use crate::client::{Client, Request, Response, path_of};
use crate::rules::error_codes;

pub const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

pub struct Session {
    pub client: Client,
    run: String,
    next: AtomicU32,
}

/// A blob with its address.
#[derive(Debug, Clone)]
pub struct Content {
    pub digest: String,
    pub bytes: Vec<u8>,
}

impl Content {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self {
            digest: digest_of(&bytes),
            bytes,
        }
    }
}

pub fn digest_of(bytes: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

pub type Answer = Result<Response, Stop>;

impl Session {
    pub fn new(client: Client, run: String) -> Self {
        Self {
            client,
            run,
            next: AtomicU32::new(0),
        }
    }

    /// A repository that no other case or run uses.
    pub fn repository(&self) -> String {
        format!(
            "conformance/{}/{}",
            self.run,
            self.next.fetch_add(1, Ordering::Relaxed)
        )
    }

    /// Bytes that no other case or run uses.
    pub fn content(&self, length: usize) -> Content {
        let seed = format!(
            "{}-{};",
            self.run,
            self.next.fetch_add(1, Ordering::Relaxed)
        );
        Content::new(seed.bytes().cycle().take(length.max(seed.len())).collect())
    }

    pub fn send(&self, request: Request) -> Answer {
        Ok(self.client.send(&request)?)
    }

    pub fn get(&self, target: impl Into<String>) -> Answer {
        self.send(Request::new("GET", target))
    }

    pub fn start_upload(&self, repository: &str) -> Result<String, Stop> {
        let response = self.send(Request::new(
            "POST",
            format!("/v2/{repository}/blobs/uploads/"),
        ))?;
        status(&response, &[202])?;
        location(&response)
    }

    pub fn push_blob(&self, repository: &str, content: &Content) -> Check {
        let target = self.start_upload(repository)?;
        let response = self.send(
            Request::new(
                "PUT",
                with_query(&target, &format!("digest={}", content.digest)),
            )
            .header("Content-Type", "application/octet-stream")
            .body(&content.bytes),
        )?;
        status(&response, &[201])
    }

    pub fn new_blob(&self, repository: &str, length: usize) -> Result<Content, Stop> {
        let content = self.content(length);
        self.push_blob(repository, &content)?;
        Ok(content)
    }

    /// An image manifest with its config and one layer pushed; the manifest itself isn't.
    pub fn image(&self, repository: &str) -> Result<Content, Stop> {
        let config = self.new_blob(repository, 64)?;
        let layer = self.new_blob(repository, 256)?;
        Ok(manifest(&json!({
            "schemaVersion": 2,
            "mediaType": IMAGE,
            "config": descriptor(CONFIG, &config),
            "layers": [descriptor(LAYER, &layer)],
        })))
    }

    pub fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Answer {
        self.send(
            Request::new("PUT", format!("/v2/{repository}/manifests/{reference}"))
                .header("Content-Type", media_type)
                .body(bytes),
        )
    }

    /// Pushes a fresh image under a tag.
    pub fn new_image(&self, repository: &str, tag: &str) -> Result<Content, Stop> {
        let image = self.image(repository)?;
        status(
            &self.put_manifest(repository, tag, IMAGE, &image.bytes)?,
            &[201],
        )?;
        Ok(image)
    }
}

pub fn manifest(value: &Value) -> Content {
    // Spaced as no serialiser would, so that a registry that rewrites a manifest is seen.
    Content::new(format!(" {value:#}\n\n").into_bytes())
}

pub fn descriptor(media_type: &str, content: &Content) -> Value {
    json!({"mediaType": media_type, "digest": content.digest, "size": content.bytes.len()})
}

pub fn status(response: &Response, expected: &[u16]) -> Check {
    if expected.contains(&response.status()) {
        return Ok(());
    }
    let names: Vec<_> = expected.iter().map(u16::to_string).collect();
    failed(format!("status {}", names.join(" or ")), response.excerpt())
}

/// An error answer with one of the statuses and one of the codes (none named: any).
pub fn error(response: &Response, statuses: &[u16], codes: &[&str]) -> Check {
    status(response, statuses)?;
    let Some(found) = error_codes(&response.body) else {
        return failed(
            "a JSON body {\"errors\":[{\"code\":…}]}",
            response.excerpt(),
        );
    };
    if codes.is_empty() || found.iter().any(|code| codes.contains(&code.as_str())) {
        return Ok(());
    }
    failed(
        format!("error code {}", codes.join(" or ")),
        response.excerpt(),
    )
}

pub fn header(response: &Response, name: &str) -> Result<String, Stop> {
    match response.header(name) {
        Some(value) => Ok(value.to_owned()),
        None => failed(format!("a {name} header"), response.excerpt()),
    }
}

pub fn header_is(response: &Response, name: &str, expected: &str) -> Check {
    let got = header(response, name)?;
    if got == expected {
        return Ok(());
    }
    failed(
        format!("{name}: {expected}"),
        format!("{name}: {got} in {}", response.request),
    )
}

pub fn location(response: &Response) -> Result<String, Stop> {
    header(response, "Location").map(|value| path_of(&value))
}

pub fn with_query(target: &str, pair: &str) -> String {
    format!(
        "{target}{}{pair}",
        if target.contains('?') { '&' } else { '?' }
    )
}

pub fn parse_json(response: &Response) -> Result<Value, Stop> {
    match serde_json::from_slice(&response.body) {
        Ok(value) => Ok(value),
        Err(_) => failed("a JSON body", response.excerpt()),
    }
}
