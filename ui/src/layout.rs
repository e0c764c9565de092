//! What every page has: the head, the stylesheet, the header.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The stylesheet, inline so that a page is one request. A strict Content-Security-Policy names
/// its hash or carries `nonce`.
const STYLESHEET: &str = include_str!("style.css");

/// A whole page. `nonce` goes on the style element, for the Content-Security-Policy.
pub fn page(title: &str, nonce: &str, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Drift" }
                style nonce=(nonce) { (PreEscaped(STYLESHEET)) }
            }
            body {
                header { a class="brand" href="/" { "Drift" } }
                main { (content) }
            }
        }
    }
}
