//! What can't be imported is told with its place, and leaves no table behind.

use super::{import, imported};
use crate::program::{Folder, each};

#[test]
fn bad_files_are_told_and_nothing_is_written() {
    let cases = [
        ("csv", "192.0.2.0/24\n", "in:1:1: error: `192.0.2.0/24` has no mix"),
        ("csv", "192.0.2.0/24,a\n\n192.0.2.0/33,b\n", "in:3:1: error: `192.0.2.0/33` is not a prefix"),
        ("csv", "", "in: error: the file lists no prefix"),
        ("haproxy-map", "10.0.0.0/8 a\n # late\n", "in:2:2: error: a comment must begin in the first column"),
        ("haproxy-map", "10.0.0.0/40 a\n", "in:1:1: error: `10.0.0.0/40`"),
        ("nginx-geo", "geo $a {\n 10.0.0.0/8 a;\n", "the block has no `}`"),
        ("nginx-geo", "10.0.0.0/8 a", "the statement has no `;`"),
        ("nginx-geo", "10.0.0.0/8 a b;", "in:1:1: error: a statement in `geo` has one parameter"),
        ("nginx-geo", "10.0.0.0/8 a; ranges;", "in:1:15: error: `ranges` must come before"),
        ("nginx-geo", "ranges; 10.0.0.0/8 a;", "in:1:9: error: `10.0.0.0/8` is not a range"),
        ("nginx-geo", "include no.conf;", "in:1:9: error: no.conf: the file does not exist"),
        ("nginx-geo", "include in;", "files are included more than 16 deep"),
        ("nginx-geo", "include i*;", "files are included more than 16 deep"),
        ("nginx-geo", "include *.conf;", "the file lists no prefix"),
        ("nginx-geo", "include [.conf;", "in:1:9: error: [.conf: no pattern"),
        ("nginx-geo", "GEORNG\0", "in: error: a binary base"),
        ("haproxy-map", "gate.example a\n", "in:1:1: error: `gate.example` is not a prefix"),
        ("gdnsd", "10.0.0.0/8 => [a\n", "the array has no `]`"),
        ("gdnsd", "options => { x => y }\n", "there is no such map with `nets`"),
        ("gdnsd", "a => { nets => no.conf }\n", "no.conf: the file does not exist"),
        ("gdnsd", "$include{no/*}\n", "no/*: no file matches"),
        ("gdnsd", "a => $include{in}\n", "nested too deep"),
        ("czf", "{ \"coverageZones\": [] }", "in:1:20: error: the zones must be an object"),
        ("czf", "{ \"zones\": {} }", "there is neither `coverageZones` nor `deepCoverageZones`"),
        ("czf", "{", "not JSON"),
        ("mmdb", "not one", "not a readable MaxMind database"),
        ("geofeed", "# nothing\n", "the file lists no prefix"),
    ];
    each(cases, |(from, text, said)| {
        let folder = Folder::new();
        folder.write("in", text);
        let ran = import(&folder, from, "in", &[]);
        assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{ran:?}");
        assert!(ran.told().contains(said) && ran.errors.contains("nothing imported"), "{from} {text:?}: {ran:?}");
        assert!(!folder.path("out").exists());
    });
    let folder = Folder::new();
    let ran = import(&folder, "csv", "no.csv", &[]);
    assert!(ran.code == Some(1) && ran.told().contains("no.csv: error: the file does not exist"), "{ran:?}");
    assert_eq!(folder.run(&["import", "--from", "bind", "x", "--to", "out"]).code, Some(2));
}

