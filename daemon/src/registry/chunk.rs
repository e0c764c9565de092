//! The `Content-Range` of a chunk (distribution-spec 1.1, "Pushing a blob in chunks"): written
//! `START-END`, both inclusive, without the unit that RFC 9110 §14.4 has; both forms are taken.

use super::error::{ErrorCode, RegistryError};

/// Which bytes of a blob a PATCH carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkRange {
    /// Offset of the first byte.
    pub start: u64,
    /// Bytes.
    pub length: u64,
}

impl ChunkRange {
    pub fn parse(field: &str) -> Result<Self, RegistryError> {
        read(field.trim()).ok_or_else(|| {
            let message = format!(
                "the header Content-Range is {field:?}; it must be START-END, offsets in bytes, \
                 both inclusive"
            );
            RegistryError::new(ErrorCode::BlobUploadInvalid, message)
        })
    }

    /// Refuses a chunk whose body has another length than its range.
    pub fn check_length(&self, body_length: Option<u64>) -> Result<(), RegistryError> {
        match body_length {
            Some(length) if length != self.length => Err(RegistryError::new(
                ErrorCode::SizeInvalid,
                format!(
                    "Content-Range names {} bytes, the body has {length}",
                    self.length
                ),
            )),
            _ => Ok(()),
        }
    }
}

fn read(field: &str) -> Option<ChunkRange> {
    let offsets = match field.strip_prefix("bytes") {
        Some(rest) => rest.strip_prefix([' ', '='])?,
        None => field,
    };
    let offsets = offsets
        .split_once('/')
        .map_or(offsets, |(offsets, _total)| offsets);
    let (start, end) = offsets.split_once('-')?;
    let (start, end) = (parse_offset(start)?, parse_offset(end)?);
    let length = end.checked_sub(start)?.checked_add(1)?;
    Some(ChunkRange { start, length })
}

/// 1*DIGIT: `str::parse` alone would take a plus sign.
fn parse_offset(digits: &str) -> Option<u64> {
    let valid = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    valid.then(|| digits.parse().ok()).flatten()
}

/// The `Range` header of an upload's status: what has arrived, both ends inclusive. An upload
/// without bytes says `0-0`, as the specification's form has no way to write nothing.
pub fn received(offset: u64) -> String {
    format!("0-{}", offset.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn takes_both_forms() {
        for (field, start, length) in [
            ("0-0", 0, 1),
            ("0-9", 0, 10),
            ("10-19", 10, 10),
            ("bytes 10-19/20", 10, 10),
            ("bytes 10-19/*", 10, 10),
            ("bytes=10-19", 10, 10),
            (" 1-1 ", 1, 1),
        ] {
            assert_eq!(
                ChunkRange::parse(field),
                Ok(ChunkRange { start, length }),
                "{field:?}"
            );
        }
    }

    #[test]
    fn refuses_everything_else() {
        for field in [
            "",
            "-",
            "1-",
            "-1",
            "2-1",
            "a-b",
            "+1-2",
            "1-+2",
            "0x0-1",
            "1",
            "bytes",
            "bytes1-2",
            "0-18446744073709551615",
            "0-18446744073709551616",
            "1-2-3",
            "1 - 2",
        ] {
            let error = ChunkRange::parse(field).unwrap_err();
            assert_eq!(error.code, ErrorCode::BlobUploadInvalid, "{field:?}");
        }
    }

    #[test]
    fn holds_the_body_to_the_range() {
        let range = ChunkRange {
            start: 5,
            length: 10,
        };
        assert_eq!(range.check_length(Some(10)), Ok(()));
        assert_eq!(range.check_length(None), Ok(()));
        assert_eq!(
            range.check_length(Some(9)).unwrap_err().code,
            ErrorCode::SizeInvalid
        );
    }

    #[test]
    fn says_what_was_received() {
        assert_eq!(
            (received(0), received(1), received(10)),
            ("0-0".into(), "0-0".into(), "0-9".into())
        );
    }

    proptest! {
        #[test]
        fn parsing_never_panics(field: String) {
            let _outcome = ChunkRange::parse(&field);
        }

        #[test]
        fn reads_what_it_means(start in 0u64..1 << 40, length in 1u64..1 << 40) {
            let field = format!("{start}-{}", start + length - 1);
            prop_assert_eq!(ChunkRange::parse(&field), Ok(ChunkRange { start, length }));
        }
    }
}
