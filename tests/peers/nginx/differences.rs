//! What nginx takes and refuses, and where Croupier differs.

use std::fs::File;
use std::time::SystemTime;

use super::Nginx;
use crate::folder::{Folder, named};
use crate::program::run;
use crate::world::address;

/// What nginx starts with can be imported, and this is refused by both.
#[test]
fn the_same_is_refused() {
    let Some(nginx) = Nginx::find() else { return };
    let good = [
        "10.0.0.0/8 a;",
        "10.0.0.1 a;",
        "10.0.0.0/008 a;",
        "10...1 a;",
        "::1 a;",
        "2001:DB8::/32 a;",
        "10.0.0.1/8 'a b';",
        "default a; default b; ::/0 c;",
        "10.0.0.0/8 '';",
        "10.0.0.0/8 ${a}b;",
        "10.0.0.0/8 a\\ b;",
        "proxy 10.0.0.0/8; proxy_recursive; 11.0.0.0/8 a;",
        "ranges; ranges; 10.0.0.0-10.0.0.9 a;",
        "proxy 10.0.0.0/8; ranges; 10.0.0.0-10.0.0.9 a;",
        "delete 10.0.0.0/8; 11.0.0.0/8 a;",
        "255.255.255.255 a;",
        "ranges; 10.0.0.0-10.9.0.0 a; 10.1.0.0-10.1.255.255 b; delete 1.0.0.0-1.0.0.9;",
        "1:2:3:4:5:6:7:8 a;",
        "1::/16 a;",
    ];
    let bad = [
        "10.0.0.0/33 a;",
        "10.0.0/8 a;",
        "10.0.0.256 a;",
        "10.0.0.0/ a;",
        "10.0.0.0/8 a b;",
        "10.0.0.0/8;",
        "10.0.0.0/8 a",
        "ranges; 10.0.0.0/8 a;",
        "10.0.0.0/8 a; ranges;",
        "default a; ranges; 10.0.0.0-10.0.0.9 a;",
        "gate.example a;",
        "ranges; 10.0.0.0-10.0.0.9 a; 10.0.0.5-10.0.0.20 b;",
        "10.0.0.0/-1 a;",
        "\"10.0.0.0/8 a;",
        "include missing;",
        "ranges; 10.0.0.9-10.0.0.0 a;",
        "ranges; 10.0.0.0-255.255.255.255 a;",
        "1:2:3:4:5:6:7:8:9 a;",
        "::/129 a;",
        "default;",
        "delete default; 10.0.0.0/8 a;",
        "{ 10.0.0.0/8 a; }",
        "10.0.0.0/8 { a; }",
    ];
    for (text, code) in good.map(|text| (text, 0)).into_iter().chain(bad.map(|text| (text, 1))) {
        let folder = Folder::new();
        let blocks = format!("    geo $arg_ip $answer {{\n{text}\n    }}\n");
        folder.write("nginx.conf", &nginx.configuration(folder.root(), &blocks, &["answer"]));
        let checked = run(nginx.command(folder.root(), &["-t"]));
        assert_eq!(checked.code, Some(code), "{text}: {}", checked.errors);
        let ran = folder.import("nginx-geo", "nginx.conf", &[]);
        assert_eq!(ran.code, Some(code), "{text}: {ran:?}");
    }
}

