//! Conditional requests (RFC 9110 §13) over a strong entity tag, and the order of their rules.
//!
//! Representations here are named by digest, so there is always a strong tag and never a
//! meaningful modification time; the date conditions are ignored.

use crate::http::method::Method;
use crate::http::range::{self, Selection};
use crate::http::request::Request;

/// What is to be answered to a request for an existing representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Whole,
    Part { first: u64, length: u64 },
    NotModified,
    PreconditionFailed,
    Unsatisfiable,
}

/// Entity tag of a digest or other opaque text, quoted.
pub fn entity_tag(opaque: &str) -> String {
    format!("\"{opaque}\"")
}

/// Evaluates the preconditions, then the range, in the order of RFC 9110 §13.2.2. `tag` is the
/// representation's strong entity tag with its quotes.
pub fn evaluate(request: &Request, tag: &str, size: u64) -> Verdict {
    if request.header("if-match").is_some() && !if_match(request, Some(tag)) {
        return Verdict::PreconditionFailed;
    }
    let reading = matches!(request.method(), Method::Get | Method::Head);
    if request.header("if-none-match").is_some() && !if_none_match(request, Some(tag)) {
        return if reading {
            Verdict::NotModified
        } else {
            Verdict::PreconditionFailed
        };
    }
    // A Range has a meaning for GET alone (§14.2).
    let Some(header) = request
        .header("range")
        .filter(|_| request.method() == Method::Get)
    else {
        return Verdict::Whole;
    };
    if request.headers("range").count() > 1 {
        return Verdict::Whole;
    }
    if request
        .header("if-range")
        .is_some_and(|value| !strong_match(value.trim(), tag))
    {
        return Verdict::Whole;
    }
    match range::select(header, size) {
        Selection::Whole => Verdict::Whole,
        Selection::Part { first, length } => Verdict::Part { first, length },
        Selection::Unsatisfiable => Verdict::Unsatisfiable,
    }
}

/// `If-Match` holds (strong comparison); `tag` is `None` when nothing exists. True without one.
pub fn if_match(request: &Request, tag: Option<&str>) -> bool {
    holds(request, "if-match", |value| {
        tag.is_some_and(|tag| value == "*" || list(value).any(|other| strong_match(other, tag)))
    })
}

/// `If-None-Match` holds (weak comparison); `tag` is `None` when nothing exists. True without one.
pub fn if_none_match(request: &Request, tag: Option<&str>) -> bool {
    let mut present = request.headers("if-none-match").peekable();
    if present.peek().is_none() {
        return true;
    }
    let Some(tag) = tag else { return true };
    !present.any(|value| {
        let value = value.trim();
        value == "*" || list(value).any(|other| weak_match(other, tag))
    })
}

fn holds(request: &Request, name: &str, matches: impl Fn(&str) -> bool) -> bool {
    let mut values = request.headers(name).peekable();
    values.peek().is_none() || values.any(|value| matches(value.trim()))
}

fn strong_match(left: &str, right: &str) -> bool {
    left.starts_with('"') && right.starts_with('"') && left == right
}

fn weak_match(left: &str, right: &str) -> bool {
    left.strip_prefix("W/").unwrap_or(left) == right.strip_prefix("W/").unwrap_or(right)
}

/// Entity tags of a list. A tag may hold a comma between its quotes; anything malformed ends it.
fn list(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = value;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let quote = rest.find('"')?;
        let end = quote + 1 + rest[quote + 1..].find('"')? + 1;
        let (tag, after) = rest.split_at(end);
        rest = after;
        (quote == 0 || &tag[..quote] == "W/").then_some(tag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, headers: &str, expected: Verdict) {
        let head = format!("{method} /x HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
        let request = Request::from_head(head.as_bytes()).unwrap();
        assert_eq!(
            evaluate(&request, "\"t\"", 10),
            expected,
            "{method} {headers}"
        );
    }

    #[test]
    fn order_of_the_rules() {
        check("GET", "", Verdict::Whole);
        check("GET", "If-None-Match: \"t\"\r\n", Verdict::NotModified);
        check(
            "HEAD",
            "If-None-Match: \"a,b\", W/\"t\"\r\n",
            Verdict::NotModified,
        );
        check("GET", "If-None-Match: *\r\n", Verdict::NotModified);
        check("PUT", "If-None-Match: *\r\n", Verdict::PreconditionFailed);
        check("GET", "If-None-Match: \"u\"\r\n", Verdict::Whole);
        check("GET", "If-Match: \"u\"\r\n", Verdict::PreconditionFailed);
        check("GET", "If-Match: W/\"t\"\r\n", Verdict::PreconditionFailed);
        check("GET", "If-Match: \"u\", \"t\"\r\n", Verdict::Whole);
        check(
            "GET",
            "Range: bytes=1-2\r\n",
            Verdict::Part {
                first: 1,
                length: 2,
            },
        );
        check("HEAD", "Range: bytes=1-2\r\n", Verdict::Whole);
        check(
            "GET",
            "Range: bytes=1-2\r\nIf-Range: \"u\"\r\n",
            Verdict::Whole,
        );
        check(
            "GET",
            "Range: bytes=1-2\r\nIf-Range: W/\"t\"\r\n",
            Verdict::Whole,
        );
        check(
            "GET",
            "Range: bytes=1-2\r\nIf-Range: \"t\"\r\n",
            Verdict::Part {
                first: 1,
                length: 2,
            },
        );
        check("GET", "Range: bytes=10-\r\n", Verdict::Unsatisfiable);
        check(
            "GET",
            "Range: bytes=10-\r\nIf-None-Match: \"t\"\r\n",
            Verdict::NotModified,
        );
    }
}
