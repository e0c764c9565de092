//! From the literal file and the environment to settings: every check there is, in one place.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;

use super::error::{ConfigError, Origin};
use super::file::{Field, File, OneOrMany, Quantity, line_of};
use super::pattern::Pattern;
use super::settings::{Backend, IoDriver, MissingReferences, Secret, Settings, User};
use super::{Environment, units};
use crate::limits;

/// Every variable that Drift reads, besides those of its `[oidc]` and `[s3]` sections.
const VARIABLES: [&str; 13] = [
    "DRIFT_CONFIG",
    "DRIFT_BIND_ADDR",
    "DRIFT_UI_ADDR",
    "DRIFT_STORAGE_BACKEND",
    "DRIFT_FS_ROOT",
    "DRIFT_AUTH",
    "DRIFT_USERS",
    "DRIFT_ANONYMOUS_PULL",
    "DRIFT_MISSING_REFERENCES",
    "DRIFT_IO_DRIVER",
    "DRIFT_TLS_CERT",
    "DRIFT_TLS_KEY",
    "DRIFT_PUBLIC_URL",
];

/// A value with the place it came from and the key it stands for.
struct Given<T> {
    value: T,
    origin: Origin,
    key: &'static str,
}

impl<T> Given<T> {
    fn wrong(&self, what: impl Into<String>, mend: impl Into<String>) -> ConfigError {
        ConfigError::Value {
            origin: self.origin.clone(),
            key: self.key,
            what: what.into(),
            mend: mend.into(),
        }
    }

    fn unsupported(&self, what: impl Into<String>, mend: impl Into<String>) -> ConfigError {
        ConfigError::Unsupported {
            origin: self.origin.clone(),
            key: self.key,
            what: what.into(),
            mend: mend.into(),
        }
    }

    fn with<U>(&self, value: U) -> Given<U> {
        Given {
            value,
            origin: self.origin.clone(),
            key: self.key,
        }
    }
}

struct Source<'a> {
    text: &'a str,
    path: &'a Path,
    environment: &'a Environment,
}

impl Source<'_> {
    fn given<T: Clone>(&self, field: &Spanned<T>, key: &'static str) -> Given<T> {
        let line = line_of(self.text, field.span().start);
        Given {
            value: field.get_ref().clone(),
            origin: Origin::File {
                path: self.path.to_path_buf(),
                line,
            },
            key,
        }
    }

    fn field<T: Clone>(&self, field: &Field<T>, key: &'static str) -> Option<Given<T>> {
        field.as_ref().map(|field| self.given(field, key))
    }

    /// An empty variable counts as unset: compose files write `NAME=` for "none".
    fn variable(&self, name: &'static str, key: &'static str) -> Option<Given<String>> {
        let value = self
            .environment
            .get(name)
            .filter(|value| !value.is_empty())?;
        Some(Given {
            value: value.clone(),
            origin: Origin::Variable(name),
            key,
        })
    }

    fn text(
        &self,
        field: &Field<String>,
        key: &'static str,
        variable: &'static str,
    ) -> Option<Given<String>> {
        self.variable(variable, key)
            .or_else(|| self.field(field, key))
    }

    /// The items of a list, each with its own line.
    fn items(&self, field: &Field<Vec<Spanned<String>>>, key: &'static str) -> Vec<Given<String>> {
        field
            .iter()
            .flat_map(|list| list.get_ref())
            .map(|item| self.given(item, key))
            .collect()
    }
}

pub(super) fn resolve(
    file: &File,
    text: &str,
    path: &Path,
    environment: &Environment,
) -> Result<(Settings, Vec<String>), ConfigError> {
    let source = Source {
        text,
        path,
        environment,
    };
    let mut warnings = unknown_variables(environment);
    let mut settings = Settings::defaults(PathBuf::new());
    server(&source, file, &mut settings)?;
    auth(&source, file, &mut settings, &mut warnings)?;
    storage(&source, file, &mut settings)?;
    registry(&source, file, &mut settings)?;
    retention(&source, file, &mut settings, &mut warnings)?;
    Ok((settings, warnings))
}

