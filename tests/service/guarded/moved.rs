//! `max_moved`: each family by itself, up to the limit and not a part further.

use serde_json::{Value, json};

use super::{Guarded, MOST, PARTS, first_error, parted, problems};
use crate::harness::wait_until;

/// Only movement counts.
fn moving_up_to(limit: &str) -> String {
    format!("max_moved = {limit}\nmax_shrunk = 1")
}

/// The number of addresses in a part, and of /48s.
const IN_PART: [u64; 2] = [(1 << 32) / PARTS as u64, (1 << 48) / PARTS as u64];

#[track_caller]
fn assert_moves(diff: &Value, ipv4: u32, ipv6: u32) {
    for (family, parts, in_part) in [("ipv4", ipv4, IN_PART[0]), ("ipv6", ipv6, IN_PART[1])] {
        assert_eq!(diff[family]["moved"], json!(u64::from(parts) * in_part), "{family}");
        assert_eq!(diff[family]["share"], json!(f64::from(parts) / f64::from(PARTS)), "{family}");
    }
}

#[test]
fn most_of_either_family_is_too_much() {
    for (ipv4, ipv6, whose) in [(MOST, 0, "IPv4"), (0, MOST, "IPv6")] {
        for trigger in ["POST", "file", "HUP"] {
            let guarded = Guarded::new("max_shrunk = 1", &parted("good", 0, 0));
            let before = guarded.in_service();
            guarded.setup.write_table(&parted("much", ipv4, ipv6));
            let told = [
                "table.json: error: ",
                &format!(
                    "60.00% of the {whose} addresses would get another first CDN, most of them from alpha to beta"
                ),
                "more than the 50.00% of `max_moved` in [guards]",
                "help: if that is meant, ",
                "force",
            ];
            match trigger {
                "POST" => guarded.refused_for("/reload", &told),
                "HUP" => guarded.service().signal("HUP"),
                _ => {}
            }
            let expected = match trigger {
                "POST" => "admin",
                "HUP" => "signal",
                _ => "file change",
            };
            wait_until("it is refused", || guarded.history().iter().any(|entry| entry["trigger"] == expected));
            let history = guarded.history();
            let entry = history.iter().find(|entry| entry["trigger"] == expected).unwrap();
            for told in told {
                assert!(entry["reason"].as_str().unwrap().contains(told), "no {told:?} in {entry:#}");
            }
            assert_moves(&entry["diff"], ipv4, ipv6);
            assert_eq!((&entry["result"], &entry["errors"]), (&json!("refused"), &json!(1)));
            assert_eq!(guarded.in_service(), before);
            assert_eq!(guarded.shown()["last_error"], entry["reason"]);
            assert!(guarded.counted("failed") >= 1.0);
            guarded.wait_health("warn", "`max_moved`");

            // Back to what is in service, and there is nothing left to be told.
            guarded.setup.write_table(&parted("good", 0, 0));
            guarded.wait_health("pass", "");
            assert_eq!((guarded.shown()["last_error"].clone(), guarded.in_service()), (Value::Null, before));
            wait_until("that is kept", || guarded.history()[0]["result"] == "unchanged");
        }
    }
}

#[test]
fn the_limit_itself_is_allowed() {
    const LIMIT: u32 = PARTS / 4;
    for is_ipv4 in [true, false] {
        let moving = |parts: u32| if is_ipv4 { (parts, 0) } else { (0, parts) };
        let guarded = Guarded::new(&moving_up_to("0.25"), &parted("none", 0, 0));
        let (ipv4, ipv6) = moving(LIMIT + 1);
        guarded.setup.write_table(&parted("above", ipv4, ipv6));
        guarded.refused_for("/reload", &[if is_ipv4 { "of the IPv4 addresses" } else { "of the IPv6 addresses" }]);
        let problem = guarded.post("/reload").json();
        assert_moves(&problem["table"]["diff"], ipv4, ipv6);
        assert_eq!(problems(&problem["table"], "error").len(), 1);
        for parts in [LIMIT, 1, LIMIT] {
            let (ipv4, ipv6) = moving(parts);
            guarded.publish(&parted(&format!("{parts} parts"), ipv4, ipv6));
        }
        // From there on it counts anew, in either direction.
        let (ipv4, ipv6) = moving(2 * LIMIT + 1);
        guarded.setup.write_table(&parted("above", ipv4, ipv6));
        guarded.refused("/reload");
        let (ipv4, ipv6) = moving(2 * LIMIT);
        guarded.publish(&parted("a limit further", ipv4, ipv6));
        let (ipv4, ipv6) = moving(LIMIT - 1);
        guarded.setup.write_table(&parted("below", ipv4, ipv6));
        guarded.refused("/reload");
        let (ipv4, ipv6) = moving(LIMIT);
        guarded.publish(&parted("a limit back", ipv4, ipv6));
    }
}

