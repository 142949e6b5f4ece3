//! `croupier check` on a configuration: every problem of it, of the table and of the trust.

use std::fs;

use time::OffsetDateTime;

use crate::marked::Marked;
use crate::program::{Folder, GOOD, Report, each, run};

const MINIMAL: &str = r#"[table]
source = "table.json"

[tls]
certificate = "certs/server.pem"
key = "certs/server.key"

[clients]
ca = ["certs/root.pem"]

[[clients.allow]]
issuer = "certs/media-ca.pem"
role = "lookup"
"#;

const SECTIONS: [&str; 11] =
    ["listen", "table", "tls", "clients", "guards", "limits", "connections", "proxy", "drain", "health", "log"];

/// A folder in which everything that [`MINIMAL`] names is there and good.
fn prepared() -> Folder {
    let folder = Folder::with_good_table();
    croupier::trust::development::make(&folder.path("certs"), OffsetDateTime::now_utc()).unwrap();
    folder.write("croupier.toml", MINIMAL);
    folder
}

fn checked_with(folder: &Folder, environment: &[(&str, &str)]) -> Report {
    let mut command = folder.croupier(&["check", "--config", "croupier.toml", "--format", "json"]);
    command.envs(environment.iter().copied());
    run(command).report()
}

#[test]
fn a_minimal_configuration_is_good() {
    let folder = prepared();
    let report = folder.check_config();
    assert!(report.problems.is_empty(), "{report:#?}");
    assert_eq!(report.table.unwrap()["version"], "test.1");
    let ran = folder.run(&["check"]);
    assert_eq!(ran.code, Some(0), "croupier.toml is the default: {ran:?}");
}

#[test]
fn the_printed_configuration_is_whole_and_reads_back() {
    let folder = prepared();
    let print = |name: &str| {
        let ran = folder.run(&["check", "--print-config", "--config", name]);
        assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
        ran.output
    };
    let absolute = folder.path("croupier.toml");
    for (name, again) in
        [("croupier.toml", "again.toml".into()), (absolute.to_str().unwrap(), folder.path("again.toml"))]
    {
        let printed = print(name);
        let parsed: toml::Table = printed.parse().unwrap();
        for section in SECTIONS {
            assert!(parsed.get(section).is_some_and(toml::Value::is_table), "no [{section}] in {printed}");
        }
        assert_eq!(parsed.len(), SECTIONS.len(), "{printed}");
        for (section, key) in
            [("listen", "lookup"), ("guards", "max_input"), ("limits", "handshake"), ("drain", "wait")]
        {
            assert!(parsed[section].get(key).is_some(), "no [{section}] {key} in {printed}");
        }
        folder.write("again.toml", &printed);
        assert_eq!(print(again.to_str().unwrap()), printed);
        assert_eq!(folder.run(&["check", "--config", again.to_str().unwrap()]).code, Some(0));
    }
}

#[test]
fn unknown_keys_and_sections_are_told_in_their_place() {
    let folder = prepared();
    let mut text = format!("«stray» = 1\n{MINIMAL}«sna» = [\"*.example\"]\n");
    for (section, key) in [
        ("listen", "lookpu"),
        ("guards", "max_input_"),
        ("limits", "conections"),
        ("connections", "idel"),
        ("proxy", "trustde"),
        ("drain", "deadlin"),
        ("health", "certificat"),
        ("log", "levle"),
    ] {
        text.push_str(&format!("\n[{section}]\n  «{key}» = 1\n"));
    }
    let text = text
        .replace("source = ", "«sorce» = \"x\"\nsource = ")
        .replace("[tls]\n", "[tls]\n«keyy» = \"x\"\n")
        .replace("[clients]\n", "[clients]\n«crl» = []\n");
    let marked = Marked::new(&format!("{text}\n[«limit»]\nheader = 1\n\n[[«zebra»]]\n"));
    folder.write("croupier.toml", &marked.text);
    let report = folder.check_config();
    let told: Vec<_> = report.problems.iter().map(|problem| (problem.line, problem.column)).collect();
    let expected: Vec<_> = marked.faults.iter().map(|spot| (spot.line, spot.column)).collect();
    assert_eq!(told, expected, "{report:#?}");
    assert!(report.problems.iter().all(|problem| problem.file == "croupier.toml" && problem.severity == "error"));
    for (message, help) in [
        ("`sorce`", "did you mean `source`?"),
        ("`keyy`", "did you mean `key`?"),
        ("`crl`", "did you mean `crls`?"),
        ("`sna`", "did you mean `san`?"),
        ("`lookpu`", "did you mean `lookup`?"),
        ("`conections`", "did you mean `connections`?"),
        ("`idel`", "did you mean `idle`?"),
        ("`trustde`", "did you mean `trusted`?"),
        ("`deadlin`", "did you mean `deadline`?"),
        ("`certificat`", "did you mean `certificate`?"),
        ("`levle`", "did you mean `level`?"),
        ("`limit`", "did you mean `limits`?"),
        ("`zebra`", "listen, table"),
    ] {
        let problem = report.with(message);
        assert!(problem.text().contains(help), "not `{help}`: {problem:?}");
    }
}