fn server(source: &Source<'_>, file: &File, settings: &mut Settings) -> Result<(), ConfigError> {
    let (from, to) = (&file.server, &mut settings.server);
    if let Some(given) = source.text(&from.bind_addr, "server.bind_addr", "DRIFT_BIND_ADDR") {
        to.bind_addr = address(&given, "0.0.0.0:5000")?;
    }
    let ui = source.text(&from.ui_addr, "server.ui_addr", "DRIFT_UI_ADDR");
    if let Some(given) = &ui {
        to.ui_addr = address(given, "0.0.0.0:5001")?;
    }
    if to.bind_addr == to.ui_addr && to.bind_addr.port() != 0 {
        let origin = ui.map_or(Origin::Absent, |given| given.origin);
        return Err(ConfigError::Value {
            origin,
            key: "server.ui_addr",
            what: format!("{} is server.bind_addr too", to.ui_addr),
            mend: "give the console a port of its own, such as 5001".to_owned(),
        });
    }
    if let Some(given) = source.field(&from.workers, "server.workers") {
        to.workers = match given.value {
            0 => None,
            1..=1024 => Some(given.value as usize),
            many => {
                return Err(given.wrong(
                    format!("{many} workers are too many"),
                    "write 0 for one per core, or 1 to 1024",
                ));
            }
        };
    }
    if let Some(given) = source.text(&from.io_driver, "server.io_driver", "DRIFT_IO_DRIVER") {
        to.io_driver = choice(
            &given,
            &[
                ("auto", IoDriver::Auto),
                ("io_uring", IoDriver::IoUring),
                ("epoll", IoDriver::Epoll),
            ],
        )?;
    }
    if let Some(given) = source.text(&from.public_url, "server.public_url", "DRIFT_PUBLIC_URL") {
        let url = given.value.trim_end_matches('/');
        let rest = url
            .strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"));
        if !rest.is_some_and(|host| {
            !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic() && b != b'"')
        }) {
            return Err(given.wrong(
                quoted(&given.value, "is not a web address"),
                "write https://HOST or http://HOST:PORT",
            ));
        }
        to.public_url = Some(url.to_owned());
    }
    period(
        source,
        &from.drain_timeout,
        "server.drain_timeout",
        &mut to.drain_timeout,
    )?;
    period(
        source,
        &from.head_timeout,
        "server.head_timeout",
        &mut to.head_timeout,
    )?;
    period(
        source,
        &from.stall_timeout,
        "server.stall_timeout",
        &mut to.stall_timeout,
    )?;
    period(
        source,
        &from.idle_timeout,
        "server.idle_timeout",
        &mut to.idle_timeout,
    )?;
    bytes(
        source,
        &from.head_bytes_max,
        "server.head_bytes_max",
        (4 << 10)..=(1 << 20),
        &mut to.head_bytes_max,
    )?;
    if let Some(given) = source.field(&from.connections_max, "server.connections_max") {
        if !(1..=10_000_000).contains(&given.value) {
            return Err(given.wrong(
                format!("{} is out of bounds", given.value),
                "write 1 to 10000000",
            ));
        }
        to.connections_max = given.value as usize;
    }
    let certificate = source.text(&from.tls_cert, "server.tls_cert", "DRIFT_TLS_CERT");
    let key = source.text(&from.tls_key, "server.tls_key", "DRIFT_TLS_KEY");
    if let Some(given) = certificate.or(key) {
        return Err(given.unsupported(
            "this version of Drift does not speak TLS itself yet",
            "remove it and put a reverse proxy with TLS before Drift",
        ));
    }
    Ok(())
}

