//! What a table's files can be: missing, of another kind, unreadable, too large, of odd lines,
//! pinned.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::marked::Marked;
use crate::program::{Folder, GOOD, Problem, each, run};

/// The one problem of the table in the folder.
#[track_caller]
fn only(folder: &Folder) -> Problem {
    let mut report = folder.check_table();
    assert_eq!(report.problems.len(), 1, "{report:#?}");
    report.problems.remove(0)
}

fn sha256(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes something else than a file, where one is expected.
type Make = fn(&Folder, &str);

const ODDITIES: [(&str, Make, &str); 5] = [
    ("nothing", |_, _| {}, "does not exist"),
    ("a directory", |folder, name| fs::create_dir(folder.path(name)).unwrap(), "not a regular file"),
    (
        "a pipe",
        |folder, name| assert!(Command::new("mkfifo").arg(folder.path(name)).status().unwrap().success()),
        "not a regular file",
    ),
    ("a symlink to itself", |folder, name| symlink(name, folder.path(name)).unwrap(), "can't be read"),
    ("a file that fails", |folder, name| symlink("/proc/self/mem", folder.path(name)).unwrap(), "can't be read"),
];

#[test]
fn a_table_that_is_no_readable_file() {
    for (what, make, message) in ODDITIES {
        let folder = Folder::new();
        make(&folder, "table.json");
        let problem = only(&folder);
        assert_eq!(problem.file, "table.json", "{what}: {problem:?}");
        assert!(problem.message.contains(message), "{what}: {problem:?}");
    }
}

#[test]
fn a_named_file_that_is_no_readable_file() {
    for (what, make, message) in ODDITIES {
        for (name, line, column) in [("prefixes.txt", 18, 55), ("asn.csv", 5, 13), ("country.csv", 6, 21)] {
            let folder = Folder::with_good_table();
            fs::remove_file(folder.path(name)).unwrap();
            make(&folder, name);
            let problem = only(&folder);
            assert_eq!((problem.file.as_str(), problem.line, problem.column), ("table.json", line, column), "{what}");
            assert!(problem.message.contains(name) && problem.message.contains(message), "{what}: {problem:?}");
        }
    }
}

/// Root reads everything, so root asks as somebody else.
#[test]
fn a_file_without_permission_to_read_it() {
    let folder = Folder::with_good_table();
    let forbid = |name: &str| fs::set_permissions(folder.path(name), fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(folder.root(), fs::Permissions::from_mode(0o755)).unwrap();
    let root = fs::metadata(folder.root()).unwrap().uid() == 0;
    // Root may have built the program where nobody else can reach it.
    let program = folder.path("croupier");
    // By another process: a file that this one has open for writing, a sibling's fork would keep busy.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_croupier")).arg(&program).status();
    assert!(copied.unwrap().success());
    let check = || {
        let mut command = Command::new(&program);
        command.args(["check", "--table", "table.json", "--format", "json"]).current_dir(folder.root());
        if root {
            command.uid(65534).gid(65534);
        }
        run(command).report()
    };
    forbid("prefixes.txt");
    let report = check();
    assert_eq!((report.only().line, report.only().column), (18, 55), "{report:#?}");
    assert!(report.only().message.contains("prefixes.txt: the file can't be read"), "{report:#?}");
    forbid("table.json");
    let report = check();
    assert_eq!(report.only().file, "table.json");
    assert!(report.only().message.contains("can't be read"), "{report:#?}");
}

/// A sparse file of a terabyte: to read it whole would take hours and all memory.
#[test]
fn a_gigantic_file_is_refused() {
    let terabyte = |folder: &Folder, name: &str| {
        File::create(folder.path(name)).unwrap().set_len(1 << 40).unwrap();
    };
    let folder = Folder::with_good_table();
    terabyte(&folder, "prefixes.txt");
    let problem = only(&folder);
    assert_eq!((problem.file.as_str(), problem.line, problem.column), ("table.json", 18, 55), "{problem:?}");
    assert!(problem.message.contains("larger than"), "{problem:?}");
    terabyte(&folder, "table.json");
    let problem = only(&folder);
    assert!(problem.message.contains("larger than"), "{problem:?}");
}

/// The check's memory stays far below the file's size, and below the limit on it.
#[test]
fn a_gigantic_file_is_not_read() {
    let folder = Folder::new();
    File::create(folder.path("table.json")).unwrap().set_len(1 << 40).unwrap();
    let script = format!("ulimit -v 262144 && exec '{}' check --table table.json", env!("CARGO_BIN_EXE_croupier"));
    let output = Command::new("sh").args(["-c", &script]).current_dir(folder.root()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("larger than"), "{text}");
}

#[test]
fn a_packed_file_that_unpacks_to_gigabytes_is_refused() {
    let folder = Folder::with_good_table();
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packer, b"start,end,asn\n").unwrap();
    let zeros = vec![b'\n'; 1 << 20];
    (0..300).for_each(|_| std::io::Write::write_all(&mut packer, &zeros).unwrap());
    folder.write("asn.csv", packer.finish().unwrap());
    let problem = only(&folder);
    assert_eq!(problem.file, "asn.csv", "{problem:?}");
    assert!(problem.message.contains("limit"), "{problem:?}");
}

#[test]
fn prefix_files_as_people_write_them() {
    let folder = Folder::with_good_table();
    for lines in [
        "2001:db8::/32\n",
        "# one\n\n  2001:db8::/32  # why\n\t\n#\n",
        "2001:db8::/32\r\n# two\r\n\r\n2001:db9::/32\r\n",
        "2001:db8::/32#why\n",
    ] {
        folder.write("prefixes.txt", lines);
        let report = folder.check_table();
        assert!(report.problems.is_empty(), "{lines:?}: {report:#?}");
    }
    let answer = folder.run(&["lookup", "--table", "table.json", "2001:db8::1", "2001:db9::1"]).output;
    assert!(answer.lines().next().unwrap().contains("mix near by ipv6cidr:2001:db8::/32"), "{answer}");
}

#[test]
fn prefix_files_with_faults() {
    let folder = Folder::with_good_table();
    let cases = [
        ("«x»\n", "`x` is not an IPv6 prefix"),
        ("# é\n 2001:db8::/32\n  «2001:db8::/129» # é\n", "`2001:db8::/129` is not an IPv6 prefix"),
        ("\r\n«2001:db8::1/64»\r\n", "host bits"),
        ("2001:db8::/32\n«2001:db9::/32 2001:dba::/32»\n", "is not an IPv6 prefix"),
        ("2001:db8::/32\n«192.0.2.0/24»\n", "is not an IPv6 prefix"),
        ("«\u{feff}»2001:db8::/32\n", "begins with a byte order mark"),
        ("‹2001:db8::/32›\n«2001:db8::/32»\n", "`ipv6cidr:2001:db8::/32` is listed twice"),
    ];
    each(cases, |(lines, message)| {
        let marked = Marked::new(lines);
        folder.write("prefixes.txt", &marked.text);
        let problem = only(&folder);
        assert_eq!((problem.file.as_str(), problem.spot()), ("prefixes.txt", marked.faults[0]), "{problem:?}");
        assert!(problem.message.contains(message), "{problem:?}");
        let other = problem.also.map(|other| (other.line, other.column));
        assert_eq!(other, marked.others.first().map(|spot| (spot.line, spot.column)), "{lines:?}");
    });
    let cases = [
        ("2001:db8::/32", "does not end in a newline"),
        ("2001:db8::/32\n2001:db9::/3", "does not end in a newline"),
        ("# only this\n\n", "has no values"),
    ];
    each(cases, |(lines, message)| {
        folder.write("prefixes.txt", lines);
        let report = folder.check_table();
        assert_eq!(report.with(message).file, "prefixes.txt", "{report:#?}");
        assert_eq!(report.with(message).severity, "error");
    });
    folder.write("prefixes.txt", b"2001:db8::/32\n\xff\xfe\n");
    let problem = only(&folder);
    assert_eq!((problem.file.as_str(), problem.line, problem.column), ("prefixes.txt", 2, 1), "{problem:?}");
}

/// A value in the document and another in a file: both places are told, whichever comes first.
#[test]
fn conflicts_between_files() {
    let folder = Folder::with_good_table();
    let table = GOOD.replace(
        r#""footprint-file": "prefixes.txt", "mix": "near" }"#,
        r#""footprint-file": "prefixes.txt", "mix": "near" },
           { "footprint-type": "ipv6cidr", "footprint-file": "more.txt", "mix": "far" }"#,
    );
    folder.write("table.json", table).write("more.txt", "# far\n 2001:db8:0::/32\n");
    let problem = only(&folder);
    let also = problem.also.as_ref().unwrap();
    assert_eq!((problem.file.as_str(), problem.line, problem.column), ("more.txt", 2, 2), "{problem:?}");
    assert_eq!((also.file.as_str(), also.line, also.column), ("prefixes.txt", 2, 1), "{problem:?}");
    assert!(problem.message.contains("`far` here but `near` elsewhere"), "{problem:?}");
}

/// Warnings alone are no failure, however many there are.
#[test]
fn a_flood_of_warnings_is_no_failure() {
    let folder = Folder::with_good_table();
    folder.write("prefixes.txt", "2001:db8::/32\n".repeat(500));
    let report = folder.check_table();
    assert_eq!(report.errors, 0, "{:#?}", report.problems.last());
    assert_eq!(report.warnings, 499, "{:#?}", report.problems.last());
    assert_eq!(folder.run(&["check", "--table", "table.json"]).code, Some(0));
}

/// An error is told in its place, whatever stands before it.
#[test]
fn a_flood_of_warnings_hides_no_error() {
    let folder = Folder::with_good_table();
    let table = GOOD.replace("[\"192.0.2.0/24\"]", "[\"192.0.2.0/24\", \"203.0.113.0/24\"]").replace(
        r#""footprint-file": "prefixes.txt", "mix": "near" }"#,
        r#""footprint-file": "prefixes.txt", "mix": "near" },
           { "footprint-type": "ipv4cidr", "footprint-file": "more.txt", "mix": "far" }"#,
    );
    let more = format!("{}203.0.113.0/24\n", "10.0.0.0/8\n".repeat(500));
    folder.write("table.json", table).write("more.txt", more);
    let report = folder.check_table();
    let message = "`ipv4cidr:203.0.113.0/24` gets mix `far` here but `near` elsewhere";
    let problem = report.problems.iter().find(|problem| problem.message == message);
    let problem = problem.expect("the error is told");
    assert_eq!((problem.file.as_str(), problem.line, problem.column), ("more.txt", 501, 1), "{problem:?}");
}

#[test]
fn a_flood_of_errors_is_counted() {
    let folder = Folder::with_good_table();
    folder.write("prefixes.txt", "x\n".repeat(5000));
    let report = folder.check_table();
    assert_eq!(report.problems[0].line, 1);
    assert!(report.problems.len() < 1000, "{}", report.problems.len());
    assert_eq!(report.errors, 5000, "{:#?}", report.problems.last());
}

#[test]
fn datasets_as_programs_write_them() {
    let folder = Folder::with_good_table();
    let packed = |text: &str| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packer, text.as_bytes()).unwrap();
        packer.finish().unwrap()
    };
    let rows = "start,end,asn\n198.51.100.0,198.51.100.127,64500\n203.0.113.0,203.0.113.255,64501\n";
    let cases = [
        ("plain", rows.as_bytes().to_vec()),
        ("packed", packed(rows)),
        ("packed in two members", [packed(&rows[..20]), packed(&rows[20..])].concat()),
        ("lines that end as RFC 4180 says", rows.replace('\n', "\r\n").into_bytes()),
        ("a blank line", rows.replacen('\n', "\n\n", 1).into_bytes()),
        ("quoted", rows.replace("198.51.100.0,", "\"198.51.100.0\",").into_bytes()),
        ("both families", format!("{rows}2001:db9::,2001:db9::ff,64500\n").into_bytes()),
    ];
    each(cases, |(what, bytes)| {
        folder.write("asn.csv", bytes);
        let report = folder.check_table();
        assert!(report.problems.is_empty(), "{what}: {report:#?}");
    });
}

