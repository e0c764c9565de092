//! Repository names (distribution-spec 1.1, "Pulling manifests", `<name>`).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::limits::REPOSITORY_NAME_BYTES_MAX;

/// A repository's name: path components of lowercase letters, digits and separators.
///
/// Names compare as their bytes, which is the order of every list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(Arc<str>);

/// Why a text is not a repository name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    Empty,
    TooLong,
    EmptyComponent,
    Character(char),
    Separator,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::Empty => f.write_str("the repository name is empty"),
            NameError::TooLong => write!(
                f,
                "the repository name is longer than {REPOSITORY_NAME_BYTES_MAX} characters"
            ),
            NameError::EmptyComponent => {
                f.write_str("the repository name has an empty path component")
            }
            NameError::Character(found) => write!(
                f,
                "the repository name holds {found:?}; only a-z, 0-9, '.', '_', '-' and '/' are \
                 allowed"
            ),
            NameError::Separator => f.write_str(
                "each component of the repository name must begin and end with a-z or 0-9, with \
                 one '.', one or two '_', or any number of '-' between",
            ),
        }
    }
}

impl std::error::Error for NameError {}

impl RepositoryName {
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > REPOSITORY_NAME_BYTES_MAX {
            return Err(NameError::TooLong);
        }
        text.split('/').try_for_each(check_component)?;
        Ok(Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first path component: the organisation.
    pub fn organisation(&self) -> &str {
        self.0.split('/').next().unwrap_or(&self.0)
    }

    /// The name as a shared string.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn check_component(component: &str) -> Result<(), NameError> {
    if component.is_empty() {
        return Err(NameError::EmptyComponent);
    }
    let outside = |c: &char| !matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-');
    if let Some(found) = component.chars().find(outside) {
        return Err(NameError::Character(found));
    }
    let is_separator = |c: char| matches!(c, '.' | '_' | '-');
    if component.starts_with(is_separator) || component.ends_with(is_separator) {
        return Err(NameError::Separator);
    }
    let runs = component
        .split(|c: char| c.is_ascii_alphanumeric())
        .filter(|run| !run.is_empty());
    for run in runs {
        if !matches!(run, "." | "_" | "__") && run.bytes().any(|b| b != b'-') {
            return Err(NameError::Separator);
        }
    }
    Ok(())
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RepositoryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn takes_the_grammar_of_the_specification() {
        for name in [
            "a",
            "0",
            "library/alpine",
            "a.b",
            "a_b",
            "a__b",
            "a-b",
            "a---b",
            "a/b/c/d",
        ] {
            assert_eq!(RepositoryName::parse(name).unwrap().as_str(), name);
        }
        let longest = "a".repeat(REPOSITORY_NAME_BYTES_MAX);
        assert!(RepositoryName::parse(&longest).is_ok());
        assert_eq!(
            RepositoryName::parse(&format!("{longest}a")),
            Err(NameError::TooLong)
        );
    }

    #[test]
    fn refuses_everything_else() {
        for (name, expected) in [
            ("", NameError::Empty),
            ("/", NameError::EmptyComponent),
            ("/a", NameError::EmptyComponent),
            ("a/", NameError::EmptyComponent),
            ("a//b", NameError::EmptyComponent),
            ("A", NameError::Character('A')),
            ("a b", NameError::Character(' ')),
            ("a\0b", NameError::Character('\0')),
            ("a\\b", NameError::Character('\\')),
            ("é", NameError::Character('é')),
            (".", NameError::Separator),
            ("..", NameError::Separator),
            ("a/../b", NameError::Separator),
            ("-a", NameError::Separator),
            ("a-", NameError::Separator),
            ("a..b", NameError::Separator),
            ("a___b", NameError::Separator),
            ("a.-b", NameError::Separator),
        ] {
            assert_eq!(RepositoryName::parse(name), Err(expected), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn parses_what_the_grammar_makes(
            name in "[a-z0-9]{1,5}((\\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}(/[a-z0-9]{1,5}((\\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}){0,3}"
        ) {
            prop_assert!(RepositoryName::parse(&name).is_ok());
        }

        #[test]
        fn parsing_never_panics(text: String) {
            let _outcome = RepositoryName::parse(&text);
        }
    }
}
