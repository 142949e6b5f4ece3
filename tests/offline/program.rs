//! The built program, run to its end in a folder of its own.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::drawn;
use crate::marked::Spot;

/// How long a command may take before it counts as stuck. Generous: tests share the machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// A small table with everything in it, and no fault.
pub const GOOD: &str = include_str!("tables/good.json");

/// A folder in which to run.
pub struct Folder {
    directory: TempDir,
}

impl Folder {
    pub fn new() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    /// With the files that [`GOOD`] names, and itself as `table.json`.
    pub fn with_good_table() -> Self {
        let folder = Self::new();
        folder.write("table.json", GOOD);
        folder.write("prefixes.txt", "# IPv6 near us\n2001:db8::/32\n");
        folder.write("asn.csv", "start,end,asn\n198.51.100.0,198.51.100.127,64500\n2001:db9::,2001:db9::ff,64500\n");
        folder.write("country.csv", "start,end,country\n198.51.100.0,198.51.100.255,GB\n");
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn root(&self) -> &Path {
        self.directory.path()
    }

    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> &Self {
        fs::write(self.path(name), contents).unwrap();
        self
    }

    /// `croupier` with arguments, in this folder, nothing inherited from who runs the tests.
    pub fn croupier(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_croupier"));
        command.args(arguments).current_dir(self.root()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CROUPIER_") {
                command.env_remove(name);
            }
        }
        command
    }

    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        run(self.croupier(arguments))
    }

    /// With bytes to read from standard input.
    #[track_caller]
    pub fn run_on(&self, arguments: &[&str], input: impl AsRef<[u8]>) -> Ran {
        self.write(".input", input);
        let mut command = self.croupier(arguments);
        command.stdin(fs::File::open(self.path(".input")).unwrap());
        run(command)
    }

    /// What `check --table table.json` reports.
    #[track_caller]
    pub fn check_table(&self) -> Report {
        self.run(&["check", "--table", "table.json", "--format", "json"]).report()
    }

    /// What `check --config croupier.toml` reports.
    #[track_caller]
    pub fn check_config(&self) -> Report {
        self.run(&["check", "--config", "croupier.toml", "--format", "json"]).report()
    }
}

/// Checks every case, even after one has failed.
#[track_caller]
pub fn each<T>(cases: impl IntoIterator<Item = T>, check: impl Fn(T)) {
    let checked = cases.into_iter().map(|case| catch_unwind(AssertUnwindSafe(|| check(case))).is_ok());
    let results: Vec<bool> = checked.collect();
    let failed = results.iter().filter(|good| !**good).count();
    assert_eq!(failed, 0, "of {} cases", results.len());
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub output: String,
    pub errors: String,
}

impl Ran {
    /// The problems on stderr, a line each.
    pub fn told(&self) -> String {
        drawn::told(&self.errors)
    }

    /// The report of a check, which must agree with itself and with the exit code.
    #[track_caller]
    pub fn report(&self) -> Report {
        let report: Report = serde_json::from_str(&self.output).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        let count = |severity| report.problems.iter().filter(|problem| problem.severity == severity).count();
        assert_eq!(report.errors > 0, count("error") > 0, "{report:#?}");
        assert_eq!(report.warnings > 0, count("warning") > 0, "{report:#?}");
        assert_eq!(self.code, Some(i32::from(report.errors > 0)), "{report:#?}");
        report
    }
}

/// Runs a command to its end.
#[track_caller]
pub fn run(mut command: Command) -> Ran {
    let folder = TempDir::new().unwrap();
    let file = |name: &str| fs::File::create(folder.path().join(name)).unwrap();
    let mut child = command.stdout(file("output")).stderr(file("errors")).spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            _ = child.kill();
            _ = child.wait();
            panic!("stuck: {command:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let text = |name: &str| String::from_utf8_lossy(&fs::read(folder.path().join(name)).unwrap()).into_owned();
    Ran { code: status.code(), output: text("output"), errors: text("errors") }
}

/// What `--format json` prints.
#[derive(Debug, Deserialize)]
pub struct Report {
    pub errors: usize,
    pub warnings: usize,
    pub problems: Vec<Problem>,
    pub table: Option<Value>,
}

impl Report {
    /// The one problem that there must be.
    #[track_caller]
    pub fn only(&self) -> &Problem {
        assert_eq!(self.problems.len(), 1, "{self:#?}");
        &self.problems[0]
    }

    /// The problem whose message has this in it.
    #[track_caller]
    pub fn with(&self, message: &str) -> &Problem {
        let found = self.problems.iter().find(|problem| problem.message.contains(message));
        found.unwrap_or_else(|| panic!("nothing says `{message}`: {self:#?}"))
    }
}

#[derive(Debug, Deserialize)]
pub struct Problem {
    pub severity: String,
    pub file: String,
    pub line: u32,
    pub column: u32,
    #[serde(default)]
    pub length: u32,
    pub message: String,
    pub help: Option<String>,
    pub excerpt: Option<Excerpt>,
    pub also: Option<Other>,
}

/// A line of a file, or the part of it from a column on.
#[derive(Debug, Deserialize)]
pub struct Excerpt {
    pub text: String,
    pub column: u32,
    #[serde(default)]
    pub cut: bool,
}

impl Excerpt {
    /// What stands in it from a column of the file on.
    pub fn from(&self, column: u32, length: u32) -> String {
        let before = column.checked_sub(self.column).unwrap();
        self.text.chars().skip(before as usize).take(length as usize).collect()
    }
}

impl Problem {
    pub fn spot(&self) -> Spot {
        Spot { line: self.line, column: self.column, length: self.length }
    }

    /// Message and help in one.
    pub fn text(&self) -> String {
        format!("{} {}", self.message, self.help.as_deref().unwrap_or_default())
    }
}

/// The other place of a conflict.
#[derive(Debug, Deserialize)]
pub struct Other {
    pub file: String,
    pub line: u32,
    pub column: u32,
    pub length: u32,
    pub label: String,
    pub excerpt: Option<Excerpt>,
}
