//! Which figures the comparison has, and where a run's report has them.

/// One row.
#[derive(Debug)]
pub struct Figure {
    /// The measure whose reports have it.
    pub measure: &'static str,
    /// Where, as RFC 6901 has it. Of a list the median is taken.
    pub pointer: &'static str,
    pub name: &'static str,
    pub unit: Unit,
}

/// How a figure is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Microseconds, to a tenth if they are few.
    Microseconds,
    /// Microseconds that are shown as milliseconds.
    Milliseconds,
    Seconds,
    /// Bytes that are shown as megabytes.
    Megabytes,
    /// Of which there should be none: no ratio is made of it.
    Count,
}

const CPU: &str = "/server/cpu_microseconds_per_request";
const HANDSHAKE: &str = "/server_cpu_microseconds_per_handshake";
const P50: &str = "/latency_microseconds/p50";
const P99: &str = "/latency_microseconds/p99";
const P999: &str = "/latency_microseconds/p999";

pub const FIGURES: [Figure; 22] = [
    figure("h1", CPU, "CPU a request, saturated", Unit::Microseconds),
    figure("h2", CPU, "CPU a request, saturated, HTTP/2", Unit::Microseconds),
    figure("14000", CPU, "CPU a request, 14,000/s", Unit::Microseconds),
    figure("14000", P50, "p50, 14,000/s", Unit::Microseconds),
    figure("14000", P99, "p99, 14,000/s", Unit::Microseconds),
    figure("14000", P999, "p99.9, 14,000/s", Unit::Microseconds),
    figure("3000", CPU, "CPU a request, 3,000/s", Unit::Microseconds),
    figure("3000", P50, "p50, 3,000/s", Unit::Microseconds),
    figure("3000", P99, "p99, 3,000/s", Unit::Microseconds),
    figure("3000", P999, "p99.9, 3,000/s", Unit::Microseconds),
    figure("full", HANDSHAKE, "CPU a full handshake", Unit::Microseconds),
    figure("resumed", HANDSHAKE, "CPU a resumed handshake", Unit::Microseconds),
    figure("memory", "/bytes", "memory", Unit::Megabytes),
    figure("reload", "/reload_seconds", "a reload", Unit::Seconds),
    figure("peak", "/bytes", "most memory in reloads", Unit::Megabytes),
    figure("reload", "/requests/failed", "requests failed in reloads", Unit::Count),
    figure("reload", "/requests/slow", "requests over 100 ms", Unit::Count),
    figure("reload", "/requests/retried", "requests sent again", Unit::Count),
    figure("reload", "/connections/ended_by_server", "connections ended", Unit::Count),
    figure("reload", P50, "p50 in reloads", Unit::Milliseconds),
    figure("reload", P99, "p99 in reloads", Unit::Milliseconds),
    figure("reload", P999, "p99.9 in reloads", Unit::Milliseconds),
];

const fn figure(measure: &'static str, pointer: &'static str, name: &'static str, unit: Unit) -> Figure {
    Figure { measure, pointer, name, unit }
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Self::Microseconds => "µs",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Megabytes => "MB",
            Self::Count => "",
        }
    }

    pub fn has_ratio(self) -> bool {
        self != Self::Count
    }

    /// A figure as people read it.
    pub fn shown(self, figure: f64) -> String {
        match self {
            Self::Microseconds if figure < 99.95 => format!("{figure:.1}"),
            Self::Milliseconds => format!("{:.2}", figure / 1e3),
            Self::Seconds => format!("{figure:.1}"),
            Self::Megabytes if figure < 99.5e6 => format!("{:.1}", figure / 1e6),
            Self::Megabytes => format!("{:.0}", figure / 1e6),
            Self::Microseconds | Self::Count => format!("{figure:.0}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_as_many_digits_as_they_deserve() {
        assert_eq!(
            [7.46, 99.94, 99.96, 1153.7].map(|figure| Unit::Microseconds.shown(figure)),
            ["7.5", "99.9", "100", "1154"]
        );
        assert_eq!([4_300_000.0, 744e6].map(|figure| Unit::Megabytes.shown(figure)), ["4.3", "744"]);
        assert_eq!(Unit::Milliseconds.shown(84_612.0), "84.61");
    }
}
