//! The commit log: checksummed frames in append-only segments, one frame a group of batches.
//!
//! A frame is `[payload length u32 le][crc32c u32 le][payload]`. Since a group is one frame and
//! one sync, only the last frame of the last segment can be torn; it was never acknowledged.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::super::records::RecordsError;
use super::{BATCH_BYTES_MAX, GROUP_BYTES_MAX, io_error};

const MAGIC: &[u8; 8] = b"DRIFTLOG";
const FORMAT: u32 = 1;
const HEADER_BYTES: usize = 12;
const FRAME_HEADER_BYTES: usize = 8;
/// A group, its encoding included, is never larger; a longer bad tail isn't a torn one.
const FRAME_BYTES_MAX: usize = 2 * (BATCH_BYTES_MAX + GROUP_BYTES_MAX);

/// One key's write: a value, or none for a deletion.
pub(super) type Write1 = (Vec<u8>, Option<Bytes>);

struct Raw<'a>(&'a [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowed;
        impl<'de> Visitor<'de> for Borrowed {
            type Value = Raw<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_borrowed_bytes<E: de::Error>(self, bytes: &'de [u8]) -> Result<Raw<'de>, E> {
                Ok(Raw(bytes))
            }
        }
        deserializer.deserialize_bytes(Borrowed)
    }
}

#[derive(Serialize, Deserialize)]
struct Group<'a> {
    first: u64,
    #[serde(borrow)]
    batches: Vec<Vec<(Raw<'a>, Option<Raw<'a>>)>>,
}

pub(super) struct Log {
    directory: PathBuf,
    path: PathBuf,
    file: File,
    length: u64,
    segment_bytes_max: u64,
}

impl Log {
    /// Opens the log and gives every batch after sequence `held` to `apply`, in order. Returns
    /// the log and the last sequence in it.
    pub(super) fn open(
        directory: &Path,
        held: u64,
        segment_bytes_max: u64,
        mut apply: impl FnMut(u64, Vec<Write1>) -> Result<(), RecordsError>,
    ) -> Result<(Self, u64), RecordsError> {
        let mut segments = segments(directory)?;
        if segments.is_empty() {
            segments.push((1, create_segment(directory, 1)?.0));
        }
        let start = segments
            .iter()
            .rposition(|(first, _)| *first <= held + 1)
            .unwrap_or(0);
        let mut next = segments[start].0;
        if start == 0 && next > held + 1 {
            return Err(corrupt(
                &segments[0].1,
                0,
                "the segments before it are missing",
            ));
        }
        let count = segments.len();
        let mut length = 0;
        for (number, (first, path)) in segments.iter().enumerate().skip(start) {
            if *first != next {
                return Err(corrupt(
                    path,
                    0,
                    &format!("it should start at sequence {next}"),
                ));
            }
            let last = number + 1 == count;
            length = replay(path, last, &mut next, held, &mut apply)?;
        }
        let path = segments[count - 1].1.clone();
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(|error| io_error("open", &path, &error))?;
        let log = Self {
            directory: directory.to_owned(),
            path,
            file,
            length,
            segment_bytes_max,
        };
        Ok((log, next - 1))
    }

    /// Appends the batches as one frame and waits for the disk.
    pub(super) fn append(
        &mut self,
        first: u64,
        batches: &[Vec<Write1>],
    ) -> Result<(), RecordsError> {
        if self.length >= self.segment_bytes_max {
            let (path, file) = create_segment(&self.directory, first)?;
            (self.path, self.file, self.length) = (path, file, HEADER_BYTES as u64);
        }
        let group = Group {
            first,
            batches: batches
                .iter()
                .map(|batch| {
                    batch
                        .iter()
                        .map(|(key, value)| (Raw(key), value.as_deref().map(Raw)))
                        .collect()
                })
                .collect(),
        };
        let frame = postcard::to_extend(&group, vec![0; FRAME_HEADER_BYTES]);
        let mut frame = frame.map_err(|error| io_error("encode for", &self.path, &error))?;
        let payload = (frame.len() - FRAME_HEADER_BYTES) as u32;
        let checksum = crc32c::crc32c(&frame[FRAME_HEADER_BYTES..]);
        frame[..4].copy_from_slice(&payload.to_le_bytes());
        frame[4..8].copy_from_slice(&checksum.to_le_bytes());
        self.file
            .write_all(&frame)
            .map_err(|error| io_error("write", &self.path, &error))?;
        self.file
            .sync_data()
            .map_err(|error| io_error("sync", &self.path, &error))?;
        self.length += frame.len() as u64;
        Ok(())
    }
}

