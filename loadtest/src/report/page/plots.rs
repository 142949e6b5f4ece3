//! Which plots a report has.

use super::axis::Axis;
use super::plot::{self, Line, Plot, Points};
use crate::report::series::Point;
use crate::report::{Report, Text};
use crate::tally::Quantiles;

/// Percent of requests that were late, below which a line of them would lie at nought.
const WORTH_SHOWING: f64 = 0.1;

/// Of lines that stand for nothing in particular.
const CLASSES: [&str; 5] = ["one", "two", "three", "four", "five"];

/// Latencies in microseconds as they are named on an axis.
fn latency_name(microseconds: f64) -> String {
    match microseconds {
        0.0..1000.0 => format!("{microseconds:.0} µs"),
        1000.0..1_000_000.0 => format!("{} ms", (microseconds / 10.0).round() / 100.0),
        _ => format!("{} s", (microseconds / 1e4).round() / 100.0),
    }
}

fn count_name(count: f64) -> String {
    if count >= 1000.0 { format!("{} k", count / 1000.0) } else { format!("{}", (count * 100.0).round() / 100.0) }
}

pub fn latency(report: &Report) -> String {
    let of = |class, name: &'static str, pick: fn(&Quantiles) -> u64| Line {
        class,
        name: name.into(),
        points: over_time(report, |point| point.latency_microseconds.as_ref().map(|latency| pick(latency) as f64)),
    };
    // The worst first, so that the usual lies above it.
    let lines = vec![
        of("five", "max", |latency| latency.max),
        of("four", "p99.9", |latency| latency.p999),
        of("three", "p99", |latency| latency.p99),
        of("two", "p90", |latency| latency.p90),
        of("one", "p50", |latency| latency.p50),
    ];
    let values = || lines.iter().flat_map(|line| &line.points).filter_map(|(_, value)| *value);
    let least = values().fold(f64::INFINITY, f64::min);
    let most = values().fold(1.0, f64::max);
    if !least.is_finite() {
        return String::new();
    }
    let up = Axis::log(least, most);
    Plot {
        title: format!("Latency, from when a request was due ({})", each(report)),
        up,
        value: latency_name,
        limit: report.slow_microseconds.filter(|limit| up.place(*limit) < 1.0),
        seconds: report.seconds,
        lines,
        events: &report.events,
    }
    .section()
}

pub fn rate(report: &Report) -> String {
    let width = report.seconds_per_point;
    let per_second = |point: &Point, count: u64| {
        let covered = width.min(report.seconds - point.seconds);
        Some(count as f64 / covered)
    };
    let of = |class, name: &'static str, pick: fn(&Point) -> u64| Line {
        class,
        name: name.into(),
        points: over_time(report, |point| per_second(point, pick(point))),
    };
    let mut lines = vec![of("wide", "due", |point| point.due), of("two", "answered", |point| point.answered)];
    if report.generator.late_percent > WORTH_SHOWING {
        lines.push(of("doubt", "sent late by the generator", |point| point.late));
    }
    if report.requests.retried > 0 {
        lines.push(of("four", "sent again", |point| point.retried));
    }
    if report.requests.failed > 0 {
        lines.push(of("bad", "failed", |point| point.failed));
    }
    let most = lines.iter().flat_map(|line| &line.points).filter_map(|(_, value)| *value).fold(0.0, f64::max);
    Plot {
        title: format!("Requests a second ({})", each(report)),
        up: Axis::linear(most),
        value: count_name,
        limit: None,
        seconds: report.seconds,
        lines,
        events: &report.events,
    }
    .section()
}

pub fn histogram(report: &Report) -> String {
    plot::bars(
        "How many answers took how long (both axes logarithmic)",
        &report.histogram,
        latency_name,
        report.slow_microseconds,
    )
}

pub fn server(report: &Report) -> String {
    if report.server.is_none() {
        return String::new();
    }
    // What was not looked at is not nought.
    let seen = |point: &Point| point.server_memory > 0;
    let cores = over_time(report, |point| seen(point).then_some(point.server_cores));
    let memory = over_time(report, |point| seen(point).then_some(point.server_memory as f64 / 1e6));
    let one = |title: &str, class, name: &'static str, points: Points| {
        let most = points.iter().filter_map(|(_, value)| *value).fold(0.0, f64::max);
        Plot {
            title: format!("{title} ({})", each(report)),
            up: Axis::linear(most),
            value: count_name,
            limit: None,
            seconds: report.seconds,
            lines: vec![Line { class, name: name.into(), points }],
            events: &report.events,
        }
        .section()
    };
    let cores = one("The server's processor time, in cores", "three", "cores", cores);
    let memory = one("The server's resident memory, in MB", "one", "MB", memory);
    let open = over_time(report, |point| (point.server_descriptors > 0).then_some(point.server_descriptors as f64));
    cores + &memory + &one("The server's open descriptors", "two", "descriptors", open)
}

/// Values over time that are not of the report, beside it.
pub fn series(title: &str, limit: Option<f64>, lines: Vec<(Text, Points)>, report: &Report) -> String {
    let values = lines.iter().flat_map(|(_, points)| points).filter_map(|(_, value)| *value);
    let most = values.chain(limit).fold(0.0, f64::max);
    let classes = CLASSES.into_iter().cycle();
    let lines = classes.zip(lines).map(|(class, (name, points))| Line { class, name, points }).collect();
    Plot {
        title: title.to_owned(),
        up: Axis::linear(most),
        value: count_name,
        limit,
        seconds: report.seconds,
        lines,
        events: &report.events,
    }
    .section()
}

/// A point stands in the middle of its time.
fn over_time(report: &Report, value: impl Fn(&Point) -> Option<f64>) -> Points {
    let middle =
        |point: &Point| f64::midpoint(point.seconds, (point.seconds + report.seconds_per_point).min(report.seconds));
    report.timeline.iter().map(|point| (middle(point), value(point))).collect()
}

fn each(report: &Report) -> String {
    let seconds = report.seconds_per_point;
    if seconds > 1.0 { format!("each {seconds} s") } else { "each second".to_owned() }
}
