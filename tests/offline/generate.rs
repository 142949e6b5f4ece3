//! `croupier completions` and `croupier man`: what packages install beside the binary.

use std::fs;
use std::process::Command;

use crate::program::{Folder, run};

/// Every command that there is, from the program's own help.
fn commands(folder: &Folder) -> Vec<String> {
    let help = folder.run(&["--help"]).output;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names: Vec<_> =
        listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next().map(str::to_owned)).collect();
    let names: Vec<_> = names.into_iter().filter(|name| !name.is_empty() && name != "help").collect();
    assert!(names.len() >= 5, "{help}");
    names
}

#[test]
fn completions_know_every_command() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish"] {
        let ran = folder.run(&["completions", shell]);
        assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{shell}");
        for command in commands(&folder) {
            assert!(ran.output.contains(&command), "{shell} does not know {command}");
        }
        assert!(ran.output.contains("print-config"), "{shell} does not know the options");
        folder.write("script", &ran.output);
        let mut read = Command::new(shell);
        read.args(["-n", "script"]).current_dir(folder.root());
        // Only shells that are installed can say whether they can read it.
        if Command::new(shell).args(["-c", "true"]).status().is_ok() {
            let read = run(read);
            assert_eq!((read.code, read.errors.as_str()), (Some(0), ""), "{shell} can't read it");
        }
    }
    assert_eq!(folder.run(&["completions", "cmd.exe"]).code, Some(2));
    assert_eq!(folder.run(&["completions"]).code, Some(2));
}

#[test]
fn the_man_page_is_printed() {
    let folder = Folder::new();
    let ran = folder.run(&["man"]);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    assert!(ran.output.contains(".TH croupier 1"), "{}", ran.output);
    for command in commands(&folder) {
        assert!(ran.output.contains(&command.replace('-', "\\-")), "the page does not name {command}");
    }
}

#[test]
fn man_pages_are_written_one_a_command() {
    let folder = Folder::new();
    let ran = folder.run(&["man", "--directory", "share/man1"]);
    assert_eq!((ran.code, ran.output.as_str(), ran.errors.as_str()), (Some(0), "", ""), "{ran:?}");
    let pages = commands(&folder).into_iter().map(|command| format!("croupier-{command}.1"));
    for page in pages.chain(["croupier.1".to_owned()]) {
        let text = fs::read_to_string(folder.path("share/man1").join(&page)).unwrap();
        assert!(text.contains(".SH NAME") && text.contains(".SH SYNOPSIS"), "{page}: {text}");
    }
    folder.write("file", "");
    let ran = folder.run(&["man", "--directory", "file"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(!ran.errors.is_empty() && !ran.errors.contains("panicked"), "{ran:?}");
}

#[test]
fn who_reads_a_page_may_stop() {
    let folder = Folder::new();
    for arguments in [&["man"][..], &["completions", "bash"], &["--help"]] {
        let mut command = folder.croupier(arguments);
        let mut child =
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    }
}
