//! The first table of a process, against the last good one.

use serde_json::{Value, json};

use super::{Guarded, MOST, parted, sole};
use crate::harness::{refused_start, wait_until};

#[test]
fn a_table_that_moves_too_much_does_not_start() {
    let mut guarded = Guarded::keeping("max_shrunk = 1", &parted("good", 1, 1));
    let mut before = guarded.in_service();
    guarded.publish(&parted("better", 2, 2));
    before.2 = guarded.answers();
    for answer in &mut before.2 {
        answer["generation"] = json!(1);
    }
    let digest = guarded.shown()["digest"].clone();
    for (ipv4, ipv6, told) in [(MOST, 2, "60.00% of the IPv4 addresses"), (2, MOST, "60.00% of the IPv6 addresses")] {
        guarded.running = None;
        guarded.setup.write_table(&parted("much", ipv4, ipv6));
        guarded.start();
        assert_eq!(guarded.in_service(), (json!(1), digest.clone(), before.2.clone()), "the last good one is served");
        guarded.wait_health("warn", told);
        let shown = guarded.shown();
        let error = shown["last_error"].as_str().unwrap();
        assert!(error.contains("table.json") && error.contains(told) && error.contains("force"), "{error}");
        assert_eq!((&shown["version"], &shown["held"]), (&json!("better"), &json!(false)));
        let latest = &guarded.history()[0];
        assert_eq!(
            [&latest["trigger"], &latest["result"], &latest["generation"], &latest["version"], &latest["reason"]],
            [&json!("start"), &json!("refused"), &json!(1), &json!("much"), &json!(error)]
        );
        assert_eq!(
            (&latest["diff"]["from"]["version"], &latest["diff"]["to"]["version"]),
            (&json!("better"), &json!("much"))
        );
        let logged = |text: &str| guarded.service().log().iter().any(|line| line["message"].as_str() == Some(text));
        assert!(logged("the source is refused: serving the last good table"));
    }
    guarded.refused_for("/reload", &["60.00% of the IPv6 addresses"]);
    assert_eq!(guarded.post("/reload?force=true").status, 200);
    assert_eq!((guarded.version().as_str(), &guarded.shown()["last_error"]), ("much", &Value::Null));
    guarded.wait_health("pass", "");
    // It is the last good one from now on.
    guarded.start();
    assert_eq!(guarded.version(), "much");
    guarded.wait_health("pass", "");
    assert_eq!(guarded.post("/rollback").status, 200);
    assert_eq!(guarded.version(), "better");
}

#[test]
fn once_the_source_is_mended_it_is_served() {
    let mut guarded = Guarded::keeping("", &parted("good", 1, 1));
    for mended in ["good", "better"] {
        guarded.running = None;
        guarded.setup.write_table(&sole("none", &json!([])));
        guarded.start();
        guarded.wait_health("warn", "100% of the footprint values would be lost (2 of 2)");
        assert_eq!(guarded.version(), "good");
        guarded.setup.write_table(&parted(mended, 1, 1));
        guarded.wait_health("pass", "");
        assert_eq!((guarded.version().as_str(), &guarded.shown()["last_error"]), (mended, &Value::Null));
        let generation = if mended == "good" { 1 } else { 2 };
        assert_eq!(guarded.shown()["generation"], generation);
    }
}

#[test]
fn the_same_table_is_compared_with_nothing() {
    let mut guarded = Guarded::keeping("", &parted("good", MOST, MOST));
    for _ in 0..2 {
        let latest = guarded.history()[0].clone();
        assert_eq!((&latest["trigger"], &latest["result"]), (&json!("start"), &json!("published")));
        assert!(latest["diff"].is_null() && latest["reason"].is_null(), "{latest:#}");
        guarded.start();
    }
    guarded.running = None;
    guarded.setup.write_table(&parted("good too", MOST + 1, MOST));
    guarded.start();
    let latest = &guarded.history()[0];
    assert_eq!((&latest["result"], &latest["generation"]), (&json!("published"), &json!(1)));
    assert_eq!(latest["diff"]["from"]["version"], "good");
    assert_eq!(latest["diff"]["ipv4"]["moved"], 1 << 16);
    assert_eq!(guarded.history().len(), 4);
}

#[test]
fn without_tables_kept_there_is_nothing_to_compare_with() {
    let mut guarded = Guarded::new("", &parted("good", 1, 1));
    guarded.running = None;
    guarded.setup.write_table(&parted("much", MOST, MOST));
    guarded.start();
    assert_eq!(guarded.version(), "much");
    guarded.wait_health("pass", "");
    assert_eq!(guarded.history().len(), 1, "and nothing to remember");
}

