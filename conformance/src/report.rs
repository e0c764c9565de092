//! Reports of a run: text, JSON, JUnit XML and HTML.

use std::fmt::Write as _;

use serde_json::json;

use crate::case::{Finding, Outcome};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
    Junit,
    Html,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

pub fn count<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Counts {
    let mut counts = Counts::default();
    for finding in findings {
        match finding.outcome {
            Outcome::Passed => counts.passed += 1,
            Outcome::Failed { .. } => counts.failed += 1,
            Outcome::Skipped { .. } => counts.skipped += 1,
        }
    }
    counts
}

pub fn write(format: Format, registry: &str, findings: &[Finding]) -> String {
    match format {
        Format::Text => text(findings),
        Format::Json => json(registry, findings),
        Format::Junit => junit(findings),
        Format::Html => html(registry, findings),
    }
}

fn text(findings: &[Finding]) -> String {
    let mut out = String::new();
    for finding in findings {
        out.push_str(&line(finding));
    }
    out + &format!("{}\n", count(findings))
}

/// One case as text, its reason on lines of their own.
pub fn line(finding: &Finding) -> String {
    let (mark, why) = match &finding.outcome {
        Outcome::Passed => ("pass", String::new()),
        Outcome::Failed { expected, got } => (
            "FAIL",
            format!(
                "       expected {}\n       got      {}\n",
                plain(expected),
                plain(got)
            ),
        ),
        Outcome::Skipped { reason } => ("skip", format!("       {}\n", plain(reason))),
    };
    let Finding {
        id,
        specification,
        description,
        ..
    } = finding;
    format!("{mark}   {id}: {description} [{specification}]\n{why}")
}

/// Control characters from a registry must not reach a terminal.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn json(registry: &str, findings: &[Finding]) -> String {
    let Counts {
        passed,
        failed,
        skipped,
    } = count(findings);
    let counts = json!({"passed": passed, "failed": failed, "skipped": skipped});
    format!(
        "{:#}\n",
        json!({"registry": registry, "counts": counts, "cases": findings})
    )
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for character in plain(text).chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML 1.0 has no place for the two non-characters.
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

fn sections(findings: &[Finding]) -> Vec<(&'static str, &[Finding])> {
    findings
        .chunk_by(|a, b| a.section == b.section)
        .map(|chunk| (chunk[0].section, chunk))
        .collect()
}

fn junit(findings: &[Finding]) -> String {
    let all = count(findings);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        out,
        "<testsuites tests=\"{}\" failures=\"{}\" skipped=\"{}\">",
        findings.len(),
        all.failed,
        all.skipped
    );
    for (section, own) in sections(findings) {
        let counts = count(own);
        let _ = writeln!(
            out,
            "  <testsuite name=\"{section}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">",
            own.len(),
            counts.failed,
            counts.skipped
        );
        for finding in own {
            let seconds = finding.milliseconds as f64 / 1000.0;
            let inner = match &finding.outcome {
                Outcome::Passed => String::new(),
                Outcome::Failed { expected, got } => format!(
                    "<failure message=\"expected {}\">got {}</failure>",
                    escape(expected),
                    escape(got)
                ),
                Outcome::Skipped { reason } => {
                    format!("<skipped message=\"{}\"/>", escape(reason))
                }
            };
            let _ = writeln!(
                out,
                "    <testcase classname=\"{section}\" name=\"{}: {}\" time=\"{seconds:.3}\">{inner}</testcase>",
                finding.id,
                escape(finding.description)
            );
        }
        out.push_str("  </testsuite>\n");
    }
    out + "</testsuites>\n"
}

const STYLE: &str = "body{font:15px/1.4 sans-serif;margin:2em}table{border-collapse:collapse}\
td,th{padding:.3em .8em;text-align:left;border-bottom:1px solid #ccc;vertical-align:top}\
.passed{color:#176b2c}.failed{color:#a01818;font-weight:bold}.skipped{color:#666}";

fn html(registry: &str, findings: &[Finding]) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Conformance of {0}</title>\
         <style>{STYLE}</style></head><body>\n<h1>Conformance of {0}</h1>\n<p>{1}</p>\n",
        escape(registry),
        count(findings)
    );
    for (section, own) in sections(findings) {
        let _ = writeln!(
            out,
            "<h2>{section}: {}</h2>\n<table><tr><th>Case<th>Specification<th>Outcome<th>Detail</tr>",
            count(own)
        );
        for finding in own {
            let (class, why) = match &finding.outcome {
                Outcome::Passed => ("passed", String::new()),
                Outcome::Failed { expected, got } => (
                    "failed",
                    format!("expected {}<br>got {}", escape(expected), escape(got)),
                ),
                Outcome::Skipped { reason } => ("skipped", escape(reason)),
            };
            let _ = writeln!(
                out,
                "<tr><td>{}<br>{}<td>{}<td class=\"{class}\">{class}<td>{why}</tr>",
                finding.id,
                escape(finding.description),
                escape(finding.specification)
            );
        }
        out.push_str("</table>\n");
    }
    out + "</body></html>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Vec<Finding> {
        let make = |section, id, outcome| Finding {
            section,
            id,
            specification: "end-1",
            description: "does <this>",
            milliseconds: 1500,
            outcome,
        };
        let (expected, got) = (
            "status 200".to_owned(),
            "<script>\u{1b}[31m & \"x\"".to_owned(),
        );
        vec![
            make("base", "one", Outcome::Passed),
            make("base", "two", Outcome::Failed { expected, got }),
            make(
                "tags",
                "three",
                Outcome::Skipped {
                    reason: "not there".to_owned(),
                },
            ),
        ]
    }

    #[test]
    fn text_ends_with_the_counts_and_holds_no_escapes() {
        let out = write(Format::Text, "http://r", &findings());
        assert!(out.ends_with("1 passed, 1 failed, 1 skipped\n"), "{out}");
        assert!(
            out.contains("FAIL   two") && !out.contains('\u{1b}'),
            "{out}"
        );
    }

    #[test]
    fn json_is_whole() {
        let out = write(Format::Json, "http://r", &findings());
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(value["counts"]["failed"], 1);
        assert_eq!(value["cases"][1]["outcome"], "failed");
        assert_eq!(value["cases"][1]["expected"], "status 200");
    }

    #[test]
    fn markup_is_escaped() {
        for format in [Format::Junit, Format::Html] {
            let out = write(format, "http://r/<b>", &findings());
            assert!(
                !out.contains("<script>") && !out.contains("<this>"),
                "{out}"
            );
            assert!(!out.contains("<b>") && !out.contains('\u{1b}'), "{out}");
        }
        let out = write(Format::Junit, "", &findings());
        assert!(out.contains("<testsuite name=\"base\" tests=\"2\" failures=\"1\" skipped=\"0\">"));
        assert!(out.contains("time=\"1.500\""));
    }
}