#[test]
fn datasets_with_faults() {
    let folder = Folder::with_good_table();
    let good = "198.51.100.0,198.51.100.127,64500\n";
    let cases = [
        ("«start»,end,country\n", "the header row must be `start,end,asn`"),
        ("«198.51.100.0»,198.51.100.127,64500\n", "the header row must be `start,end,asn`"),
        ("start,end,asn\n198.51.100.0,198.51.100.127,«AS64500»\n", "`AS64500` is not an AS number"),
        ("start,end,asn\n198.51.100.0,«198.51.100.300»,64500\n", "`198.51.100.300` is not an IP address"),
        ("start,end,asn\n«198.51.100»,198.51.100.127,64500\n", "`198.51.100` is not an IP address"),
        ("start,end,asn\n198.51.100.9,«198.51.100.8»,64500\n", "ends before it begins"),
        ("start,end,asn\n198.51.100.9,«2001:db8::»,64500\n", "begins in one address family"),
        ("start,end,asn\n\n198.51.100.0,198.51.100.127,«x»\n", "`x` is not an AS number"),
        (
            "start,end,asn\r\n198.51.101.0,198.51.101.127,64501\r\n198.51.102.0,198.51.102.127,«x»\r\n",
            "`x` is not an AS",
        ),
    ];
    each(cases, |(text, message)| {
        let marked = Marked::new(text);
        folder.write("asn.csv", marked.text + good);
        let problem = only(&folder);
        assert_eq!((problem.file.as_str(), problem.severity.as_str()), ("asn.csv", "error"), "{problem:?}");
        assert_eq!((problem.line, problem.column), (marked.faults[0].line, marked.faults[0].column), "{problem:?}");
        assert!(problem.message.contains(message), "{problem:?}");
    });
    let cases = [
        (b"start,end,asn\n198.51.100.0,198.51.100.127,6450".as_slice(), 2, "does not end in a newline"),
        (b"start,end,asn\n198.51.100.0,198.51.100.127\n", 2, "expected 3 fields, found 2"),
        (b"start,end,asn\n", 0, "has no ranges"),
        (b"", 0, "does not end in a newline"),
        (b"\x1f\x8b\x08\x00", 0, "can't be unpacked"),
    ];
    each(cases, |(bytes, line, message)| {
        folder.write("asn.csv", bytes);
        let report = folder.check_table();
        let problem = report.with(message);
        assert_eq!((problem.file.as_str(), problem.severity.as_str()), ("asn.csv", "error"), "{problem:?}");
        assert_eq!(problem.line, line, "{problem:?}");
    });
    folder.write("asn.csv", "start,end,asn\n198.51.100.0,198.51.100.127,64500\n198.51.100.64,198.51.100.255,64501\n");
    let problem = only(&folder);
    assert_eq!((problem.severity.as_str(), problem.line), ("warning", 3), "{problem:?}");
    assert_eq!(problem.also.unwrap().line, 2);
    folder.write("asn.csv", "start,end,asn\n").write("asn.mmdb", b"not a database");
    folder.write("table.json", GOOD.replace("asn.csv", "asn.mmdb"));
    assert!(only(&folder).message.contains("MaxMind"));
}

