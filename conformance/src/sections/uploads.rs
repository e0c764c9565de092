//! Upload sessions: monolithic, streamed, chunked, cancelled, dropped and resumed; and cross-repository mount.

use crate::case::{Case, Check, Stop, case, ensure, failed, same, skipped};
use crate::client::{Body, Request, Response};
use crate::session::{Content, Session, error, header_is, location, status, with_query};

pub(super) const CASES: &[Case] = &[
    case(
        "upload-post-put",
        "end-4a, end-6",
        "POST then PUT stores the blob",
        post_put,
    ),
    case(
        "upload-single-post",
        "end-4b",
        "POST with digest stores the blob, or opens a session",
        single,
    ),
    case(
        "upload-streamed",
        "end-5",
        "one PATCH without Content-Range, then PUT",
        streamed,
    ),
    case(
        "upload-chunked-encoding",
        "RFC 9112 §7.1",
        "PATCH with a chunked body",
        chunked_encoding,
    ),
    case(
        "upload-put-chunked-encoding",
        "RFC 9112 §7.1",
        "PUT with a chunked body",
        put_chunked,
    ),
    case(
        "upload-chunks",
        "end-5",
        "PATCHes with Content-Range, the last bytes in the PUT",
        chunks,
    ),
    case(
        "upload-out-of-order",
        "end-5",
        "a chunk out of order is 416; the session goes on",
        disorder,
    ),
    case(
        "upload-status",
        "end-13",
        "GET on a session is 204 with Range",
        progress,
    ),
    case(
        "upload-cancel",
        "end-14",
        "DELETE on a session is 204; the session is gone",
        cancel,
    ),
    case(
        "upload-dropped",
        "end-13",
        "after a dropped connection the upload resumes",
        dropped,
    ),
    case(
        "upload-wrong-digest",
        "end-6",
        "bytes that aren't the digest's are 400 DIGEST_INVALID",
        wrong,
    ),
    case(
        "upload-malformed-digest",
        "end-6",
        "a malformed digest is 400 DIGEST_INVALID",
        malformed,
    ),
    case(
        "upload-no-digest",
        "end-6",
        "PUT without digest is 400",
        no_digest,
    ),
    case(
        "upload-unknown-session",
        "end-5",
        "an unknown session is 404 BLOB_UPLOAD_UNKNOWN",
        unknown,
    ),
    case(
        "upload-finished-session",
        "end-6",
        "a finished session is gone",
        finished,
    ),
    case(
        "upload-other-repository",
        "end-5",
        "a session answers only in its own repository",
        foreign,
    ),
    case(
        "upload-concurrent",
        "end-6",
        "eight uploads of one digest at once all succeed",
        concurrent,
    ),
];

pub(super) const MOUNT_CASES: &[Case] = &[
    case(
        "mount-from",
        "end-11",
        "mount from a repository that holds the blob is 201",
        mount_from,
    ),
    case(
        "mount-absent",
        "end-11",
        "mounting an absent blob is 202 with a session",
        mount_absent,
    ),
    case(
        "mount-wrong-from",
        "end-11",
        "mount from a repository without it is 202",
        mount_wrong,
    ),
    case(
        "mount-no-from",
        "end-11",
        "mount without from is 201 or 202",
        mount_no_from,
    ),
    case(
        "mount-bad-digest",
        "end-11",
        "mount of a malformed digest is 400 or 202",
        mount_bad,
    ),
];

fn put(session: &Session, target: &str, content: &Content, bytes: &[u8]) -> Result<Response, Stop> {
    let target = with_query(target, &format!("digest={}", content.digest));
    session.send(
        Request::new("PUT", target)
            .header("Content-Type", "application/octet-stream")
            .body(bytes),
    )
}

fn patch(session: &Session, target: &str, from: usize, bytes: &[u8]) -> Result<Response, Stop> {
    session.send(
        Request::new("PATCH", target)
            .header("Content-Type", "application/octet-stream")
            .header(
                "Content-Range",
                format!("{from}-{}", from + bytes.len() - 1),
            )
            .body(bytes),
    )
}

