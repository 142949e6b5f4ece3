//! What is refused, and changes nothing.

use super::{FILE, ask, overrides, text, told};
use crate::program::{Folder, GOOD, each};

#[test]
fn unknown_names_are_told_with_what_was_meant() {
    let folder = Folder::with_good_table();
    folder.write(FILE, "{ \"overrides\": [] }");
    for (arguments, message, help) in [
        ("cdn alhpa down", "unknown CDN `alhpa`", "did you mean `alpha`?"),
        ("cdn zebra down", "unknown CDN `zebra`", "the table has alpha, beta"),
        ("cdn alhpa up", "unknown CDN `alhpa`", "did you mean `alpha`?"),
        ("mix naer alpha=1", "unknown mix `naer`", "did you mean `near`?"),
        ("mix near alpha=1,beat=1", "unknown CDN `beat`", "did you mean `beta`?"),
        ("clear cdn bta", "unknown CDN `bta`", "did you mean `beta`?"),
        ("clear mix zebra", "unknown mix `zebra`", "the table has far, near"),
    ] {
        let ran = ask(&folder, arguments);
        let expected = format!("croupier: {message}: nothing was changed\n    help: {help}\n");
        assert_eq!((ran.code, ran.output.as_str(), ran.errors), (Some(1), "", expected), "{arguments}");
        assert_eq!(text(&folder), "{ \"overrides\": [] }");
    }
}

#[test]
fn wrong_usage_ends_in_2_and_says_what_to_write() {
    let folder = Folder::with_good_table();
    each(
        [
            ("cdn alpha", "<STATE>"),
            ("cdn alpha sideways", "down, up"),
            ("cdn alpha down --for 2", "as in `90m`, `2h` or `1d12h`"),
            ("cdn alpha down --for soon", "as in `90m`, `2h` or `1d12h`"),
            ("cdn alpha down --for -2h", "as in `90m`, `2h` or `1d12h`"),
            ("cdn alpha down --for 0s", "as in `90m`, `2h` or `1d12h`"),
            ("cdn alpha down --for 99999999999y", "--for"),
            ("cdn alpha down --for 9000y", "too long"),
            ("cdn alpha down --for 2h --until 2999-01-01T00:00:00Z", "cannot be used with"),
            ("cdn alpha down --until 23:00", "as in `2026-11-21T23:00:00Z`"),
            ("cdn alpha down --until 2999-01-01T00:00:00", "write `2999-01-01T00:00:00Z` for UTC"),
            ("cdn alpha down --until 2000-01-01T00:00:00Z", "over already: 2000-01-01T00:00:00Z has passed"),
            ("cdn alpha down --from 2000-01-01T00:00:00Z --for 1h", "over already: 2000-01-01T01:00:00Z has passed"),
            ("cdn alpha down --from 2999-01-02T00:00:00Z --until 2999-01-01T00:00:00Z", "--until is not after --from"),
            ("cdn alpha up --for 2h", "takes no time and no reason"),
            ("cdn alpha up --reason x", "takes no time and no reason"),
            ("mix near", "CDN=WEIGHT"),
            ("mix near alpha", "as in `bidi=60,akamai=40`"),
            ("mix near alpha=0", "no CDN has a weight above 0"),
            ("mix near alpha=65536", "from 0 to 65535"),
            ("lsit", "list"),
        ],
        |(arguments, said)| {
            let ran = ask(&folder, arguments);
            assert_eq!((ran.code, ran.output.as_str()), (Some(2), ""), "{arguments}: {ran:?}");
            assert!(ran.errors.contains(said), "{arguments}: not `{said}`: {}", ran.errors);
        },
    );
    let ran = folder.run(&["override", "cdn", "alpha", "down", "--reason", "a\nb", "--file", FILE]);
    assert!(ran.code == Some(2) && ran.errors.contains("on one line"), "{ran:?}");
    assert!(!folder.path(FILE).exists(), "nothing was written");
}

#[test]
fn a_bad_file_is_told_with_places_and_stays() {
    let folder = Folder::with_good_table();
    let bad = "{ \"overrides\": [\n  { \"cdn\": \"alpha\", \"state\": \"dwon\" }\n] }";
    folder.write(FILE, bad);
    for arguments in ["cdn alpha down", "cdn alpha up", "clear cdn alpha", "mix near alpha=1", "list"] {
        let ran = ask(&folder, arguments);
        assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{arguments}: {ran:?}");
        assert!(ran.told().starts_with("overrides.json:2:30: error: unknown state `dwon`\n"), "{ran:?}");
        assert_eq!(text(&folder), bad);
    }
    let ran = ask(&folder, "cdn alpha down");
    assert!(ran.errors.contains("begin anew with `croupier override clear --all`"), "{ran:?}");
    let ran = ask(&folder, "clear --all");
    let told = "no overrides are left; what the file said is in overrides.json.bad\n";
    assert_eq!((ran.code, ran.output.as_str()), (Some(0), told), "{ran:?}");
    assert_eq!(std::fs::read_to_string(folder.path("overrides.json.bad")).unwrap(), bad);
    assert_eq!(ask(&folder, "cdn alpha down").output, "alpha is down\n");
}

/// In an incident the table may be what is broken.
#[test]
fn a_bad_table_stops_no_edit() {
    let folder = Folder::with_good_table();
    folder.write("table.json", GOOD.replace("\"ttl\": 300", "\"ttl\": -1"));
    let ran = ask(&folder, "cdn anything down");
    assert_eq!((ran.code, ran.output.as_str()), (Some(0), "anything is down\n"), "{ran:?}");
    assert!(ran.told().contains("table.json:3:10: error: `ttl` can't be -1"), "{ran:?}");
    assert!(ran.errors.contains("table.json can't be used, so names are not checked"), "{ran:?}");
    let ran = ask(&folder, "list");
    assert!(ran.code == Some(0) && ran.output.starts_with("in force  anything is down"), "{ran:?}");
    std::fs::remove_file(folder.path("table.json")).unwrap();
    let ran = ask(&folder, "cdn alpha down");
    assert_eq!((ran.code, ran.output.as_str()), (Some(0), "alpha is down\n"), "{ran:?}");
    assert!(ran.told().contains("table.json: error: the file does not exist"), "{ran:?}");
    let ran = ask(&folder, "cdn é! down");
    assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.errors.contains("`é!` can't be the name of a CDN"), "{ran:?}");
    assert_eq!(overrides(&folder).as_array().unwrap().len(), 2);
}

/// Files that the table names are not needed for its names.
#[test]
fn the_tables_files_are_not_read() {
    let folder = Folder::with_good_table();
    for file in ["asn.csv", "country.csv", "prefixes.txt"] {
        std::fs::remove_file(folder.path(file)).unwrap();
    }
    told(&folder, "cdn alpha down", "alpha is down\n", "");
}

#[test]
fn without_a_configuration_it_is_said_what_to_name() {
    let folder = Folder::with_good_table();
    let ran = folder.run(&["override", "list"]);
    assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{ran:?}");
    for said in ["croupier.toml: error: the file does not exist", "--config FILE", "--dev", "--file FILE"] {
        assert!(ran.told().contains(said), "not `{said}`: {ran:?}");
    }
}
