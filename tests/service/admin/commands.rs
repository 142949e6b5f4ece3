//! The commands that talk to a running service: what they have it do, print, and end in.

mod canned;
mod failures;
mod overview;

use std::time::Duration;

use serde_json::{Value, json};

use super::Administered;
use crate::harness::{Setup, table, wait_until};

/// How a command ended, and what it wrote.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    output: String,
    errors: String,
}

fn run(setup: &Setup, arguments: &[&str]) -> Ran {
    run_in(setup, &[], arguments)
}

fn run_in(setup: &Setup, environment: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let mut command = setup.command(arguments);
    let ended = command.envs(environment.iter().copied()).output().unwrap();
    let [output, errors] = [ended.stdout, ended.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    Ran { code: ended.status.code(), output, errors }
}

/// The flags for a client whose files have this name.
fn flags(name: &str) -> Vec<String> {
    let file = |kind| format!("certs/{name}.{kind}");
    ["--certificate", &file("pem"), "--key", &file("key"), "--ca", "certs/root.pem"].map(str::to_owned).to_vec()
}

/// A command by such a client to an address.
fn run_as(setup: &Setup, name: &str, address: &str, arguments: &[&str]) -> Ran {
    let flags = flags(name);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    run(setup, &[arguments, &["--address", address], &flags].concat())
}

impl Administered {
    /// By the admin, who needs files for that.
    fn run(&self, arguments: &[&str]) -> Ran {
        let setup = &self.served.setup;
        setup.write_identity("ops-1", &self.admin);
        run_as(setup, "ops-1", &self.address(), arguments)
    }

    fn address(&self) -> String {
        self.served.service.admin.unwrap().to_string()
    }

    /// Puts the harness's table into place under another version, and waits until it is in service.
    fn publish(&self, version: &str) {
        self.put(version, |_| {});
        wait_until("it is published", || self.table()["version"] == version);
    }

    fn put(&self, version: &str, change: impl FnOnce(&mut Value)) {
        let mut table = table();
        table["version"] = json!(version);
        change(&mut table);
        self.served.setup.write_table(&table);
    }
}

fn keeping() -> Administered {
    let mut setup = Setup::new();
    setup.section("table", "source = \"table.json\"\nstate = \"state\"");
    Administered::on(setup)
}

#[test]
fn reload_says_what_came_of_it() {
    let administered = Administered::new();
    let ran = administered.run(&["reload"]);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    for line in ["table      unchanged, generation 1\n", "trust      unchanged, generation 1\n"] {
        assert!(ran.output.contains(line), "{ran:?}");
    }
    administered.put("test.2", |_| {});
    let ran = administered.run(&["reload", "--format", "json"]);
    let answer: Value = serde_json::from_str(&ran.output).unwrap();
    assert_eq!((ran.code, &answer["table"]["generation"]), (Some(0), &json!(2)), "{ran:?}");
    assert_eq!(administered.table()["version"], "test.2");

    administered.put("test.3", |table| table["default"] = json!("wolrd"));
    let ran = administered.run(&["reload"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.output.starts_with("table      refused"), "{ran:?}");
    assert!(ran.output.contains("trust      unchanged, generation 1\n"), "{ran:?}");
    for part in
        ["table.json:", "unknown mix `wolrd`", "help: did you mean `world`?", "croupier: the new table was refused"]
    {
        assert!(ran.errors.contains(part), "{part}: {ran:?}");
    }
    let underlined = "\"default\": \"wolrd\"";
    let line = ran.errors.lines().position(|line| line.contains(underlined)).unwrap();
    let mark = ran.errors.lines().nth(line + 1).unwrap();
    let drawn = ran.errors.lines().nth(line).unwrap();
    assert_eq!((mark.find('^'), mark.matches('^').count()), (drawn.find("\"wolrd"), 7), "{}", ran.errors);
    let log = administered.served.service.log();
    let told = log.iter().find(|line| line["help"] == "did you mean `world`?").unwrap();
    let message = told["message"].as_str().unwrap();
    assert!(message.starts_with("table.json:") && message.ends_with(": error: unknown mix `wolrd`"), "{told}");
    assert!(!ran.errors.contains("--force"), "that would not help: {ran:?}");
    let ran = administered.run(&["reload", "--format", "json"]);
    let answer: Value = serde_json::from_str(&ran.output).unwrap();
    assert_eq!((ran.code, &answer["table"]["result"]), (Some(1), &json!("refused")), "{ran:?}");
    assert_eq!(ran.errors.matches("wolrd").count(), 1, "the reason, once: {ran:?}");
}

#[test]
fn rollback_says_from_what_to_what_and_how_to_go_on() {
    let administered = keeping();
    let ran = administered.run(&["rollback"]);
    assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.errors.ends_with("croupier: the table was not rolled back\n"), "{ran:?}");
    assert_eq!(ran.errors.matches("no table before the one in service").count(), 1, "told once: {ran:?}");

    administered.publish("test.2");
    let ran = administered.run(&["rollback"]);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    assert!(ran.output.starts_with("rolled back from test.2 to test.1, generation 3\nit is held: "), "{ran:?}");
    assert!(ran.output.contains("`croupier reload` releases it"), "{ran:?}");
    assert_eq!(administered.table()["held"], true);
    let ran = administered.run(&["reload"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!((&administered.table()["version"], &administered.table()["held"]), (&json!("test.2"), &json!(false)));
    let ran = administered.run(&["rollback", "--format", "json"]);
    let answer: Value = serde_json::from_str(&ran.output).unwrap();
    assert_eq!((ran.code, &answer["table"]["result"]), (Some(0), &json!("published")), "{ran:?}");
}

#[test]
fn explain_prints_what_lookup_explains() {
    let administered = Administered::new();
    let addresses = ["198.18.64.7", "203.0.113.9", "2001:db8:1::9", "::ffff:198.18.1.2"];
    for format in [&[][..], &["--format", "json"]] {
        let offline = [&["lookup", "--table", "table.json", "--explain"], format, &addresses].concat();
        let offline = run(&administered.served.setup, &offline);
        let online = administered.run(&[&["explain"], format, &addresses].concat());
        assert_eq!((online.code, &online.output, online.errors.as_str()), (Some(0), &offline.output, ""));
    }
    let ran = administered.run(&["explain", "198.18.64.7", "x%20y&ip=1.1.1.1", "203.0.113.9"]);
    assert_eq!((ran.code, ran.output.matches("What matches").count()), (Some(1), 2), "{ran:?}");
    assert_eq!(ran.errors, "croupier: `x%20y&ip=1.1.1.1` is not an IPv4 or IPv6 address\n");
    assert_eq!(administered.run(&["explain"]).code, Some(2));
}

#[test]
fn the_environment_says_whom_to_ask_and_as_whom() {
    let administered = Administered::new();
    let setup = &administered.served.setup;
    setup.write_identity("ops-1", &administered.admin);
    let address = administered.address();
    let variables = [
        ("CROUPIER_ADMIN_ADDRESS", address.as_str()),
        ("CROUPIER_ADMIN_CERTIFICATE", "certs/ops-1.pem"),
        ("CROUPIER_ADMIN_KEY", "certs/ops-1.key"),
        ("CROUPIER_ADMIN_CA", "certs/root.pem"),
    ];
    let ran = run_in(setup, &variables, &["reload"]);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    let ran = run_in(setup, &variables, &["reload", "--ca", "certs/nowhere.pem"]);
    assert!(ran.code == Some(1) && ran.errors.starts_with("certs/nowhere.pem: error: "), "flags go before: {ran:?}");
    let ran = run_in(setup, &variables[..2], &["reload"]);
    assert_eq!((ran.code, ran.output.as_str()), (Some(2), ""), "{ran:?}");
    for part in ["--key FILE (or CROUPIER_ADMIN_KEY)", "--ca FILE (or CROUPIER_ADMIN_CA)", "are missing", "--dev"] {
        assert!(ran.errors.contains(part), "{part}: {ran:?}");
    }
    let ran = run_in(setup, &variables, &["check"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!(ran.output + &ran.errors).contains("CROUPIER_ADMIN"), "nobody is warned of them");
}

#[test]
fn a_trial_shows_what_would_change_and_changes_nothing() {
    let administered = keeping();
    administered.publish("test.2");
    // Held, so that the change of the file publishes nothing by itself.
    assert_eq!(administered.run(&["rollback"]).code, Some(0));
    administered.put("test.3", |table| table["mixes"]["solo"] = json!({ "alpha": 1 }));
    let ran = administered.run(&["reload", "--dry-run"]);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    for part in ["table      would be published\n", "old  test.1  (", "new  test.3  (", "  gamma -> alpha"] {
        assert!(ran.output.contains(part), "{part}: {ran:?}");
    }
    assert_eq!((&administered.table()["version"], &administered.table()["held"]), (&json!("test.1"), &json!(true)));
    administered.put("test.4", |table| table["default"] = json!("wolrd"));
    let ran = administered.run(&["reload", "--dry-run"]);
    assert!(ran.code == Some(1) && ran.errors.contains("would be refused for "), "{ran:?}");
}

#[test]
fn force_passes_the_guards() {
    let administered = Administered::new();
    administered.put("test.2", |table| {
        table["default"] = json!("solo");
        table["canaries"] = json!([]);
    });
    // Long enough that the change of the file is refused for itself.
    std::thread::sleep(Duration::from_millis(1500));
    let ran = administered.run(&["reload"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.output.contains("table      refused") && ran.output.contains("new  test.2  ("), "{ran:?}");
    assert!(ran.errors.contains("`croupier reload --force` publishes it"), "{ran:?}");
    assert_eq!(administered.table()["version"], "test.1");
    let ran = administered.run(&["reload", "--force"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.output.contains("table      published as generation 2\n"), "{ran:?}");
    assert!(ran.errors.contains("warning: published by force: "), "{ran:?}");
}
