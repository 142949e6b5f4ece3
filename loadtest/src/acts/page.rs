//! All acts on one page.

use super::document::{Act, Document, Load, Series};
use super::said;
use crate::report::page::plot::Points;
use crate::report::page::{class, document, escaped, list, plots, tables};
use crate::report::{Report, Text, time};
use crate::tally::milliseconds;

pub fn page(rehearsal: &Document) -> String {
    let outcome = rehearsal.outcome();
    let about = rehearsal.about.iter().map(|(name, value)| tables::named(name, value));
    let acts: String = rehearsal.acts.iter().zip(1..).map(|(act, number)| of_act(act, number)).collect();
    let body = [overview(rehearsal), tables::table("What was rehearsed", &[], about), acts].join("\n");
    let missed = rehearsal.acts.iter().filter(|act| act.verdict.outcome == outcome).count();
    let count = format!("{missed} of {} acts", rehearsal.acts.len());
    document(&rehearsal.title, (outcome, said(outcome)), &[count], &body)
}

/// A row for each act.
fn overview(rehearsal: &Document) -> String {
    let row = |(act, number): (&Act, u32)| {
        let outcome = act.verdict.outcome;
        let judged = format!("<strong class=\"{}\">{}</strong>", class(outcome), said(outcome));
        let title = format!("<a href=\"#act-{number}\">{}</a>", escaped(&act.title));
        let figures: String = match act.loads.first() {
            Some(Load { report, .. }) => {
                figures(report).map(|cell| format!("<td class=\"number\">{cell}</td>")).concat()
            }
            None => "<td></td>".repeat(7),
        };
        format!("<tr><td class=\"number\">{number}</td><td>{title}</td><td>{judged}</td>{figures}</tr>")
    };
    let columns =
        ["#", "act", "it went", "#for", "#requests", "#sent again", "#failed", "#over the limit", "#p99", "#max"];
    tables::table("Acts", &columns, rehearsal.acts.iter().zip(1..).map(row))
}

fn figures(report: &Report) -> [String; 7] {
    let (requests, latency) = (&report.requests, &report.latency_microseconds);
    [
        time(report.seconds),
        requests.due.to_string(),
        requests.retried.to_string(),
        requests.failed.to_string(),
        requests.slow.to_string(),
        milliseconds(latency.p99),
        milliseconds(latency.max),
    ]
}

fn of_act(act: &Act, number: u32) -> String {
    let outcome = act.verdict.outcome;
    let (class, title, said) = (class(outcome), escaped(&act.title), said(outcome));
    let mut parts = vec![format!(
        "<header class=\"{class}\"><h1>{number}. {title}: <strong>{said}</strong></h1>\n{}</header>",
        list(&act.verdict.reasons)
    )];
    if !act.promises.is_empty() {
        parts.push(format!("<section><h2>What should come of it</h2>{}</section>", list(&act.promises)));
    }
    for (place, Load { name, report }) in act.loads.iter().enumerate() {
        if act.loads.len() > 1 {
            parts.push(format!("<h2>{}</h2>", escaped(name)));
        }
        parts.extend([tables::figures(report), plots::latency(report), plots::rate(report)]);
        if place == 0 {
            parts.extend(act.series.iter().map(|series| of_series(series, report)));
        }
        parts.push(tables::failures(report));
        let more = [plots::histogram(report), tables::phases(report), tables::details(report)].join("\n");
        parts.push(format!("<details><summary>More of {}</summary>{more}</details>", escaped(name)));
    }
    parts.push(events(act));
    format!("<article id=\"act-{number}\">\n{}\n</article>", parts.join("\n"))
}

fn of_series(series: &Series, report: &Report) -> String {
    let lines = series.lines.iter().map(|line| {
        let since = line.points.iter().map(|(at, value)| (at - report.began, *value)).collect();
        (Text::from(line.name.clone()), within(since, report.seconds))
    });
    plots::series(&series.title, series.limit, lines.collect(), report)
}

/// Those that lie within a time. What was before it holds at its beginning, and what was last until its end, if there is
/// more after that.
fn within(points: Points, seconds: f64) -> Points {
    let before = points.iter().rfind(|(at, _)| *at < 0.0).map(|(_, value)| (0.0, *value));
    let goes_on = points.iter().any(|(at, _)| *at > seconds);
    let inside = points.into_iter().filter(|(at, _)| (0.0..=seconds).contains(at));
    let mut within: Points = before.into_iter().chain(inside).collect();
    let last = within.last().map(|(_, value)| (seconds, *value));
    within.extend(last.filter(|_| goes_on));
    within
}

/// All that was done, and noticed, in the act: from its first load's beginning, or its own.
fn events(act: &Act) -> String {
    if act.events.is_empty() {
        return String::new();
    }
    let first = act.events.first().map_or(0.0, |event| event.at);
    let began = act.loads.first().map_or(first, |load| load.report.began);
    let rows = act.events.iter().map(|event| {
        let at = format!("{:.2} s", event.at - began);
        format!(
            "<tr><td class=\"number\">{at}</td><td>{}</td><td>{}</td></tr>",
            event.kind.name(),
            escaped(&event.note)
        )
    });
    tables::table("What happened", &["#at", "kind", "what"], rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_over_all_of_the_time_that_is_shown() {
        let points = vec![(-9.0, Some(5.0)), (-1.0, Some(4.0)), (3.0, None), (5.0, Some(3.0)), (20.0, Some(1.0))];
        let shown = vec![(0.0, Some(4.0)), (3.0, None), (5.0, Some(3.0)), (10.0, Some(3.0))];
        assert_eq!(within(points, 10.0), shown);
        // Nobody knows what was before the first, or after the last.
        assert_eq!(within(vec![(2.0, Some(1.0)), (3.0, Some(2.0))], 10.0), [(2.0, Some(1.0)), (3.0, Some(2.0))]);
        assert_eq!(within(Vec::new(), 10.0), []);
    }
}
