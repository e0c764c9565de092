//! Rules that hold for every response, whatever the case was about; broken ones are collected while the
//! sections run and told by the `headers` section.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::client::{Request, Response};
use crate::http::Malformed;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    Framing,
    Surplus,
    NoLengthOn204,
    Date,
    ApiVersion,
    ContentDigest,
    ErrorForm,
    Challenge,
    RangeOn416,
    LocationOnCreated,
    AllowOn405,
}

#[derive(Default)]
struct State {
    responses: u64,
    broken: BTreeMap<Rule, (u64, String)>,
}

#[derive(Default)]
pub struct Rules(Mutex<State>);

impl Rules {
    pub fn observe(&self, request: &Request, response: &Response) {
        let found = broken(request, response);
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.responses += 1;
        for (rule, why) in found {
            let text = format!("{} to {}: {why}", response.status(), response.request);
            state.broken.entry(rule).or_insert((0, text)).0 += 1;
        }
    }

    pub fn malformed(&self, request: &str, what: &Malformed) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.responses += 1;
        state
            .broken
            .entry(Rule::Framing)
            .or_insert((0, format!("{request}: {what}")))
            .0 += 1;
    }

    pub fn responses(&self) -> u64 {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .responses
    }

    /// How often a rule was broken, with the first instance.
    pub fn broken(&self, rule: Rule) -> Option<(u64, String)> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .broken
            .get(&rule)
            .cloned()
    }
}

fn broken(request: &Request, response: &Response) -> Vec<(Rule, String)> {
    let mut found = Vec::new();
    let status = response.status();
    let head = &response.head;
    if response.surplus > 0 {
        found.push((
            Rule::Surplus,
            format!("{} bytes after the end", response.surplus),
        ));
    }
    let bare = request.method == "HEAD" || status == 204 || status == 304;
    let framed = head.header("content-length").is_some()
        || head
            .header("transfer-encoding")
            .is_some_and(|v| v.eq_ignore_ascii_case("chunked"));
    if !bare && !framed {
        found.push((Rule::Framing, "neither Content-Length nor chunked".into()));
    }
    if status == 204
        && (head.header("content-length").is_some() || head.header("transfer-encoding").is_some())
    {
        found.push((Rule::NoLengthOn204, "a 204 names a length".into()));
    }
    match head.header("date") {
        Some(date) if is_http_date(date) => {}
        Some(date) => found.push((Rule::Date, format!("Date {date:?}"))),
        None => found.push((Rule::Date, "no Date".into())),
    }
    if head.header("docker-distribution-api-version") != Some("registry/2.0")
        && request.target.starts_with("/v2/")
    {
        found.push((
            Rule::ApiVersion,
            "no Docker-Distribution-Api-Version: registry/2.0".into(),
        ));
    }
    content_digest(request, response, &mut found);
    if (400..500).contains(&status)
        && request.method != "HEAD"
        && error_codes(&response.body).is_none()
    {
        found.push((
            Rule::ErrorForm,
            format!("body isn't {{\"errors\":[…]}}: {}", response.excerpt()),
        ));
    }
    if status == 401 && head.header("www-authenticate").is_none() {
        found.push((Rule::Challenge, "no WWW-Authenticate".into()));
    }
    let ranged = request.headers.iter().any(|(name, _)| name == "Range");
    if status == 416
        && ranged
        && !head
            .header("content-range")
            .is_some_and(|value| value.starts_with("bytes */"))
    {
        found.push((Rule::RangeOn416, "no Content-Range: bytes */N".into()));
    }
    if matches!(status, 201 | 202)
        && matches!(request.method.as_str(), "POST" | "PUT" | "PATCH")
        && head.header("location").is_none()
    {
        found.push((Rule::LocationOnCreated, "no Location".into()));
    }
    if status == 405 && head.header("allow").is_none() {
        found.push((Rule::AllowOn405, "no Allow".into()));
    }
    found
}