#[test]
fn wrong_values_are_told_in_their_place() {
    let folder = prepared();
    let cases = [
        ("source = \"table.json\"", "«source» = 7"),
        ("ca = [\"certs/root.pem\"]", "«ca» = \"certs/root.pem\""),
        ("ca = [\"certs/root.pem\"]", "ca = [«7»]"),
        ("role = \"lookup\"", "«role» = \"looker\""),
        ("role = \"lookup\"", "role = \"lookup\"\n«san» = \"*.example\""),
        ("[table]", "[listen]\n«lookup» = \"localhost\"\n[table]"),
        ("[table]", "[listen]\n«health» = \"127.0.0.1\"\n[table]"),
        ("[table]", "[listen]\n«admin» = 9443\n[table]"),
        ("[table]", "[drain]\n«wait» = -1\n[table]"),
        ("[table]", "[drain]\n«wait» = nan\n[table]"),
        ("[table]", "[drain]\n«deadline» = 1e300\n[table]"),
        ("[table]", "[drain]\n«deadline» = \"30s\"\n[table]"),
        ("[table]", "[limits]\n«connections» = -1\n[table]"),
        ("[table]", "[limits]\n«connections» = 99999999999999999999\n[table]"),
        ("[table]", "[limits]\n«streams» = 4294967296\n[table]"),
        ("[table]", "[limits]\n«header_count» = 1.5\n[table]"),
        ("[table]", "[connections]\n«idle» = true\n[table]"),
        ("[table]", "[guards]\n«max_input» = \"256M\"\n[table]"),
        ("[table]", "[guards]\n«max_moved» = \"half\"\n[table]"),
        ("[table]", "[proxy]\n«trusted» = \"10.0.0.0/8\"\n[table]"),
        ("[table]", "[proxy]\ntrusted = [\"10.0.0.0/8\", «\"10.0.0.1/8\"»]\n[table]"),
        ("[table]", "[proxy]\ntrusted = [«\"everyone\"»]\n[table]"),
        ("[table]", "[proxy]\n«health» = \"yes\"\n[table]"),
        ("[table]", "[health]\n«certificate» = 1\n[table]"),
        ("[table]", "[log]\n«format» = \"xml\"\n[table]"),
        ("[table]", "[log]\n«level» = 3\n[table]"),
        ("[table]", "«listen» = 7\n[table]"),
    ];
    each(cases, |(from, to)| {
        told(&folder, from, to);
    });
}

#[test]
fn values_out_of_their_range_are_told_in_their_place() {
    let folder = prepared();
    let cases = [
        "[guards]\n«max_moved» = 1.5\n[table]",
        "[guards]\n«max_moved» = -0.1\n[table]",
        "[guards]\n«max_shrunk» = nan\n[table]",
        "[log]\n«level» = \"croupier=loud\"\n[table]",
        "[log]\n«level» = \"inof\"\n[table]",
        "[log]\n«level» = \"\"\n[table]",
        "[log]\n«level» = \"info,verbose\"\n[table]",
        "[proxy]\n«health» = true\n[table]",
        "[connections]\n«age» = 0\n[table]",
        "[connections]\n«keepalive» = 0.5\n[table]",
        "[limits]\n«connections» = 0\n[table]",
        "[limits]\n«header_count» = 0\n[table]",
        "[limits]\n«handshake» = 0\n[table]",
        "[connections]\n«idle» = 0\n[table]",
    ];
    each(cases, |to| {
        told(&folder, "[table]", to);
    });
}

