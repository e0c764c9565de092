//! Lists: tags, the catalog and referrers.

use serde_json::{Value, json};

use crate::case::{Case, Check, Stop, case, ensure, failed, same, skipped};
use crate::client::{Response, path_of, percent_encode};
use crate::session::{
    Content, IMAGE, Session, descriptor, error, header, header_is, manifest, parse_json, status,
};

const ARTIFACT: &str = "application/vnd.example.sbom";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const PAGES_MAX: usize = 200;

pub(super) const TAG_CASES: &[Case] = &[
    case(
        "tags-list",
        "end-8a",
        "all tags, in order, under the repository's name",
        list,
    ),
    case(
        "tags-pages",
        "end-8b",
        "n pages through Link, each tag once",
        pages,
    ),
    case(
        "tags-last",
        "end-8b",
        "last starts after a tag, existing or not",
        last,
    ),
    case("tags-zero", "end-8b", "n=0 is an empty list", zero),
    case(
        "tags-invalid-n",
        "end-8b",
        "an invalid n is 400 or ignored, never 5xx",
        invalid_n,
    ),
    case(
        "tags-unknown",
        "end-8a",
        "an unknown repository is 404 NAME_UNKNOWN",
        unknown,
    ),
    case(
        "catalog",
        "Docker v2",
        "_catalog pages through Link, in order, each once",
        catalog,
    ),
    case(
        "catalog-invalid-n",
        "Docker v2",
        "an invalid n is 400 or ignored, never 5xx",
        catalog_invalid,
    ),
];

pub(super) const REFERRER_CASES: &[Case] = &[
    case(
        "referrers-none",
        "end-12a",
        "no referrers is 200 with an empty index",
        none,
    ),
    case(
        "referrers-subject",
        "end-7",
        "PUT with a subject answers OCI-Subject",
        subject,
    ),
    case(
        "referrers-list",
        "end-12a",
        "a referrer is listed with its descriptor",
        referrer,
    ),
    case(
        "referrers-filter",
        "end-12b",
        "artifactType filters, named in OCI-Filters-Applied",
        filter,
    ),
    case(
        "referrers-delete",
        "end-12a",
        "a deleted referrer is listed no more",
        deleted,
    ),
    case(
        "referrers-bad-digest",
        "end-12a",
        "a malformed digest is 400",
        bad_digest,
    ),
];

fn names(response: &Response, key: &str) -> Result<Vec<String>, Stop> {
    status(response, &[200])?;
    let value = parse_json(response)?;
    let Some(list) = value.get(key).and_then(Value::as_array) else {
        return failed(format!("an array {key:?}"), response.excerpt());
    };
    Ok(list
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect())
}

fn tagged(session: &Session) -> Result<(String, Vec<String>), Stop> {
    let repository = session.repository();
    let image = session.image(&repository)?;
    let mut tags: Vec<String> = ["b", "a", "A", "z9", "z10", "_x", "1.0"]
        .map(str::to_owned)
        .into();
    for tag in &tags {
        status(
            &session.put_manifest(&repository, tag, IMAGE, &image.bytes)?,
            &[201],
        )?;
    }
    tags.sort();
    Ok((format!("/v2/{repository}/tags/list"), tags))
}

