//! From reports to how many instances it takes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;
use serde_json::{Value, json};

use crate::run::run;
use crate::server::{Answer, Server};

fn capacity(directory: &Path, options: &str) -> Output {
    let mut command = Command::new(cargo_bin("croupier-loadtest"));
    command.current_dir(directory).arg("capacity").args(options.split_ascii_whitespace()).output().unwrap()
}

fn reports(directory: &Path) {
    let steady = json!({ "profile": "steady", "verdict": { "outcome": "met", "reasons": [] },
        "requests": { "answered_per_second": 3000.0 }, "server": { "cpu_microseconds_per_request": 27.4 } });
    let handshakes = json!({ "kind": "full", "failures": 0, "server_cpu_microseconds_per_handshake": 333.0 });
    fs::write(directory.join("steady.json"), steady.to_string()).unwrap();
    fs::write(directory.join("full.json"), handshakes.to_string()).unwrap();
}

#[test]
fn the_arithmetic_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    reports(directory.path());
    let output = capacity(directory.path(), "steady.json full.json --factor 2 --type t4g.small");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "not of AWS",
        "need 2 times as long",
        "27.4 µs × 2 = 54.8 µs, the dearest measured",
        "14,000/s × 54.8 µs = 0.77 vCPU",
        "MinSize 3",
        // 0.37 vCPU above the baseline of the one that is left: 576 credits.
        "0.37 above the baseline: 576 credits last for 26.1 h",
        "a new instance has none",
        "5,000 × 666 µs = 3.33 s of a vCPU",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn programs_get_all_types_and_the_one_that_takes_the_least() {
    let directory = tempfile::tempdir().unwrap();
    reports(directory.path());
    let output = capacity(directory.path(), "steady.json full.json --spike 140000 --format json");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["plans"].as_array().unwrap().len(), 8);
    // 140,000 × 27.4 µs are 3.8 vCPU, of 1.2 each: four must be left.
    let small = answer["plans"].as_array().unwrap().iter().find(|plan| plan["instance"]["name"] == "t3.small").unwrap();
    assert_eq!((small["surviving"].as_u64(), small["decided_by"].as_str()), (Some(4), Some("spike")), "{small}");
    assert_eq!(answer["chosen"]["instance"]["vcpus"], 2);
}

#[test]
fn what_this_program_measured_is_read() {
    let server = Server::start(Answer::Cdn("bidi"));
    let directory = server.directory.path();
    let pid = std::process::id();
    let saturated = run("saturate", &server, &format!("--seconds 0.5 --connections 2 --pid {pid}"));
    fs::write(directory.join("saturate.json"), saturated.report.to_string()).unwrap();
    let mut handshakes = Command::new(cargo_bin("croupier-loadtest"));
    let identity = ["handshakes", "--ca", "root.pem", "--certificate", "client.pem", "--key", "client.key"];
    let handshakes = handshakes.current_dir(directory).args(identity).args(["--format", "json", "--count", "50"]);
    let shaken =
        handshakes.args(["--address", &server.address.to_string(), "--pid", &pid.to_string()]).output().unwrap();
    assert!(shaken.status.success(), "{shaken:?}");
    fs::write(directory.join("full.json"), shaken.stdout).unwrap();
    let output = capacity(directory, "saturate.json full.json --format json");
    assert!(output.status.success(), "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["measured"]["requests"][0]["profile"], "saturate");
    assert_eq!(answer["measured"]["handshakes"][0]["kind"], "full");
}

#[test]
fn what_is_missing_is_told() {
    let directory = tempfile::tempdir().unwrap();
    reports(directory.path());
    fs::write(directory.path().join("other.json"), "{}").unwrap();
    for (options, said) in [
        ("full.json", "no report of requests"),
        ("steady.json", "no report of full handshakes"),
        ("steady.json other.json", "other.json: no report of this program"),
        ("steady.json full.json --type t2.nano", "not one of t4g.small"),
        ("steady.json full.json --zones-gone 3", "nothing would be left"),
    ] {
        let output = capacity(directory.path(), options);
        let said_instead = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{options}");
        assert!(said_instead.contains(said), "{options}: {said_instead}");
    }
}
