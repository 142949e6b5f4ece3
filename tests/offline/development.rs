//! `croupier certs dev`: all of a development CA or nothing, and what other programs make of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::program::{Folder, run};

const README: &str = include_str!("../../certs/README.md");

/// The files in the first column of the table in `certs/README.md`.
fn promised() -> Vec<&'static str> {
    let section = README.split("\n## ").find(|section| section.starts_with("For trying things out")).unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
    rows.flat_map(|row| row.split('`')).filter(|name| name.contains('.')).collect()
}

fn made() -> Folder {
    let folder = Folder::new();
    let ran = folder.run(&["certs", "dev"]);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    for name in promised() {
        assert!(ran.output.contains(&format!("  {name} ")), "{name} is not told: {ran:?}");
    }
    folder
}

/// Every file and what is in it.
fn files(folder: &Folder, directory: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder.path(directory)).unwrap().map(Result::unwrap);
    let mut files: Vec<(String, Vec<u8>)> =
        entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn every_file_that_is_promised_is_made() {
    let folder = made();
    let names: Vec<String> = files(&folder, "certs/dev").into_iter().map(|(name, _)| name).collect();
    let promised = promised();
    assert!(promised.len() >= 11, "{promised:?}");
    for name in &promised {
        assert!(names.iter().any(|made| made == name), "{name}");
        let key = name.replace(".pem", ".key");
        assert!(names.contains(&key), "beside each certificate its key: {key}");
    }
    for name in &names {
        let certificate = name.replace(".key", ".pem");
        assert!(promised.contains(&certificate.as_str()), "{name} is not in the README");
        let mode = fs::metadata(folder.path("certs/dev").join(name)).unwrap().permissions().mode();
        let is_private = name.contains(".key");
        assert!(!is_private || mode & 0o777 == 0o600, "{name}: {mode:o}");
    }
    for (name, pem) in files(&folder, "certs/dev").iter().filter(|(name, _)| name.contains(".pem")) {
        let ders: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(pem).map(Result::unwrap).collect();
        assert_eq!(ders.len(), if name.contains("ca.") || name.contains("root") { 1 } else { 2 }, "{name}");
        for der in &ders {
            let (_, certificate) = X509Certificate::from_der(der).unwrap();
            let algorithm = &certificate.public_key().algorithm;
            assert_eq!(algorithm.algorithm.to_id_string(), "1.2.840.10045.2.1", "{name}: EC");
            let curve = algorithm.parameters.as_ref().unwrap().as_oid().unwrap();
            assert_eq!(curve.to_id_string(), "1.2.840.10045.3.1.7", "{name}: P-256");
            assert_eq!(certificate.signature_algorithm.algorithm.to_id_string(), "1.2.840.10045.4.3.2", "{name}");
        }
    }
}

#[test]
fn what_is_there_is_never_overwritten() {
    let folder = made();
    let before = files(&folder, "certs/dev");
    let ran = folder.run(&["certs", "dev"]);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    assert!(ran.output.contains("nothing was made"), "{ran:?}");
    assert_eq!(files(&folder, "certs/dev"), before);

    for missing in ["root.pem", "ops.pem", "evil.key", "media-ca.crl"] {
        let whole = fs::read(folder.path("certs/dev").join(missing)).unwrap();
        fs::remove_file(folder.path("certs/dev").join(missing)).unwrap();
        let before = files(&folder, "certs/dev");
        let ran = folder.run(&["certs", "dev"]);
        assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{missing}: {ran:?}");
        let there = if missing == "root.pem" { "root.key" } else { "root.pem" };
        for told in [format!("certs/dev has {there} but not {missing}"), "remove certs/dev".to_owned()] {
            assert!(ran.errors.contains(&told), "{told}: {ran:?}");
        }
        assert_eq!(files(&folder, "certs/dev"), before);
        fs::write(folder.path("certs/dev").join(missing), whole).unwrap();
    }
}

#[test]
fn where_it_can_not_be_made_is_told() {
    let folder = Folder::new();
    folder.write("file", "");
    let ran = folder.run(&["certs", "dev", "--directory", "file/below"]);
    assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.errors.contains("file/below: "), "{ran:?}");

    fs::create_dir(folder.path("locked")).unwrap();
    fs::set_permissions(folder.path("locked"), fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(folder.path("locked/tried"), "").is_ok() {
        eprintln!("SKIPPED: this user may write everywhere");
        return;
    }
    for directory in ["locked", "locked/below"] {
        let ran = folder.run(&["certs", "dev", "--directory", directory]);
        assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{ran:?}");
        assert!(ran.errors.contains(directory), "{ran:?}");
    }
}

#[test]
fn what_is_made_elsewhere_is_taken() {
    let folder = Folder::with_good_table();
    let ran = folder.run(&["certs", "dev", "--directory", "tls/mine"]);
    assert!(ran.code == Some(0) && ran.output.contains("tls/mine"), "{ran:?}");
    folder.write(
        "croupier.toml",
        r#"[table]
source = "table.json"
[tls]
certificate = "tls/mine/server.pem"
key = "tls/mine/server.key"
[clients]
ca = ["tls/mine/root.pem"]
crls = ["tls/mine/media-ca.crl", "tls/mine/ops-ca.crl"]
[[clients.allow]]
issuer = "tls/mine/media-ca.pem"
role = "lookup"
crl = "required"
[[clients.allow]]
issuer = "tls/mine/ops-ca.pem"
role = "probe"
san = ["probe.example"]
crl = "required"
[health]
certificate = "tls/mine/probe.pem"
key = "tls/mine/probe.key"
"#,
    );
    let report = folder.check_config();
    assert!(report.problems.is_empty(), "{report:#?}");
    let ran = folder.run(&["certs", "inspect", "tls/mine/client.pem"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn openssl_takes_them_too() {
    if Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_err() {
        eprintln!("SKIPPED: there is no `openssl` to ask");
        return;
    }
    let folder = made();
    let openssl = |line: &str| {
        let mut command = Command::new("openssl");
        command.args(line.split(' ')).current_dir(folder.path("certs/dev")).stdin(Stdio::null());
        run(command)
    };
    for (purpose, issuer, leaf) in [
        ("sslclient", "media-ca.pem", "client.pem"),
        ("sslclient", "ops-ca.pem", "ops.pem"),
        ("sslclient", "ops-ca.pem", "probe.pem"),
        ("sslserver", "ops-ca.pem", "server.pem"),
    ] {
        let ran =
            openssl(&format!("verify -x509_strict -purpose {purpose} -CAfile root.pem -untrusted {issuer} {leaf}"));
        assert_eq!((ran.code, ran.output.as_str()), (Some(0), format!("{leaf}: OK\n").as_str()), "{ran:?}");
    }
    for (list, ca) in [("media-ca.crl", "media-ca.pem"), ("ops-ca.crl", "ops-ca.pem")] {
        let ran = openssl(&format!("crl -in {list} -CAfile {ca} -verify -noout"));
        assert!(ran.code == Some(0) && (ran.errors + &ran.output).contains("verify OK"), "{list}");
    }
    let ran = openssl("verify -crl_check -CRLfile media-ca.crl -CAfile root.pem -untrusted media-ca.pem revoked.pem");
    assert!(ran.code != Some(0) && (ran.errors + &ran.output).contains("revoked"), "the list is about revoked.pem");
}
