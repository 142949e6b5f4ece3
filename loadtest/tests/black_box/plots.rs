//! Plots of how cost grows.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;

fn plots(directory: &Path, measured: &str) -> Output {
    let file = directory.join("measured.jsonl");
    fs::write(&file, measured).unwrap();
    let mut command = Command::new(cargo_bin("croupier-loadtest"));
    command.arg("plots").arg("--measured").arg(file).arg("--to").arg(directory.join("plots")).output().unwrap()
}

#[test]
fn what_was_measured_is_drawn_and_the_rest_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("plots")).unwrap();
    fs::write(directory.path().join("plots/memory.svg"), "earlier").unwrap();
    let output = plots(
        directory.path(),
        "{\"of\":\"trie-ipv4\",\"across\":100000,\"value\":64.4}\n{\"of\":\"trie-ipv4\",\"across\":10000,\"value\":21}\n",
    );
    assert!(output.status.success(), "{output:?}");
    let lookup = fs::read_to_string(directory.path().join("plots/lookup.svg")).unwrap();
    for part in
        ["<svg", "Croupier, IPv4, 10,000: 21 ns", "Croupier, IPv4, 100,000: 64.4 ns", "50 ns", "prefers-color-scheme"]
    {
        assert!(lookup.contains(part), "{part} is not in {lookup}");
    }
    assert!(!lookup.contains("prefix-trie"), "a line of nothing: {lookup}");
    assert_eq!(fs::read_to_string(directory.path().join("plots/memory.svg")).unwrap(), "earlier");
    assert!(String::from_utf8_lossy(&output.stderr).contains("memory.svg: left as it is"), "{output:?}");
}

#[test]
fn what_is_no_measurement_is_told_with_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let output = plots(directory.path(), "{\"of\":\"trie-ipv4\",\"across\":10000,\"value\":64}\n{\"of\":1}\n");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("measured.jsonl: line 2: invalid type"), "{said}");
    assert!(!directory.path().join("plots/lookup.svg").exists());
}
