//! Where a request's body ends (RFC 9112 §6, §7.1): the length rules and the chunk decoder.

use std::fmt;

use crate::limits::{CHUNK_EXTENSION_BYTES_MAX, CHUNK_SIZE_DIGITS_MAX, TRAILER_BYTES_MAX};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    None,
    Known(u64),
    Chunked,
}

/// A head whose body has no single certain end; always the client's fault, and the connection
/// cannot be used after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramingError {
    LengthMalformed,
    LengthRepeated,
    LengthAndEncoding,
    EncodingRepeated,
    EncodingInOldVersion,
    /// Answered 501.
    EncodingUnknown,
}

impl FramingError {
    pub fn as_str(self) -> &'static str {
        match self {
            FramingError::LengthMalformed => "Content-Length is not a plain decimal number",
            FramingError::LengthRepeated => "more than one Content-Length",
            FramingError::LengthAndEncoding => "Content-Length together with Transfer-Encoding",
            FramingError::EncodingRepeated => "more than one Transfer-Encoding",
            FramingError::EncodingInOldVersion => "Transfer-Encoding in HTTP/1.0",
            FramingError::EncodingUnknown => "the only transfer coding served is chunked",
        }
    }
}

impl fmt::Display for FramingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The body's length from every `Content-Length` and `Transfer-Encoding` value of the head.
pub fn body_length<'a>(
    mut lengths: impl Iterator<Item = &'a str>,
    mut encodings: impl Iterator<Item = &'a str>,
    version_1_0: bool,
) -> Result<BodyLength, FramingError> {
    let length = lengths.next();
    let encoding = encodings.next();
    if length.is_some() && encoding.is_some() {
        return Err(FramingError::LengthAndEncoding);
    }
    if lengths.next().is_some() {
        return Err(FramingError::LengthRepeated);
    }
    if encodings.next().is_some() {
        return Err(FramingError::EncodingRepeated);
    }
    if let Some(encoding) = encoding {
        if version_1_0 {
            return Err(FramingError::EncodingInOldVersion);
        }
        if !encoding
            .trim_matches([' ', '\t'])
            .eq_ignore_ascii_case("chunked")
        {
            return Err(FramingError::EncodingUnknown);
        }
        return Ok(BodyLength::Chunked);
    }
    match length {
        None => Ok(BodyLength::None),
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => digits
            .parse()
            .map(BodyLength::Known)
            .map_err(|_| FramingError::LengthMalformed),
        Some(_) => Err(FramingError::LengthMalformed),
    }
}

/// What one call of [`ChunkDecoder::decode`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The input is used up.
    NeedMore,
    /// This many bytes of content follow what was consumed; the caller takes them.
    Data(usize),
    /// The body is over, trailers included.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerLf,
    LastLf,
    Done,
}

/// Incremental decoder of `chunked`: CRLF only, trailers dropped, all overhead bounded.
#[derive(Clone, Debug)]
pub struct ChunkDecoder {
    state: State,
    size: u64,
    digits: usize,
    extension_bytes: usize,
    trailer_bytes: usize,
}

impl Default for ChunkDecoder {
    fn default() -> Self {
        ChunkDecoder::new()
    }
}

