//! `croupier diff`: what people and programs are told, and how it ends.

use serde_json::{Value, json};

use crate::program::{Folder, GOOD};

/// `table.json` is in service; `new.json` gives a prefix more to `near`, and takes the AS away.
fn folder() -> Folder {
    let folder = Folder::with_good_table();
    let new = GOOD
        .replace("test.1", "test.2")
        .replace(r#""192.0.2.0/24""#, r#""192.0.2.0/24", "203.0.113.0/24""#)
        .replace(r#"{ "footprint-type": "asn", "footprint-value": ["as64500"], "mix": "near" },"#, "")
        .replace(r#""alpha": 80, "beta": 20"#, r#""alpha": 1"#);
    folder.write("new.json", new);
    folder
}

#[test]
fn a_table_that_people_read() {
    let ran = folder().run(&["diff", "table.json", "new.json"]);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    let shown: String = ran.output.lines().skip(2).map(|line| format!("{line}\n")).collect();
    insta::assert_snapshot!(shown);
    let first: Vec<_> = ran.output.lines().take(2).map(|line| line.split("  (").next().unwrap_or_default()).collect();
    assert_eq!(first, ["old  test.1", "new  test.2"]);
}

#[test]
fn viewers_have_columns_of_their_own() {
    let folder = folder();
    folder.write("traffic.csv", "203.0.113.0/24,3000\n10.0.0.0/8,1000\n");
    let ran = folder.run(&["diff", "table.json", "new.json", "--traffic", "traffic.csv"]);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    let line = |start: &str| ran.output.lines().find(|line| line.trim_start().starts_with(start)).unwrap_or_default();
    assert!(line("IPv4 addresses").ends_with("viewers  of all"), "{}", ran.output);
    assert!(line("moves").ends_with("3,000  75.00%"), "{}", ran.output);
    assert!(line("beta -> alpha").ends_with("3,000  75.00%"), "{}", ran.output);
}

#[test]
fn json_is_what_the_contract_says() {
    let folder = folder();
    folder.write("traffic.csv", "203.0.113.0/24,3000\n10.0.0.0/8,1000\n");
    let arguments = ["diff", "table.json", "new.json", "--traffic", "traffic.csv", "--format", "json"];
    let ran = folder.run(&arguments);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    let diff: Value = serde_json::from_str(&ran.output).unwrap();
    assert_eq!((&diff["from"]["version"], &diff["to"]["version"]), (&json!("test.1"), &json!("test.2")));
    assert_ne!(diff["from"]["digest"], diff["to"]["digest"]);
    for (family, unit) in [("ipv4", "addresses"), ("ipv6", "subnets")] {
        let moves = diff[family]["moves"].as_array().unwrap();
        assert!(!moves.is_empty(), "{diff:#}");
        let sum: f64 = moves.iter().map(|one| one[unit].as_f64().unwrap()).sum();
        assert_eq!(diff[family]["moved"].as_f64(), Some(sum), "{diff:#}");
        assert!(moves.iter().all(|one| one["from"].is_string() && one["to"].is_string()), "{diff:#}");
    }
    assert_eq!(diff["traffic"]["moves"], json!([{ "from": "beta", "to": "alpha", "clients": 3000 }]));
    let ran = folder.run(&["diff", "table.json", "table.json", "--format", "json"]);
    let diff: Value = serde_json::from_str(&ran.output).unwrap();
    assert_eq!((ran.code, &diff["ipv4"]["moved"], diff.get("traffic")), (Some(0), &json!(0), None), "{diff:#}");
}

#[test]
fn nothing_to_tell_is_told() {
    let folder = folder();
    let ran = folder.run(&["diff", "table.json", "table.json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.output.contains("Nobody gets another first CDN.\n\nThe tables are the same."), "{}", ran.output);
    folder.write("url.json", GOOD.replace("https://beta.example/", "https://beta.example/2").replace("300", "30"));
    let ran = folder.run(&["diff", "table.json", "url.json"]);
    let told = "Nobody gets another first CDN.\n\nCDNs whose URL changes: beta\nttl: 300 -> 30 s\n";
    assert!(ran.output.ends_with(told), "{}", ran.output);
}

#[test]
fn bad_inputs_are_told_as_check_tells_them() {
    let folder = folder();
    folder.write("bad.json", GOOD.replace("192.0.2.0/24", "192.0.2.0/33"));
    folder.write("bad.csv", "192.0.2.0/24,1\n192.0.2.0/33,2\n");
    for (arguments, said) in [
        (&["table.json", "bad.json"][..], "bad.json:17:"),
        (&["bad.json", "table.json"], "bad.json:17:"),
        (&["table.json", "no.json"], "no.json"),
        (&["table.json", "new.json", "--traffic", "bad.csv"], "bad.csv:2:1: error: `192.0.2.0/33`"),
        (&["table.json", "new.json", "--traffic", "no.csv"], "no.csv"),
    ] {
        for format in ["text", "json"] {
            let ran = folder.run(&[&["diff", "--format", format], arguments].concat());
            assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{ran:?}");
            assert!(ran.told().contains(said) && ran.errors.contains("1 error"), "{ran:?}");
        }
    }
    let ran = folder.run(&["diff", "bad.json", "bad.json"]);
    assert_eq!(ran.errors.matches("bad.json:17:").count(), 1, "what is so of both is told once: {ran:?}");
    assert_eq!(folder.run(&["diff", "table.json"]).code, Some(2));
}
