//! Configuration: where it is found, what the file and the environment say, and what that means.
//!
//! Two steps: [`file`] is the literal image of `drift.toml`, [`settings`] what it means once
//! checked. Every fault is one line that names the place, the key, what is wrong and the mend.

pub mod error;
pub mod file;
pub mod pattern;
pub mod settings;
pub mod units;

mod resolve;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use error::ConfigError;
use settings::Settings;

/// What is read when neither `--config` nor `$DRIFT_CONFIG` names a file, in this order.
const DEFAULT_PATHS: [&str; 2] = ["drift.toml", "/etc/drift/drift.toml"];

/// The process's environment, taken once so that tests can bring their own.
pub type Environment = BTreeMap<String, String>;

/// Checked settings with what they came from.
#[derive(Debug)]
pub struct Loaded {
    pub settings: Settings,
    /// The file that was read; none when only defaults and the environment spoke.
    pub path: Option<PathBuf>,
    /// Things that work but that an operator should know, one line each.
    pub warnings: Vec<String>,
}

/// Loads the configuration of this process: `--config` where given, else `$DRIFT_CONFIG`,
/// `./drift.toml`, `/etc/drift/drift.toml`, then the `DRIFT_*` variables over it.
pub fn load(explicit: Option<&Path>) -> Result<Loaded, ConfigError> {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    load_with(explicit, &environment)
}

/// As [`load`], with the environment given.
pub fn load_with(
    explicit: Option<&Path>,
    environment: &Environment,
) -> Result<Loaded, ConfigError> {
    let named = explicit.map(Path::to_path_buf).or_else(|| {
        let value = environment
            .get("DRIFT_CONFIG")
            .filter(|value| !value.is_empty())?;
        Some(PathBuf::from(value))
    });
    let path = named.or_else(|| {
        let found = DEFAULT_PATHS.iter().find(|path| Path::new(path).exists())?;
        Some(PathBuf::from(found))
    });
    let text = match &path {
        Some(path) => std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.clone(),
            source,
        })?,
        None => String::new(),
    };
    parse(&text, path, environment)
}

/// Checks a configuration text; `path` is only for messages.
pub fn parse(
    text: &str,
    path: Option<PathBuf>,
    environment: &Environment,
) -> Result<Loaded, ConfigError> {
    let shown = path
        .clone()
        .unwrap_or_else(|| PathBuf::from(DEFAULT_PATHS[0]));
    let file = file::parse(text, &shown)?;
    let (settings, warnings) = resolve::resolve(&file, text, &shown, environment)?;
    Ok(Loaded {
        settings,
        path,
        warnings,
    })
}
