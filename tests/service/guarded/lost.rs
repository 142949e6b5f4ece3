//! `max_shrunk` and `min_values`: footprint values that go, whether they are left out or have no addresses any more.

use serde_json::{Value, json};

use super::{Guarded, problems, sole};
use crate::harness::{refused_start, wait_until};

/// A table of so many values, spread over the kinds; 4 of IPv4 for each of IPv6.
fn of_values(version: &str, values: u32) -> Value {
    let of = |is_ipv4: bool| -> Vec<String> {
        let numbers = (0..values).filter(|number| (number % 5 != 4) == is_ipv4);
        numbers
            .map(|one| {
                if is_ipv4 { format!("10.{}.{}.0/24", one >> 8, one & 0xff) } else { format!("2001:db8:{one:x}::/48") }
            })
            .collect()
    };
    let mut footprints = Vec::new();
    for (kind, values) in [("ipv4cidr", of(true)), ("ipv6cidr", of(false))] {
        if !values.is_empty() {
            footprints.push(json!({ "footprint-type": kind, "footprint-value": values, "mix": "b" }));
        }
    }
    sole(version, &json!(footprints))
}

/// A table of ASNs 64500 and up, whose addresses `asn.csv` has.
fn of_asns(version: &str, asns: u32) -> Value {
    let values: Vec<String> = (0..asns).map(|asn| format!("as{}", 64_500 + asn)).collect();
    let mut table = sole(version, &json!([{ "footprint-type": "asn", "footprint-value": values, "mix": "b" }]));
    table["datasets"] = json!({ "asn": ["asn.csv"] });
    table
}

/// Rows of those ASNs, three of each: whoever has one left is not lost.
fn rows(asns: impl IntoIterator<Item = (u32, u32)>) -> String {
    let mut text = "start,end,asn\n".to_owned();
    for (asn, rows) in asns {
        for row in 0..rows {
            text += &format!("10.{asn}.{row}.0,10.{asn}.{row}.255,{}\n", 64_500 + asn);
        }
    }
    text
}

#[test]
fn the_limit_itself_is_allowed() {
    let guarded = Guarded::new("max_shrunk = 0.25", &of_values("all", 64));
    guarded.setup.write_table(&of_values("above", 47));
    guarded.refused_for(
        "/reload",
        &[
            "table.json: error: 26.56% of the footprint values would be lost (17 of 64)",
            "more than the 25.00% of `max_shrunk` in [guards]",
            "help: if that is meant, ",
        ],
    );
    assert_eq!(guarded.history()[0]["diff"]["shrunk"], json!({ "values": 17, "share": 17.0 / 64.0 }));
    guarded.wait_health("warn", "17 of 64");
    guarded.publish(&of_values("the limit", 48));
    guarded.publish(&of_values("a value fewer", 47));
    guarded.publish(&of_values("grown", 640));
    guarded.setup.write_table(&of_values("what it was", 64));
    guarded.refused_for("/reload", &["90.00%", "(576 of 640)"]);
}

#[test]
fn others_do_not_make_up_for_those_that_go() {
    let guarded = Guarded::new("", &of_values("all", 20));
    let mut others = of_values("others", 20);
    for footprint in others["footprints"].as_array_mut().unwrap() {
        for value in footprint["footprint-value"].as_array_mut().unwrap() {
            *value = json!(value.as_str().unwrap().replace("10.", "11.").replace("db8:", "db9:"));
        }
    }
    guarded.setup.write_table(&others);
    guarded.refused_for("/reload", &["100% of the footprint values would be lost (20 of 20)"]);
    // Whose mix changes is not lost.
    let mut moved = of_values("moved", 20);
    moved["footprints"][0]["mix"] = json!("a");
    guarded.publish(&moved);
    // Nor is anything, if nothing may be kept.
    let guarded = Guarded::new("max_shrunk = 1", &of_values("all", 20));
    guarded.publish(&sole("none", &json!([])));
    guarded.publish(&of_values("all again", 20));
}

#[test]
fn nothing_may_go_if_the_limit_says_so() {
    let guarded = Guarded::new("max_shrunk = 0", &of_values("all", 200));
    guarded.setup.write_table(&of_values("one fewer", 199));
    guarded.refused_for("/reload", &["0.50%", "(1 of 200)", "more than the 0%"]);
    guarded.publish(&of_values("one more", 201));
}

