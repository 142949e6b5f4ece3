//! One run of the program.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use assert_cmd::cargo::cargo_bin;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::server::Server;

pub struct Run {
    pub code: i32,
    /// Null if there is none.
    pub report: Value,
    pub errors: String,
}

/// One that has not ended yet.
pub struct Running(Child);

/// A profile against a server, with more options. How late the program is does not matter unless a
/// test says so: other tests run beside it.
pub fn run(profile: &str, server: &Server, options: &str) -> Run {
    begin(profile, server, options).end()
}

pub fn begin(profile: &str, server: &Server, options: &str) -> Running {
    begin_as(profile, server.address, server.directory.path(), options)
}

/// With certificates of another directory, or against another address.
pub fn run_as(profile: &str, address: SocketAddr, certificates: &Path, options: &str) -> Run {
    begin_as(profile, address, certificates, options).end()
}

fn begin_as(profile: &str, address: SocketAddr, certificates: &Path, options: &str) -> Running {
    let mut command = Command::new(cargo_bin("croupier-loadtest"));
    command.arg(profile).args(["--format", "json"]);
    for (option, file) in [("--ca", "root.pem"), ("--certificate", "client.pem"), ("--key", "client.key")] {
        command.arg(option).arg(certificates.join(file));
    }
    if !options.contains("--servers") {
        command.arg("--address").arg(address.to_string());
    }
    command.args(["--allow-stolen", "100"]);
    if !options.contains("--allow-late") {
        command.args(["--allow-late", "100"]);
    }
    command.args(options.split_ascii_whitespace());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Running(command.spawn().unwrap())
}

impl Running {
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    pub fn end(self) -> Run {
        let ran = self.0.wait_with_output().unwrap();
        Run {
            code: ran.status.code().unwrap(),
            report: serde_json::from_slice(&ran.stdout).unwrap_or_default(),
            errors: String::from_utf8(ran.stderr).unwrap(),
        }
    }
}

impl Run {
    pub fn count(&self, pointer: &str) -> u64 {
        self.report.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer} in {}", self.report))
    }

    pub fn text(&self, pointer: &str) -> &str {
        self.report.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} in {}", self.report))
    }

    /// How many requests failed of a kind.
    pub fn failed(&self, kind: &str) -> u64 {
        let failures = self.report["failures"].as_array().unwrap();
        let of_kind = failures.iter().find(|failure| failure["kind"] == kind);
        of_kind.map_or(0, |failure| failure["count"].as_u64().unwrap())
    }

    pub fn notes(&self, kind: &str) -> Vec<&str> {
        let events = self.report["events"].as_array().unwrap();
        let of_kind = events.iter().filter(|event| event["kind"] == kind);
        of_kind.map(|event| event["note"].as_str().unwrap()).collect()
    }
}
