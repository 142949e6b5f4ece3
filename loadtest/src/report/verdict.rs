//! Whether the server kept what was promised, or whether nothing can be said of it.

use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::load::options::RESULT;
use crate::load::play::Pace;

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = RESULT)]
pub struct Limits {
    /// Milliseconds that the mean latency must stay below.
    #[arg(long, default_value_t = 50.0, value_name = "MS", value_parser = milliseconds)]
    slo_mean: f64,
    /// An answer after more milliseconds than this is a failure.
    #[arg(long, default_value_t = 100.0, value_name = "MS", value_parser = milliseconds)]
    slo_slow: f64,
    /// Percent of all requests that must be answered, and not slowly.
    #[arg(long, default_value_t = 99.5, value_name = "PERCENT", value_parser = percent)]
    slo_availability: f64,
    /// If this program sent more than so many percent of all requests over 1 ms late, nothing was
    /// measured.
    #[arg(long, default_value_t = 1.0, value_name = "PERCENT", value_parser = percent)]
    allow_late: f64,
    /// If `saturate` was kept from its core for more than so many percent of the time, as something
    /// else ran there, nothing was measured.
    #[arg(long, default_value_t = 5.0, value_name = "PERCENT", value_parser = percent)]
    allow_stolen: f64,
}

/// What is judged.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    pub requests: u64,
    /// Answered in time.
    pub good: u64,
    /// Seconds.
    pub mean: f64,
    /// Requests that this program sent late.
    pub late: u64,
    /// In a closed loop latencies are no measure.
    pub closed_loop: bool,
    /// Percent of the time that something else had this program's core.
    pub without_core: f64,
    pub problems: Vec<String>,
    pub misses: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Met,
    Missed,
    NotMeasured,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Verdict {
    pub outcome: Outcome,
    /// One sentence each.
    pub reasons: Vec<String>,
}

impl Outcome {
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Met => 0,
            Self::Missed => 1,
            Self::NotMeasured => 3,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Met => "SLO met",
            Self::Missed => "SLO missed",
            Self::NotMeasured => "not measured",
        }
    }
}

impl Limits {
    pub fn slow_microseconds(&self) -> f64 {
        self.slo_slow * 1e3
    }

    /// From when on an answer is slow.
    pub fn slow_after(&self, pace: &Pace) -> Duration {
        match pace {
            Pace::Open(_) => Duration::from_secs_f64(self.slo_slow / 1e3),
            Pace::Closed(_) => Duration::MAX,
        }
    }

    /// Whoever was late can't blame the server: that goes first.
    pub fn judge(&self, figures: &Figures) -> Verdict {
        let mut doubts = figures.problems.clone();
        let late = share(figures.late, figures.requests);
        if figures.requests == 0 {
            doubts.push("no request came due".to_owned());
        } else if late > self.allow_late {
            doubts.push(format!(
                "the generator sent {late:.2} % of all requests over 1 ms late, more than the {} % allowed: give it a core of its own, or --spin",
                self.allow_late
            ));
        }
        // In a closed loop nothing is late: it is only less.
        if figures.closed_loop && figures.without_core > self.allow_stolen {
            doubts.push(format!(
                "something else had the generator's core for {:.0} % of the time: give it one of its own",
                figures.without_core
            ));
        }
        if !doubts.is_empty() {
            return Verdict { outcome: Outcome::NotMeasured, reasons: doubts };
        }
        let mut reasons = figures.misses.clone();
        let mut met = reasons.is_empty();
        let available = share(figures.good, figures.requests);
        let wanted = self.slo_availability;
        let in_time = if figures.closed_loop { String::new() } else { format!(" within {} ms", self.slo_slow) };
        if available < wanted {
            met = false;
            reasons.push(format!("{} were answered{in_time}: less than {wanted} %", shown(available)));
        } else {
            reasons.push(format!("{} were answered{in_time}: at least {wanted} % were wanted", shown(available)));
        }
        let mean = figures.mean * 1e3;
        if !figures.closed_loop && figures.good > 0 {
            let enough = mean < self.slo_mean;
            met &= enough;
            let judged = if enough { "below" } else { "not below" };
            reasons.push(format!("the mean was {mean:.2} ms: {judged} {} ms", self.slo_mean));
        }
        Verdict { outcome: if met { Outcome::Met } else { Outcome::Missed }, reasons }
    }
}

/// In percent.
pub fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 }
}

/// Never rounded up to all.
fn shown(percent: f64) -> String {
    if percent >= 100.0 { "100 %".to_owned() } else { format!("{:.3} %", (percent * 1e3).floor() / 1e3) }
}

fn milliseconds(text: &str) -> Result<f64, String> {
    let milliseconds: f64 = text.parse().map_err(|_| "not a number")?;
    if milliseconds > 0.0 && milliseconds <= 1e9 { Ok(milliseconds) } else { Err("must be more than 0".to_owned()) }
}

fn percent(text: &str) -> Result<f64, String> {
    let percent: f64 = text.parse().map_err(|_| "not a number")?;
    if (0.0..=100.0).contains(&percent) { Ok(percent) } else { Err("must be from 0 to 100".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { slo_mean: 50.0, slo_slow: 100.0, slo_availability: 99.5, allow_late: 1.0, allow_stolen: 5.0 };

    fn good() -> Figures {
        Figures { requests: 100_000, good: 99_500, mean: 0.0499, late: 1000, ..Figures::default() }
    }

    #[test]
    fn each_limit_is_judged_at_its_edge() {
        assert_eq!(LIMITS.judge(&good()).outcome, Outcome::Met);
        assert_eq!(LIMITS.judge(&Figures { good: 99_499, ..good() }).outcome, Outcome::Missed);
        assert_eq!(LIMITS.judge(&Figures { mean: 0.05, ..good() }).outcome, Outcome::Missed);
        assert_eq!(LIMITS.judge(&Figures { misses: vec!["x".to_owned()], ..good() }).outcome, Outcome::Missed);
    }

    #[test]
    fn a_late_generator_blames_nobody() {
        let verdict = LIMITS.judge(&Figures { late: 1001, good: 0, ..good() });
        assert_eq!(verdict.outcome, Outcome::NotMeasured);
        assert!(verdict.reasons[0].contains("the generator sent 1.00 %"), "{verdict:?}");
        assert_eq!(LIMITS.judge(&Figures::default()).outcome, Outcome::NotMeasured);
        assert_eq!(LIMITS.judge(&Figures { problems: vec!["x".to_owned()], ..good() }).outcome, Outcome::NotMeasured);
    }

    #[test]
    fn a_closed_loop_is_not_judged_by_its_latencies() {
        let closed = Figures { mean: 10.0, closed_loop: true, without_core: 5.0, ..good() };
        assert_eq!(LIMITS.judge(&closed).outcome, Outcome::Met);
        assert_eq!(LIMITS.judge(&Figures { without_core: 5.1, ..closed }).outcome, Outcome::NotMeasured);
        assert_eq!(LIMITS.judge(&Figures { without_core: 99.0, ..good() }).outcome, Outcome::Met);
    }

    #[test]
    fn outcomes_are_exit_codes() {
        assert_eq!([Outcome::Met, Outcome::Missed, Outcome::NotMeasured].map(Outcome::exit_code), [0, 1, 3]);
    }
}
