//! Sizes and durations with their unit suffixes.

use std::time::Duration;

use super::file::Quantity;

const SIZES: [(&str, u64); 11] = [
    ("", 1),
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("pib", 1 << 50),
];
const DURATIONS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Bytes: `4194304`, `"4MiB"`, `"4 MB"`.
pub fn size(quantity: &Quantity) -> Option<u64> {
    match quantity {
        Quantity::Number(bytes) => Some(*bytes),
        Quantity::Text(text) => scaled(text, &SIZES),
    }
}

/// A duration, which always needs its unit: `"30s"`, `"15m"`, `"24h"`, `"7d"`, `"500ms"`.
pub fn duration(quantity: &Quantity) -> Option<Duration> {
    match quantity {
        Quantity::Number(_) => None,
        Quantity::Text(text) => scaled(text, &DURATIONS).map(Duration::from_millis),
    }
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = unit.trim().to_ascii_lowercase();
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}