fn segments(directory: &Path) -> Result<Vec<(u64, PathBuf)>, RecordsError> {
    let fail = |error: io::Error| io_error("list", directory, &error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let first = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".log"))
            .and_then(|digits| digits.parse().ok());
        if let Some(first) = first {
            found.push((first, path));
        }
    }
    found.sort();
    Ok(found)
}

fn create_segment(directory: &Path, first: u64) -> Result<(PathBuf, File), RecordsError> {
    let path = directory.join(format!("{first:020}.log"));
    let create = || -> io::Result<File> {
        let mut file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(&path)?;
        file.write_all(&header())?;
        file.sync_all()?;
        File::open(directory)?.sync_all()?;
        Ok(file)
    };
    let file = create().map_err(|error| io_error("create", &path, &error))?;
    Ok((path, file))
}

fn header() -> Vec<u8> {
    [MAGIC.as_slice(), &FORMAT.to_le_bytes()].concat()
}

/// Reads one segment; cuts a torn tail where it is the last. Gives its length.
fn replay(
    path: &Path,
    last: bool,
    next: &mut u64,
    held: u64,
    apply: &mut impl FnMut(u64, Vec<Write1>) -> Result<(), RecordsError>,
) -> Result<u64, RecordsError> {
    let content = std::fs::read(path).map_err(|error| io_error("read", path, &error))?;
    let header = header();
    if last && content.len() < HEADER_BYTES {
        // The crash came while the segment was made; nothing was acknowledged from it.
        std::fs::write(path, &header)
            .and_then(|()| File::open(path)?.sync_all())
            .map_err(|error| io_error("write", path, &error))?;
        return Ok(HEADER_BYTES as u64);
    }
    if !content.starts_with(MAGIC) || content.len() < HEADER_BYTES {
        return Err(corrupt(path, 0, "it doesn't begin as a log segment"));
    }
    if content[..HEADER_BYTES] != header {
        let found = content[8..HEADER_BYTES]
            .try_into()
            .map_or(0, u32::from_le_bytes);
        return Err(RecordsError::NewerFormat {
            path: path.to_owned(),
            found,
            known: FORMAT,
        });
    }
    let mut offset = HEADER_BYTES;
    while offset < content.len() {
        let Some(payload) = frame(&content[offset..]) else {
            if !last || !torn(&content[offset..]) {
                return Err(corrupt(
                    path,
                    offset,
                    "a frame's checksum or length is wrong",
                ));
            }
            cut(path, offset as u64)?;
            break;
        };
        let group: Group<'_> = postcard::from_bytes(payload)
            .map_err(|error| corrupt(path, offset, &error.to_string()))?;
        if group.first != *next {
            let what = format!("sequence {} where {next} should come", group.first);
            return Err(corrupt(path, offset, &what));
        }
        for batch in group.batches {
            if *next > held {
                let writes = batch
                    .into_iter()
                    .map(|(key, value)| {
                        (
                            key.0.to_vec(),
                            value.map(|value| Bytes::copy_from_slice(value.0)),
                        )
                    })
                    .collect();
                apply(*next, writes)?;
            }
            *next += 1;
        }
        offset += FRAME_HEADER_BYTES + payload.len();
    }
    Ok(offset as u64)
}

/// The payload of the whole, sound frame at the start of `bytes`.
fn frame(bytes: &[u8]) -> Option<&[u8]> {
    let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let checksum = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?);
    let payload = bytes.get(FRAME_HEADER_BYTES..FRAME_HEADER_BYTES.checked_add(length)?)?;
    (length > 0 && crc32c::crc32c(payload) == checksum).then_some(payload)
}

/// Whether a bad frame can be an append the crash cut short: no sound frame comes after it.
fn torn(tail: &[u8]) -> bool {
    tail.len() <= FRAME_BYTES_MAX && !(1..tail.len()).any(|at| frame(&tail[at..]).is_some())
}

fn cut(path: &Path, length: u64) -> Result<(), RecordsError> {
    tracing::warn!(path = %path.display(), length, "cut a torn append off the record log");
    OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|file| {
            file.set_len(length)?;
            file.sync_all()
        })
        .map_err(|error| io_error("cut", path, &error))
}

fn corrupt(path: &Path, offset: usize, what: &str) -> RecordsError {
    RecordsError::Corrupt {
        path: path.to_owned(),
        offset: offset as u64,
        what: what.to_owned(),
    }
}