/// One error, in the one place that is marked.
#[track_caller]
fn told(folder: &Folder, from: &str, to: &str) {
    let marked = Marked::new(&MINIMAL.replacen(from, to, 1));
    folder.write("croupier.toml", &marked.text);
    let report = folder.check_config();
    let errors = report.problems.iter().filter(|problem| problem.severity == "error");
    let places: Vec<_> = errors.map(|problem| (problem.file.as_str(), problem.line, problem.column)).collect();
    assert_eq!(places, [("croupier.toml", marked.faults[0].line, marked.faults[0].column)], "{to}: {report:#?}");
}

#[test]
fn several_faults_of_one_section_are_all_told() {
    let folder = prepared();
    let cases = [
        ("[drain]\n«wait» = \"soon\"\n«deadline» = \"late\"\n", 2),
        ("[drain]\n«wait» = -1\n«zzz» = 1\n", 2),
        ("[limits]\n«connections» = -1\n«handshake» = -1\n«header» = -1\n", 3),
        ("[listen]\n«lookup» = \"x\"\n«health» = \"y\"\n«admin» = \"z\"\n", 3),
    ];
    each(cases, |(section, faults)| {
        let marked = Marked::new(&format!("{MINIMAL}\n{section}"));
        assert_eq!(marked.faults.len(), faults);
        folder.write("croupier.toml", &marked.text);
        let report = folder.check_config();
        let told: Vec<_> = report.problems.iter().map(|problem| (problem.line, problem.column)).collect();
        let expected: Vec<_> = marked.faults.iter().map(|spot| (spot.line, spot.column)).collect();
        assert_eq!(told, expected, "{section}: {report:#?}");
    });
}

#[test]
fn required_keys_are_named_when_they_are_missing() {
    let folder = prepared();
    let cases = [
        ("source = \"table.json\"\n", "source"),
        ("certificate = \"certs/server.pem\"\n", "certificate"),
        ("key = \"certs/server.key\"\n", "key"),
        ("ca = [\"certs/root.pem\"]\n", "ca"),
        ("issuer = \"certs/media-ca.pem\"\n", "issuer"),
        ("role = \"lookup\"\n", "role"),
    ];
    each(cases, |(line, key)| {
        folder.write("croupier.toml", MINIMAL.replace(line, ""));
        let report = folder.check_config();
        let problem = report.only();
        assert_eq!(problem.file, "croupier.toml");
        assert!(problem.message.contains(&format!("`{key}`")), "{problem:?}");
        assert!(problem.line > 0, "the section is there, so it has a place: {problem:?}");
    });
    folder.write("croupier.toml", "");
    let report = folder.check_config();
    for key in ["source", "certificate", "ca"] {
        report.with(&format!("`{key}`"));
    }
}

#[test]
fn what_is_no_toml_is_told_in_its_place() {
    let folder = prepared();
    for text in ["[table\nsource = 1\n", "x = \n", "[table]\nsource = \"a\"\nsource = \"b\"\n", "\u{0}", "a = 'é\n"] {
        folder.write("croupier.toml", text);
        let report = folder.check_config();
        let problem = &report.problems[0];
        assert!(problem.line > 0 && problem.column > 0 && problem.message.contains("TOML"), "{text}: {problem:?}");
    }
    folder.write("croupier.toml", b"\xff\xfe");
    assert_eq!(folder.check_config().only().file, "croupier.toml");
    fs::remove_file(folder.path("croupier.toml")).unwrap();
    let report = folder.check_config();
    assert!(report.only().text().contains("--config"), "{report:#?}");
    fs::create_dir(folder.path("croupier.toml")).unwrap();
    assert_eq!(folder.check_config().only().file, "croupier.toml");
}

