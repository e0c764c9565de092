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
/// Largest manifest that may be configured: a manifest is held in memory whole.
pub const MANIFEST_BYTES_CEILING: u64 = 64 << 20;
/// How long a request's head may take to arrive.
pub const HEAD_TIMEOUT_SECONDS: u64 = 15;
/// How long a body or an answer may make no progress.
pub const STALL_TIMEOUT_SECONDS: u64 = 60;
/// How long a kept-alive connection may wait for its next request.
pub const IDLE_TIMEOUT_SECONDS: u64 = 75;
/// How long requests under way may go on after SIGTERM.
pub const DRAIN_TIMEOUT_SECONDS: u64 = 30;
/// Largest request head: request line and fields.
pub const HEAD_BYTES_MAX: u64 = 32 << 10;
/// Open connections over all cores.
pub const CONNECTIONS_MAX: u64 = 16_384;
/// Days after which an upload session without progress is removed.
pub const UPLOAD_EXPIRY_DAYS: u64 = 7;
/// Longest `Authorization` value that is looked at.
pub const AUTHORIZATION_BYTES_MAX: usize = 4 << 10;
/// Longest user name.
pub const USER_NAME_BYTES_MAX: usize = 128;
/// Longest password.
pub const PASSWORD_BYTES_MAX: usize = 1 << 10;
/// Threads that verify passwords.
pub const PASSWORD_THREADS: usize = 2;
/// Passwords that may wait for verification before callers are told to come again.
pub const PASSWORD_QUEUE_MAX: usize = 64;
/// Verified credentials that are remembered.
pub const CREDENTIAL_CACHE_ENTRIES_MAX: usize = 4_096;
/// How long a verified credential is remembered.
pub const CREDENTIAL_CACHE_SECONDS: u64 = 300;

/// Threads for file I/O, shared by all cores.
pub const FILE_IO_THREADS: usize = 16;
/// Jobs that may wait for such a thread.
pub const FILE_IO_QUEUE_JOBS_MAX: usize = 65_536;
/// A transfer buffer while the budget lasts; also the most that is hashed in one go.
pub const BUFFER_BYTES_LARGE: usize = 256 << 10;
/// A transfer buffer beyond the budget.
pub const BUFFER_BYTES_SMALL: usize = 16 << 10;
/// Bytes of large transfer buffers lent at once.
pub const BUFFER_POOL_BYTES_MAX: usize = 96 << 20;
/// Large transfer buffers kept for reuse.
pub const BUFFER_POOL_IDLE_MAX: usize = 64;
/// Upload sessions open at once in one store.
pub const UPLOAD_SESSIONS_MAX: usize = 100_000;
/// Largest state file of an upload session that is read.
pub const UPLOAD_STATE_BYTES_MAX: u64 = 64 << 10;

/// Headers of one request.
pub const HEADERS_MAX: usize = 100;
/// Request target.
pub const TARGET_BYTES_MAX: usize = 8 << 10;
/// Ranges one `Range` header may name before it is ignored.
pub const RANGE_SPECS_MAX: usize = 16;
/// Digits of a chunk size (a 64-bit number).
pub const CHUNK_SIZE_DIGITS_MAX: usize = 16;
/// Chunk extensions of one body together.
pub const CHUNK_EXTENSION_BYTES_MAX: usize = 16 << 10;
/// Trailers of one body together.
pub const TRAILER_BYTES_MAX: usize = 8 << 10;
/// Requests answered on one connection before it is closed.
pub const CONNECTION_REQUESTS_MAX: u64 = 100_000;
/// Time from the first byte of a request to the end of its head.
pub const HEAD_SECONDS_MAX: u64 = 15;
/// Time a connection may stay open between requests.
pub const IDLE_SECONDS_MAX: u64 = 75;
/// Time without a byte of a body that is being read.
pub const BODY_IDLE_SECONDS_MAX: u64 = 30;
/// Time spent waiting for one request's body altogether.
pub const BODY_SECONDS_MAX: u64 = 12 * 3600;
/// Time without a byte taken by the client of an answer.
pub const WRITE_IDLE_SECONDS_MAX: u64 = 30;
/// Slowest body or answer tolerated, bytes a second, after the grace time.
pub const TRANSFER_BYTES_PER_SECOND_MIN: u64 = 512;
/// Time before the slowest tolerated rate counts.
pub const TRANSFER_GRACE_SECONDS: u64 = 20;
/// Unread body that is read and dropped to keep a connection, or while one lingers.
pub const DRAIN_BYTES_MAX: u64 = 256 << 10;
/// Time for that dropping, and for a half-closed connection to linger.
pub const LINGER_SECONDS_MAX: u64 = 5;
/// Bytes asked of a socket in one read.
pub const READ_BYTES: usize = 64 << 10;