/// As `data/importing.md` says.
#[test]
fn what_differs_is_as_documented() {
    let Some(nginx) = Nginx::find() else { return };
    let folder = Folder::new();
    let blocks =
        "    geo $arg_ip $answer { default none; 10.0.0.0/8 ten; 255.255.255.255 highest; proxy 192.0.2.0/24; }\n";
    folder.write("nginx.conf", &nginx.configuration(folder.root(), blocks, &["answer"]));
    let (_running, mut asker) = nginx.start(&folder);
    let told = folder.imported("nginx-geo", "nginx.conf", &[]);
    assert!(told.iter().any(|line| line.contains("`proxy` is ignored")), "{told:#?}");

    for (asked, there, here) in [
        // What is no address is 255.255.255.255 to nginx.
        ("gate.example", "highest", "refused"),
        ("", "highest", "refused"),
        ("10.1", "highest", "refused"),
        // Leading zeros, and octets without digits.
        ("010.1.2.3", "ten", "refused"),
        ("10..2.3", "ten", "refused"),
        // The same in both.
        ("::ffff:10.1.2.3", "ten", "ten"),
        ("::10.1.2.3", "none", "none"),
        ("2002:a01:203::1", "none", "none"),
        ("192.0.2.1", "none", "none"),
    ] {
        assert_eq!((&*asker.ask("/answer", &[asked])[0], &*folder.mixes(&[asked])[0]), (there, here), "{asked}");
    }
    // A lookup names the address; nginx may take it from a header instead.
    assert_eq!(asker.ask_for("/answer", "10.1.2.3", &["192.0.2.1"]), [named("ten")]);
}

/// nginx 1.22 takes the pattern for a name, newer ones for what it matches.
#[test]
fn patterns_are_as_documented() {
    let Some(nginx) = Nginx::find() else { return };
    let folder = Folder::new();
    let blocks = "    geo $arg_ip $answer { default none; include lists/*.conf; }\n";
    folder.write("nginx.conf", &nginx.configuration(folder.root(), blocks, &["answer"]));
    folder
        .write("lists/b.conf", "10.0.0.0/8 b; 11.0.0.0/8 b;\n")
        .write("lists/a.conf", "10.0.0.0/8 a; 12.0.0.0/8 a;\n");
    folder.imported("nginx-geo", "nginx.conf", &[]);
    let (sample, expected) = (["10.1.1.1", "11.1.1.1", "12.1.1.1", "13.1.1.1"], ["b", "b", "a", "none"]);
    assert_eq!(folder.mixes(&sample), expected);
    let checked = run(nginx.command(folder.root(), &["-t"]));
    if checked.code == Some(0) {
        let (_running, mut asker) = nginx.start(&folder);
        assert_eq!(asker.ask("/answer", &sample), expected);
    } else {
        assert!(checked.errors.contains("lists/*.conf\" failed"), "{}", checked.errors);
    }
}

/// nginx makes a binary base of a long list, and reads that instead unless the list is newer.
#[test]
fn binary_bases_are_as_documented() {
    let Some(nginx) = Nginx::find() else { return };
    let folder = Folder::new();
    let blocks = "    geo $arg_ip $answer { ranges; default none; include list; }\n";
    let list = |answer: &str| {
        let one = |number: u32| format!("{0}-{0} {answer};\n", address(true, u128::from(10 << 24 | number)));
        (0..100_001).map(one).collect::<Vec<_>>().concat()
    };
    folder.write("nginx.conf", &nginx.configuration(folder.root(), blocks, &["answer"])).write("list", &list("old"));
    let told = folder.imported("nginx-geo", "nginx.conf", &[]);
    assert!(told.iter().all(|line| !line.contains("list.bin")), "{told:#?}");
    let checked = run(nginx.command(folder.root(), &["-t"]));
    assert!(checked.code == Some(0) && folder.path("list.bin").is_file(), "{}", checked.errors);

    folder.write("list", &list("new"));
    let text = File::options().write(true).open(folder.path("list")).unwrap();
    text.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let (_running, mut asker) = nginx.start(&folder);
    let told = folder.imported("nginx-geo", "nginx.conf", &[]);
    assert!(told.iter().any(|line| line.contains("nginx may read `list.bin` instead")), "{told:#?}");
    assert_eq!(
        (asker.ask("/answer", &["10.0.0.1"]), folder.mixes(&["10.0.0.1"])),
        (vec!["old".to_owned()], vec!["new".to_owned()])
    );
}