#[test]
fn the_environment_wins_over_the_file() {
    let folder = prepared();
    folder.write("croupier.toml", format!("{MINIMAL}\n[drain]\nwait = 3\n"));
    let mut command = folder.croupier(&["check", "--print-config", "--config", "croupier.toml"]);
    command.envs([
        ("CROUPIER_DRAIN_WAIT", "0.5"),
        ("CROUPIER_DRAIN_DEADLINE", "7"),
        ("CROUPIER_LISTEN_LOOKUP", "[::1]:1"),
        ("CROUPIER_LIMITS_HEADER_COUNT", "50"),
        ("CROUPIER_GUARDS_MAX_INPUT", "1000000"),
        ("CROUPIER_LOG_LEVEL", "debug"),
        ("CROUPIER_TABLE_SOURCE", "other.json"),
    ]);
    let ran = run(command);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    let printed: toml::Table = ran.output.parse().unwrap();
    assert_eq!(printed["drain"]["wait"].as_float(), Some(0.5));
    assert_eq!(printed["drain"]["deadline"].as_integer(), Some(7));
    assert_eq!(printed["listen"]["lookup"].as_str(), Some("[::1]:1"));
    assert_eq!(printed["limits"]["header_count"].as_integer(), Some(50));
    assert_eq!(printed["guards"]["max_input"].as_integer(), Some(1_000_000));
    assert_eq!(printed["log"]["level"].as_str(), Some("debug"));
    assert_eq!(printed["table"]["source"].as_str(), Some("other.json"));
}

/// Text that looks like a number is a path all the same where a path is meant.
#[test]
fn the_environment_may_name_a_file_by_a_number() {
    let folder = prepared();
    folder.write("2026", GOOD);
    let report = checked_with(&folder, &[("CROUPIER_TABLE_SOURCE", "2026")]);
    assert!(report.problems.is_empty(), "{report:#?}");
}

#[test]
fn slips_in_the_environment_are_told() {
    let folder = prepared();
    let report = checked_with(&folder, &[("CROUPIER_DRAIN_WIAT", "1"), ("CROUPIER_ZEBRA", "1")]);
    assert_eq!((report.errors, report.warnings), (0, 2), "{report:#?}");
    assert!(report.with("CROUPIER_DRAIN_WIAT").text().contains("did you mean `CROUPIER_DRAIN_WAIT`?"), "{report:#?}");
    report.with("CROUPIER_ZEBRA");
    let report = checked_with(&folder, &[("CROUPIER", "1"), ("CROUPIERS_DRAIN_WAIT", "x")]);
    assert!(report.problems.is_empty(), "{report:#?}");
}

