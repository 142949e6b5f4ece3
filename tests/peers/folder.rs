//! A folder with a system's files, and the table that `croupier import` makes of them in `out`.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Ran, run};

pub struct Folder {
    directory: TempDir,
}

impl Folder {
    pub fn new() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    pub fn root(&self) -> &Path {
        self.directory.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    pub fn write(&self, name: &str, contents: &str) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
        self
    }

    pub fn import(&self, from: &str, file: &str, more: &[&str]) -> Ran {
        let usual = ["import", "--from", from, file, "--to", "out", "--force", "--format", "json"];
        run(self.croupier(&[&usual, more].concat()))
    }

    /// The same, when it must be good: everything that it tells, line by line.
    #[track_caller]
    pub fn imported(&self, from: &str, file: &str, more: &[&str]) -> Vec<String> {
        let ran = self.import(from, file, more);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let report: Value = serde_json::from_str(&ran.output).unwrap();
        let told = |one: &Value| format!("{}:{} {}", one["file"].as_str().unwrap(), one["line"], one["message"]);
        report["problems"].as_array().unwrap().iter().map(told).collect()
    }

    /// The mix of each address, IPv4-mapped ones under IPv4 as answers have them; `refused` if it is none.
    #[track_caller]
    pub fn mixes<A: ToString>(&self, addresses: &[A]) -> Vec<String> {
        let lines: String = addresses.iter().flat_map(|address| [address.to_string(), "\n".to_owned()]).collect();
        self.write("addresses", &lines);
        let mut command = self.croupier(&["lookup", "--table", "out/cdn-table.json", "--format", "json", "-"]);
        command.stdin(fs::File::open(self.path("addresses")).unwrap());
        let ran = run(command);
        let mix = |line: &str| {
            let answer: Value = serde_json::from_str(line).unwrap();
            (answer["ip"].as_str().unwrap().parse().unwrap(), answer["mix"].as_str().unwrap().to_owned())
        };
        let found: BTreeMap<IpAddr, String> = ran.output.lines().map(mix).collect();
        let of = |address: &A| {
            let address: Option<IpAddr> = address.to_string().parse().ok();
            address
                .and_then(|address| found.get(&address.to_canonical()).cloned())
                .unwrap_or_else(|| "refused".to_owned())
        };
        addresses.iter().map(of).collect()
    }

    fn croupier(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_croupier"));
        command.args(arguments).current_dir(self.root()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CROUPIER_") {
                command.env_remove(name);
            }
        }
        command
    }
}

/// What a mix is called that gives this answer.
pub fn named(answer: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() || "._-".contains(letter) { letter } else { '-' };
    if answer.is_empty() { "empty".to_owned() } else { answer.chars().map(letter).collect() }
}

/// Croupier's mixes must be those of the other system's answers, address by address.
#[track_caller]
pub fn compare(addresses: &[IpAddr], answers: &[String], mixes: &[String]) {
    assert_eq!((answers.len(), mixes.len()), (addresses.len(), addresses.len()));
    let mut values: BTreeMap<String, &String> = BTreeMap::new();
    for answer in answers {
        let before = values.insert(named(answer), answer);
        assert!(before.is_none_or(|before| before == answer), "`{answer}` and {before:?} are one mix");
    }
    let differs = |at: &usize| named(&answers[*at]) != mixes[*at];
    let different: Vec<usize> = (0..addresses.len()).filter(differs).collect();
    let shown = |at: &usize| format!("{}: `{}` there, `{}` here", addresses[*at], answers[*at], mixes[*at]);
    let some: Vec<String> = different.iter().take(20).map(shown).collect();
    assert!(different.is_empty(), "{} of {} differ:\n{}", different.len(), addresses.len(), some.join("\n"));
}
