//! Tables of configurations with what they come to, and the documentation held against the code.

use std::path::PathBuf;
use std::time::Duration;

use super::file::SECTIONS;
use super::pattern::Pattern;
use super::settings::{MissingReferences, Secret, Settings};
use super::{ConfigError, Environment, Loaded, parse};

const SHIPPED: &str = include_str!("../../../drift.toml");

fn with(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let mut environment =
        Environment::from([("DRIFT_FS_ROOT".to_owned(), "/srv/drift".to_owned())]);
    environment.extend(
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    parse(text, Some(PathBuf::from("drift.toml")), &environment)
}

#[track_caller]
fn fails(text: &str, variables: &[(&str, &str)], expected: &str) {
    let message = with(text, variables)
        .expect_err("must be refused")
        .to_string();
    assert!(message.contains(expected), "{message}\n  lacks {expected}");
    assert!(!message.contains('\n'), "{message}");
    assert!(message.contains("; "), "no mend: {message}");
}

/// The documented lines: `#key = …` is a default, `## key = …` an example.
fn uncommented(prefix: &str) -> String {
    SHIPPED
        .lines()
        .map(|line| {
            let bare = line.strip_prefix(prefix).unwrap_or(line);
            let is_key = bare.split_once(" = ").is_some_and(|(key, _)| {
                !key.is_empty()
                    && key
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            });
            if is_key { bare } else { line }
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn shipped_file_is_the_defaults() {
    let defaults = Settings::defaults(PathBuf::from("/srv/drift"));
    for text in ["", SHIPPED, &uncommented("#")] {
        let loaded = with(text, &[]).unwrap();
        assert_eq!(loaded.settings, defaults);
        assert_eq!(loaded.warnings, Vec::<String>::new());
    }
    assert!(uncommented("#").contains("\nbind_addr = "));
}

#[test]
fn every_key_is_documented() {
    for (section, keys) in SECTIONS {
        let body = SHIPPED
            .split(&format!("\n[{section}]\n"))
            .nth(1)
            .unwrap_or_else(|| panic!("[{section}] is missing"));
        let body = body.split("\n[").next().unwrap();
        for key in *keys {
            let documented = body.lines().any(|line| {
                line.strip_prefix("## ")
                    .or_else(|| line.strip_prefix('#'))
                    .is_some_and(|l| l.starts_with(&format!("{key} = ")))
            });
            assert!(documented, "{section}.{key} is not in drift.toml");
        }
    }
    // The examples are of the right kinds too.
    super::file::parse(&uncommented("## "), "drift.toml".as_ref()).unwrap();
}

/// The file as Drift's README shows it.
const README_FILE: &str = r#"
[server]
bind_addr = "0.0.0.0:5000"
ui_addr = "0.0.0.0:5001"
[auth]
mode = "oidc" # "basic" | "token" | "oidc"
[basic]
users = ["admin:changeme", "ci:tokenonly"]
[oidc]
issuer = "https://auth.example.com/realms/main"
client_id = "drift"
client_secret = "***"
[storage]
backend = "fs" # "fs" | "s3"
fs_root = "/var/lib/drift"
[s3]
endpoint = "https://s3.example.com"
region = "us-east-1"
bucket = "drift-registry"
path_style = true
access_key = "..."
secret_key = "..."
[retention]
# optional tag immutability & GC windows
immutable_tags = ["release", "prod"]
min_age_days = 7
"#;

#[test]
fn readme_file_loads() {
    super::file::parse(README_FILE, "drift.toml".as_ref()).unwrap();
    fails(
        README_FILE,
        &[],
        "drift.toml:6: auth.mode: this version of Drift does not run the mode \"oidc\" yet",
    );
    let loaded = with(
        README_FILE,
        &[("DRIFT_AUTH", "basic"), ("DRIFT_OIDC_ISSUER", "x")],
    )
    .unwrap();
    assert_eq!(loaded.settings.auth.users.len(), 2);
    assert_eq!(
        loaded.settings.retention.immutable_tags,
        ["release", "prod"]
    );
    assert_eq!(loaded.warnings.len(), 4, "{:?}", loaded.warnings);
    assert!(!format!("{:?}", loaded.settings).contains("changeme"));
}

#[test]
fn variables_override_the_file() {
    let text = "[server]\nbind_addr = \"1.1.1.1:1\"\n[basic]\nusers = [\"a:b\"]";
    let argon = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE";
    let users = format!("admin:changeme,h:{argon},ci:with:colon");
    let loaded = with(
        text,
        &[
            ("DRIFT_BIND_ADDR", "127.0.0.1:0"),
            ("DRIFT_UI_ADDR", "127.0.0.1:0"),
            ("DRIFT_USERS", &users),
            ("DRIFT_ANONYMOUS_PULL", "public/**, lib/*"),
            ("DRIFT_MISSING_REFERENCES", "allow"),
            ("DRIFT_TYPO", "x"),
        ],
    )
    .unwrap();
    let settings = loaded.settings;
    assert_eq!(settings.server.bind_addr.to_string(), "127.0.0.1:0");
    assert_eq!(
        settings.registry.missing_references,
        MissingReferences::Allow
    );
    assert_eq!(settings.auth.anonymous_pull.len(), 2);
    let users: Vec<_> = settings
        .auth
        .users
        .iter()
        .map(|user| (user.name.as_str(), &user.secret))
        .collect();
    assert_eq!(users[0], ("admin", &Secret::Plain("changeme".to_owned())));
    assert_eq!(users[1], ("h", &Secret::Argon2(argon.to_owned())));
    assert_eq!(users[2], ("ci", &Secret::Plain("with:colon".to_owned())));
    assert!(
        loaded
            .warnings
            .iter()
            .any(|line| line.contains("$DRIFT_TYPO"))
    );
}

#[test]
fn faults_are_one_clear_line() {
    let table = [
        (
            "[server]\nbind_adr = \"x\"",
            "drift.toml:2: server.bind_adr: unknown field",
        ),
        ("[server]\nbind_adr = \"x\"", "did you mean bind_addr?"),
        (
            "[server]\nfs_root = \"x\"",
            "fs_root belongs under [storage]",
        ),
        ("[sever]\n", "did you mean server?"),
        (
            "\n[server]\nworkers = \"two\"",
            "drift.toml:3: server.workers: invalid type",
        ),
        (
            "[server]\nbind_addr = \"5000\"",
            "drift.toml:2: server.bind_addr: \"5000\" is not an address",
        ),
        (
            "[server]\nui_addr = \"0.0.0.0:5000\"",
            "drift.toml:2: server.ui_addr: 0.0.0.0:5000 is server.bind_addr too",
        ),
        (
            "[server]\ndrain_timeout = 30",
            "server.drain_timeout: \"30\" is not a duration",
        ),
        (
            "[server]\ndrain_timeout = []",
            "expected a number, or a text with its unit",
        ),
        (
            "[server]\npublic_url = \"registry\"",
            "is not a web address",
        ),
        ("[server]\nworkers = 99999", "write 0 for one per core"),
        ("[server]\ntls_cert = \"a\"", "does not speak TLS"),
        ("[auth]\nmode = \"ldap\"", "\"ldap\" is not a mode"),
        (
            "[auth]\nmode = [\"basic\", \"token\"]",
            "does not run the mode \"token\" yet",
        ),
        ("[auth]\nmode = []", "no mode is named"),
        (
            "[auth]\nanonymous_pull = [\"ok\",\n \"Public/**\"]",
            "drift.toml:3: auth.anonymous_pull: \"Public/**\"",
        ),
        ("[basic]\nusers = [\"admin\"]", "no colon"),
        (
            "[basic]\nusers = [\"a:b\",\n\"a:c\"]",
            "drift.toml:3: basic.users: \"a\" stands there twice",
        ),
        (
            "[basic]\nusers = [\"a:$2y$10$short\"]",
            "bcrypt hash of \"a\" is malformed",
        ),
        (
            "[basic]\nusers = [\"a:$argon2id$x\"]",
            "argon2 hash of \"a\" is malformed",
        ),
        ("[basic]\nusers = [\":b\"]", "is not a user name"),
        (
            "[storage]\nbackend = \"s3\"",
            "does not run the backend \"s3\" yet",
        ),
        ("[storage]\nbackend = \"tape\"", "\"tape\" is not a backend"),
        (
            "[registry]\nmissing_references = \"maybe\"",
            "\"refuse\", \"allow_in_indexes\", \"allow\"",
        ),
        (
            "[registry]\nmanifest_bytes_max = \"1TiB\"",
            "is not a size within bounds",
        ),
        ("[server\n", "drift.toml:1: "),
    ];
    for (text, expected) in table {
        fails(text, &[], expected);
    }
    fails(
        "",
        &[("DRIFT_BIND_ADDR", "x")],
        "$DRIFT_BIND_ADDR: server.bind_addr: \"x\" is not an address",
    );
    fails(
        "",
        &[("DRIFT_USERS", "admin:changeme,ci")],
        "$DRIFT_USERS: basic.users: an entry has no colon",
    );
    let missing = super::load_with(
        Some("/nonexistent/drift.toml".as_ref()),
        &Environment::new(),
    );
    assert!(matches!(missing, Err(ConfigError::Unreadable { .. })));
}

#[test]
fn quantities() {
    let text = "[server]\ndrain_timeout = \"500ms\"\nhead_bytes_max = 8192\n[registry]\nmanifest_bytes_max = \"8 MiB\"\n[storage]\nupload_expiry = \"24h\"";
    let settings = with(text, &[]).unwrap().settings;
    assert_eq!(settings.server.drain_timeout, Duration::from_millis(500));
    assert_eq!(settings.server.head_bytes_max, 8192);
    assert_eq!(settings.registry.manifest_bytes_max, 8 << 20);
    assert_eq!(settings.storage.upload_expiry, Duration::from_secs(86_400));
}

#[test]
fn patterns() {
    let table = [
        ("public/**", "public/a", true),
        ("public/**", "public/a/b/c", true),
        ("public/**", "public", false),
        ("public/**", "publicity/a", false),
        ("public/*", "public/a/b", false),
        ("public/*", "public/a", true),
        ("team-*/base", "team-a/base", true),
        ("team-*/base", "team-a/b/base", false),
        ("**", "a", true),
        ("**/base", "base", true),
        ("**/base", "a/b/base", true),
        ("a/**/z", "a/z", true),
        ("a/**/z", "a/b/c/z", true),
        ("a/**/z", "a/b/c/y", false),
        ("exact", "exact", true),
        ("exact", "exact/more", false),
    ];
    for (pattern, name, expected) in table {
        assert_eq!(
            Pattern::parse(pattern).unwrap().matches(name),
            expected,
            "{pattern} on {name}"
        );
    }
    for refused in ["", "/", "a//b", "A", "a/***", "a**b", "a b"] {
        assert_eq!(Pattern::parse(refused), None, "{refused}");
    }
}