impl ChunkDecoder {
    pub fn new() -> Self {
        ChunkDecoder {
            state: State::Size,
            size: 0,
            digits: 0,
            extension_bytes: 0,
            trailer_bytes: 0,
        }
    }

    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Consumes framing from the front of `input`; returns how much, and what follows it. The
    /// bytes of an [`Event::Data`] count as taken, so the next call gets the input after them.
    pub fn decode(&mut self, input: &[u8]) -> Result<(usize, Event), &'static str> {
        let mut at = 0;
        loop {
            if self.state == State::Done {
                return Ok((at, Event::End));
            }
            let Some(&byte) = input.get(at) else {
                return Ok((at, Event::NeedMore));
            };
            if self.state == State::Data {
                let here = self.size.min((input.len() - at) as u64);
                self.size -= here;
                if self.size == 0 {
                    self.state = State::DataCr;
                }
                return Ok((at, Event::Data(here as usize)));
            }
            self.step(byte)?;
            at += 1;
        }
    }

    /// Gives back the last `count` bytes of an [`Event::Data`] that were not taken after all.
    pub fn put_back(&mut self, count: usize) {
        if count > 0 {
            self.size += count as u64;
            self.state = State::Data;
        }
    }

    fn step(&mut self, byte: u8) -> Result<(), &'static str> {
        self.state = match (self.state, byte) {
            (State::Size, b'\r') if self.digits > 0 => State::SizeLf,
            (State::Size, b';') if self.digits > 0 => {
                self.extension()?;
                State::Extension
            }
            (State::Size, _) => {
                let digit = (byte as char)
                    .to_digit(16)
                    .ok_or("chunk size is not hexadecimal")?;
                self.digits += 1;
                if self.digits > CHUNK_SIZE_DIGITS_MAX {
                    return Err("chunk size has too many digits");
                }
                self.size = self
                    .size
                    .checked_mul(16)
                    .and_then(|size| size.checked_add(u64::from(digit)))
                    .ok_or("chunk size overflows")?;
                State::Size
            }
            (State::Extension, b'\r') => State::SizeLf,
            (State::Extension, _) if is_text(byte) => {
                self.extension()?;
                State::Extension
            }
            (State::Extension, _) => return Err("control byte in a chunk extension"),
            (State::SizeLf, b'\n') => {
                self.digits = 0;
                if self.size == 0 {
                    State::TrailerStart
                } else {
                    State::Data
                }
            }
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size,
            (State::TrailerStart, b'\r') => State::LastLf,
            (State::TrailerStart | State::Trailer, _) if is_text(byte) => {
                self.trailer_bytes += 1;
                if self.trailer_bytes > TRAILER_BYTES_MAX {
                    return Err("trailers too large");
                }
                State::Trailer
            }
            (State::Trailer, b'\r') => State::TrailerLf,
            (State::TrailerLf, b'\n') => State::TrailerStart,
            (State::LastLf, b'\n') => State::Done,
            (State::TrailerStart | State::Trailer, _) => return Err("control byte in a trailer"),
            (State::DataCr | State::DataLf, _) => return Err("chunk is longer than its size"),
            _ => return Err("line of chunk framing does not end in CRLF"),
        };
        Ok(())
    }

    /// Counted over the whole body: one byte of content a chunk with long extensions would
    /// otherwise cost far more to read than it is worth.
    fn extension(&mut self) -> Result<(), &'static str> {
        self.extension_bytes += 1;
        if self.extension_bytes > CHUNK_EXTENSION_BYTES_MAX {
            return Err("chunk extensions too large");
        }
        Ok(())
    }
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds the pieces; content and count of consumed bytes, or the error.
    fn run(pieces: &[&[u8]]) -> Result<(Vec<u8>, bool, usize), &'static str> {
        let mut decoder = ChunkDecoder::new();
        let (mut content, mut consumed) = (Vec::new(), 0);
        for piece in pieces {
            let mut rest = *piece;
            loop {
                let (used, event) = decoder.decode(rest)?;
                consumed += used;
                rest = &rest[used..];
                match event {
                    Event::NeedMore => break,
                    Event::End => return Ok((content, true, consumed)),
                    Event::Data(length) => {
                        content.extend_from_slice(&rest[..length]);
                        consumed += length;
                        rest = &rest[length..];
                    }
                }
            }
        }
        Ok((content, false, consumed))
    }

    #[test]
    fn lengths() {
        let check = |lengths: &[&'static str], encodings: &[&'static str], old| {
            body_length(lengths.iter().copied(), encodings.iter().copied(), old)
        };
        assert_eq!(check(&[], &[], false), Ok(BodyLength::None));
        assert_eq!(check(&["12"], &[], false), Ok(BodyLength::Known(12)));
        assert_eq!(check(&[], &["Chunked "], false), Ok(BodyLength::Chunked));
        for bad in [
            "",
            "+1",
            "-1",
            "1,1",
            "1 1",
            "0x1",
            "18446744073709551616",
            "1_0",
            "１",
        ] {
            assert_eq!(
                check(&[bad], &[], false),
                Err(FramingError::LengthMalformed),
                "{bad}"
            );
        }
        assert_eq!(
            check(&["1", "1"], &[], false),
            Err(FramingError::LengthRepeated)
        );
        assert_eq!(
            check(&["1"], &["chunked"], false),
            Err(FramingError::LengthAndEncoding)
        );
        assert_eq!(
            check(&[], &["chunked", "chunked"], false),
            Err(FramingError::EncodingRepeated)
        );
        assert_eq!(
            check(&[], &["chunked"], true),
            Err(FramingError::EncodingInOldVersion)
        );
        for bad in [
            "identity",
            "gzip, chunked",
            "chunked, chunked",
            "xchunked",
            "\"chunked\"",
        ] {
            assert_eq!(
                check(&[], &[bad], false),
                Err(FramingError::EncodingUnknown),
                "{bad}"
            );
        }
    }

    #[test]
    fn chunks() {
        let whole = b"5\r\nhello\r\n1;a=b\r\n!\r\n000\r\nX: y\r\n\r\nGET";
        assert_eq!(
            run(&[whole]),
            Ok((b"hello!".to_vec(), true, whole.len() - 3))
        );
        for bad in [
            &b"\r\n"[..],
            b"5\nhello",
            b"5\r\nhello!\r\n",
            b" 5\r\n",
            b"5 \r\n",
            b"+5\r\n",
            b"0x5\r\n",
            b"00000000000000005\r\n",
            b"5\rhello",
            b"5;\x00\r\n",
            b"5;a\n",
            b"0\r\nX: y\n\r\n",
            b"0\r\n\rX",
            b"5\r\nhello\n0\r\n\r\n",
        ] {
            assert!(run(&[bad]).is_err(), "{:?}", String::from_utf8_lossy(bad));
        }
        let long = format!("1;{}\r\n", "a".repeat(CHUNK_EXTENSION_BYTES_MAX));
        assert!(run(&[long.as_bytes()]).is_err());
        let trailers = format!("0\r\n{}", "a: b\r\n".repeat(TRAILER_BYTES_MAX));
        assert!(run(&[trailers.as_bytes()]).is_err());
    }

    proptest! {
        #[test]
        fn segmentation_does_not_matter(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..6),
            damage in proptest::option::of((0usize..100, any::<u8>())),
            cuts in proptest::collection::vec(0usize..400, 0..12),
        ) {
            let mut bytes = Vec::new();
            for chunk in &chunks {
                bytes.extend_from_slice(format!("{:x};e\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\nt: u\r\n\r\nrest");
            if let Some((at, value)) = damage {
                let at = at % bytes.len();
                bytes[at] = value;
            }
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % bytes.len()).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
            let whole = run(&[&bytes]);
            prop_assert_eq!(&whole, &run(&pieces));
            if damage.is_none() {
                prop_assert_eq!(whole, Ok((chunks.concat(), true, bytes.len() - 4)));
            }
        }
    }
}
