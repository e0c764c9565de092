//! Byte ranges (RFC 9110 §14): which part of a representation a `Range` header asks for.

use crate::limits::RANGE_SPECS_MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// No range, or one that is ignored: another unit, bad syntax, several parts.
    Whole,
    /// `length` bytes from `first`; both lie inside the representation.
    Part { first: u64, length: u64 },
    /// 416 with `Content-Range: bytes */size`.
    Unsatisfiable,
}

/// Evaluates a `Range` value against a representation of `size` bytes.
///
/// Several ranges are answered by the whole, unless only one of them can be satisfied: a
/// multipart answer multiplies the work of one request and no registry client asks for it.
pub fn select(header: &str, size: u64) -> Selection {
    let Some((unit, set)) = header.split_once('=') else {
        return Selection::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Selection::Whole;
    }
    let mut found = None;
    let mut satisfiable = 0;
    let mut specs = 0;
    for spec in set.split(',') {
        let spec = spec.trim_matches([' ', '\t']);
        if spec.is_empty() {
            continue;
        }
        specs += 1;
        if specs > RANGE_SPECS_MAX {
            return Selection::Whole;
        }
        match evaluate(spec, size) {
            None => return Selection::Whole,
            Some(None) => {}
            Some(Some(part)) => {
                satisfiable += 1;
                found = Some(part);
            }
        }
    }
    match (specs, satisfiable, found) {
        (0, _, _) => Selection::Whole,
        (_, 1, Some((first, length))) => Selection::Part { first, length },
        (_, 0, _) => Selection::Unsatisfiable,
        _ => Selection::Whole,
    }
}

/// `Content-Range` of a part.
pub fn content_range(first: u64, length: u64, size: u64) -> String {
    format!("bytes {first}-{}/{size}", first + length.saturating_sub(1))
}

/// `Content-Range` of a 416.
pub fn content_range_unsatisfied(size: u64) -> String {
    format!("bytes */{size}")
}

/// Outer `None`: bad syntax. Inner `None`: not satisfiable.
fn evaluate(spec: &str, size: u64) -> Option<Option<(u64, u64)>> {
    let (first, last) = spec.split_once('-')?;
    if first.is_empty() {
        let suffix = number(last)?.min(size);
        return Some((suffix > 0).then(|| (size - suffix, suffix)));
    }
    let first = number(first)?;
    let last = if last.is_empty() {
        u64::MAX
    } else {
        number(last)?
    };
    if last < first {
        return None;
    }
    Some((first < size).then(|| (first, last.min(size - 1) - first + 1)))
}

/// 1*DIGIT; a number too large for `u64` is past the end of anything stored.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn table() {
        let part = |first, length| Selection::Part { first, length };
        for (header, size, expected) in [
            ("bytes=0-4", 10, part(0, 5)),
            ("Bytes=5-", 10, part(5, 5)),
            ("bytes=-3", 10, part(7, 3)),
            ("bytes=-30", 10, part(0, 10)),
            ("bytes=9-100", 10, part(9, 1)),
            ("bytes=0-99999999999999999999999", 10, part(0, 10)),
            ("bytes=10-", 10, Selection::Unsatisfiable),
            ("bytes=-0", 10, Selection::Unsatisfiable),
            ("bytes=0-0", 0, Selection::Unsatisfiable),
            ("bytes=4-2", 10, Selection::Whole),
            ("bytes=a-2", 10, Selection::Whole),
            ("bytes=+1-2", 10, Selection::Whole),
            ("bytes=", 10, Selection::Whole),
            ("bytes=-", 10, Selection::Whole),
            ("lines=0-1", 10, Selection::Whole),
            ("bytes=0-1,3-4", 10, Selection::Whole),
            ("bytes=0-1, 30-40", 10, part(0, 2)),
            ("bytes=20-21,30-40", 10, Selection::Unsatisfiable),
        ] {
            assert_eq!(select(header, size), expected, "{header} of {size}");
        }
        assert_eq!(
            select(&format!("bytes={}", "90-,".repeat(1000)), 10),
            Selection::Whole
        );
        assert_eq!(content_range(3, 2, 10), "bytes 3-4/10");
    }

    proptest! {
        #[test]
        fn a_part_lies_inside(header in "bytes=[0-9,-]{0,20}", size in 0u64..2000) {
            if let Selection::Part { first, length } = select(&header, size) {
                prop_assert!(length > 0 && first + length <= size);
            }
        }
    }
}