fn stored(session: &Session, repository: &str, content: &Content) -> Check {
    let response = session.get(format!("/v2/{repository}/blobs/{}", content.digest))?;
    status(&response, &[200])?;
    ensure(response.body == content.bytes, "the bytes uploaded", || {
        response.excerpt()
    })
}

fn post_put(session: &Session) -> Check {
    let repository = session.repository();
    let content = session.content(1000);
    let target = session.start_upload(&repository)?;
    let response = put(session, &target, &content, &content.bytes)?;
    status(&response, &[201])?;
    header_is(&response, "Docker-Content-Digest", &content.digest)?;
    let read = session.get(location(&response)?)?;
    status(&read, &[200])?;
    stored(session, &repository, &content)
}

fn single(session: &Session) -> Check {
    let repository = session.repository();
    let content = session.content(1000);
    let response = session.send(
        Request::new(
            "POST",
            format!("/v2/{repository}/blobs/uploads/?digest={}", content.digest),
        )
        .header("Content-Type", "application/octet-stream")
        .body(&content.bytes),
    )?;
    if response.status() == 202 {
        return skipped("the registry opens a session instead (202), as the specification allows");
    }
    status(&response, &[201])?;
    stored(session, &repository, &content)
}

fn stream(session: &Session, method: &str, body: Body) -> Check {
    let Body::Chunked(parts) = &body else {
        return failed("a chunked body", "another");
    };
    let repository = session.repository();
    let content = Content::new(parts.concat());
    let mut target = session.start_upload(&repository)?;
    if method == "PUT" {
        target = with_query(&target, &format!("digest={}", content.digest));
    }
    let request = Request::new(method, target).header("Content-Type", "application/octet-stream");
    let response = session.send(request.with(body.clone()))?;
    if method == "PATCH" {
        status(&response, &[202])?;
        header_is(
            &response,
            "Range",
            &format!("0-{}", content.bytes.len() - 1),
        )?;
        status(&put(session, &location(&response)?, &content, &[])?, &[201])?;
    } else {
        status(&response, &[201])?;
    }
    stored(session, &repository, &content)
}

fn streamed(session: &Session) -> Check {
    let repository = session.repository();
    let content = session.content(70_000);
    let target = session.start_upload(&repository)?;
    let request = Request::new("PATCH", target).header("Content-Type", "application/octet-stream");
    let response = session.send(request.body(&content.bytes))?;
    status(&response, &[202])?;
    header_is(&response, "Range", "0-69999")?;
    status(&put(session, &location(&response)?, &content, &[])?, &[201])?;
    stored(session, &repository, &content)
}

fn parts(session: &Session) -> Body {
    Body::Chunked(vec![
        session.content(1).bytes,
        vec![7; 40_000],
        vec![9; 1],
        vec![1; 300],
    ])
}

fn chunked_encoding(session: &Session) -> Check {
    stream(session, "PATCH", parts(session))
}

fn put_chunked(session: &Session) -> Check {
    stream(session, "PUT", parts(session))
}

fn chunks(session: &Session) -> Check {
    let repository = session.repository();
    let content = session.content(3000);
    let mut target = session.start_upload(&repository)?;
    for from in [0, 1000] {
        let response = patch(session, &target, from, &content.bytes[from..from + 1000])?;
        status(&response, &[202])?;
        header_is(&response, "Range", &format!("0-{}", from + 999))?;
        target = location(&response)?;
    }
    let request = Request::new(
        "PUT",
        with_query(&target, &format!("digest={}", content.digest)),
    )
    .header("Content-Type", "application/octet-stream")
    .header("Content-Range", "2000-2999")
    .body(&content.bytes[2000..]);
    status(&session.send(request)?, &[201])?;
    stored(session, &repository, &content)
}