#[test]
fn contradictions_can_be_refused() {
    let folder = Folder::new();
    folder.write("in.csv", "192.0.2.0/24,a\n192.0.2.0/24,b\n");
    let ran = import(&folder, "csv", "in.csv", &["--strict"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.told().contains("in.csv:2:1: error: `192.0.2.0/24` is `b` here but `a` before"), "{ran:?}");
    assert!(ran.errors.contains("\n1 | 192.0.2.0/24,a\n  | -------------- the other answer\n2 |"), "{ran:?}");
}

#[test]
fn a_table_is_not_replaced_by_accident() {
    let folder = Folder::new();
    folder.write("in.csv", "192.0.2.0/24,a\n").write("new.csv", "192.0.2.0/24,b\n");
    imported(&folder, "csv", "in.csv", &[]);
    let ran = import(&folder, "csv", "new.csv", &[]);
    assert!(ran.code == Some(1) && ran.errors.contains("is there already"), "{ran:?}");
    assert_eq!(super::mixes(&folder, ["192.0.2.1"]), ["a"]);
    imported(&folder, "csv", "new.csv", &["--force"]);
    assert_eq!(super::mixes(&folder, ["192.0.2.1"]), ["b"]);
}

#[test]
fn what_a_replaced_table_had_is_gone() {
    let folder = Folder::new();
    folder.write("in.csv", "192.0.2.0/24,a\n2001:db8::/32,a\n").write("new.csv", "192.0.2.0/24,b\n2001:db8::/32,a\n");
    imported(&folder, "csv", "in.csv", &[]);
    folder.write("out/prefixes/mine.txt", "198.51.100.0/24\n").write("out/prefixes/old-ipv4.txt", "203.0.113.0/24\n");
    let report = imported(&folder, "csv", "new.csv", &["--force"]);
    assert_eq!(report["gone"], 1);
    let mut left: Vec<_> =
        std::fs::read_dir(folder.path("out/prefixes")).unwrap().map(|file| file.unwrap().file_name()).collect();
    left.sort();
    // What the table before did not name is not the import's to remove.
    assert_eq!(left, ["a-ipv6.txt", "b-ipv4.txt", "mine.txt", "old-ipv4.txt"]);
}

#[test]
fn there_is_nothing_to_pick_where_prefixes_have_one_answer() {
    for (from, text) in [
        ("csv", "192.0.2.0/24,a\n"),
        ("haproxy-map", "192.0.2.0/24 a\n"),
        ("czf", r#"{ "coverageZones": { "a": { "network": ["192.0.2.0/24"] } } }"#),
    ] {
        let folder = Folder::new();
        folder.write("in", text);
        let ran = import(&folder, from, "in", &["--pick", "a"]);
        assert!(ran.code == Some(2) && ran.errors.contains("--pick chooses nothing here"), "{ran:?}");
        assert!(!folder.path("out").exists());
    }
    let folder = Folder::new();
    folder.write("nets", "192.0.2.0/24 => a\n");
    let ran = import(&folder, "gdnsd", "nets", &["--pick", "a"]);
    assert!(ran.code == Some(1) && ran.errors.contains("there is no such map with `nets`"), "{ran:?}");
}

#[test]
fn an_answer_may_have_the_name_of_the_default() {
    let folder = Folder::new();
    folder.write("in.csv", "192.0.2.0/24,default\n198.51.100.0/24,a\n");
    let report = imported(&folder, "csv", "in.csv", &[]);
    super::tells(&report, "in.csv:1 `default` is also the mix of what the file does not list");
    assert_eq!(report["default_is_made_up"], true);
    let report = imported(&folder, "csv", "in.csv", &["--default", "default", "--force"]);
    assert_eq!((super::told(&report).len(), &report["default_is_made_up"]), (0, &serde_json::json!(false)));
}

#[test]
fn people_read_what_was_made_and_what_is_left_to_do() {
    let folder = Folder::new();
    folder.write("in.csv", "192.0.2.9/24,uk\n198.51.100.0/24,us\n198.51.100.0/25,us\n");
    let ran = folder.run(&["import", "--from", "csv", "in.csv", "--to", "out"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.told().starts_with("in.csv:1:1: warning: `192.0.2.9/24` has host bits set"), "{ran:?}");
    insta::assert_snapshot!(ran.output, @r"
    out/cdn-table.json: 3 mixes, 2 prefixes in 2 files
            1  prefixes had host bits, which were masked
            1  prefixes merged into one around them with the same answer

    To be filled in before it serves:
      the URLs of 3 CDNs, now https://NAME.example/: default, uk, us
      what addresses get that the file does not list: mix `default` is made up, --default names another
    ");
}