#[test]
fn pinned_files() {
    let folder = Folder::with_good_table();
    let prefixes = fs::read(folder.path("prefixes.txt")).unwrap();
    let right = sha256(&prefixes);
    let pinned = |digest: &str| {
        let pinned = format!(r#"{{ "path": "prefixes.txt", "sha256": «"{digest}"» }}"#);
        let marked = Marked::new(&GOOD.replace(r#""prefixes.txt""#, &pinned));
        folder.write("table.json", &marked.text);
        marked.faults[0]
    };
    for digest in [&right, &right.to_uppercase()] {
        pinned(digest);
        let report = folder.check_table();
        assert!(report.problems.is_empty(), "{report:#?}");
    }
    let spot = pinned(&sha256(b"other"));
    let problem = only(&folder);
    assert_eq!((problem.file.as_str(), problem.spot()), ("table.json", spot), "{problem:?}");
    assert!(problem.message.contains("prefixes.txt") && problem.message.contains(&right), "{problem:?}");
    for digest in ["", "abc", &right[1..], &format!("{}g", &right[1..])] {
        pinned(digest);
        folder.check_table().with("not 64 hexadecimal digits");
    }
    let unknown = GOOD
        .replace(r#""prefixes.txt""#, &format!(r#"{{ "path": "prefixes.txt", "sha256": "{right}", "sha265": "" }}"#));
    folder.write("table.json", unknown);
    assert!(only(&folder).text().contains("did you mean `sha256`?"));
    let doubled =
        GOOD.replace(r#""prefixes.txt""#, &format!(r#"{{ "path": "prefixes.txt", "sha256": "{right}", "path": "" }}"#));
    folder.write("table.json", doubled);
    assert!(only(&folder).message.contains("the key `path` stands twice"));
}

/// Each place that names a file may pin it; a pin holds there whatever the other places say.
#[test]
fn a_wrong_pin_is_told_though_another_place_names_the_file_too() {
    let folder = Folder::with_good_table();
    let wrong = sha256(b"other");
    let table = GOOD.replace(
        r#""footprint-file": "prefixes.txt", "mix": "near" }"#,
        &format!(
            r#""footprint-file": "prefixes.txt", "mix": "near" }},
               {{ "footprint-type": "ipv6cidr", "mix": "near",
                  "footprint-file": {{ "path": "prefixes.txt", "sha256": «"{wrong}"» }} }}"#
        ),
    );
    let marked = Marked::new(&table);
    folder.write("table.json", &marked.text);
    let report = folder.check_table();
    assert_eq!(report.with("pinned").spot(), marked.faults[0], "{report:#?}");
}

/// Files are found from where the table's path says it is, not from where a symlink leads.
#[test]
fn paths_are_relative_to_the_table() {
    let folder = Folder::with_good_table();
    fs::create_dir(folder.path("elsewhere")).unwrap();
    fs::rename(folder.path("table.json"), folder.path("elsewhere/real.json")).unwrap();
    symlink("elsewhere/real.json", folder.path("table.json")).unwrap();
    assert!(folder.check_table().problems.is_empty());
    let above = folder.path("table.json");
    let other = Folder::new();
    let ran = other.run(&["check", "--table", above.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = folder.run(&["check", "--table", "elsewhere/real.json", "--format", "json"]);
    assert_eq!(ran.report().problems.len(), 3, "{ran:?}");
    assert!(ran.report().problems[0].message.contains("elsewhere/asn.csv"), "{ran:?}");
}