fn auth(
    source: &Source<'_>,
    file: &File,
    settings: &mut Settings,
    warnings: &mut Vec<String>,
) -> Result<(), ConfigError> {
    modes(source, file)?;
    let key = "auth.anonymous_pull";
    let patterns = match source.variable("DRIFT_ANONYMOUS_PULL", key) {
        Some(given) => split(&given, |_, _| false),
        None => source.items(&file.auth.anonymous_pull, key),
    };
    for given in patterns {
        let pattern = Pattern::parse(&given.value).ok_or_else(|| {
            given.wrong(
                quoted(&given.value, "can match no repository"),
                "write a lower-case name in which * stands for part of a component and ** for any components, such as public/**",
            )
        })?;
        settings.auth.anonymous_pull.push(pattern);
    }
    let key = "basic.users";
    let users = match source.variable("DRIFT_USERS", key) {
        // An argon2 hash holds commas: m=19456,t=2,p=1.
        Some(given) => split(&given, |before, piece| {
            before.contains(":$argon2") && !piece.contains(':')
        }),
        None => source.items(&file.basic.users, key),
    };
    for given in users {
        let user = user(&given)?;
        if settings
            .auth
            .users
            .iter()
            .any(|other| other.name == user.name)
        {
            return Err(given.wrong(
                quoted(&user.name, "stands there twice"),
                "keep one of the two entries",
            ));
        }
        if matches!(user.secret, Secret::Plain(_)) {
            warnings.push(format!(
                "{}: basic.users: the password of {:?} is in plain text; better a hash: htpasswd -nbB {} PASSWORD",
                given.origin, user.name, user.name
            ));
        }
        settings.auth.users.push(user);
    }
    Ok(())
}

fn modes(source: &Source<'_>, file: &File) -> Result<(), ConfigError> {
    let key = "auth.mode";
    let named = match source.variable("DRIFT_AUTH", key) {
        Some(given) => {
            let list = given
                .value
                .split(',')
                .map(|mode| mode.trim().to_owned())
                .collect();
            Some(given.with(list))
        }
        None => source.field(&file.auth.mode, key).map(|given| {
            let list: Vec<String> = match &given.value {
                OneOrMany::One(mode) => vec![mode.clone()],
                OneOrMany::Many(modes) => modes.clone(),
            };
            given.with(list)
        }),
    };
    let Some(given) = named else { return Ok(()) };
    if given.value.is_empty() {
        return Err(given.wrong("no mode is named", "write \"basic\""));
    }
    for mode in &given.value {
        match mode.as_str() {
            "basic" => {}
            "token" | "oidc" => {
                return Err(given.unsupported(
                    format!("this version of Drift does not run the mode \"{mode}\" yet"),
                    "write mode = \"basic\"",
                ));
            }
            _ => {
                return Err(given.wrong(
                    quoted(mode, "is not a mode"),
                    "write \"basic\", \"token\" or \"oidc\"",
                ));
            }
        }
    }
    Ok(())
}

/// `name:plain`, `name:$2y$…` or `name:$argon2id$…`; only the first colon separates.
fn user(given: &Given<String>) -> Result<User, ConfigError> {
    let form = "write \"NAME:PASSWORD\", \"NAME:$2y$…\" or \"NAME:$argon2id$…\"";
    let Some((name, secret)) = given.value.split_once(':') else {
        // Without a colon the text may well be a password, so it is not repeated.
        return Err(given.wrong("an entry has no colon between name and password", form));
    };
    if name.is_empty()
        || name.len() > limits::USER_NAME_BYTES_MAX
        || name.chars().any(|c| c.is_control() || c.is_whitespace())
    {
        return Err(given.wrong(
            quoted(name, "is not a user name"),
            "write 1 to 128 characters without spaces",
        ));
    }
    if secret.is_empty() {
        return Err(given.wrong(format!("{name:?} has no password"), form));
    }
    let broken = |kind: &str, mend: &str| {
        given.wrong(format!("the {kind} hash of {name:?} is malformed"), mend)
    };
    let is_bcrypt = ["$2a$", "$2b$", "$2x$", "$2y$"]
        .iter()
        .any(|prefix| secret.starts_with(prefix));
    let secret = if is_bcrypt {
        // $2y$ and two digits of cost, then 53 characters of salt and hash.
        let bytes = secret.as_bytes();
        let cost = secret.get(4..6).and_then(|cost| cost.parse::<u32>().ok());
        let tail_fits = bytes.len() == 60
            && bytes[6] == b'$'
            && bytes[7..]
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/'));
        if !tail_fits || !cost.is_some_and(|cost| (4..=16).contains(&cost)) {
            return Err(broken(
                "bcrypt",
                "make one of cost 4 to 16 with: htpasswd -nbB NAME PASSWORD",
            ));
        }
        Secret::Bcrypt(secret.to_owned())
    } else if secret.starts_with("$argon2") {
        let parsed = argon2::PasswordHash::new(secret).ok();
        let usable = parsed.is_some_and(|hash| {
            hash.hash.is_some()
                && hash.salt.is_some()
                && argon2::Params::try_from(&hash)
                    .is_ok_and(|params| params.m_cost() <= 1 << 20 && params.t_cost() <= 64)
        });
        if !usable {
            return Err(broken(
                "argon2",
                "write a whole PHC string of at most 1 GiB of memory and 64 passes",
            ));
        }
        Secret::Argon2(secret.to_owned())
    } else if secret.len() > limits::PASSWORD_BYTES_MAX {
        return Err(given.wrong(
            format!("the password of {name:?} is too long"),
            "write at most 1024 bytes",
        ));
    } else {
        Secret::Plain(secret.to_owned())
    };
    Ok(User {
        name: name.to_owned(),
        secret,
    })
}

