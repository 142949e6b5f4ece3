//! What a report tells in words and figures.

use super::escaped;
use crate::load::failure::Failed;
use crate::report::text::{megabytes, microseconds};
use crate::report::{Phase, Report, time};
use crate::tally::{Quantiles, milliseconds};

/// What is looked at first.
pub fn figures(report: &Report) -> String {
    let Quantiles { p50, p99, p999, max, .. } = report.latency_microseconds;
    let mut figures = vec![
        (format!("{:.0}/s", report.requests.answered_per_second), "answered"),
        (format!("{:.2} ms", report.latency_mean_microseconds / 1e3), "mean"),
        (milliseconds(p50), "p50"),
        (milliseconds(p99), "p99"),
        (milliseconds(p999), "p99.9"),
        (milliseconds(max), "max"),
        (report.requests.failed.to_string(), "failed"),
        (report.requests.slow.to_string(), "slow"),
    ];
    if let Some(server) = &report.server {
        figures.push((microseconds(server.cpu_microseconds_per_request), "server CPU a request"));
        figures.push((megabytes(server.memory_most), "server memory, at most"));
    }
    let shown: String =
        figures.iter().map(|(figure, name)| format!("<div>{figure}<span>{name}</span></div>")).collect();
    format!("<section class=\"figures\">{shown}</section>")
}

pub fn phases(report: &Report) -> String {
    if report.phases.len() < 2 {
        return String::new();
    }
    let row = |Phase { name, due, slow, failed, latency_microseconds }: &Phase| {
        let Quantiles { p50, p90, p99, p999, max } = *latency_microseconds;
        let counts = [due, failed, slow].map(ToString::to_string).into_iter();
        let latencies = [p50, p90, p99, p999, max].map(milliseconds).into_iter();
        escaped(name)
            + &counts.chain(latencies).map(|cell| format!("</td><td class=\"number\">{cell}")).collect::<String>()
    };
    let rows = report.phases.iter().map(|phase| format!("<tr><td>{}</td></tr>", row(phase)));
    table("Phases", &["phase", "#due", "#failed", "#slow", "#p50", "#p90", "#p99", "#p99.9", "#max"], rows)
}

pub fn failures(report: &Report) -> String {
    let row = |of: &'static str| {
        move |Failed { kind, count, example }: &Failed| {
            let (kind, example) = (escaped(kind), escaped(example));
            format!("<tr><td>{of}</td><td>{kind}</td><td class=\"number\">{count}</td><td>{example}</td></tr>")
        }
    };
    let requests = report.failures.iter().map(row("requests"));
    let connections = report.connections.not_opened.iter().map(row("connections"));
    let again = report.retried_after.iter().map(row("requests that were sent again"));
    let rows: Vec<_> = requests.chain(again).chain(connections).collect();
    if rows.is_empty() {
        return "<section><h2>Failures</h2>None.</section>".to_owned();
    }
    table("Failures", &["of", "kind", "#count", "the first"], rows.into_iter())
}

pub fn events(report: &Report) -> String {
    if report.events.is_empty() {
        return "<section><h2>Events</h2>None.</section>".to_owned();
    }
    let rows = report.events.iter().map(|event| {
        let (at, kind, note) = (time(event.seconds), event.kind.name(), escaped(&event.note));
        let times = if event.count > 1 { format!(" ({} times)", event.count) } else { String::new() };
        format!("<tr><td class=\"number\">{at}</td><td>{kind}</td><td>{note}{times}</td></tr>")
    });
    let more = match report.events_not_listed {
        0 => None,
        more => Some(format!("<tr><td></td><td></td><td>and {more} more</td></tr>")),
    };
    table("Events", &["#at", "kind", "what"], rows.chain(more))
}

/// Everything that one may ask for later.
pub fn details(report: &Report) -> String {
    let generator = &report.generator;
    let [lag, worst] = [generator.lag_microseconds.p99, generator.lag_microseconds.max].map(milliseconds);
    let spins = if generator.spins { ", as it spins" } else { "" };
    let late = format!(
        "{} requests ({:.3} %) sent over 1 ms late; p99 {lag}, worst {worst}; {:.2} cores{spins}; kept from its core {:.1} % of the time",
        generator.late, generator.late_percent, generator.cores, generator.without_core_percent
    );
    let connections = &report.connections;
    let Quantiles { p50, p99, max, .. } = connections.opening_microseconds;
    let [p50, p99, max] = [p50, p99, max].map(milliseconds);
    let opened = format!(
        "{} with full handshakes, {} resumed; opened in p50 {p50}, p99 {p99}, max {max}; {} open at most; {} ended by the server, {} by the client",
        connections.full_handshakes,
        connections.resumed_handshakes,
        connections.most_open,
        connections.ended_by_server,
        connections.ended_by_client
    );
    let mut details: Vec<(&str, String)> = vec![("generator", late), ("connections", opened)];
    if let Some(server) = &report.server {
        let [first, last] = [server.memory_at_first, server.memory_at_last].map(megabytes);
        let problem = server.problem.iter().map(|problem| format!("; {problem}")).collect::<String>();
        details
            .push(("server", format!("{:.2} cores; memory {first} at first, {last} at last{problem}", server.cores)));
    }
    if let Some(storm) = &report.reconnects {
        let answered = milliseconds(storm.answered_microseconds.last);
        details.push((
            "reconnects",
            format!("{} back after {answered}, {} failed{}", storm.succeeded, storm.failed, storm.reasons),
        ));
    }
    details.push(("sent again", report.requests.retried.to_string()));
    details.push(("length", time(report.seconds) + if report.interrupted { ", then interrupted" } else { "" }));
    details.extend(report.settings.iter().map(|setting| (&*setting.name, setting.value.clone())));
    let rows = details.iter().map(|(name, value)| named(name, value));
    let command = format!("croupier-loadtest {}", report.command);
    let command = format!("<tr><th>command</th><td><code>{}</code></td></tr>", escaped(&command));
    let version = named("version", &report.version);
    table("Settings and the rest", &[], rows.chain([command, version]))
}

/// A row of something and what it is called.
pub fn named(name: &str, value: &str) -> String {
    format!("<tr><th>{}</th><td>{}</td></tr>", escaped(name), escaped(value))
}

/// A column whose name begins with `#` has figures.
pub fn table(title: &str, columns: &[&str], rows: impl Iterator<Item = String>) -> String {
    let head = |column: &&str| match column.strip_prefix('#') {
        Some(column) => format!("<th class=\"number\">{column}</th>"),
        None => format!("<th>{column}</th>"),
    };
    let head: String = columns.iter().map(head).collect();
    let rows: String = rows.collect();
    format!("<section><h2>{title}</h2><table><tr>{head}</tr>{rows}</table></section>")
}
