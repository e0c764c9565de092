//! Pages of a list (distribution-spec 1.1, "Listing Tags"): `n`, `last` and the `Link` header
//! (RFC 8288).

use super::error::{ErrorCode, RegistryError};
use crate::limits::{PAGE_ENTRIES_DEFAULT, PAGE_ENTRIES_MAX};

/// Which page of a list a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// Entries at most.
    pub limit: usize,
    /// The page begins behind this entry, whether or not it exists.
    pub last: Option<String>,
}

impl PageRequest {
    /// Reads the decoded query parameters. A repeated parameter counts once, the first time.
    pub fn parse<'a>(
        parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, RegistryError> {
        let (mut limit, mut last) = (None, None);
        for (name, value) in parameters {
            match name {
                "n" if limit.is_none() => limit = Some(parse_limit(value)?),
                "last" if last.is_none() && !value.is_empty() => last = Some(value.to_owned()),
                _ => {}
            }
        }
        Ok(Self {
            limit: limit.unwrap_or(PAGE_ENTRIES_DEFAULT),
            last,
        })
    }

    /// The `Link` to the page behind `last`, relative so that it holds behind any proxy.
    pub fn next_link(&self, path: &str, last: &str) -> String {
        let mut encoded = String::with_capacity(last.len());
        for byte in last.bytes() {
            match byte {
                // RFC 3986 §2.3, unreserved, and the slash, which a query may hold (§3.4).
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                    encoded.push(char::from(byte));
                }
                _ => encoded.push_str(&format!("%{byte:02X}")),
            }
        }
        format!("<{path}?last={encoded}&n={}>; rel=\"next\"", self.limit)
    }
}

/// A number above the ceiling is clamped to it; what is no number, or negative, is refused.
fn parse_limit(value: &str) -> Result<usize, RegistryError> {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    if !digits {
        let message = format!("the query parameter n is {value:?}; it must be a whole number");
        return Err(RegistryError::new(
            ErrorCode::PaginationNumberInvalid,
            message,
        ));
    }
    Ok(value
        .parse()
        .unwrap_or(PAGE_ENTRIES_MAX)
        .min(PAGE_ENTRIES_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(parameters: &[(&str, &str)]) -> Result<PageRequest, ErrorCode> {
        PageRequest::parse(parameters.iter().copied()).map_err(|error| error.code)
    }

    #[test]
    fn reads_clamps_and_refuses() {
        let page = |limit, last: Option<&str>| {
            Ok(PageRequest {
                limit,
                last: last.map(str::to_owned),
            })
        };
        assert_eq!(parse(&[]), page(PAGE_ENTRIES_DEFAULT, None));
        assert_eq!(parse(&[("n", "0")]), page(0, None));
        assert_eq!(
            parse(&[("last", "b"), ("n", "2"), ("x", "y")]),
            page(2, Some("b"))
        );
        assert_eq!(
            parse(&[("n", "2"), ("n", "3"), ("last", "")]),
            page(2, None)
        );
        assert_eq!(
            parse(&[("n", "9223372036854775808")]),
            page(PAGE_ENTRIES_MAX, None)
        );
        assert_eq!(
            parse(&[("n", &"9".repeat(99))]),
            page(PAGE_ENTRIES_MAX, None)
        );
        for wrong in ["", "-1", "+1", "1.5", "0x1", "ten", " 1"] {
            assert_eq!(
                parse(&[("n", wrong)]),
                Err(ErrorCode::PaginationNumberInvalid),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn links_to_the_next_page() {
        let page = PageRequest {
            limit: 2,
            last: None,
        };
        assert_eq!(
            page.next_link("/v2/_catalog", "a/b"),
            r#"</v2/_catalog?last=a/b&n=2>; rel="next""#
        );
        assert!(
            page.next_link("/x", "a&\"> é")
                .contains("last=a%26%22%3E%20%C3%A9&n")
        );
    }
}
