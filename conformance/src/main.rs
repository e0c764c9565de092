//! `drift-conformance`: runs the suite against a registry and writes the reports.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use drift_conformance::client::{Client, Request};
use drift_conformance::report::{self, Format};
use drift_conformance::sections::{self, SECTIONS};
use drift_conformance::session::Session;

/// Checks an OCI registry against the distribution specification and the HTTP RFCs.
#[derive(Parser)]
#[command(name = "drift-conformance", version)]
struct Arguments {
    /// Where the registry answers, as http://HOST:PORT
    #[arg(long, value_name = "URL")]
    registry: String,
    #[arg(long, requires = "password")]
    username: Option<String>,
    #[arg(
        long,
        requires = "username",
        env = "DRIFT_CONFORMANCE_PASSWORD",
        hide_env_values = true
    )]
    password: Option<String>,
    /// Runs only this section; may be given several times
    #[arg(long = "section", value_name = "NAME")]
    sections: Vec<String>,
    /// Writes a report as text, json, junit or html; FILE "-" is standard output
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = parse_report)]
    reports: Vec<(Format, PathBuf)>,
}

fn parse_report(text: &str) -> Result<(Format, PathBuf), String> {
    let (format, file) = text.split_once('=').ok_or("write it as FORMAT=FILE")?;
    let format = match format {
        "text" => Format::Text,
        "json" => Format::Json,
        "junit" => Format::Junit,
        "html" => Format::Html,
        other => return Err(format!("{other:?} is none of text, json, junit, html")),
    };
    if file.is_empty() {
        return Err("no file is named".into());
    }
    Ok((format, file.into()))
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(message) => {
            eprintln!("drift-conformance: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool, String> {
    for name in &arguments.sections {
        if !SECTIONS.iter().any(|section| section.name == name) {
            let known: Vec<_> = SECTIONS.iter().map(|section| section.name).collect();
            return Err(format!(
                "no section {name:?}; there are {}",
                known.join(", ")
            ));
        }
    }
    let credentials = arguments
        .username
        .as_deref()
        .zip(arguments.password.as_deref());
    let client =
        Client::new(&arguments.registry, credentials).map_err(|error| error.to_string())?;
    let probe = client
        .send(&Request::new("GET", "/v2/"))
        .map_err(|error| error.to_string())?;
    if matches!(probe.status(), 401 | 403) {
        return Err(format!(
            "the registry refuses these credentials: {}",
            probe.excerpt()
        ));
    }
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| format!("no random bytes: {error}"))?;
    let session = Session::new(client, format!("{:016x}", u64::from_le_bytes(random)));

    let mut findings = Vec::new();
    for section in SECTIONS {
        let asked = arguments.sections.is_empty()
            || arguments.sections.iter().any(|name| name == section.name);
        if !asked {
            continue;
        }
        println!("{}", section.name);
        for finding in sections::run(section, &session) {
            print!("{}", report::line(&finding));
            findings.push(finding);
        }
    }
    for (format, file) in &arguments.reports {
        let text = report::write(*format, &arguments.registry, &findings);
        let written = if file.as_os_str() == "-" {
            std::io::stdout().write_all(text.as_bytes())
        } else {
            std::fs::write(file, text)
        };
        written.map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    }
    let counts = report::count(&findings);
    println!("{counts}");
    Ok(counts.failed == 0)
}
