//! `/v2/`: the API's presence and its credentials.

use crate::case::{Case, Check, case, ensure, failed, skipped};
use crate::client::Request;
use crate::session::{Session, header, status};

pub(super) const CASES: &[Case] = &[
    case("base-get", "end-1", "GET /v2/ answers 200", get),
    case("base-head", "end-1", "HEAD /v2/ answers 200", head),
    case(
        "base-anonymous",
        "end-1",
        "without credentials: 200, or 401 with a challenge",
        anonymous,
    ),
    case(
        "base-wrong-credentials",
        "end-1",
        "a wrong password is 401, never 5xx",
        wrong,
    ),
    case(
        "base-malformed-credentials",
        "end-1",
        "a malformed Authorization is 400 or 401",
        malformed,
    ),
];

fn get(session: &Session) -> Check {
    status(&session.get("/v2/")?, &[200])
}

fn head(session: &Session) -> Check {
    status(&session.send(Request::new("HEAD", "/v2/"))?, &[200])
}

fn with_authorization(session: &Session, value: Option<&str>) -> crate::session::Answer {
    let mut request = Request::new("GET", "/v2/");
    request.anonymous = true;
    if let Some(value) = value {
        request = request.header("Authorization", value);
    }
    session.send(request)
}

fn anonymous(session: &Session) -> Check {
    let response = with_authorization(session, None)?;
    status(&response, &[200, 401])?;
    if response.status() == 401 {
        let challenge = header(&response, "WWW-Authenticate")?.to_ascii_lowercase();
        let known = ["basic realm=", "bearer realm="]
            .iter()
            .any(|form| challenge.starts_with(form));
        ensure(known, "a Basic or Bearer challenge with a realm", || {
            challenge.clone()
        })?;
    }
    Ok(())
}

fn wrong(session: &Session) -> Check {
    if with_authorization(session, None)?.status() == 200 {
        return skipped("the registry asks for no credentials");
    }
    // nobody:wrong
    status(
        &with_authorization(session, Some("Basic bm9ib2R5Ondyb25n"))?,
        &[401],
    )
}

fn malformed(session: &Session) -> Check {
    for value in [
        "Basic",
        "Basic !!!",
        "Basic bm9jb2xvbg==",
        "Bearer",
        "Unknown x",
    ] {
        let response = with_authorization(session, Some(value))?;
        if !matches!(response.status(), 200 | 400 | 401) {
            return failed(
                format!("400 or 401 to Authorization: {value}"),
                response.excerpt(),
            );
        }
    }
    Ok(())
}
