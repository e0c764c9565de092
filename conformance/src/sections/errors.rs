//! Errors and headers: the form of refusals, and the rules that every response of the run kept.

use crate::case::{Case, Check, case, ensure, failed, skipped};
use crate::client::Request;
use crate::rules::Rule;
use crate::session::{IMAGE, Session, error, status};

pub(super) const CASES: &[Case] = &[
    case(
        "error-bad-name",
        "errors",
        "an invalid repository name is 400 or 404",
        bad_name,
    ),
    case(
        "error-bad-tag",
        "errors",
        "an invalid tag is 400 or 404 and stores nothing",
        bad_tag,
    ),
    case(
        "error-bad-digest",
        "errors",
        "a malformed blob digest is 400 or 404",
        bad_digest,
    ),
    case(
        "error-traversal",
        "CVE-2024-4956",
        "dot segments and encoded slashes reach no file",
        traversal,
    ),
    case(
        "error-method",
        "RFC 9110 §15.5.6",
        "a method that a route lacks is 405 with Allow",
        method,
    ),
    case(
        "error-content-type",
        "errors",
        "errors are application/json",
        content_type,
    ),
    case("error-path", "errors", "an unknown path is 404", path),
];

/// Must run last: they judge the responses that the other sections drew.
pub(super) const HEADER_CASES: &[Case] = &[
    case(
        "header-framing",
        "RFC 9112 §6",
        "each body is framed once and well",
        |s| rule(s, Rule::Framing),
    ),
    case(
        "header-surplus",
        "RFC 9112 §6.3",
        "no bytes follow a body's end",
        |s| rule(s, Rule::Surplus),
    ),
    case(
        "header-204",
        "RFC 9110 §8.6",
        "no 204 names a length",
        |s| rule(s, Rule::NoLengthOn204),
    ),
    case(
        "header-date",
        "RFC 9110 §6.6.1",
        "each response has a Date",
        |s| rule(s, Rule::Date),
    ),
    case(
        "header-api-version",
        "Docker v2",
        "Docker-Distribution-Api-Version everywhere",
        |s| rule(s, Rule::ApiVersion),
    ),
    case(
        "header-digest",
        "end-2, end-3",
        "Docker-Content-Digest is there and true",
        |s| rule(s, Rule::ContentDigest),
    ),
    case(
        "header-errors",
        "errors",
        "each 4xx has the JSON form",
        |s| rule(s, Rule::ErrorForm),
    ),
    case(
        "header-challenge",
        "RFC 9110 §11.6.1",
        "each 401 has a challenge",
        |s| rule(s, Rule::Challenge),
    ),
    case(
        "header-416",
        "RFC 9110 §15.5.17",
        "each 416 to a Range names the size",
        |s| rule(s, Rule::RangeOn416),
    ),
    case(
        "header-location",
        "end-4, end-7",
        "each 201 and 202 to a push has a Location",
        |s| rule(s, Rule::LocationOnCreated),
    ),
    case(
        "header-allow",
        "RFC 9110 §10.2.1",
        "each 405 has Allow",
        |s| rule(s, Rule::AllowOn405),
    ),
];

fn rule(session: &Session, rule: Rule) -> Check {
    if session.client.rules.responses() == 0 {
        return skipped("no response to judge; run other sections with it");
    }
    match session.client.rules.broken(rule) {
        None => Ok(()),
        Some((times, first)) => failed(
            format!(
                "the rule to hold on all {} responses",
                session.client.rules.responses()
            ),
            format!("{times} that break it; first: {first}"),
        ),
    }
}

fn bad_name(session: &Session) -> Check {
    for name in [
        "UPPER",
        "a/-b",
        "a..b",
        "a__-b",
        "a//b",
        "%00",
        "a%5Cb",
        &"a".repeat(300),
    ] {
        let response = session.get(format!("/v2/{name}/tags/list"))?;
        // Some servers clean a double slash by a redirect.
        if name == "a//b" && matches!(response.status(), 301 | 307 | 308) {
            continue;
        }
        status(&response, &[400, 404])?;
        let upload = session.send(Request::new("POST", format!("/v2/{name}/blobs/uploads/")))?;
        if name != "a//b" {
            status(&upload, &[400, 404])?;
        }
    }
    Ok(())
}

fn bad_tag(session: &Session) -> Check {
    let repository = session.repository();
    let image = session.image(&repository)?;
    for tag in ["-a", ".a", "a%20b", "a+b", &"t".repeat(129)] {
        let response = session.put_manifest(&repository, tag, IMAGE, &image.bytes)?;
        status(&response, &[400, 404])?;
    }
    Ok(())
}

fn bad_digest(session: &Session) -> Check {
    let repository = session.repository();
    session.new_blob(&repository, 64)?;
    let long = format!("sha256:{}", "0".repeat(65));
    let upper = format!("sha256:{}", "A".repeat(64));
    for digest in [
        "sha256:",
        "sha256:abc",
        "x:y",
        "sha256",
        long.as_str(),
        upper.as_str(),
    ] {
        let response = session.get(format!("/v2/{repository}/blobs/{digest}"))?;
        status(&response, &[400, 404])?;
    }
    Ok(())
}

fn traversal(session: &Session) -> Check {
    for target in [
        "/v2/../../etc/passwd",
        "/v2/%2e%2e/%2e%2e/etc/passwd",
        "/v2/a%2F..%2Fb/tags/list",
        "/v2/a/blobs/..%2f..%2f..%2fetc%2fpasswd",
        "/v2/a/manifests/..%5c..%5cx",
        "/v2/a/blobs/sha256:..%2f..%2fx",
    ] {
        let response = session.get(target)?;
        let refused = (300..500).contains(&response.status());
        ensure(refused, "a refusal", || response.excerpt())?;
    }
    Ok(())
}

fn method(session: &Session) -> Check {
    let repository = session.repository();
    let image = session.new_image(&repository, "v1")?;
    for (method, rest) in [
        ("POST", "manifests/v1".to_owned()),
        ("PATCH", "manifests/v1".to_owned()),
        ("PUT", format!("blobs/{}", image.digest)),
        ("DELETE", "tags/list".to_owned()),
    ] {
        let response = session.send(Request::new(method, format!("/v2/{repository}/{rest}")))?;
        status(&response, &[405])?;
        ensure(
            response.header("Allow").is_some(),
            "an Allow header",
            || response.excerpt(),
        )?;
    }
    Ok(())
}

fn content_type(session: &Session) -> Check {
    let repository = session.repository();
    session.new_image(&repository, "v1")?;
    let response = session.get(format!("/v2/{repository}/manifests/absent"))?;
    error(&response, &[404], &[])?;
    let kind = response.header("Content-Type").unwrap_or("none").to_owned();
    ensure(
        kind.starts_with("application/json"),
        "Content-Type: application/json",
        || kind.clone(),
    )
}

fn path(session: &Session) -> Check {
    for target in ["/v2/a/unknown/b", "/v2/a/blobs", "/v2/a/manifests/"] {
        status(&session.get(target)?, &[404, 400, 405])?;
    }
    Ok(())
}
