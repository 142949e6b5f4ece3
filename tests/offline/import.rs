//! `croupier import`: other systems' files, and the answers those systems give.

mod database;
mod exchange;
mod faults;
mod formats;
mod nginx;

use serde_json::Value;

use crate::program::{Folder, Ran};

/// Imports a file into `out`.
#[track_caller]
pub fn import(folder: &Folder, from: &str, file: &str, more: &[&str]) -> Ran {
    folder.run(&[&["import", "--from", from, file, "--to", "out", "--format", "json"], more].concat())
}

/// The same, when it must be good: what it reports, after `check` found no error.
#[track_caller]
pub fn imported(folder: &Folder, from: &str, file: &str, more: &[&str]) -> Value {
    let ran = import(folder, from, file, more);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    let checked = folder.run(&["check", "--table", "out/cdn-table.json", "--format", "json"]).report();
    assert_eq!((checked.errors, checked.warnings), (0, 0), "{checked:#?}");
    serde_json::from_str(&ran.output).unwrap()
}

/// The document that was written.
pub fn table(folder: &Folder) -> Value {
    serde_json::from_slice(&std::fs::read(folder.path("out/cdn-table.json")).unwrap()).unwrap()
}

/// The mix that each address gets.
#[track_caller]
pub fn mixes<A: ToString>(folder: &Folder, addresses: impl IntoIterator<Item = A>) -> Vec<String> {
    let lines: String = addresses.into_iter().map(|address| address.to_string() + "\n").collect();
    let ran = folder.run_on(&["lookup", "--table", "out/cdn-table.json", "--format", "json", "-"], lines);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let mix = |line| serde_json::from_str::<Value>(line).unwrap()["mix"].as_str().unwrap().to_owned();
    ran.output.lines().map(mix).collect()
}

/// Each problem as `FILE:LINE message`.
pub fn told(report: &Value) -> Vec<String> {
    let problems = report["problems"].as_array().unwrap();
    let line =
        |one: &Value| format!("{}:{} {}", one["file"].as_str().unwrap(), one["line"], one["message"].as_str().unwrap());
    problems.iter().map(line).collect()
}

#[track_caller]
pub fn tells(report: &Value, said: &str) {
    assert!(told(report).iter().any(|line| line.contains(said)), "nothing says `{said}`: {:#?}", told(report));
}
