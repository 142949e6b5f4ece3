//! Which file is edited, and how it gets from one state to the next.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use serde_json::json;

use super::{ALL_DOWN_THEN, FILE, ask, overrides, text, told};
use crate::program::{Folder, run};
use crate::trust::Trust;

/// Twenty operators at once.
#[test]
fn nobody_loses_an_edit() {
    let folder = Folder::with_good_table();
    let children: Vec<_> = (0..20)
        .map(|number| {
            let name = format!("cdn-{number}");
            let mut command = folder.croupier(&["override", "cdn", &name, "down", "--file", FILE]);
            command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let overrides = overrides(&folder);
    let mut names: Vec<_> = overrides.as_array().unwrap().iter().map(|one| one["cdn"].as_str().unwrap()).collect();
    names.sort_unstable();
    let mut expected: Vec<_> = (0..20).map(|number| format!("cdn-{number}")).collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(left_behind(&folder), Vec::<String>::new());
}

fn left_behind(folder: &Folder) -> Vec<String> {
    let names = fs::read_dir(folder.root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains("unfinished")).collect()
}

#[test]
fn permissions_stay() {
    let folder = Folder::with_good_table();
    told(&folder, "cdn alpha down", "alpha is down\n", "");
    for mode in [0o640, 0o600, 0o664] {
        fs::set_permissions(folder.path(FILE), fs::Permissions::from_mode(mode)).unwrap();
        let period = "from 2999-01-01T00:00:00Z until 2999-01-02T00:00:00Z";
        let arguments = "cdn beta down --from 2999-01-01T00:00:00Z --until 2999-01-02T00:00:00Z";
        told(&folder, arguments, &format!("beta is down {period}\n"), ALL_DOWN_THEN);
        told(&folder, "clear cdn beta", "beta is up\n", &format!("taken away: beta is down {period}\n"));
        assert_eq!(fs::metadata(folder.path(FILE)).unwrap().permissions().mode() & 0o777, mode);
    }
}

/// Only root may give files away.
#[test]
fn the_owner_stays() {
    use std::os::unix::fs::{MetadataExt, chown};
    let folder = Folder::with_good_table();
    folder.write(FILE, "{ \"overrides\": [] }");
    if chown(folder.path(FILE), Some(12345), Some(54321)).is_err() {
        return;
    }
    told(&folder, "cdn alpha down", "alpha is down\n", "");
    let metadata = fs::metadata(folder.path(FILE)).unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (12345, 54321));
}

/// As a link that leads to another folder, through another link.
#[test]
fn symlinks_stay() {
    let folder = Folder::with_good_table();
    fs::create_dir(folder.path("shared")).unwrap();
    symlink("real.json", folder.path("shared/link.json")).unwrap();
    symlink("shared/link.json", folder.path(FILE)).unwrap();
    // The first edit makes the file that the links lead to.
    for name in ["alpha", "beta"] {
        let ran = ask(&folder, &format!("cdn {name} down"));
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(fs::symlink_metadata(folder.path(FILE)).unwrap().is_symlink());
        assert!(fs::symlink_metadata(folder.path("shared/link.json")).unwrap().is_symlink());
        assert!(fs::symlink_metadata(folder.path("shared/real.json")).unwrap().is_file());
    }
    assert_eq!(overrides(&folder).as_array().unwrap().len(), 2);
    fs::remove_file(folder.path(FILE)).unwrap();
    symlink(FILE, folder.path(FILE)).unwrap();
    let ran = ask(&folder, "cdn alpha down");
    assert_eq!(ran.code, Some(1), "{ran:?}");
}

/// The service would refuse it, and the next edit too.
#[test]
fn it_becomes_no_larger_than_is_read() {
    let folder = Folder::with_good_table();
    let one = |number| json!({ "cdn": format!("cdn-{number}"), "state": "down", "reason": "r".repeat(250) });
    // Written one a line, some become larger than they were.
    for (count, code) in [(3300, 0), (3450, 1)] {
        let text = json!({ "overrides": (0..count).map(one).collect::<Vec<_>>() }).to_string();
        assert!(text.len() < 1 << 20);
        folder.write(FILE, &text);
        let ran = ask(&folder, "cdn alpha down");
        assert_eq!(ran.code, Some(code), "{}", ran.errors);
        assert!(code == 0 || fs::read_to_string(folder.path(FILE)).unwrap() == text);
    }
}

/// As somebody who was killed leaves it.
#[test]
fn what_a_killed_edit_left_is_in_nobodys_way() {
    let folder = Folder::with_good_table();
    folder.write(".overrides.json.unfinished", "{ \"over");
    fs::set_permissions(folder.path(".overrides.json.unfinished"), fs::Permissions::from_mode(0o400)).unwrap();
    told(&folder, "cdn alpha down", "alpha is down\n", "");
    assert_eq!(left_behind(&folder), Vec::<String>::new());
}

/// Whenever somebody is killed, the file is what it was or what it was to be.
#[test]
fn a_killed_edit_leaves_a_whole_file() {
    let folder = Folder::with_good_table();
    told(&folder, "cdn alpha down", "alpha is down\n", "");
    for number in 0..40 {
        let state = if number % 2 == 0 { "up" } else { "down" };
        let mut command = folder.croupier(&["override", "cdn", "alpha", state, "--file", FILE]);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut child = command.spawn().unwrap();
        std::thread::sleep(Duration::from_micros(250 * number));
        child.kill().unwrap();
        child.wait().unwrap();
        let count = overrides(&folder).as_array().unwrap().len();
        assert!(count <= 1, "{}", text(&folder));
    }
    assert_eq!(ask(&folder, "cdn beta down").code, Some(0));
    assert_eq!(left_behind(&folder), Vec::<String>::new());
}

/// Where even root can't write.
#[test]
fn what_cant_be_written_is_told_with_what_to_write_elsewhere() {
    let folder = Folder::with_good_table();
    folder.write("plain", "");
    for file in ["/proc/overrides.json", "plain/overrides.json", "missing/overrides.json"] {
        let base = ["--file", file, "--table", "table.json"];
        let ran = folder.run(&[&["override", "cdn", "alpha", "down", "--reason", "INC-1"], &base[..]].concat());
        let line = "{ \"cdn\": \"alpha\", \"state\": \"down\", \"reason\": \"INC-1\" }\n";
        assert_eq!((ran.code, ran.output.as_str()), (Some(1), line), "{ran:?}");
        assert!(ran.errors.starts_with(&format!("croupier: {file} can't be written: ")), "{ran:?}");
        assert!(ran.errors.contains("ConfigMap") && ran.errors.contains("put this line"), "{ran:?}");
    }
    let ran = folder.run(&["override", "clear", "--all", "--file", "plain/overrides.json"]);
    assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.errors.contains("take out every line"), "{ran:?}");
}