#[test]
fn a_limit_raised_above_the_last_good_table_leaves_it_served() {
    let mut guarded = Guarded::keeping("", &parted("good", 1, 1));
    guarded.setup.section("guards", "min_values = 3\nmax_shrunk = 1");
    guarded.start();
    guarded.wait_health("warn", "the table has 2 footprint values");
    assert_eq!(guarded.version(), "good");
    guarded.setup.write_table(&parted("better", 3, 3));
    wait_until("one that has enough is published", || guarded.version() == "better");
    guarded.wait_health("pass", "");
    // Where none is kept, it is no start.
    std::fs::remove_dir_all(guarded.setup.path("state")).unwrap();
    guarded.running = None;
    guarded.setup.write_table(&parted("good", 1, 1));
    let ended = refused_start(&guarded.setup);
    assert_eq!(ended.code, Some(1), "{}", ended.errors);
    assert!(ended.errors.contains("the table has 2 footprint values") && ended.errors.contains("lower `min_values`"));
}

#[test]
fn limits_come_from_the_environment_too() {
    let mut guarded = Guarded::with("", "max_moved = 1\nmax_shrunk = 1", &parted("good", 0, 8));
    for (name, value) in [
        ("MAX_MOVED", "0.25"),
        ("MAX_SHRUNK", "0"),
        ("MIN_INTERVAL", "86400"),
        ("MIN_VALUES", "1"),
        ("MAX_INPUT", "100000"),
        ("TRAFFIC", "traffic.csv"),
    ] {
        guarded.setup.environment(&format!("CROUPIER_GUARDS_{name}"), value);
    }
    let printed = guarded.setup.command(&["check", "--config", "croupier.toml", "--print-config"]).output().unwrap();
    let printed: toml::Table = String::from_utf8(printed.stdout).unwrap().parse().unwrap();
    let printed = printed["guards"].as_table().unwrap();
    let expected = "max_moved = 0.25\nmax_shrunk = 0.0\nmin_interval = 86400\nmin_values = 1\nmax_input = 100000";
    for (key, value) in expected.parse::<toml::Table>().unwrap() {
        let as_number = |value: &toml::Value| value.as_float().or(value.as_integer().map(|whole| whole as f64));
        assert_eq!(as_number(&printed[&key]), as_number(&value), "{key}");
    }
    assert!(printed["traffic"].as_str().unwrap().ends_with("traffic.csv"), "{printed}");

    guarded.setup.write("traffic.csv", "200.0.0.0/8,3\n10.0.0.0/8,1\n");
    guarded.start();
    let many = |version: &str, prefix: &str| {
        let mut table = parted(version, 0, 8);
        let footprint = json!({ "footprint-type": "ipv4cidr", "footprint-value": [prefix], "mix": "b" });
        table["footprints"].as_array_mut().unwrap().push(footprint);
        table
    };
    guarded.setup.write_table(&many("many", "200.0.0.0/8"));
    guarded.refused_for("/reload", &["75.00% of the viewers", "more than the 25.00% of `max_moved` in [guards]"]);
    guarded.publish(&many("few", "10.0.0.0/8"));
    guarded.setup.write_table(&parted("one fewer", 0, 8));
    guarded.refused_for("/reload", &["(1 of 2)", "more than the 0%"]);
}

#[test]
fn shares_are_from_0_to_1() {
    let mut guarded = Guarded::with("", "", &parted("good", 1, 1));
    for key in ["max_moved", "max_shrunk"] {
        for value in ["-0.1", "1.1", "50", "inf", "nan", "\"0.5\"", "-0.0000001", "true"] {
            guarded.setup.section("guards", &format!("{key} = {value}"));
            let ended = refused_start(&guarded.setup);
            assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{key} = {value}");
            assert!(ended.errors.contains("croupier.toml:") && ended.errors.contains(key), "{}", ended.errors);
            assert!(
                value.starts_with(['"', 't']) || ended.errors.contains("is not a share from 0 to 1"),
                "{}",
                ended.errors
            );
        }
        for value in ["0", "1", "0.0", "1.0", "1e-3"] {
            guarded.setup.section("guards", &format!("{key} = {value}"));
            let check = guarded.setup.command(&["check", "--config", "croupier.toml"]).output().unwrap();
            assert_eq!(check.status.code(), Some(0), "{key} = {value}");
        }
    }
    guarded.setup.section("guards", "").environment("CROUPIER_GUARDS_MAX_MOVED", "2");
    let ended = refused_start(&guarded.setup);
    assert_eq!(ended.code, Some(1));
    assert!(ended.errors.contains("is not a share from 0 to 1"), "{}", ended.errors);
}
