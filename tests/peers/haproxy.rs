//! HAProxy's `map_ip`: the same answers, what it takes and refuses, and where Croupier differs.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Command;

use crate::addresses;
use crate::ask::Asker;
use crate::folder::{Folder, compare};
use crate::program::{Running, find, run, tell};
use crate::world::prefixes;

/// Whatever else a map may hold.
const AWKWARD: &str = "# a comment\n\n  \t \n\t 10.2.0.0/16\t two  words \t\n10.3.0.1\n10.4.0.0/255.255.0.0 mask # no comment\r\n\
                       10.5.0.9/16 bits\n10.5.0.0/16 later\n10.6.0.0/+16 signed\n10.7.0.0/016 zeros\n::ffff:10.8.0.0/112 mapped\n\
                       ::ffff:11.0.0.0/104 mapped\n2001:DB8::/32 upper\n2001:db8::1/32 later\n10.9.0.0/255.255.255.255 all\n\
                       10.10.0.0/16 ten\n::ffff:10.10.0.0/112 never\n";

const AROUND: &[&str] = &[
    "10.1.255.255",
    "10.2.0.0",
    "10.2.255.255",
    "10.3.0.0",
    "10.3.0.1",
    "10.3.0.2",
    "10.4.1.1",
    "10.5.1.1",
    "10.6.1.1",
    "10.7.1.1",
    "10.8.1.1",
    "11.1.1.1",
    "12.0.0.0",
    "2001:db8::",
    "2001:db8:ffff::",
    "2001:db9::",
    "10.9.0.0",
    "10.9.0.1",
    "10.10.1.1",
    "10.11.0.0",
];

struct Haproxy(PathBuf);

impl Haproxy {
    fn find() -> Option<Self> {
        find("haproxy").map(Self)
    }

    /// A folder with a map and the configuration that asks it.
    fn folder(map: &str) -> Folder {
        let folder = Folder::new();
        let root = folder.root().display();
        let configuration = format!(
            "global\n  nbthread 1\ndefaults\n  mode http\n  timeout client 2m\n  timeout server 2m\n  timeout connect 2m\n\
             frontend peer\n  bind unix@{root}/socket\n  \
             http-request return status 200 content-type text/plain lf-string %[url_param(ip),map_ip({root}/geo.map,none)]\n"
        );
        folder.write("haproxy.cfg", &configuration).write("geo.map", map);
        folder
    }

    fn command(&self, folder: &Folder, more: &str) -> Command {
        let mut command = Command::new(&self.0);
        command.args([more, "-f", "haproxy.cfg"]).current_dir(folder.root());
        command
    }

    #[track_caller]
    fn start(&self, folder: &Folder) -> (Running, Asker) {
        let checked = run(self.command(folder, "-c"));
        assert_eq!(checked.code, Some(0), "{}", checked.errors);
        let socket = folder.path("socket");
        let running = Running::start(self.command(folder, "-db"), &socket, &folder.path("output"));
        (running, Asker::new(&socket))
    }
}

fn listed() -> String {
    let mut text = String::new();
    for (at, prefix) in prefixes().iter().enumerate() {
        let network = format!("{}/{}", prefix.address, prefix.length);
        _ = match at % 3 {
            0 => writeln!(text, "{network} {}", prefix.answer),
            1 => writeln!(text, " \t{network}\t \t{}\t ", prefix.answer),
            _ => write!(text, "#{at} x\n{network} {}\r\n", prefix.answer),
        };
    }
    text
}

/// Both with and without a prefix around all of IPv6, which is around IPv4 there too.
#[test]
fn prefixes_answer_alike() {
    let Some(haproxy) = Haproxy::find() else { return };
    for more in ["", "::/0 six\n", "0.0.0.0/0 four\n::/1 half\n"] {
        let folder = Haproxy::folder(&(AWKWARD.to_owned() + &listed() + more));
        let (_running, mut asker) = haproxy.start(&folder);
        let blocks =
            prefixes().into_iter().map(|prefix| (prefix.address.is_ipv4(), prefix.bounds().0, prefix.bounds().1));
        let mut all = addresses::of(blocks);
        all.extend(AROUND.iter().map(|address| address.parse::<IpAddr>().unwrap()));
        all.retain(|address| !addresses::has_ipv4(*address));
        addresses::enough(&all);
        folder.imported("haproxy-map", "geo.map", &["--default", "none"]);
        compare(&all, &asker.ask("/", &all), &folder.mixes(&all));
        tell(&format!("HAProxy: {} addresses answered alike", all.len()));
    }
}