#[test]
fn families_do_not_make_up_for_each_other() {
    let guarded = Guarded::new(&moving_up_to("0.25"), &parted("none", 0, 0));
    guarded.setup.write_table(&parted("both", MOST, MOST));
    guarded.refused_for("/reload", &["IPv4"]);
    let table = &guarded.post("/reload").json()["table"];
    let errors = problems(table, "error");
    assert_eq!(errors.len(), 2, "each is told: {table:#}");
    assert!(errors[1]["message"].as_str().unwrap().contains("IPv6"), "{table:#}");
    assert_eq!(guarded.history()[0]["errors"], 2);
    // Each to the limit.
    guarded.publish(&parted("to the limit", PARTS / 4, PARTS / 4));
}

#[test]
fn nothing_and_everything_are_limits_too() {
    let guarded = Guarded::new(&moving_up_to("0"), &parted("none", 0, 0));
    let narrow = |value: &str| {
        let mut table = parted("narrow", 0, 0);
        let kind = if value.contains(':') { "ipv6cidr" } else { "ipv4cidr" };
        table["footprints"] = json!([{ "footprint-type": kind, "footprint-value": [value], "mix": "b" }]);
        table
    };
    for value in ["192.0.2.1/32", "2001:db8::1/128"] {
        guarded.setup.write_table(&narrow(value));
        guarded.refused_for("/reload", &["<0.01% of the ", "more than the 0%"]);
    }
    let mut renamed = parted("another name", 0, 0);
    renamed["ttl"] = json!(61);
    guarded.publish(&renamed);

    let guarded = Guarded::new(&moving_up_to("1"), &parted("none", 0, 0));
    let mut all = parted("all", 0, 0);
    all["default"] = json!("b");
    guarded.publish(&all);
    assert_moves(&guarded.history()[0]["diff"], PARTS, PARTS);
}

#[test]
fn a_configuration_read_anew_has_its_own_limits() {
    let mut guarded = Guarded::new(&moving_up_to("0.25"), &parted("none", 0, 0));
    guarded.setup.write_table(&parted("much", MOST, 0));
    guarded.refused("/reload");
    guarded.setup.section("guards", &moving_up_to("0.75"));
    guarded.service().signal("HUP");
    wait_until("it is published", || guarded.version() == "much");
    guarded.wait_health("pass", "");
    let latest = guarded.history();
    assert_eq!((&latest[0]["trigger"], &latest[0]["result"]), (&json!("signal"), &json!("published")));
}

#[test]
fn a_weight_moves_who_it_moves() {
    // The share is asked, subnet by subnet: it is near the weight, and the guard goes by what is told.
    let mixed = |version: &str, alpha: u32| {
        let mut table = parted(version, 0, 0);
        table["mixes"]["a"] = json!({ "alpha": alpha, "beta": 100 - alpha });
        table
    };
    let guarded = Guarded::new("max_moved = 0.5\nmax_shrunk = 1", &mixed("all", 100));
    guarded.setup.write_table(&mixed("most leave", 40));
    let problem = guarded.post("/reload");
    assert_eq!(problem.status, 409, "{}", problem.text());
    let table = &problem.json()["table"];
    for (family, index) in [("ipv4", 0), ("ipv6", 1)] {
        let share = table["diff"][family]["share"].as_f64().unwrap();
        assert!((share - 0.6).abs() < 0.01, "{share}");
        let message = problems(table, "error")[index]["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(&format!("{:.2}% of the", share * 100.0)), "{message}");
    }
    assert_eq!(first_error(table)["file"], guarded.shown()["source"]);
    guarded.publish(&mixed("some leave", 60));
}