fn storage(source: &Source<'_>, file: &File, settings: &mut Settings) -> Result<(), ConfigError> {
    let from = &file.storage;
    if let Some(given) = source.text(&from.backend, "storage.backend", "DRIFT_STORAGE_BACKEND") {
        settings.storage.backend = match given.value.as_str() {
            "fs" => Backend::Fs,
            "s3" | "ghostbay" | "hybrid" => {
                return Err(given.unsupported(
                    format!(
                        "this version of Drift does not run the backend \"{}\" yet",
                        given.value
                    ),
                    "write backend = \"fs\"",
                ));
            }
            other => return Err(given.wrong(quoted(other, "is not a backend"), "write \"fs\"")),
        };
    }
    settings.storage.fs_root = match source.text(&from.fs_root, "storage.fs_root", "DRIFT_FS_ROOT")
    {
        Some(given) if given.value.is_empty() => {
            return Err(given.wrong("the path is empty", "write a directory"));
        }
        Some(given) => PathBuf::from(given.value),
        None => default_root(source.environment)?,
    };
    period(
        source,
        &from.upload_expiry,
        "storage.upload_expiry",
        &mut settings.storage.upload_expiry,
    )
}

fn registry(source: &Source<'_>, file: &File, settings: &mut Settings) -> Result<(), ConfigError> {
    let (from, to) = (&file.registry, &mut settings.registry);
    if let Some(given) = source.text(
        &from.missing_references,
        "registry.missing_references",
        "DRIFT_MISSING_REFERENCES",
    ) {
        to.missing_references = choice(
            &given,
            &[
                ("refuse", MissingReferences::Refuse),
                ("allow_in_indexes", MissingReferences::AllowInIndexes),
                ("allow", MissingReferences::Allow),
            ],
        )?;
    }
    let bounds = (64 << 10)..=limits::MANIFEST_BYTES_CEILING;
    bytes(
        source,
        &from.manifest_bytes_max,
        "registry.manifest_bytes_max",
        bounds,
        &mut to.manifest_bytes_max,
    )
}

fn retention(
    source: &Source<'_>,
    file: &File,
    settings: &mut Settings,
    warnings: &mut Vec<String>,
) -> Result<(), ConfigError> {
    let tags = source.items(&file.retention.immutable_tags, "retention.immutable_tags");
    let days = source.field(&file.retention.min_age_days, "retention.min_age_days");
    if let Some(given) = tags.iter().find(|given| given.value.is_empty()) {
        return Err(given.wrong("a tag is empty", "remove it"));
    }
    if let Some(origin) = tags.first().map(|tag| &tag.origin) {
        warnings.push(format!(
            "{origin}: retention.immutable_tags: this version of Drift does not enforce it yet"
        ));
    }
    if let Some(given) = days.as_ref().filter(|given| given.value != 0) {
        warnings.push(format!(
            "{}: retention.min_age_days: this version of Drift collects no garbage yet",
            given.origin
        ));
    }
    settings.retention.immutable_tags = tags.into_iter().map(|tag| tag.value).collect();
    settings.retention.min_age_days = days.map_or(0, |given| given.value);
    Ok(())
}

fn address(given: &Given<String>, example: &str) -> Result<SocketAddr, ConfigError> {
    let text = given.value.as_str();
    text.parse().map_err(|_| {
        given.wrong(
            quoted(text, "is not an address with a port"),
            format!("write IP:PORT, such as {example}"),
        )
    })
}