fn content_digest(request: &Request, response: &Response, found: &mut Vec<(Rule, String)>) {
    let content = ["/manifests/", "/blobs/sha256:"]
        .iter()
        .any(|part| request.target.contains(part));
    if !content || !matches!(request.method.as_str(), "GET" | "HEAD") || response.status() != 200 {
        return;
    }
    match response.header("docker-content-digest") {
        None => found.push((Rule::ContentDigest, "no Docker-Content-Digest".into())),
        Some(digest) if request.method == "GET" && digest.starts_with("sha256:") => {
            let actual = crate::session::digest_of(&response.body);
            if digest != actual {
                found.push((
                    Rule::ContentDigest,
                    format!("names {digest}, body is {actual}"),
                ));
            }
        }
        Some(_) => {}
    }
}

/// The codes of an error body; `None` when it hasn't the specification's form.
pub fn error_codes(body: &[u8]) -> Option<Vec<String>> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let errors = value.get("errors")?.as_array()?;
    let code = |error: &serde_json::Value| error.get("code")?.as_str().map(str::to_owned);
    let codes: Option<Vec<_>> = errors.iter().map(code).collect();
    codes.filter(|codes| {
        let well = |code: &String| {
            code.bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        };
        !codes.is_empty() && codes.iter().all(|code| !code.is_empty() && well(code))
    })
}

/// IMF-fixdate, the one form a sender may generate (RFC 9110 §5.6.7).
fn is_http_date(date: &str) -> bool {
    let shape = "Aaa, 00 Aaa 0000 00:00:00 GMT";
    date.len() == shape.len()
        && date
            .bytes()
            .zip(shape.bytes())
            .enumerate()
            .all(|(at, (own, like))| match like {
                b'0' => own.is_ascii_digit(),
                _ if at >= 26 => own == like,
                b'A' => own.is_ascii_uppercase(),
                b'a' => own.is_ascii_lowercase(),
                _ => own == like,
            })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Head;

    fn check(method: &str, target: &str, head: &str, body: &str) -> Vec<Rule> {
        let (head, _) = Head::parse(format!("{head}\r\n\r\n").as_bytes())
            .unwrap()
            .unwrap();
        let request = Request::new(method, target);
        let response = Response {
            request: String::new(),
            head,
            body: body.into(),
            surplus: 0,
        };
        broken(&request, &response)
            .into_iter()
            .map(|(rule, _)| rule)
            .collect()
    }

    const GOOD: &str =
        "Date: Tue, 24 Nov 2026 02:57:20 GMT\r\nDocker-Distribution-Api-Version: registry/2.0";

    #[test]
    fn a_clean_answer_breaks_nothing() {
        let head = format!("HTTP/1.1 200 OK\r\n{GOOD}\r\nContent-Length: 2");
        assert_eq!(check("GET", "/v2/", &head, "{}"), []);
        assert_eq!(
            check(
                "DELETE",
                "/v2/",
                &format!("HTTP/1.1 204 No Content\r\n{GOOD}"),
                ""
            ),
            []
        );
    }

    #[test]
    fn broken_rules_are_named() {
        let head = format!("HTTP/1.1 204 No Content\r\n{GOOD}\r\nContent-Length: 0");
        assert_eq!(check("DELETE", "/v2/", &head, ""), [Rule::NoLengthOn204]);
        let head = format!("HTTP/1.1 404 Not Found\r\n{GOOD}\r\nContent-Length: 2");
        assert_eq!(check("GET", "/v2/a", &head, "no"), [Rule::ErrorForm]);
        let head = "HTTP/1.1 200 OK\r\nDate: yesterday";
        assert_eq!(
            check("GET", "/v2/", head, ""),
            [Rule::Framing, Rule::Date, Rule::ApiVersion]
        );
        let head = format!(
            "HTTP/1.1 200 OK\r\n{GOOD}\r\nContent-Length: 1\r\nDocker-Content-Digest: sha256:00"
        );
        assert_eq!(
            check("GET", "/v2/a/manifests/b", &head, "x"),
            [Rule::ContentDigest]
        );
    }

    #[test]
    fn error_bodies_have_one_form() {
        let codes = error_codes(br#"{"errors":[{"code":"BLOB_UNKNOWN","message":"m"}]}"#);
        assert_eq!(codes, Some(vec!["BLOB_UNKNOWN".to_owned()]));
        for bad in [
            "",
            "{}",
            r#"{"errors":[]}"#,
            r#"{"errors":[{"code":"lower"}]}"#,
        ] {
            assert_eq!(error_codes(bad.as_bytes()), None, "{bad}");
        }
    }
}
