//! Tables that are wrong, and what is said of each, as it is printed: `wrong/NAME.json`, or a
//! directory `wrong/NAME` where more files than one are needed, and `wrong/NAME.txt`.
//!
//! `CROUPIER_WRONG=refresh cargo test --test offline wrong` writes what is printed now. Read what
//! has changed as whoever is called at night would.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::program::{Folder, each, run};

const LEAST: usize = 20;

/// What other tables share.
const SHARED: &str = "datasets";

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/offline/wrong")
}

fn names(wanted: impl Fn(&Path) -> bool) -> BTreeSet<String> {
    let entries = fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().path());
    let named = entries.filter(|path| wanted(path)).map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
    named.filter(|name| !name.starts_with('.') && name != SHARED).collect()
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension().is_some_and(|extension| extension == wanted)
}

/// How each is asked: by what there is beside it.
fn arguments(name: &str) -> Vec<String> {
    let folder = directory().join(name);
    let words = if folder.join("croupier.toml").exists() {
        format!("check --config {name}/croupier.toml")
    } else if folder.join("overrides.json").exists() {
        format!("lookup --table {name}/table.json 192.0.2.1")
    } else if folder.is_dir() {
        format!("check --table {name}/table.json")
    } else {
        format!("check --table {name}.json")
    };
    words.split(' ').map(str::to_owned).collect()
}

fn printed(name: &str) -> String {
    let arguments = arguments(name);
    let mut command = Folder::new().croupier(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let ran = run({
        command.current_dir(directory());
        command
    });
    assert!(matches!(ran.code, Some(0 | 1)), "{name}: {ran:?}");
    ran.errors + &ran.output
}

#[test]
fn each_is_told_as_it_is_written_down() {
    let wrong = names(|path| path.is_dir() || has_extension(path, "json"));
    let refresh = std::env::var_os("CROUPIER_WRONG").is_some_and(|value| value == "refresh");
    each(&wrong, |name| {
        let (found, file) = (printed(name), directory().join(format!("{name}.txt")));
        if refresh {
            fs::write(&file, &found).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        assert!(found == expected, "{name}: expected\n{expected}\nfound\n{found}");
    });
    assert!(wrong.len() >= LEAST, "only {}", wrong.len());
    let told = names(|path| has_extension(path, "txt"));
    assert_eq!(wrong, told, "each table has its text, and each text its table");
}

/// Whatever is in a file: lines of text, and nothing else that a terminal would obey or hide.
#[test]
fn nothing_is_told_that_a_terminal_would_obey() {
    for name in names(|path| has_extension(path, "txt")) {
        let text = fs::read_to_string(directory().join(format!("{name}.txt"))).unwrap();
        let is_obeyed = |letter: char| {
            (letter.is_control() && !"\n".contains(letter)) || ('\u{202a}'..='\u{202e}').contains(&letter)
        };
        assert!(!text.contains(is_obeyed), "{name}");
    }
}
