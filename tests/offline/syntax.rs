//! What is no JSON, or hardly: told with a place, never a crash.

use std::os::unix::process::ExitStatusExt;

use crate::program::{Folder, GOOD, Problem, each};

/// The one problem of a document.
#[track_caller]
fn only(folder: &Folder, document: impl AsRef<[u8]>) -> Problem {
    folder.write("table.json", document);
    let mut report = folder.check_table();
    assert_eq!(report.problems.len(), 1, "{report:#?}");
    let problem = report.problems.remove(0);
    assert_eq!((problem.severity.as_str(), problem.file.as_str()), ("error", "table.json"), "{problem:?}");
    problem
}

#[test]
fn a_table_cut_short_anywhere_is_told_at_its_end() {
    let folder = Folder::with_good_table();
    let whole = GOOD.replace("test.1", "tést ✓ 🂡");
    let cuts = (0..whole.trim_end().len()).filter(|cut| cut % 5 == 0 || !whole.is_char_boundary(cut + 1));
    let mut wrong = Vec::new();
    for cut in cuts {
        let problem = only(&folder, &whole.as_bytes()[..cut]);
        let Some(text) = whole.get(..cut) else {
            assert!(problem.message.contains("not UTF-8"), "cut at {cut}: {problem:?}");
            continue;
        };
        assert!(problem.message.contains("not JSON"), "cut at {cut}: {problem:?}");
        assert!(problem.text().contains("cut short") || text.is_empty(), "cut at {cut}: {problem:?}");
        // What is missing is missing after the last that there is.
        let text = text.trim_end();
        let lines = u32::try_from(text.split('\n').count()).unwrap();
        let last = u32::try_from(text.rsplit('\n').next().unwrap().chars().count()).unwrap();
        if problem.line != lines || !(last.max(1)..=last + 1).contains(&problem.column) {
            wrong.push(format!("cut at {cut}, {lines}:{last}: {}:{}", problem.line, problem.column));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn syntax_errors_have_their_place() {
    let folder = Folder::new();
    let cases = [
        ("{\n  \"version\": \"1\",,\n}", 2, 18),
        ("{\n  \"version\": 1 \"ttl\": 2 }", 2, 15),
        ("{\n  'version': 1 }", 2, 3),
        ("{\n  \"é\": tru }", 2, 11),
        ("{\n  \"ttl\": 01 }", 2, 11),
        ("{\n  \"ttl\": +1 }", 2, 10),
        ("{\n  \"ttl\": .5 }", 2, 10),
        ("{\n  \"ttl\": NaN }", 2, 10),
        ("{} {}", 1, 4),
        ("{\n  // no comments\n}", 2, 3),
        ("[1, 2,]", 1, 6),
    ];
    each(cases, |(document, line, column)| {
        let problem = only(&folder, document);
        assert!(problem.message.starts_with("not JSON: "), "{document}: {problem:?}");
        assert_eq!((problem.line, problem.column), (line, column), "{document}: {problem:?}");
    });
}

#[test]
fn nothing_in_the_file() {
    let folder = Folder::new();
    let problem = only(&folder, "");
    assert!(problem.text().contains("empty"), "{problem:?}");
    assert_eq!((problem.line, problem.column), (1, 1), "{problem:?}");
    for document in [" ", "\n\n", "\t\r\n "] {
        let problem = only(&folder, document);
        assert!(problem.line >= 1 && problem.column >= 1, "{problem:?}");
    }
}

#[test]
fn what_is_not_utf8() {
    let folder = Folder::new();
    let problem = only(&folder, b"{ \"version\": \"\xff\" }");
    assert!(problem.message.contains("not UTF-8") && problem.message.contains("14"), "{problem:?}");
    let utf16: Vec<u8> = GOOD.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(only(&folder, [b"\xff\xfe".as_slice(), &utf16].concat()).message.contains("not UTF-8"));
    let noise: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    assert!(only(&folder, noise).message.contains("not UTF-8"));
}

/// RFC 8259, section 8.1: must not be written; may be ignored or refused when read.
#[test]
fn a_byte_order_mark_is_refused_at_the_start() {
    let folder = Folder::with_good_table();
    let problem = only(&folder, format!("\u{feff}{GOOD}"));
    assert_eq!((problem.line, problem.column), (1, 1), "{problem:?}");
}

#[test]
fn text_that_is_no_text() {
    let folder = Folder::with_good_table();
    for (escape, column) in [(r"\ud800", 14), (r"\udc00", 14), (r"\ud800\u0041", 14), (r"\x41", 14), (r"\u12", 14)] {
        let problem = only(&folder, GOOD.replace("test.1", escape));
        assert_eq!(problem.line, 2, "{escape}: {problem:?}");
        let longest = column + u32::try_from(escape.len()).unwrap() + 2;
        assert!((column..=longest).contains(&problem.column), "{escape}: {problem:?}");
    }
    for control in ["\u{0}", "\u{1}", "\t", "\n"] {
        only(&folder, GOOD.replace("test.1", control));
    }
    folder.write("table.json", GOOD.replace("test.1", r"\ud83c\udca1 \u0041"));
    assert!(folder.check_table().problems.is_empty());
}

#[test]
fn numbers_out_of_all_bounds() {
    let folder = Folder::with_good_table();
    let long = "9".repeat(100_000);
    for number in ["1e400", "-1e400", "1e-400", "1E+2", "-0", "18446744073709551616", &long, &format!("0.{long}")] {
        let problem = only(&folder, GOOD.replace("300", number));
        assert_eq!((problem.line, problem.column), (3, 10), "{number:.20}: {problem:?}");
        assert!(problem.text().len() < 1000, "a message quotes no megabyte");
    }
}

/// However deep: an answer, not a stack overflow.
#[test]
fn deep_nesting_is_refused() {
    let folder = Folder::new();
    for depth in [100, 10_000, 100_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let inner = if open == "[" { "" } else { "1" };
            let closed = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
            for document in [closed.clone(), open.repeat(depth), format!("{{\"version\": {closed}}}")] {
                folder.write("table.json", document);
                // As much stack as a thread has that is not the first: the service reloads in one.
                let program = env!("CARGO_BIN_EXE_croupier");
                let script = format!("ulimit -s 2048 && exec '{program}' check --table table.json");
                let output = std::process::Command::new("sh").args(["-c", &script]).current_dir(folder.root()).output();
                let output = output.unwrap();
                assert_eq!(output.status.signal(), None, "{depth} of {open}: ended by a signal");
                assert_eq!(output.status.code(), Some(1), "{depth} of {open}");
                let text = String::from_utf8(output.stdout).unwrap();
                assert!(
                    text.starts_with("error: ") && text.contains("--> table.json:1:"),
                    "{depth} of {open}: {text:.200}"
                );
            }
        }
    }
}
