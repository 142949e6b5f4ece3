//! What overrides make of `lookup`, and what `check` says of them.

use serde_json::Value;

use super::FILE;
use crate::program::{Folder, Ran};
use crate::trust::Trust;

/// In mix near: alpha first, then beta.
const NEAR: &str = "198.51.100.1";

const ALPHA_DOWN: &str = r#"{ "overrides": [{ "cdn": "alpha", "state": "down", "reason": "INC-123" }] }"#;

fn lookup(folder: &Folder, arguments: &[&str]) -> Ran {
    folder.run(&[&["lookup", "--table", "table.json"], arguments, &[NEAR]].concat())
}

#[test]
fn lookup_answers_as_the_service_would() {
    let folder = Folder::with_good_table();
    let plain = lookup(&folder, &[]);
    assert!(plain.output.starts_with("198.51.100.1  alpha, beta  (mix near "), "{plain:?}");
    folder.write(FILE, ALPHA_DOWN);
    let ran = lookup(&folder, &[]);
    assert_eq!(ran.output, "198.51.100.1  beta  (mix near by asn:as64500, for 198.51.100.0/25)\n", "{ran:?}");
    assert_eq!(lookup(&folder, &["--no-overrides"]).output, plain.output);
    folder.write("other.json", r#"{ "overrides": [{ "mix": "near", "weights": { "beta": 1, "alpha": 0 } }] }"#);
    let ran = lookup(&folder, &["--overrides", "other.json"]);
    assert!(ran.output.starts_with("198.51.100.1  beta, alpha  (mix near "), "{ran:?}");
    assert_eq!(lookup(&folder, &["--overrides", "other.json", "--no-overrides"]).code, Some(2));
}

#[test]
fn a_ttl_does_not_reach_past_the_next_change() {
    let folder = Folder::with_good_table();
    let ran = folder.run(&["override", "cdn", "beta", "down", "--for", "100s", "--file", FILE]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let answer: Value = serde_json::from_str(&lookup(&folder, &["--format", "json"]).output).unwrap();
    assert!((1..=101).contains(&answer["ttl"].as_u64().unwrap()), "{answer}");
    let answer: Value = serde_json::from_str(&lookup(&folder, &["--format", "json", "--no-overrides"]).output).unwrap();
    assert_eq!(answer["ttl"], 300);
}

#[test]
fn overrides_are_explained() {
    let folder = Folder::with_good_table();
    folder.write(
        FILE,
        r#"{ "overrides": [
            { "cdn": "alpha", "state": "down", "reason": "INC-123" },
            { "mix": "near", "weights": { "alpha": 7 } },
            { "mix": "far", "weights": { "alpha": 1 }, "from": "2999-01-01T00:00:00Z" } ] }"#,
    );
    let ran = lookup(&folder, &["--explain"]);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    insta::assert_snapshot!(ran.output);
}

#[test]
fn bad_overrides_are_told_and_nothing_answered() {
    let folder = Folder::with_good_table();
    folder.write(FILE, ALPHA_DOWN.replace("down", "dwon"));
    let ran = lookup(&folder, &[]);
    assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.told().contains("overrides.json:1:44: error: unknown state `dwon`"), "{ran:?}");
    assert_eq!(lookup(&folder, &["--no-overrides"]).code, Some(0));
    let ran = lookup(&folder, &["--overrides", "missing.json"]);
    assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.told().contains("missing.json: error: the file does not exist"), "{ran:?}");
}

#[test]
fn ignored_overrides_are_told_and_stop_nothing() {
    let folder = Folder::with_good_table();
    folder.write(FILE, ALPHA_DOWN.replace("alpha", "alhpa"));
    let ran = lookup(&folder, &[]);
    assert!(ran.code == Some(0) && ran.output.starts_with("198.51.100.1  alpha, beta  "), "{ran:?}");
    let said = "overrides.json:1:26: warning: the override of CDN `alhpa` is ignored: unknown CDN `alhpa`\n    \
                help: did you mean `alpha`?\n";
    assert_eq!(ran.told(), said);
}

#[test]
fn check_looks_at_the_overrides_that_the_configuration_names() {
    let trust = Trust::new();
    let folder = &trust.folder;
    assert!(folder.check_config().problems.is_empty());
    folder.write(FILE, ALPHA_DOWN);
    assert!(folder.check_config().problems.is_empty());
    folder.write(FILE, ALPHA_DOWN.replace("down", "dwon"));
    let report = folder.check_config();
    let problem = report.only();
    assert_eq!((problem.severity.as_str(), problem.line, problem.column), ("error", 1, 44));
    assert!(problem.file.ends_with(FILE), "{problem:?}");
    folder.write(FILE, ALPHA_DOWN.replace("alpha", "alhpa"));
    let report = folder.check_config();
    assert_eq!((report.only().severity.as_str(), report.errors), ("warning", 0));
    folder.write(FILE, ALPHA_DOWN.replace(']', r#", { "cdn": "beta", "state": "down" }]"#));
    let report = folder.check_config();
    assert_eq!((report.errors, report.warnings), (0, 2), "{report:#?}");
    assert!(report.problems[0].message.starts_with("every CDN of mix"), "{report:#?}");

    let config = std::fs::read_to_string(folder.path("croupier.toml")).unwrap();
    folder.write("croupier.toml", config.replace("[table]\n", "[table]\noverrides = \"ops.json\"\n"));
    let report = folder.check_config();
    assert!(report.only().message.contains("the file does not exist"), "{report:#?}");
    assert_eq!(report.errors, 0);
    // A bad table does not hide what is wrong with the overrides.
    folder.write("ops.json", "{}").write("table.json", "{}");
    let report = folder.check_config();
    report.with("the file has no `overrides`");
    report.with("the table has no `version`");
}
