//! The log on stderr, as text or JSON lines, filtered by `RUST_LOG`.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    #[default]
    Text,
    Json,
}

#[derive(Debug)]
pub enum LoggingError {
    /// `RUST_LOG` or the configured level can't be read: the operator's.
    Filter(String),
    /// A log was installed before: ours.
    AlreadyInstalled,
}

impl std::fmt::Display for LoggingError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Filter(why) => write!(formatter, "the log filter can't be read: {why}"),
            Self::AlreadyInstalled => formatter.write_str("a log is installed already"),
        }
    }
}

impl std::error::Error for LoggingError {}

/// Installs the process's log. `RUST_LOG` wins over `default_filter`.
pub fn init(format: Format, default_filter: &str) -> Result<(), LoggingError> {
    let directives = match std::env::var("RUST_LOG") {
        Ok(set) if !set.trim().is_empty() => set,
        _ => default_filter.to_owned(),
    };
    let filter = EnvFilter::try_new(&directives)
        .map_err(|error| LoggingError::Filter(format!("{directives:?}: {error}")))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(|| EscapedLines(io::stderr()));
    let installed = match format {
        Format::Text => builder.try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
    installed.map_err(|_| LoggingError::AlreadyInstalled)
}

/// Writes each event as one line: what a client put into a header or a path can neither forge a
/// line nor reach the terminal as an escape sequence.
struct EscapedLines<W>(W);

impl<W: Write> Write for EscapedLines<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let (text, ending) = match event.split_last() {
            Some((b'\n', text)) => (text, "\n"),
            _ => (event, ""),
        };
        let text = String::from_utf8_lossy(text);
        if text.chars().any(char::is_control) {
            let mut escaped = String::with_capacity(text.len() + 16);
            for character in text.chars() {
                if character.is_control() {
                    escaped.extend(character.escape_default());
                } else {
                    escaped.push(character);
                }
            }
            escaped.push_str(ending);
            self.0.write_all(escaped.as_bytes())?;
        } else {
            self.0.write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(event: &str) -> String {
        let mut lines = EscapedLines(Vec::new());
        lines.write_all(event.as_bytes()).unwrap();
        String::from_utf8(lines.0).unwrap()
    }

    #[test]
    fn an_event_stays_one_line_without_control_characters() {
        assert_eq!(
            written("path=/v2/\r\nINFO forged \u{1b}[31m\u{9b}2J\n"),
            "path=/v2/\\r\\nINFO forged \\u{1b}[31m\\u{9b}2J\n"
        );
        assert_eq!(written("plain, with ümlauts\n"), "plain, with ümlauts\n");
    }
}
