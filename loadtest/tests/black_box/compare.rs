//! The parts of `loadtest/compare`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use assert_cmd::cargo::cargo_bin;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::run::run_as;
use crate::server::{Answer, Server, certificates};

fn part(name: &str, options: &[&str]) -> Command {
    let mut command = Command::new(cargo_bin("croupier-loadtest"));
    command.arg("compare").arg(name).args(options).stdin(Stdio::null());
    command
}

fn as_client(command: &mut Command, certificates: &Path) {
    for (option, file) in [("--ca", "root.pem"), ("--certificate", "client.pem"), ("--key", "client.key")] {
        command.arg(option).arg(certificates.join(file));
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Ended with the test.
struct Echo {
    child: Child,
    address: SocketAddr,
}

impl Echo {
    fn start(certificates: &Path) -> Self {
        let mut command = part("echo", &[]);
        for (option, file) in [("--ca", "root.pem"), ("--certificate", "server.pem"), ("--key", "server.key")] {
            command.arg(option).arg(certificates.join(file));
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening ").unwrap().parse().unwrap();
        Self { child, address }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn the_echo_answers_whoever_has_a_certificate() {
    let directory = TempDir::new().unwrap();
    certificates(directory.path(), "server");
    let echo = Echo::start(directory.path());
    let pid = echo.child.id();
    let steady = format!("--rate 100 --seconds 0.5 --connections 2 --slo-mean 9999 --slo-slow 9999 --pid {pid}");
    let run = run_as("steady", echo.address, directory.path(), &steady);
    assert!(run.count("/requests/answered") > 10, "{}", run.report["requests"]);
    assert_eq!((run.count("/requests/failed"), run.code), (0, 0));

    let mut resumed = Command::new(cargo_bin("croupier-loadtest"));
    resumed.args(["handshakes", "--resumed", "--count", "20", "--format", "json", "--address"]);
    resumed.arg(echo.address.to_string()).args(["--pid", &pid.to_string()]);
    as_client(&mut resumed, directory.path());
    let resumed = resumed.output().unwrap();
    assert_eq!(resumed.status.code(), Some(0), "{}", said(&resumed));

    let strangers = TempDir::new().unwrap();
    certificates(strangers.path(), "server");
    fs::copy(directory.path().join("root.pem"), strangers.path().join("root.pem")).unwrap();
    let run = run_as("steady", echo.address, strangers.path(), "--rate 20 --seconds 0.3 --connections 1");
    assert_eq!(run.count("/requests/answered"), 0);
    assert!(run.failed("tls") > 0, "{}", run.report["failures"]);
}

#[test]
fn servers_that_answer_alike_pass_and_others_are_told_apart() {
    let server = Server::start(Answer::Lookup("bidi", "1"));
    let [same, other_cdn, other_version] =
        [Answer::Lookup("bidi", "1"), Answer::Lookup("akamai", "1"), Answer::Lookup("bidi", "2")]
            .map(|answer| server.beside(answer));
    let table = server.file("table.json");
    let footprint = json!({ "footprint-type": "ipv4cidr", "footprint-value": ["192.0.2.0/24"], "mix": "m" });
    fs::write(&table, json!({ "footprints": [footprint] }).to_string()).unwrap();
    let compare = |other: SocketAddr| {
        let mut command = part("alike", &["--count", "10", "--format", "json", "--table"]);
        command.arg(&table);
        command.args(["--server", &format!("one={}", server.address), "--server", &format!("other={other}")]);
        as_client(&mut command, server.directory.path());
        let output = command.output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
        (output.status.code(), report)
    };
    let (code, report) = compare(same);
    assert_eq!((code, &report["asked"], &report["differ"]), (Some(0), &json!(10), &json!(0)));
    let (code, report) = compare(other_cdn);
    assert_eq!((code, &report["differ"]), (Some(1), &json!(10)));
    let first = report["first_differences"][0].as_str().unwrap();
    assert!(first.starts_with("192.0.2.") && first.contains("other says akamai (akamai, other; mix m"), "{first}");
    let (code, report) = compare(other_version);
    assert_eq!((code, &report["differ"]), (Some(1), &json!(10)));
}

#[test]
fn another_table_is_awaited() {
    let server = Server::start(Answer::Lookup("bidi", "one"));
    let awaiting = |version: &str, timeout: &str| {
        let mut command = part("await", &["--version", version, "--timeout", timeout, "--every", "0.02", "--address"]);
        command.arg(server.address.to_string()).stdout(Stdio::piped()).stderr(Stdio::piped());
        as_client(&mut command, server.directory.path());
        command.spawn().unwrap()
    };
    let mut waiting = awaiting("two", "60");
    while server.state.requests.load(Ordering::Relaxed) < 3 {
        assert_eq!(waiting.try_wait().unwrap(), None, "it did not wait");
        thread::sleep(Duration::from_millis(5));
    }
    *server.state.answer.write().unwrap() = Answer::Lookup("bidi", "two");
    let ended = waiting.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", said(&ended));

    let ended = awaiting("three", "0.1").wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(said(&ended).contains("does not answer by 'three' within 0.1 s: it answers by 'two'"), "{}", said(&ended));
}

/// As many rounds as there are figures.
fn write_runs(directory: &TempDir, name: &str, reports: &[Value]) {
    for (round, report) in (1..).zip(reports) {
        fs::write(directory.path().join(format!("{name}-{round}.json")), report.to_string()).unwrap();
    }
}

#[test]
fn a_summary_has_medians_ratios_and_doubts() {
    let directory = TempDir::new().unwrap();
    let cost = |cost: f64| json!({ "server": { "cpu_microseconds_per_request": cost } });
    write_runs(&directory, "h1-croupier", &[cost(9.0), cost(30.0), cost(8.0)]);
    let late = json!({
        "server": { "cpu_microseconds_per_request": 16.0, "cores": 0.5 }, "requests": { "failed": 2 },
        "verdict": { "outcome": "not_measured", "reasons": ["it was late"] }
    });
    write_runs(&directory, "h1-nginx", &[cost(12.0), late, cost(20.0)]);
    let reload = |seconds: &[f64]| json!({ "reload_seconds": seconds, "requests": { "failed": 7 } });
    write_runs(&directory, "reload-croupier", &[reload(&[1.0, 2.0, 9.0]), reload(&[3.0])]);
    write_runs(&directory, "reload-haproxy", &[reload(&[0.5])]);
    let handshakes = json!({ "server_cpu_microseconds_per_handshake": 290.4, "failures": 3 });
    write_runs(&directory, "full-echo", &[handshakes]);
    write_runs(&directory, "memory-echo", &[json!({ "bytes": 4_300_000 })]);
    fs::write(directory.path().join("about.txt"), "- a machine\n").unwrap();

    let text = part("summary", &[directory.path().to_str().unwrap()]).output().unwrap();
    let expected = "\
- a machine

| medians of 3 rounds | Croupier | nginx | HAProxy | bare TLS | to nginx | to HAProxy | to bare TLS |
|---|--:|--:|--:|--:|--:|--:|--:|
| CPU a request, saturated (µs) | 9.0 | 16.0 |  |  | 0.56 |  |  |
| CPU a full handshake (µs) |  |  |  | 290 |  |  |  |
| memory (MB) |  |  |  | 4.3 |  |  |  |
| a reload (s) | 2.5 |  | 0.5 |  |  | 5.00 |  |
| requests failed in reloads | 7 |  | 7 |  |  |  |  |

| least to most | Croupier | nginx | HAProxy | bare TLS |
|---|--:|--:|--:|--:|
| CPU a request, saturated (µs) | 8.0 to 30.0 | 12.0 to 20.0 |  |  |
| CPU a full handshake (µs) |  |  |  | 290 to 290 |
| memory (MB) |  |  |  | 4.3 to 4.3 |
| a reload (s) | 2.0 to 3.0 |  | 0.5 to 0.5 |  |
| requests failed in reloads | 7 to 7 |  | 7 to 7 |  |

To be doubted:

- nginx, h1, round 2: it was late
- nginx, h1, round 2: 2 requests failed
- nginx, h1, round 2: the server was busy for 50 % of the time: not saturated
- bare TLS, full, round 1: 3 handshakes failed
";
    assert_eq!(said(&text), expected);

    let json = part("summary", &[directory.path().to_str().unwrap(), "--format", "json"]).output().unwrap();
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["figures"][0]["servers"][0]["samples"], json!([9.0, 30.0, 8.0]));
    assert_eq!(json["figures"][0]["ratios"], json!([9.0 / 16.0, null, null]));
}

#[test]
fn a_summary_of_nothing_is_none() {
    let directory = TempDir::new().unwrap();
    let output = part("summary", &[directory.path().to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("no run's report in it"), "{}", said(&output));
}