#[test]
fn the_same_is_refused() {
    let Some(haproxy) = Haproxy::find() else { return };
    let good = [
        "10.0.0.0/8 a",
        "10.0.0.1",
        "10.0.0.0/255.0.0.0 a",
        "10.0.0.0/255.0.255.0 a\n10.0.0.0/8 b",
        "10.0.0.0/+8 a",
        "10.0.0.0/008 a",
        "2001:db8::/32 a",
        "2001:db8::1 a",
        "::ffff:10.0.0.0/104 a",
        "\t10.0.0.0/8\t a b # c \r\n",
        "10.0.0.0/8 a\n10.0.0.0/8 b",
        "0.0.0.0/0 a",
        "::/0 a",
        "10.0.0.0/0.0.0.0 a",
    ];
    let bad = [
        "10.0.0.0/33 a",
        "10.1 a",
        "010.0.0.1 a",
        "gate.example a",
        "localhost a",
        "2001:db8::/129 a",
        "10.0.0.0/8 a\n # late",
        "10.0.0.0/ a",
        "10.0.0.0/-1 a",
        "10.0.0.0-10.0.0.9 a",
        "10.0.0.0/8,a",
    ];
    for (map, code) in good.map(|map| (map, 0)).into_iter().chain(bad.map(|map| (map, 1))) {
        let folder = Haproxy::folder(map);
        let checked = run(haproxy.command(&folder, "-c"));
        assert_eq!(checked.code, Some(code), "{map}: {}", checked.errors);
        let ran = folder.import("haproxy-map", "geo.map", &[]);
        assert_eq!(ran.code, Some(code), "{map}: {ran:?}");
    }
}

/// As `data/importing.md` says.
#[test]
fn what_differs_is_as_documented() {
    let Some(haproxy) = Haproxy::find() else { return };
    let map = "10.0.0.0/8 ten\n11.0.0.0/255.0.255.0 gaps\n2002:a02::/32 own\n::ffff:12.0.0.0/104 mapped\n";
    let folder = Haproxy::folder(map);
    let (_running, mut asker) = haproxy.start(&folder);
    let told = folder.imported("haproxy-map", "geo.map", &["--default", "none"]);
    assert!(told.iter().any(|line| line.contains("the mask of `11.0.0.0/255.0.255.0` has gaps")), "{told:#?}");
    for (asked, there, here) in [
        // 6to4 and IPv4-compatible addresses that no IPv6 prefix matches are looked up as IPv4.
        ("2002:a01:203::1", "ten", "none"),
        ("2002:a02:203::1", "own", "own"),
        ("::10.1.2.3", "ten", "none"),
        ("2001:0:a01:203::1", "none", "none"),
        ("64:ff9b::a01:203", "none", "none"),
        // A mask with gaps is no prefix.
        ("11.1.0.1", "gaps", "none"),
        // What can't be read has no answer at all, not the default.
        ("gate.example", "", "refused"),
        ("10.1", "", "refused"),
        ("010.1.2.3", "ten", "refused"),
        // The same in both.
        ("::ffff:10.1.2.3", "ten", "ten"),
        ("12.1.2.3", "mapped", "mapped"),
        ("::ffff:12.1.2.3", "mapped", "mapped"),
    ] {
        assert_eq!((&*asker.ask("/", &[asked])[0], &*folder.mixes(&[asked])[0]), (there, here), "{asked}");
    }

    // An IPv4-mapped address is asked for among the IPv6 prefixes first, an IPv4 one last.
    let folder = Haproxy::folder("10.0.0.0/8 ten\n::/0 six\n");
    let (_running, mut asker) = haproxy.start(&folder);
    folder.imported("haproxy-map", "geo.map", &["--default", "none"]);
    let both = ["10.1.2.3", "11.1.2.3", "::ffff:10.1.2.3", "::ffff:11.1.2.3"];
    assert_eq!(asker.ask("/", &both), ["ten", "six", "six", "six"]);
    assert_eq!(folder.mixes(&both), ["ten", "six", "ten", "six"]);
}
