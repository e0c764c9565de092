//! Blobs: reading whole and in part, conditionally, and deleting.

use crate::case::{Case, Check, Stop, case, ensure, same, skipped};
use crate::client::{Request, Response};
use crate::session::{Content, Session, error, header, header_is, status};

pub(super) const CASES: &[Case] = &[
    case("blob-get", "end-2", "GET returns the bytes pushed", get),
    case("blob-head", "end-2", "HEAD names the size and digest", head),
    case(
        "blob-empty",
        "end-2",
        "an empty blob can be pushed and read",
        empty,
    ),
    case(
        "blob-unknown",
        "end-2",
        "an absent blob is 404 BLOB_UNKNOWN",
        unknown,
    ),
    case(
        "blob-other-repository",
        "end-2",
        "a blob shows only in repositories that hold it",
        other,
    ),
    case(
        "blob-range-single",
        "RFC 9110 §14",
        "bytes=10-19 is 206 with Content-Range",
        single,
    ),
    case(
        "blob-range-open",
        "RFC 9110 §14",
        "bytes=200- runs to the end",
        open,
    ),
    case(
        "blob-range-suffix",
        "RFC 9110 §14",
        "bytes=-7 is the last seven bytes",
        suffix,
    ),
    case(
        "blob-range-past-end",
        "RFC 9110 §14",
        "a range's end is cut to the size",
        past_end,
    ),
    case(
        "blob-range-long-suffix",
        "RFC 9110 §14",
        "a suffix over the size is the whole",
        long_suffix,
    ),
    case(
        "blob-range-first",
        "RFC 9110 §14",
        "bytes=0-0 is one byte",
        first,
    ),
    case(
        "blob-range-unsatisfiable",
        "RFC 9110 §15.5.17",
        "beyond the end: 416, bytes */N",
        bad_range,
    ),
    case(
        "blob-range-unit",
        "RFC 9110 §14.2",
        "an unknown range unit is ignored",
        unit,
    ),
    case(
        "blob-range-malformed",
        "RFC 9110 §14.2",
        "a malformed range is ignored or 416",
        malformed,
    ),
    case(
        "blob-range-head",
        "RFC 9110 §14.2",
        "Range has no meaning on HEAD",
        range_head,
    ),
    case(
        "blob-etag",
        "RFC 9110 §8.8",
        "GET carries a strong ETag",
        etag,
    ),
    case(
        "blob-if-none-match",
        "RFC 9110 §13",
        "If-None-Match with the ETag is 304",
        none_match,
    ),
    case(
        "blob-if-none-match-other",
        "RFC 9110 §13",
        "another ETag is 200",
        none_match_other,
    ),
    case(
        "blob-if-range",
        "RFC 9110 §13.1.5",
        "If-Range decides between 206 and 200",
        if_range,
    ),
    case(
        "blob-delete",
        "end-10",
        "DELETE is 202, then GET is 404",
        delete,
    ),
    case(
        "blob-delete-unknown",
        "end-10",
        "deleting an absent blob is 404",
        delete_unknown,
    ),
];

fn blob(session: &Session) -> Result<(String, Content), Stop> {
    let repository = session.repository();
    let content = session.new_blob(&repository, 256)?;
    Ok((
        format!("/v2/{repository}/blobs/{}", content.digest),
        content,
    ))
}

fn get(session: &Session) -> Check {
    let (target, content) = blob(session)?;
    let response = session.get(target)?;
    status(&response, &[200])?;
    same("body of length", &content.bytes.len(), &response.body.len())?;
    ensure(content.bytes == response.body, "the bytes pushed", || {
        "other bytes".into()
    })
}

fn head(session: &Session) -> Check {
    let (target, content) = blob(session)?;
    let response = session.send(Request::new("HEAD", target))?;
    status(&response, &[200])?;
    header_is(
        &response,
        "Content-Length",
        &content.bytes.len().to_string(),
    )?;
    header_is(&response, "Docker-Content-Digest", &content.digest)
}

fn empty(session: &Session) -> Check {
    let repository = session.repository();
    let content = Content::new(Vec::new());
    session.push_blob(&repository, &content)?;
    let response = session.get(format!("/v2/{repository}/blobs/{}", content.digest))?;
    status(&response, &[200])?;
    same("body length", &0, &response.body.len())
}

fn unknown(session: &Session) -> Check {
    let repository = session.repository();
    session.new_blob(&repository, 64)?;
    let target = format!("/v2/{repository}/blobs/{}", session.content(64).digest);
    error(&session.get(target.clone())?, &[404], &["BLOB_UNKNOWN"])?;
    status(&session.send(Request::new("HEAD", target))?, &[404])
}

fn other(session: &Session) -> Check {
    let (_, content) = blob(session)?;
    let second = session.repository();
    session.new_blob(&second, 64)?;
    let response = session.get(format!("/v2/{second}/blobs/{}", content.digest))?;
    error(&response, &[404], &["BLOB_UNKNOWN"])
}