fn disorder(session: &Session) -> Check {
    let repository = session.repository();
    let content = session.content(3000);
    let target = session.start_upload(&repository)?;
    let first = patch(session, &target, 0, &content.bytes[..1000])?;
    status(&first, &[202])?;
    let mut target = location(&first)?;
    for from in [2000, 0] {
        let refused = patch(session, &target, from, &content.bytes[from..from + 1000])?;
        status(&refused, &[416])?;
    }
    let now = session.get(target.clone())?;
    status(&now, &[204])?;
    header_is(&now, "Range", "0-999")?;
    if let Some(next) = now.header("Location") {
        target = crate::client::path_of(next);
    }
    let second = patch(session, &target, 1000, &content.bytes[1000..])?;
    status(&second, &[202])?;
    status(&put(session, &location(&second)?, &content, &[])?, &[201])?;
    stored(session, &repository, &content)
}

fn progress(session: &Session) -> Check {
    let repository = session.repository();
    let content = session.content(1500);
    let target = session.start_upload(&repository)?;
    status(&session.get(target.clone())?, &[204])?;
    let response = patch(session, &target, 0, &content.bytes)?;
    status(&response, &[202])?;
    let now = session.get(location(&response)?)?;
    status(&now, &[204])?;
    header_is(&now, "Range", "0-1499")?;
    location(&now).map(|_| ())
}

fn cancel(session: &Session) -> Check {
    let target = session.start_upload(&session.repository())?;
    let response = session.send(Request::new("DELETE", target.clone()))?;
    if response.status() == 405 {
        return skipped("the registry doesn't cancel uploads (405)");
    }
    status(&response, &[204])?;
    error(&session.get(target)?, &[404], &["BLOB_UPLOAD_UNKNOWN"])
}

fn dropped(session: &Session) -> Check {
    let repository = session.repository();
    let content = session.content(600_000);
    let target = session.start_upload(&repository)?;
    let sent = content.bytes[..400_000].to_vec();
    let request = Request::new("PATCH", target.clone())
        .header("Content-Type", "application/octet-stream")
        .with(Body::Dropped {
            announced: content.bytes.len(),
            sent,
        });
    session.client.drop_within(&request)?;
    let now = session.get(target.clone())?;
    status(&now, &[204])?;
    let range = crate::session::header(&now, "Range")?;
    let last = range
        .strip_prefix("0-")
        .and_then(|last| last.parse::<usize>().ok());
    let Some(last) = last else {
        return failed("Range: 0-N", range);
    };
    let offset = if last == 0 { 0 } else { last + 1 };
    ensure(offset <= 400_000, "no more than the bytes sent", || {
        range.clone()
    })?;
    let target = now
        .header("Location")
        .map_or(target, crate::client::path_of);
    let rest = patch(session, &target, offset, &content.bytes[offset..])?;
    status(&rest, &[202])?;
    status(&put(session, &location(&rest)?, &content, &[])?, &[201])?;
    stored(session, &repository, &content)
}

fn wrong(session: &Session) -> Check {
    let repository = session.repository();
    let (content, other) = (session.content(500), session.content(500));
    let target = session.start_upload(&repository)?;
    error(
        &put(session, &target, &other, &content.bytes)?,
        &[400],
        &["DIGEST_INVALID"],
    )?;
    for absent in [&content, &other] {
        status(
            &session.get(format!("/v2/{repository}/blobs/{}", absent.digest))?,
            &[404],
        )?;
    }
    Ok(())
}

fn malformed(session: &Session) -> Check {
    for digest in [
        "sha256:abc",
        "sha256:../../x",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        "x",
    ] {
        let target = session.start_upload(&session.repository())?;
        let target = with_query(&target, &format!("digest={digest}"));
        let response = session.send(Request::new("PUT", target).body(b"x"))?;
        error(&response, &[400], &["DIGEST_INVALID", "UNSUPPORTED"])?;
    }
    Ok(())
}

fn no_digest(session: &Session) -> Check {
    let target = session.start_upload(&session.repository())?;
    error(
        &session.send(Request::new("PUT", target).body(b"x"))?,
        &[400],
        &[],
    )
}