/// Who prints the configuration wants to know what is in effect, and what is not.
#[test]
fn slips_are_told_beside_the_printed_configuration() {
    let folder = prepared();
    let mut command = folder.croupier(&["check", "--print-config", "--config", "croupier.toml"]);
    command.env("CROUPIER_DRAIN_WIAT", "1");
    let ran = run(command);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.output.parse::<toml::Table>().is_ok(), "{ran:?}");
    assert!(ran.errors.contains("CROUPIER_DRAIN_WIAT"), "{ran:?}");
    folder.write("croupier.toml", format!("{MINIMAL}\n[drain]\nwait = -1\n"));
    let ran = folder.run(&["check", "--print-config", "--config", "croupier.toml"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(crate::drawn::told(&ran.output).contains("croupier.toml:16:1: error: "), "{ran:?}");
}

/// The file is good; who reads the message must look at the environment.
#[test]
fn a_wrong_value_in_the_environment_names_its_variable() {
    let folder = prepared();
    let cases = [("CROUPIER_LISTEN_LOOKUP", "here"), ("CROUPIER_DRAIN_WAIT", "-1"), ("CROUPIER_LOG_FORMAT", "x")];
    each(cases, |(name, value)| {
        let report = checked_with(&folder, &[(name, value)]);
        let problem = report.only();
        assert!(problem.severity == "error" && problem.text().contains(name), "{problem:?}");
    });
}

/// One look shows everything that is wrong, whichever file it is in.
#[test]
fn faults_of_configuration_table_and_trust_are_told_together() {
    let folder = prepared();
    folder.write("table.json", GOOD.replace("192.0.2.0/24", "192.0.2.0/33").replace("\"far\",", "\"fra\","));
    folder.write("certs/server.key", "no key\n").write("certs/root.pem", "");
    let cases = [(MINIMAL.to_owned(), 0), (format!("{MINIMAL}\n[drain]\nwiat = 1\n\n[log]\nformat = \"xml\"\n"), 2)];
    each(cases, |(config, own)| {
        folder.write("croupier.toml", config);
        let report = folder.check_config();
        let of = |file: &str| report.problems.iter().filter(|problem| problem.file == file).count();
        assert_eq!(of("croupier.toml"), own, "{report:#?}");
        assert_eq!(of("table.json"), 2, "{report:#?}");
        assert!(of("certs/server.key") == 1 && of("certs/root.pem") >= 1, "{report:#?}");
    });
}

#[test]
fn faults_of_trust_name_their_file() {
    let folder = prepared();
    for (name, contents, message) in [
        ("certs/server.pem", "", "server.pem"),
        ("certs/server.key", "garbage\n", "server.key"),
        ("certs/root.pem", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n", "root.pem"),
        ("certs/media-ca.pem", "\n", "media-ca.pem"),
    ] {
        let before = fs::read(folder.path(name)).unwrap();
        folder.write(name, contents);
        let report = folder.check_config();
        assert!(
            report.errors > 0 && report.problems.iter().all(|problem| problem.file.ends_with(message)),
            "{report:#?}"
        );
        fs::remove_file(folder.path(name)).unwrap();
        let report = folder.check_config();
        assert!(
            report.errors > 0 && report.problems.iter().all(|problem| problem.file.ends_with(message)),
            "{report:#?}"
        );
        folder.write(name, before);
    }
    let other = prepared();
    fs::copy(other.path("certs/server.key"), folder.path("certs/server.key")).unwrap();
    assert!(folder.check_config().only().message.contains("not the key of certs/server.pem"));
}

/// What only the configuration can put right is told where it stands in the configuration.
#[test]
fn faults_between_configuration_and_trust_have_a_place_in_the_configuration() {
    let folder = prepared();
    let cases = [
        ("ca = [\"certs/root.pem\"]", "«ca» = []"),
        ("role = \"lookup\"\n", "role = \"lookup\"\nsan = [«\"\"»]\n"),
        ("[table]", "[health]\n«certificate» = \"certs/probe.pem\"\n[table]"),
        ("[table]", "[health]\n«key» = \"certs/probe.key\"\n[table]"),
    ];
    each(cases, |(from, to)| {
        let marked = Marked::new(&MINIMAL.replacen(from, to, 1));
        folder.write("croupier.toml", &marked.text);
        let report = folder.check_config();
        assert_eq!(report.errors, 1, "{report:#?}");
        let problem = report.only();
        let place = (problem.file.as_str(), problem.line);
        assert_eq!(place, ("croupier.toml", marked.faults[0].line), "{to}: {problem:?}");
    });
}

#[test]
fn relative_paths_are_relative_to_the_configuration() {
    let folder = prepared();
    for name in ["deploy", "run"] {
        fs::create_dir(folder.path(name)).unwrap();
    }
    for name in ["croupier.toml", "table.json", "prefixes.txt", "asn.csv", "country.csv", "certs"] {
        fs::rename(folder.path(name), folder.path("deploy").join(name)).unwrap();
    }
    let absolute = folder.path("deploy/croupier.toml");
    for (directory, config) in [
        (".", "deploy/croupier.toml"),
        ("run", "../deploy/croupier.toml"),
        ("deploy", "croupier.toml"),
        ("run", absolute.to_str().unwrap()),
    ] {
        let mut command = folder.croupier(&["check", "--config", config]);
        command.current_dir(folder.path(directory));
        let ran = run(command);
        assert_eq!(ran.code, Some(0), "{config} from {directory}: {ran:?}");
    }
    let mut command = folder.croupier(&["check", "--config", "deploy/croupier.toml"]);
    command.env("CROUPIER_TABLE_SOURCE", "no.json");
    let ran = run(command);
    assert!(crate::drawn::told(&ran.output).contains("deploy/no.json: error: "), "{ran:?}");
}

#[test]
fn a_table_over_the_configured_limit_is_refused() {
    let folder = prepared();
    folder.write("croupier.toml", format!("{MINIMAL}\n[guards]\nmax_input = 2000\n"));
    assert!(folder.check_config().problems.is_empty());
    folder.write("prefixes.txt", format!("2001:db8::/32\n#{}\n", "x".repeat(2000)));
    let report = folder.check_config();
    assert!(report.only().message.contains("prefixes.txt") && report.only().message.contains("larger"), "{report:#?}");
}