#[test]
fn an_as_without_addresses_is_lost() {
    let mut guarded = Guarded::with("", "max_shrunk = 0.5", &of_asns("four", 4));
    guarded.setup.write("asn.csv", rows((0..4).map(|asn| (asn, 3))));
    guarded.start();
    let before = guarded.in_service();
    // A row of each is enough to be there.
    guarded.setup.replace("asn.csv", rows([(0, 1), (1, 1), (2, 1), (3, 1)]));
    assert_eq!(guarded.post("/reload").status, 200);
    assert_ne!(guarded.in_service(), before);
    guarded.setup.replace("asn.csv", rows([(0, 3)]));
    guarded.refused_for("/reload", &["table.json: error: 75.00% of the footprint values would be lost (3 of 4)"]);
    // By itself, when only the dataset changes.
    guarded.setup.replace("asn.csv", rows([(1, 3)]));
    wait_until("it is seen", || {
        let latest = guarded.history()[0].clone();
        latest["trigger"] == "file change" && latest["result"] == "refused"
    });
    guarded.setup.replace("asn.csv", rows([(0, 3), (3, 1)]));
    assert_eq!(guarded.post("/reload").status, 200, "half of them is the limit");
    // Of two that are left, one is half again; all of four are listed all the while.
    guarded.setup.replace("asn.csv", rows([(3, 1)]));
    assert_eq!(guarded.post("/reload").status, 200);
    guarded.setup.replace("asn.csv", rows([(2, 1)]));
    guarded.refused_for("/reload", &["100% of the footprint values would be lost (1 of 1)"]);
    assert_eq!(guarded.shown()["counts"]["footprints"], 4);
}

#[test]
fn a_country_without_addresses_is_lost() {
    let codes = json!([{ "footprint-type": "countrycode", "footprint-value": ["gb", "ie", "fr"], "mix": "b" }]);
    let mut table = sole("countries", &codes);
    table["datasets"] = json!({ "countrycode": ["country.csv"] });
    let mut guarded = Guarded::with("", "", &table);
    let row = |code: &str, net: u32| format!("10.0.{net}.0,10.0.{net}.255,{code}\n");
    let all = format!("start,end,country\n{}{}{}", row("GB", 0), row("IE", 1), row("FR", 2));
    guarded.setup.write("country.csv", &all);
    guarded.start();
    guarded.setup.replace("country.csv", all.replace("IE", "BE").replace("FR", "NL"));
    guarded.refused_for("/reload", &["66.67% of the footprint values would be lost (2 of 3)"]);
    guarded.setup.replace("country.csv", all.replace("FR", "NL"));
    assert_eq!(guarded.post("/reload").status, 200);
}

#[test]
fn a_table_has_to_be_of_some_size() {
    let none = "max_shrunk = 1\nmax_moved = 1\nmin_values = 10";
    let mut guarded = Guarded::new(none, &of_values("enough", 10));
    guarded.setup.write_table(&of_values("too few", 9));
    guarded.refused_for(
        "/reload",
        &[
            "table.json: error: the table has 9 footprint values with addresses: fewer than the 10 of `min_values` in \
             [guards]",
            "help: ",
        ],
    );
    // Listed, but of nobody.
    guarded.setup.write("asn.csv", rows((0..9).map(|asn| (asn, 1))));
    guarded.setup.write_table(&of_asns("listed", 10));
    guarded.refused_for("/reload", &["the table has 9 footprint values"]);
    guarded.setup.replace("asn.csv", rows((0..10).map(|asn| (asn, 1))));
    assert_eq!(guarded.post("/reload").status, 200);
    assert_eq!(guarded.version(), "listed");
    let table = guarded.post("/reload?dry_run=true").json();
    assert!(problems(&table["table"], "warning").is_empty(), "{table:#}");

    // At a start there is nothing to compare with, and nobody to ask.
    guarded.running = None;
    guarded.setup.write_table(&of_values("too few", 9));
    let ended = refused_start(&guarded.setup);
    assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""));
    for told in ["table.json: error: the table has 9 footprint values with addresses", "`min_values`", "not started"] {
        assert!(ended.errors.contains(told), "no {told:?} in {}", ended.errors);
    }
    assert!(!ended.errors.contains("--force"), "nobody is there to be asked: {}", ended.errors);
    let check = guarded.setup.command(&["check", "--config", "croupier.toml"]).output().unwrap();
    assert_eq!(check.status.code(), Some(1), "and a check says so before");
    guarded.setup.write_table(&of_values("enough", 10));
    guarded.start();
}
