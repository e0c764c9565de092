//! Defaults and ceilings of every bound, each with its unit in its name.
//!
//! Values that an operator may change live in `config::settings`; their defaults are here.

/// Longest repository name (distribution-spec 1.1 recommends 255 with the registry host).
pub const REPOSITORY_NAME_BYTES_MAX: usize = 255;
/// Longest tag (distribution-spec 1.1, "Pulling manifests").
pub const TAG_BYTES_MAX: usize = 128;
/// Longest media type (RFC 6838 §4.2: 127 characters each side of the slash).
pub const MEDIA_TYPE_BYTES_MAX: usize = 255;
/// Largest manifest accepted, unless configured otherwise.
pub const MANIFEST_BYTES_MAX: usize = 4 << 20;
/// Descriptors one manifest may hold over all its lists.
pub const MANIFEST_DESCRIPTORS_MAX: usize = 20_000;
/// Entries one page of a list may hold.
pub const PAGE_ENTRIES_MAX: usize = 10_000;
/// Entries of a page for which the client named no number.
pub const PAGE_ENTRIES_DEFAULT: usize = 1_000;
/// Tags one `PUT manifests/<digest>?tag=` may set.
pub const TAG_PARAMETERS_MAX: usize = 64;
