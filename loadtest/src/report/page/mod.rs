//! A report as one HTML file: no scripts, nothing from elsewhere, readable in light and dark.
//!
//! - [`plot`]: axes, lines and bars as SVG; [`axis`]: where ticks go
//! - [`plots`]: which plots there are; [`tables`]: what is told in words and figures

#![allow(clippy::format_collect, reason = "a page is written once")]

pub mod axis;
mod plot;
mod plots;
mod tables;

use super::Report;
use super::verdict::Outcome;

const STYLE: &str = include_str!("style.css");

pub fn page(report: &Report) -> String {
    let verdict = match report.verdict.outcome {
        Outcome::Met => "met",
        Outcome::Missed => "missed",
        Outcome::NotMeasured => "unclear",
    };
    let reasons: String = report.verdict.reasons.iter().map(|reason| format!("<li>{}</li>", escaped(reason))).collect();
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
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{profile}: {name}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header class=\"{verdict}\"><h1>{profile}: <strong>{name}</strong></h1>\n<ul>{reasons}</ul></header>\n\
         {body}\n</body>\n</html>\n",
        profile = escaped(report.profile),
        name = report.verdict.outcome.name(),
        body = parts.join("\n"),
    )
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
