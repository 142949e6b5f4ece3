//! One plot as an SVG file that is complete in itself, and readable in light and dark.

use std::fmt::Write;

use crate::report::page::axis::Axis;
use crate::report::page::escaped;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 40.0;
const TOP: f64 = 78.0;
const BOTTOM: f64 = 58.0;

const STYLE: &str = include_str!("style.css");

/// A line's points across and up.
pub struct Line {
    pub name: &'static str,
    pub points: Vec<(f64, f64)>,
}

pub struct Plot {
    pub title: &'static str,
    pub across: Axis,
    pub across_name: &'static str,
    pub up: Axis,
    /// How a value is named.
    pub value: fn(f64) -> String,
    /// As many as the style sheet has colours for.
    pub lines: Vec<Line>,
}

impl Plot {
    pub fn svg(&self) -> String {
        let mut inside = String::new();
        for tick in self.up.ticks() {
            let y = y(self.up.place(tick));
            _ = writeln!(
                inside,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                y + 4.0,
                escaped(&(self.value)(tick))
            );
        }
        for tick in self.across.ticks() {
            let x = x(self.across.place(tick));
            _ = writeln!(
                inside,
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{}\"/>\
                 <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                HEIGHT - BOTTOM,
                HEIGHT - BOTTOM + 20.0,
                grouped(tick)
            );
        }
        let mut legend = LEFT;
        for (line, class) in self.lines.iter().zip(["one", "two", "three", "four"]) {
            inside += &self.drawn(line, class);
            _ = writeln!(
                inside,
                "<line class=\"{class}\" x1=\"{legend}\" x2=\"{}\" y1=\"54\" y2=\"54\"/>\
                 <text x=\"{}\" y=\"58\">{}</text>",
                legend + 18.0,
                legend + 24.0,
                escaped(line.name)
            );
            legend += 44.0 + 6.8 * line.name.chars().count() as f64;
        }
        let title = escaped(self.title);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             aria-label=\"{title}\">\n<style>\n{STYLE}</style>\n\
             <rect class=\"back\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"8\"/>\n\
             <text class=\"title\" x=\"{LEFT}\" y=\"30\">{title}</text>\n{inside}\
             <text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n</svg>\n",
            f64::midpoint(LEFT, WIDTH - RIGHT),
            HEIGHT - 14.0,
            escaped(self.across_name),
        )
    }

    fn drawn(&self, line: &Line, class: &str) -> String {
        let (mut path, mut dots) = (String::new(), String::new());
        for (across, value) in &line.points {
            let (x, y) = (x(self.across.place(*across)), y(self.up.place(*value)));
            _ = write!(path, "{}{x:.1} {y:.1}", if path.is_empty() { "M" } else { " L" });
            let said = escaped(&format!("{}, {}: {}", line.name, grouped(*across), (self.value)(rounded(*value))));
            _ = writeln!(
                dots,
                "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"><title>{said}</title></circle>"
            );
        }
        format!("<path class=\"{class}\" d=\"{path}\"/>\n{dots}")
    }
}

fn x(place: f64) -> f64 {
    LEFT + place * (WIDTH - LEFT - RIGHT)
}

fn y(place: f64) -> f64 {
    HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM)
}

/// To three digits.
fn rounded(value: f64) -> f64 {
    let step = 10_f64.powf(value.log10().floor() - 2.0);
    (value / step).round() * step
}

/// `10,000`
fn grouped(count: f64) -> String {
    let digits = format!("{count:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_lie_where_their_values_are() {
        let plot = Plot {
            title: "A < B",
            across: Axis::log(10.0, 1000.0),
            across_name: "things",
            up: Axis::log(10.0, 1000.0),
            value: |value| format!("{value} ns"),
            lines: vec![Line { name: "this", points: vec![(10.0, 1000.0), (100.0, 100.0), (1000.0, 10.0)] }],
        };
        let svg = plot.svg();
        assert!(svg.contains("d=\"M78.0 78.0 L399.0 210.0 L720.0 342.0\""), "{svg}");
        assert!(
            svg.contains("A &lt; B") && svg.contains(">1,000</text>") && svg.contains("this, 100: 100 ns"),
            "{svg}"
        );
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!([1.0, 999.0, 1000.0, 10_000_000.0].map(grouped), ["1", "999", "1,000", "10,000,000"]);
    }
}
