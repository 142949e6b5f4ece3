//! One plot as SVG: axes, lines over time with events across them, or bars.

use std::fmt::Write;

use super::axis::{Axis, time_ticks};
use super::escaped;
use crate::load::events::{Event, Kind};
use crate::report::series::Bar;
use crate::report::{Text, time};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 26.0;

/// Seconds since the beginning, and a value if there is one.
pub type Points = Vec<(f64, Option<f64>)>;

/// A line, by its class in the style sheet. Where there is nothing it has a gap.
pub struct Line {
    pub class: &'static str,
    pub name: Text,
    pub points: Points,
}

pub struct Plot<'a> {
    pub title: String,
    pub up: Axis,
    /// How a value is named.
    pub value: fn(f64) -> String,
    /// A value that should not be passed.
    pub limit: Option<f64>,
    pub seconds: f64,
    pub lines: Vec<Line>,
    pub events: &'a [Event],
}

impl Plot<'_> {
    pub fn section(&self) -> String {
        let mut legend = String::new();
        for Line { class, name, .. } in &self.lines {
            _ = write!(legend, "<span><i class=\"{class}\"></i>{}</span>", escaped(name));
        }
        for kind in Kind::ALL {
            if self.events.iter().any(|event| event.kind == kind) {
                _ = write!(legend, "<span><i class=\"event {}\"></i>{}</span>", class(kind), kind.name());
            }
        }
        let mut inside = grid(self.up, self.value);
        let across = Axis::Linear { most: self.seconds };
        for tick in time_ticks(self.seconds) {
            below(&mut inside, across.place(tick), &time(tick));
        }
        if let Some(limit) = self.limit {
            level(&mut inside, "limit", self.up.place(limit));
        }
        for event in self.events {
            let x = x(across.place(event.seconds));
            let (top, bottom) = (TOP, HEIGHT - BOTTOM);
            let said = escaped(&format!("{}: {}", time(event.seconds), event.note));
            let class = class(event.kind);
            _ = write!(
                inside,
                "<line class=\"event {class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top}\" y2=\"{bottom}\"><title>{said}</title></line>"
            );
        }
        for line in &self.lines {
            inside += &self.drawn(line, across);
        }
        section(&self.title, &legend, &inside)
    }

    fn drawn(&self, line: &Line, across: Axis) -> String {
        let place = |seconds, value| format!("{:.1} {:.1}", x(across.place(seconds)), y(self.up.place(value)));
        let mut path = String::new();
        let mut alone = String::new();
        let there = |number: usize| line.points.get(number).is_some_and(|(_, value)| value.is_some());
        for (number, (seconds, value)) in line.points.iter().enumerate() {
            let Some(value) = value else { continue };
            let joins = number > 0 && there(number - 1);
            if !joins && !there(number + 1) {
                let (x, y) = (x(across.place(*seconds)), y(self.up.place(*value)));
                _ = write!(alone, "<circle class=\"{}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\"/>", line.class);
            } else {
                path += if joins { "L" } else { "M" };
                path += &place(*seconds, *value);
            }
        }
        format!("<path class=\"{}\" d=\"{path}\"/>{alone}", line.class)
    }
}

/// Bars over an axis of ratios, each with its count; what lies above the limit stands out.
pub fn bars(title: &str, bars: &[Bar], value: fn(f64) -> String, limit: Option<f64>) -> String {
    let (Some(first), Some(last)) = (bars.first(), bars.last()) else {
        return section(title, "", "");
    };
    let across = Axis::Log { least: first.from, most: last.to };
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(1);
    // So that a bar of one can be seen.
    let up = Axis::Log { least: 0.5, most: (most as f64 * 1.5).max(10.0) };
    let mut inside = grid(up, |count| format!("{count}"));
    for tick in across.ticks() {
        below(&mut inside, across.place(tick), &value(tick));
    }
    for bar in bars.iter().filter(|bar| bar.count > 0) {
        let (left, right) = (x(across.place(bar.from)), x(across.place(bar.to)));
        let top = y(up.place(bar.count as f64));
        let class = if limit.is_some_and(|limit| bar.from >= limit) { " class=\"slow\"" } else { "" };
        let said = format!("{} to {}: {}", value(bar.from), value(bar.to), bar.count);
        _ = write!(
            inside,
            "<rect{class} x=\"{:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{said}</title></rect>",
            left + 0.5,
            (right - left - 1.0).max(1.0),
            HEIGHT - BOTTOM - top
        );
    }
    section(title, "", &inside)
}

fn section(title: &str, legend: &str, inside: &str) -> String {
    let title = escaped(title);
    format!(
        "<section><h2>{title}</h2>\n<div class=\"legend\">{legend}</div>\n\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">{inside}</svg></section>"
    )
}

/// The levels of an upright axis, each named.
fn grid(up: Axis, value: fn(f64) -> String) -> String {
    let mut grid = String::new();
    for tick in up.ticks() {
        level(&mut grid, "grid", up.place(tick));
        let (x, y) = (LEFT - 8.0, y(up.place(tick)) + 4.0);
        _ = write!(grid, "<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{}</text>", value(tick));
    }
    grid
}

fn level(to: &mut String, class: &str, place: f64) {
    let (y, right) = (y(place), WIDTH - RIGHT);
    _ = write!(to, "<line class=\"{class}\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
}

fn below(to: &mut String, place: f64, name: &str) {
    let (x, y) = (x(place), HEIGHT - 8.0);
    let anchor = if place > 0.97 { "end" } else { "middle" };
    _ = write!(to, "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"{anchor}\">{name}</text>");
}

fn x(place: f64) -> f64 {
    LEFT + place * (WIDTH - LEFT - RIGHT)
}

fn y(place: f64) -> f64 {
    HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM)
}

fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Reload => "reload",
        Kind::Drain => "drain",
        Kind::Reconnect => "reconnect",
        Kind::Dns => "dns",
        Kind::Instance => "instance",
        Kind::Fault => "fault",
        Kind::Balancer => "balancer",
    }
}