#[test]
fn the_configuration_names_the_file() {
    let trust = Trust::new();
    let folder = &trust.folder;
    let down = |arguments: &[&str], environment: &[(&str, &str)], file: &str| {
        let mut command = folder.croupier(&[&["override", "cdn", "alpha", "down"], arguments].concat());
        command.envs(environment.iter().copied());
        let ran = run(command);
        assert_eq!((ran.code, ran.output.as_str(), ran.errors.as_str()), (Some(0), "alpha is down\n", ""), "{ran:?}");
        let written = fs::read_to_string(folder.path(file)).unwrap();
        fs::remove_file(folder.path(file)).unwrap();
        let written: serde_json::Value = serde_json::from_str(&written).unwrap();
        assert_eq!(written, json!({ "overrides": [{ "cdn": "alpha", "state": "down" }] }));
    };
    down(&[], &[], FILE);
    down(&["--config", "croupier.toml"], &[], FILE);
    down(&[], &[("CROUPIER_TABLE_OVERRIDES", "env.json")], "env.json");
    down(&["--config", "croupier.toml", "--file", "mine.json"], &[], "mine.json");
    let config = fs::read_to_string(folder.path("croupier.toml")).unwrap();
    let named = config.replace("[table]\n", "[table]\noverrides = \"ops.json\"\n");
    folder.write("croupier.toml", &named);
    down(&[], &[], "ops.json");
    fs::create_dir(folder.path("data")).unwrap();
    for file in ["table.json", "asn.csv", "country.csv", "prefixes.txt"] {
        fs::copy(folder.path(file), folder.path("data").join(file)).unwrap();
    }
    fs::rename(folder.path("data/table.json"), folder.path("data/cdn-table.json")).unwrap();
    down(&["--dev"], &[], "data/overrides.json");
    folder.write("croupier.toml", "[tabel]\n");
    let ran = folder.run(&["override", "list"]);
    assert!(ran.code == Some(1) && ran.errors.contains("--file FILE"), "{ran:?}");
}

#[test]
fn names_are_not_checked_without_a_table_and_that_is_told() {
    let folder = Folder::with_good_table();
    let ran = folder.run(&["override", "cdn", "anything", "down", "--file", FILE]);
    assert_eq!((ran.code, ran.output.as_str()), (Some(0), "anything is down\n"), "{ran:?}");
    assert!(ran.errors.contains("--table FILE"), "{ran:?}");
    assert!(text(&folder).contains("anything"));
}