fn unknown(session: &Session) -> Check {
    let repository = session.repository();
    session.new_blob(&repository, 64)?;
    for id in [
        "0123456789abcdef0123456789abcdef",
        "5f4dcc3b-5aa7-4d61-8327-deb882cf99aa",
    ] {
        let target = format!("/v2/{repository}/blobs/uploads/{id}");
        error(
            &session.get(target.clone())?,
            &[404],
            &["BLOB_UPLOAD_UNKNOWN"],
        )?;
        let response = session.send(Request::new("PATCH", target).body(b"x"))?;
        error(&response, &[404], &["BLOB_UPLOAD_UNKNOWN"])?;
    }
    Ok(())
}

fn finished(session: &Session) -> Check {
    let content = session.content(100);
    let target = session.start_upload(&session.repository())?;
    status(&put(session, &target, &content, &content.bytes)?, &[201])?;
    error(&session.get(target)?, &[404], &["BLOB_UPLOAD_UNKNOWN"])
}

fn foreign(session: &Session) -> Check {
    let (own, other) = (session.repository(), session.repository());
    session.new_blob(&other, 64)?;
    let target = session.start_upload(&own)?;
    let moved = target.replacen(&own, &other, 1);
    ensure(
        moved != target,
        "a Location under the repository's name",
        || target.clone(),
    )?;
    let response = session.send(Request::new("PATCH", moved).body(b"x"))?;
    ensure(
        (400..500).contains(&response.status()),
        "a 4xx refusal",
        || response.excerpt(),
    )
}

fn concurrent(session: &Session) -> Check {
    let repository = session.repository();
    let content = session.content(300_000);
    let results: Vec<Check> = std::thread::scope(|scope| {
        let push = || session.push_blob(&repository, &content);
        let running: Vec<_> = (0..8).map(|_| scope.spawn(push)).collect();
        running
            .into_iter()
            .map(|one| {
                one.join()
                    .unwrap_or_else(|_| failed("an outcome", "a panicked upload"))
            })
            .collect()
    });
    results.into_iter().collect::<Check>()?;
    stored(session, &repository, &content)
}

fn mount(session: &Session, repository: &str, digest: &str, from: &str) -> Result<Response, Stop> {
    let target = format!("/v2/{repository}/blobs/uploads/?mount={digest}{from}");
    session.send(Request::new("POST", target))
}

fn mount_from(session: &Session) -> Check {
    let (source, target) = (session.repository(), session.repository());
    let content = session.new_blob(&source, 500)?;
    let response = mount(
        session,
        &target,
        &content.digest,
        &format!("&from={source}"),
    )?;
    if response.status() == 202 {
        return skipped("the registry doesn't mount (202), as the specification allows");
    }
    status(&response, &[201])?;
    same(
        "Location",
        &format!("/v2/{target}/blobs/{}", content.digest),
        &location(&response)?,
    )?;
    stored(session, &target, &content)
}

fn mount_absent(session: &Session) -> Check {
    let (source, target) = (session.repository(), session.repository());
    session.new_blob(&source, 64)?;
    let content = session.content(500);
    let response = mount(
        session,
        &target,
        &content.digest,
        &format!("&from={source}"),
    )?;
    status(&response, &[202])?;
    status(
        &put(session, &location(&response)?, &content, &content.bytes)?,
        &[201],
    )?;
    stored(session, &target, &content)
}

fn mount_wrong(session: &Session) -> Check {
    let (holder, source, target) = (
        session.repository(),
        session.repository(),
        session.repository(),
    );
    let content = session.new_blob(&holder, 64)?;
    session.new_blob(&source, 64)?;
    let response = mount(
        session,
        &target,
        &content.digest,
        &format!("&from={source}"),
    )?;
    status(&response, &[202])
}

fn mount_no_from(session: &Session) -> Check {
    let content = session.new_blob(&session.repository(), 64)?;
    let target = session.repository();
    let response = mount(session, &target, &content.digest, "")?;
    status(&response, &[201, 202])?;
    if response.status() == 201 {
        stored(session, &target, &content)
    } else {
        Ok(())
    }
}

fn mount_bad(session: &Session) -> Check {
    let (source, target) = (session.repository(), session.repository());
    let response = mount(
        session,
        &target,
        "sha256:nonsense",
        &format!("&from={source}"),
    )?;
    status(&response, &[400, 202])
}
