//! Rules of the source tree that the compiler does not know: the layers' order, and that every
//! file says what it is for.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the library and what each may import, lowest first.
const LAYERS: &[(&str, &[&str])] = &[
    ("oci", &["limits"]),
    ("limits", &[]),
    ("observe", &["limits"]),
    ("config", &["oci", "limits"]),
    ("sys", &["limits", "observe"]),
    ("http", &["sys", "oci", "limits", "observe", "config"]),
    ("storage", &["sys", "oci", "limits", "observe", "config"]),
    ("meta", &["sys", "oci", "limits", "observe", "config"]),
    ("audit", &["sys", "oci", "limits", "observe", "config"]),
    (
        "auth",
        &[
            "audit", "meta", "http", "sys", "oci", "limits", "observe", "config",
        ],
    ),
    (
        "content",
        &[
            "auth", "audit", "storage", "meta", "oci", "limits", "observe", "config",
        ],
    ),
    (
        "ops",
        &[
            "content", "audit", "storage", "meta", "http", "oci", "limits", "observe", "config",
        ],
    ),
    (
        "registry",
        &[
            "content", "auth", "http", "oci", "limits", "observe", "config",
        ],
    ),
    (
        "api",
        &[
            "content", "ops", "auth", "http", "oci", "limits", "observe", "config",
        ],
    ),
    (
        "console",
        &[
            "content", "ops", "auth", "http", "oci", "limits", "observe", "config",
        ],
    ),
];

/// Stands above all others and may import any.
const TOP: &str = "server";

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is readable") {
        let path = entry.expect("the entry is readable").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Each module name that follows `crate::` outside comments.
fn imports(text: &str) -> Vec<String> {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let mut found = Vec::new();
    for line in code {
        for after in line.split("crate::").skip(1) {
            let name: String = after
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                .collect();
            found.push(name);
        }
    }
    found
}

#[test]
fn layers_import_only_downwards() {
    let mut wrong = Vec::new();
    for (module, allowed) in LAYERS {
        let mut files = Vec::new();
        let folder = source().join(module);
        if folder.is_dir() {
            rust_files(&folder, &mut files);
        }
        let single = source().join(format!("{module}.rs"));
        files.extend(single.exists().then_some(single));
        assert!(!files.is_empty(), "the layer {module} has no file");
        for file in files {
            let text = fs::read_to_string(&file).expect("the file is readable");
            for import in imports(&text) {
                let layer = LAYERS.iter().any(|(name, _)| *name == import) || import == TOP;
                if layer && import != *module && !allowed.contains(&import.as_str()) {
                    wrong.push(format!("{}: {module} imports {import}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_has_a_layer() {
    let library = fs::read_to_string(source().join("lib.rs")).expect("lib.rs is readable");
    for line in library.lines() {
        if let Some(module) = line
            .strip_prefix("pub mod ")
            .and_then(|m| m.strip_suffix(';'))
        {
            assert!(
                module == TOP || LAYERS.iter().any(|(name, _)| *name == module),
                "{module}"
            );
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace");
    for package in ["daemon/src", "daemon/tests", "ui/src", "conformance/src"] {
        let mut files = Vec::new();
        rust_files(&root.join(package), &mut files);
        for file in files {
            let text = fs::read_to_string(&file).expect("the file is readable");
            assert!(
                text.starts_with("//!"),
                "{} does not begin with //!",
                file.display()
            );
        }
    }
}

#[test]
fn nothing_is_put_off() {
    let mut files = Vec::new();
    rust_files(&source(), &mut files);
    for file in files {
        let text = fs::read_to_string(&file).expect("the file is readable");
        for mark in ["FIXME", "TODO", "XXX"] {
            assert!(!text.contains(mark), "{} holds {mark}", file.display());
        }
    }
}