fn ranged(session: &Session, target: &str, range: &str) -> Result<Response, Stop> {
    session.send(Request::new("GET", target).header("Range", range))
}

fn part(session: &Session, range: &str, from: usize, to: usize) -> Check {
    let (target, content) = blob(session)?;
    let response = ranged(session, &target, range)?;
    status(&response, &[206])?;
    let size = content.bytes.len();
    header_is(
        &response,
        "Content-Range",
        &format!("bytes {from}-{}/{size}", to - 1),
    )?;
    same("body length", &(to - from), &response.body.len())?;
    ensure(
        content.bytes[from..to] == response.body,
        "the bytes of the range",
        || "others".into(),
    )
}

fn single(session: &Session) -> Check {
    part(session, "bytes=10-19", 10, 20)
}
fn open(session: &Session) -> Check {
    part(session, "bytes=200-", 200, 256)
}
fn suffix(session: &Session) -> Check {
    part(session, "bytes=-7", 249, 256)
}
fn past_end(session: &Session) -> Check {
    part(session, "bytes=250-99999", 250, 256)
}
fn first(session: &Session) -> Check {
    part(session, "bytes=0-0", 0, 1)
}

fn long_suffix(session: &Session) -> Check {
    let (target, content) = blob(session)?;
    let response = ranged(session, &target, "bytes=-99999")?;
    status(&response, &[200, 206])?;
    ensure(content.bytes == response.body, "the whole blob", || {
        response.excerpt()
    })
}

fn bad_range(session: &Session) -> Check {
    let (target, _) = blob(session)?;
    for range in ["bytes=256-", "bytes=1000-2000", "bytes=-0"] {
        let response = ranged(session, &target, range)?;
        status(&response, &[416])?;
        header_is(&response, "Content-Range", "bytes */256")?;
    }
    Ok(())
}

fn unit(session: &Session) -> Check {
    let (target, _) = blob(session)?;
    status(&ranged(session, &target, "pages=1-2")?, &[200])
}

fn malformed(session: &Session) -> Check {
    let (target, _) = blob(session)?;
    for range in [
        "bytes=9-3",
        "bytes=a-b",
        "bytes=",
        "bytes=1",
        "bytes=99999999999999999999-",
    ] {
        status(&ranged(session, &target, range)?, &[200, 416])?;
    }
    Ok(())
}

fn range_head(session: &Session) -> Check {
    let (target, _) = blob(session)?;
    let response = session.send(Request::new("HEAD", target).header("Range", "bytes=0-9"))?;
    status(&response, &[200])?;
    header_is(&response, "Content-Length", "256")
}

fn etag(session: &Session) -> Check {
    let (target, _) = blob(session)?;
    let etag = header(&session.get(target)?, "ETag")?;
    ensure(
        etag.starts_with('"') && etag.ends_with('"') && etag.len() > 2,
        "a strong, quoted ETag",
        || etag.clone(),
    )
}

fn none_match(session: &Session) -> Check {
    let (target, _) = blob(session)?;
    let etag = header(&session.get(target.clone())?, "ETag")?;
    for value in [
        etag.clone(),
        format!("\"other\", {etag}"),
        format!("W/{etag}"),
        "*".to_owned(),
    ] {
        let request = Request::new("GET", target.clone()).header("If-None-Match", value);
        status(&session.send(request)?, &[304])?;
    }
    Ok(())
}

fn none_match_other(session: &Session) -> Check {
    let (target, _) = blob(session)?;
    let request = Request::new("GET", target).header("If-None-Match", "\"other\"");
    status(&session.send(request)?, &[200])
}

fn if_range(session: &Session) -> Check {
    let (target, _) = blob(session)?;
    let etag = header(&session.get(target.clone())?, "ETag")?;
    for (value, expected) in [(etag, 206), ("\"other\"".to_owned(), 200)] {
        let request = Request::new("GET", target.clone())
            .header("Range", "bytes=0-9")
            .header("If-Range", value);
        status(&session.send(request)?, &[expected])?;
    }
    Ok(())
}

fn delete(session: &Session) -> Check {
    let (target, _) = blob(session)?;
    let response = session.send(Request::new("DELETE", target.clone()))?;
    if response.status() == 405 {
        return skipped("the registry doesn't delete blobs (405)");
    }
    status(&response, &[202])?;
    error(&session.get(target)?, &[404], &["BLOB_UNKNOWN"])
}

fn delete_unknown(session: &Session) -> Check {
    let repository = session.repository();
    session.new_blob(&repository, 64)?;
    let target = format!("/v2/{repository}/blobs/{}", session.content(64).digest);
    let response = session.send(Request::new("DELETE", target))?;
    if response.status() == 405 {
        return skipped("the registry doesn't delete blobs (405)");
    }
    error(&response, &[404], &["BLOB_UNKNOWN"])
}