fn choice<T: Copy>(given: &Given<String>, choices: &[(&str, T)]) -> Result<T, ConfigError> {
    let found = choices.iter().find(|(name, _)| *name == given.value);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<String> = choices
            .iter()
            .map(|(name, _)| format!("\"{name}\""))
            .collect();
        given.wrong(
            quoted(&given.value, "is not one of the choices"),
            format!("write one of {}", names.join(", ")),
        )
    })
}

fn period(
    source: &Source<'_>,
    field: &Field<Quantity>,
    key: &'static str,
    into: &mut Duration,
) -> Result<(), ConfigError> {
    if let Some(given) = source.field(field, key) {
        let known = units::duration(&given.value)
            .filter(|time| !time.is_zero() && time.as_secs() <= 3650 * 86_400);
        *into = known.ok_or_else(|| {
            let what = quoted(&given.value.to_string(), "is not a duration");
            given.wrong(
                what,
                "write a number above 0 with its unit ms, s, m, h or d, such as \"30s\"",
            )
        })?;
    }
    Ok(())
}

fn bytes(
    source: &Source<'_>,
    field: &Field<Quantity>,
    key: &'static str,
    bounds: std::ops::RangeInclusive<u64>,
    into: &mut usize,
) -> Result<(), ConfigError> {
    if let Some(given) = source.field(field, key) {
        let known = units::size(&given.value).filter(|size| bounds.contains(size));
        *into = known.ok_or_else(|| {
            let what = quoted(&given.value.to_string(), "is not a size within bounds");
            given.wrong(
                what,
                format!(
                    "write {} to {} bytes, such as \"4MiB\"",
                    bounds.start(),
                    bounds.end()
                ),
            )
        })? as usize;
    }
    Ok(())
}

/// The items of a comma-separated variable; `joins` says where a comma belongs to the item before.
fn split(given: &Given<String>, joins: impl Fn(&str, &str) -> bool) -> Vec<Given<String>> {
    let mut items: Vec<String> = Vec::new();
    for piece in given.value.split(',') {
        match items.last_mut() {
            Some(before) if joins(before, piece) => {
                before.push(',');
                before.push_str(piece);
            }
            _ if piece.trim().is_empty() => {}
            _ => items.push(piece.trim().to_owned()),
        }
    }
    items.into_iter().map(|item| given.with(item)).collect()
}

fn unknown_variables(environment: &Environment) -> Vec<String> {
    let known = |name: &str| {
        VARIABLES.contains(&name)
            || name.starts_with("DRIFT_OIDC_")
            || name.starts_with("DRIFT_S3_")
    };
    let unknown = environment
        .keys()
        .filter(|name| name.starts_with("DRIFT_") && !known(name));
    unknown
        .map(|name| format!("${name}: Drift knows no such variable and ignores it"))
        .collect()
}

fn default_root(environment: &Environment) -> Result<PathBuf, ConfigError> {
    let system = PathBuf::from("/var/lib/drift");
    if writable(&system) {
        return Ok(system);
    }
    let set = |name: &str| {
        environment
            .get(name)
            .filter(|value| value.starts_with('/'))
            .map(PathBuf::from)
    };
    let data = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")));
    data.map(|data| data.join("drift"))
        .ok_or_else(|| ConfigError::Value {
            origin: Origin::Absent,
            key: "storage.fs_root",
            what: "/var/lib/drift is not writable, and neither $XDG_DATA_HOME nor $HOME is set"
                .to_owned(),
            mend: "set storage.fs_root or $DRIFT_FS_ROOT to a writable directory".to_owned(),
        })
}

/// Whether this process could write in a directory, or create it in the nearest that exists.
/// Tried by a file that is gone at once: permission bits don't tell of read-only mounts.
fn writable(path: &Path) -> bool {
    let Some(existing) = path.ancestors().find(|path| path.exists()) else {
        return false;
    };
    let probe = existing.join(format!(".drift-probe-{}", std::process::id()));
    let created = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&probe)
        .is_ok();
    if created {
        let _ = std::fs::remove_file(&probe);
    }
    created
}

fn quoted(text: &str, what: &str) -> String {
    let short: String = text.chars().take(80).collect();
    format!("{short:?} {what}")
}
