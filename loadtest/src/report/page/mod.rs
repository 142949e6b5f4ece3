//! A report as one HTML file: no scripts, nothing from elsewhere, readable in light and dark.
//!
//! - [`plot`]: axes, lines and bars as SVG; [`axis`]: where ticks go
//! - [`plots`]: which plots there are; [`tables`]: what is told in words and figures

#![allow(clippy::format_collect, reason = "a page is written once")]

pub mod axis;
pub mod plot;
pub mod plots;
pub mod tables;

use super::Report;
use super::verdict::{Outcome, Verdict};

const STYLE: &str = include_str!("style.css");

pub fn page(report: &Report) -> String {
    let parts = [
        tables::figures(report),
        plots::latency(report),
        plots::rate(report),
        plots::histogram(report),
        plots::server(report),
        tables::phases(report),
        tables::failures(report),
        tables::events(report),
        tables::details(report),
    ];
    let Verdict { outcome, reasons } = &report.verdict;
    document(&report.profile, (*outcome, outcome.name()), reasons, &parts.join("\n"))
}

/// All of a page: a title and what is to be said of it, by its colour and in words, above all else.
pub fn document(title: &str, (outcome, said): (Outcome, &str), reasons: &[String], body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}: {said}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header class=\"{class}\"><h1>{title}: <strong>{said}</strong></h1>\n{reasons}</header>\n\
         {body}\n</body>\n</html>\n",
        title = escaped(title),
        class = class(outcome),
        reasons = list(reasons),
    )
}

/// An outcome's class in the style sheet.
pub fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Met => "met",
        Outcome::Missed => "missed",
        Outcome::NotMeasured => "unclear",
    }
}

pub fn list(sentences: &[String]) -> String {
    let items: String = sentences.iter().map(|sentence| format!("<li>{}</li>", escaped(sentence))).collect();
    format!("<ul>{items}</ul>")
}

/// Text as it stands in HTML and SVG.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_is_text() {
        assert_eq!(escaped("<script>\"a & b\"</script>"), "&lt;script&gt;&quot;a &amp; b&quot;&lt;/script&gt;");
    }
}
