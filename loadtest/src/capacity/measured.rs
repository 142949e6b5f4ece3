//! What a request and a handshake cost the server, as this program's reports have it.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::connection::Kind;
use crate::report::verdict::Outcome;
use crate::target::in_file;

/// What was measured of requests, and of handshakes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    pub requests: Vec<Requests>,
    pub handshakes: Vec<Handshakes>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Requests {
    pub report: PathBuf,
    pub profile: String,
    pub per_second: f64,
    pub cpu_microseconds: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Handshakes {
    pub report: PathBuf,
    pub kind: Kind,
    pub cpu_microseconds: f64,
}

/// The parts of a report that matter here.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Report {
    OfHandshakes { kind: Kind, failures: u64, server_cpu_microseconds_per_handshake: f64 },
    OfRequests { profile: String, verdict: Verdict, requests: Answered, server: Option<Server> },
}

#[derive(Debug, Deserialize)]
struct Verdict {
    outcome: Outcome,
    reasons: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Answered {
    answered_per_second: f64,
}

#[derive(Debug, Deserialize)]
struct Server {
    cpu_microseconds_per_request: Option<f64>,
}

impl Measured {
    pub fn read(reports: &[PathBuf]) -> Result<Self, String> {
        let mut measured = Self { requests: Vec::new(), handshakes: Vec::new() };
        for report in reports {
            let text = fs::read(report).map_err(in_file(report))?;
            measured.add(report, &text).map_err(in_file(report))?;
        }
        if measured.requests.is_empty() {
            return Err("no report of requests is among them: make one with `saturate` or `steady`".to_owned());
        }
        if measured.full_handshake().is_none() {
            return Err("no report of full handshakes is among them: make one with `handshakes`".to_owned());
        }
        Ok(measured)
    }

    /// What came of a run that failed says nothing of what one that succeeds costs.
    fn add(&mut self, report: &Path, text: &[u8]) -> Result<(), String> {
        let report = report.to_owned();
        let read = serde_json::from_slice(text).map_err(|_| "no report of this program (--format json)")?;
        match read {
            Report::OfHandshakes { failures, .. } if failures > 0 => {
                return Err(format!("{failures} handshakes failed: measure again"));
            }
            Report::OfHandshakes { kind, server_cpu_microseconds_per_handshake, .. } => {
                let cpu_microseconds = cost(server_cpu_microseconds_per_handshake)?;
                self.handshakes.push(Handshakes { report, kind, cpu_microseconds });
            }
            Report::OfRequests { verdict, .. } if verdict.outcome != Outcome::Met => {
                return Err(format!("{}: {}", verdict.outcome.name(), verdict.reasons.join("; ")));
            }
            Report::OfRequests { profile, requests, server, .. } => {
                let cpu = server.and_then(|server| server.cpu_microseconds_per_request);
                let cpu_microseconds = cost(cpu.ok_or("no processor time in it: measure with --pid")?)?;
                self.requests.push(Requests {
                    report,
                    profile,
                    per_second: requests.answered_per_second,
                    cpu_microseconds,
                });
            }
        }
        Ok(())
    }

    /// The dearest request that was measured: one costs the most where few come, as the processor wakes for each.
    pub fn dearest(&self) -> Option<&Requests> {
        self.requests.iter().max_by(|one, other| one.cpu_microseconds.total_cmp(&other.cpu_microseconds))
    }

    /// The cheapest: what a saturated server does.
    pub fn cheapest(&self) -> Option<&Requests> {
        self.requests.iter().min_by(|one, other| one.cpu_microseconds.total_cmp(&other.cpu_microseconds))
    }

    /// The dearest of those that were full.
    pub fn full_handshake(&self) -> Option<&Handshakes> {
        let full = self.handshakes.iter().filter(|handshakes| handshakes.kind == Kind::Full);
        full.max_by(|one, other| one.cpu_microseconds.total_cmp(&other.cpu_microseconds))
    }
}

/// Nothing costs nothing: it was too short to be measured.
fn cost(microseconds: f64) -> Result<f64, String> {
    if microseconds > 0.0 {
        Ok(microseconds)
    } else {
        Err("no processor time was counted: measure for longer".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Measured, String> {
        let mut measured = Measured { requests: Vec::new(), handshakes: Vec::new() };
        measured.add(Path::new("r.json"), text.as_bytes()).map(|()| measured)
    }

    fn requests(outcome: &str, server: &str) -> String {
        format!(
            r#"{{"profile":"steady","verdict":{{"outcome":"{outcome}","reasons":["so"]}},
                "requests":{{"due":1,"answered_per_second":3000.5}},"server":{server}}}"#
        )
    }

    #[test]
    fn costs_are_read_from_either_kind_of_report() {
        let measured = read(&requests("met", r#"{"cpu_microseconds_per_request":27.4}"#)).unwrap();
        assert_eq!(measured.requests[0].profile, "steady");
        assert_eq!(measured.dearest(), measured.requests.first());
        let measured =
            read(r#"{"kind":"full","handshakes":9,"failures":0,"server_cpu_microseconds_per_handshake":333.0}"#)
                .unwrap();
        assert_eq!(measured.full_handshake(), measured.handshakes.first());
    }

    #[test]
    fn what_failed_is_no_measure() {
        let cpu = r#"{"cpu_microseconds_per_request":27.4}"#;
        for (text, said) in [
            (requests("missed", cpu), "SLO missed: so"),
            (requests("not_measured", cpu), "not measured: so"),
            (requests("met", "null"), "measure with --pid"),
            (requests("met", r#"{"cpu_microseconds_per_request":0.0}"#), "measure for longer"),
            (
                r#"{"kind":"full","failures":2,"server_cpu_microseconds_per_handshake":333.0}"#.to_owned(),
                "2 handshakes",
            ),
            ("{}".to_owned(), "no report of this program"),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
