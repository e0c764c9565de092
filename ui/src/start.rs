//! The start page: that the registry runs, and how to push to it.

use maud::{Markup, html};

use crate::layout::page;

/// What the start page shows.
#[derive(Debug, Clone)]
pub struct StartView {
    /// The daemon's version.
    pub version: String,
    /// Host and port under which clients reach the API.
    pub registry: String,
    /// How files and sockets are driven, with the reason where it is the fallback.
    pub io_driver: String,
    /// For the Content-Security-Policy.
    pub nonce: String,
}

/// Renders the start page.
pub fn start(view: &StartView) -> Markup {
    let target = format!("{}/library/alpine:3", view.registry);
    page(
        "Start",
        &view.nonce,
        html! {
            h1 { "This registry is running" }
            dl {
                dt { "Registry" } dd { code { (view.registry) } }
                dt { "Version" } dd { (view.version) }
                dt { "I/O driver" } dd { (view.io_driver) }
            }
            h2 { "Push a first image" }
            pre { code {
                "docker login " (view.registry) "\n"
                "docker tag alpine:3 " (target) "\n"
                "docker push " (target) "\n"
            } }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(registry: &str) -> StartView {
        StartView {
            version: "1.2.3".to_owned(),
            registry: registry.to_owned(),
            io_driver: "io_uring".to_owned(),
            nonce: "n0nce".to_owned(),
        }
    }

    #[test]
    fn shows_what_it_was_given() {
        let text = start(&view("registry.test:5000")).into_string();
        for expected in [
            "1.2.3",
            "io_uring",
            "docker push registry.test:5000/library/alpine:3",
        ] {
            assert!(text.contains(expected), "{expected} is missing in {text}");
        }
        assert!(text.starts_with("<!DOCTYPE html>"));
        assert!(text.contains(r#"<style nonce="n0nce">"#));
    }

    #[test]
    fn escapes_what_came_from_outside() {
        let text = start(&view("<script>alert(1)</script>\"")).into_string();
        assert!(!text.contains("<script>"), "{text}");
    }

    #[test]
    fn stays_small() {
        assert!(start(&view("localhost:5000")).into_string().len() < 100_000);
    }
}
