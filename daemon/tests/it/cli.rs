//! The daemon's command line, run as a user runs it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn check_config(folder: &Path, variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_drift"))
        .arg("check-config")
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .envs(variables.iter().copied())
        .output()
        .expect("the daemon starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn takes_the_shipped_configuration() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace");
    let output = check_config(root, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).contains("drift.toml can be used"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn names_the_key_and_the_line_of_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(
        folder.path().join("drift.toml"),
        "[server]\nbind_adr = \"0.0.0.0:5000\"\n",
    )
    .expect("the file is written");
    let output = check_config(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.contains("drift.toml:2") && said.contains("bind_adr"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn warns_of_plain_passwords_without_showing_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = check_config(
        folder.path(),
        &[("DRIFT_USERS", "admin:changeme,ci:tokenonly")],
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stderr);
    assert!(said.contains("warning"), "{said}");
    assert!(
        !said.contains("changeme") && !said.contains("tokenonly"),
        "{said}"
    );
}

#[test]
fn refuses_a_bad_variable_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = check_config(folder.path(), &[("DRIFT_BIND_ADDR", "nowhere")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("DRIFT_BIND_ADDR"),
        "{}",
        text(&output.stderr)
    );
}