fn list(session: &Session) -> Check {
    let (target, tags) = tagged(session)?;
    let response = session.get(target.clone())?;
    let got = names(&response, "tags")?;
    let name = parse_json(&response)?["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    same("name", &target[4..target.len() - 10], name.as_str())?;
    ordered("all tags", &tags, &got)
}

/// The specification's lexical order leaves the case of letters open: both readings pass.
fn ordered(what: &str, tags: &[String], got: &[String]) -> Check {
    let mut folded = tags.to_vec();
    folded.sort_by_key(|tag| (tag.to_ascii_lowercase(), tag.clone()));
    if got == folded {
        return Ok(());
    }
    same(what, &tags, &got)
}

fn next(response: &Response) -> Result<Option<String>, Stop> {
    let Some(link) = response.header("Link") else {
        return Ok(None);
    };
    let target = link.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    match target {
        Some((target, rest)) if rest.replace(' ', "").contains(";rel=\"next\"") => {
            Ok(Some(path_of(target)))
        }
        _ => failed("Link: <…>; rel=\"next\"", link),
    }
}

fn walk(session: &Session, first: String, key: &str, size: usize) -> Result<Vec<String>, Stop> {
    let mut all = Vec::new();
    let mut target = Some(first);
    for _ in 0..PAGES_MAX {
        let Some(page) = target else { return Ok(all) };
        let response = session.get(page)?;
        let got = names(&response, key)?;
        ensure(got.len() <= size, &format!("at most {size} names"), || {
            response.excerpt()
        })?;
        all.extend(got);
        target = next(&response)?;
    }
    skipped(format!("over {PAGES_MAX} pages"))
}

fn pages(session: &Session) -> Check {
    let (target, tags) = tagged(session)?;
    for size in [1, 2, 3, 7, 100] {
        let got = walk(session, format!("{target}?n={size}"), "tags", size)?;
        ordered(&format!("with n={size}, all tags"), &tags, &got)?;
    }
    Ok(())
}

fn last(session: &Session) -> Check {
    let (target, _) = tagged(session)?;
    let all = names(&session.get(target.clone())?, "tags")?;
    for (at, tag) in all.iter().enumerate() {
        let got = names(
            &session.get(format!("{target}?last={}", percent_encode(tag)))?,
            "tags",
        )?;
        same(&format!("after {tag}"), &&all[at + 1..], &got.as_slice())?;
    }
    let got = names(&session.get(format!("{target}?n=100&last=zzzz"))?, "tags")?;
    same("after zzzz", &Vec::<String>::new(), &got)
}

fn zero(session: &Session) -> Check {
    let (target, _) = tagged(session)?;
    let got = names(&session.get(format!("{target}?n=0"))?, "tags")?;
    same("tags", &Vec::<String>::new(), &got)
}

fn refuses_n(session: &Session, target: &str) -> Check {
    for n in [
        "-1",
        "x",
        "9223372036854775808",
        "99999999999999999999999",
        "1.5",
        "",
    ] {
        let response = session.get(format!("{target}?n={n}"))?;
        if response.status() == 400 {
            error(
                &response,
                &[400],
                &["PAGINATION_NUMBER_INVALID", "UNSUPPORTED"],
            )?;
        }
        status(&response, &[200, 400])?;
    }
    Ok(())
}

fn invalid_n(session: &Session) -> Check {
    refuses_n(session, &tagged(session)?.0)
}

fn unknown(session: &Session) -> Check {
    let response = session.get(format!("/v2/{}/tags/list", session.repository()))?;
    error(&response, &[404], &["NAME_UNKNOWN"])
}

fn catalog(session: &Session) -> Check {
    let mut own = Vec::new();
    for _ in 0..3 {
        let repository = session.repository();
        session.new_image(&repository, "v1")?;
        own.push(repository);
    }
    if matches!(session.get("/v2/_catalog")?.status(), 401 | 403 | 404 | 405) {
        return skipped("the registry shows no catalog");
    }
    let all = walk(session, "/v2/_catalog?n=50".into(), "repositories", 50)?;
    for repository in &own {
        let times = all.iter().filter(|name| *name == repository).count();
        same(&format!("times {repository} is listed"), &1, &times)?;
    }
    let mut sorted = all.clone();
    sorted.sort();
    ensure(sorted == all, "names in lexical order", || {
        format!("{} names in another", all.len())
    })
}

fn catalog_invalid(session: &Session) -> Check {
    if matches!(session.get("/v2/_catalog")?.status(), 401 | 403 | 404 | 405) {
        return skipped("the registry shows no catalog");
    }
    refuses_n(session, "/v2/_catalog")
}

fn referrers(
    session: &Session,
    repository: &str,
    rest: &str,
) -> Result<(Response, Vec<Value>), Stop> {
    let response = session.get(format!("/v2/{repository}/referrers/{rest}"))?;
    if response.status() == 404 {
        return skipped("the registry has no referrers API (404)");
    }
    status(&response, &[200])?;
    header_is(
        &response,
        "Content-Type",
        "application/vnd.oci.image.index.v1+json",
    )?;
    let list = parse_json(&response)?
        .get("manifests")
        .and_then(Value::as_array)
        .cloned();
    match list {
        Some(list) => Ok((response, list)),
        None => failed("an index with manifests", response.excerpt()),
    }
}

fn artifact(
    session: &Session,
    repository: &str,
    kind: &str,
    of: &Content,
) -> Result<Content, Stop> {
    let empty = Content::new(b"{}".to_vec());
    session.push_blob(repository, &empty)?;
    let mark = session.content(20).digest;
    let own = manifest(&json!({
        "schemaVersion": 2, "mediaType": IMAGE, "artifactType": kind,
        "config": descriptor(EMPTY, &empty), "layers": [descriptor(EMPTY, &empty)],
        "subject": descriptor(IMAGE, of), "annotations": {"org.example.mark": mark},
    }));
    let response = session.put_manifest(repository, &own.digest, IMAGE, &own.bytes)?;
    status(&response, &[201])?;
    // A registry without the API doesn't name the subject, and clients fall back to the tag schema.
    if response.header("OCI-Subject").is_none() {
        referrers(session, repository, &of.digest)?;
    }
    header(&response, "OCI-Subject").and_then(|got| {
        same("OCI-Subject", &of.digest, &got)?;
        Ok(own)
    })
}

fn none(session: &Session) -> Check {
    let repository = session.repository();
    session.new_image(&repository, "v1")?;
    let (_, list) = referrers(session, &repository, &session.content(9).digest)?;
    same("referrers", &0, &list.len())
}

fn subject(session: &Session) -> Check {
    let repository = session.repository();
    // A subject may be absent.
    artifact(session, &repository, ARTIFACT, &session.content(64)).map(|_| ())
}

fn referrer(session: &Session) -> Check {
    let repository = session.repository();
    let image = session.new_image(&repository, "v1")?;
    let own = artifact(session, &repository, ARTIFACT, &image)?;
    let (_, list) = referrers(session, &repository, &image.digest)?;
    same("referrers", &1, &list.len())?;
    let found = &list[0];
    same("digest", &json!(own.digest), &found["digest"])?;
    same("size", &json!(own.bytes.len()), &found["size"])?;
    same("mediaType", &json!(IMAGE), &found["mediaType"])?;
    same("artifactType", &json!(ARTIFACT), &found["artifactType"])?;
    ensure(
        found["annotations"]["org.example.mark"].is_string(),
        "the annotations",
        || found.to_string(),
    )
}

fn filter(session: &Session) -> Check {
    let repository = session.repository();
    let image = session.new_image(&repository, "v1")?;
    let own = artifact(session, &repository, ARTIFACT, &image)?;
    artifact(
        session,
        &repository,
        "application/vnd.example.other",
        &image,
    )?;
    let kind = percent_encode(ARTIFACT);
    let (response, list) = referrers(
        session,
        &repository,
        &format!("{}?artifactType={kind}", image.digest),
    )?;
    if response.header("OCI-Filters-Applied").is_none() && list.len() == 2 {
        return skipped("the registry doesn't filter, as the specification allows");
    }
    header_is(&response, "OCI-Filters-Applied", "artifactType")?;
    same("referrers", &1, &list.len())?;
    same("digest", &json!(own.digest), &list[0]["digest"])
}

fn deleted(session: &Session) -> Check {
    let repository = session.repository();
    let image = session.new_image(&repository, "v1")?;
    let own = artifact(session, &repository, ARTIFACT, &image)?;
    let target = format!("/v2/{repository}/manifests/{}", own.digest);
    let response = session.send(crate::client::Request::new("DELETE", target))?;
    if response.status() == 405 {
        return skipped("the registry doesn't delete manifests (405)");
    }
    status(&response, &[202])?;
    let (_, list) = referrers(session, &repository, &image.digest)?;
    same("referrers", &0, &list.len())
}

fn bad_digest(session: &Session) -> Check {
    let repository = session.repository();
    let image = session.new_image(&repository, "v1")?;
    referrers(session, &repository, &image.digest)?;
    let response = session.get(format!("/v2/{repository}/referrers/sha256:nonsense"))?;
    status(&response, &[400])
}
