//! Patterns over repository names: `*` within one path component, `**` over any number of them.

use std::fmt;

/// `public/**` matches everything below `public`; `team-*/base` one component of that shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
}

/// Longest pattern: matching costs the product of both lengths.
const PATTERN_BYTES_MAX: usize = 256;

impl Pattern {
    /// None where it could match no repository name.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |b: u8| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-' | b'*')
        };
        let component = |part: &str| {
            !part.is_empty() && part.bytes().all(allowed) && (part == "**" || !part.contains("**"))
        };
        let fits = text.len() <= PATTERN_BYTES_MAX && text.split('/').all(component);
        fits.then(|| Self {
            text: text.to_owned(),
        })
    }

    /// Whether a repository name lies under the pattern.
    pub fn matches(&self, name: &str) -> bool {
        let mut pattern: Vec<&str> = self.text.split('/').collect();
        // `public/**` means what lies below `public`, not a repository `public` itself.
        if pattern.last() == Some(&"**") {
            pattern.insert(pattern.len() - 1, "*");
        }
        let name: Vec<&str> = name.split('/').collect();
        wildcard(
            &pattern,
            &name,
            |part| *part == "**",
            |part, component| {
                wildcard(
                    part.as_bytes(),
                    component.as_bytes(),
                    |b| *b == b'*',
                    |a, b| a == b,
                )
            },
        )
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Greedy matching with one step back to the last wildcard: quadratic at worst, no recursion.
/// A wildcard takes any run, an empty one too.
fn wildcard<P, N>(
    pattern: &[P],
    name: &[N],
    any: impl Fn(&P) -> bool,
    one: impl Fn(&P, &N) -> bool,
) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        if p < pattern.len() && any(&pattern[p]) {
            retry = Some((p, n));
            p += 1;
        } else if p < pattern.len() && one(&pattern[p], &name[n]) {
            p += 1;
            n += 1;
        } else if let Some((star, taken)) = retry {
            retry = Some((star, taken + 1));
            p = star + 1;
            n = taken + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(any)
}
