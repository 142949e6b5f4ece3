//! nginx's `geo`, by prefix and by range.

mod differences;
mod server;

use std::fmt::Write as _;
use std::net::IpAddr;

use self::server::Nginx;
use crate::addresses;
use crate::folder::{Folder, compare};
use crate::program::tell;
use crate::world::{Numbers, address, prefixes, ranges};

/// The module's own example, and whatever else it takes.
const AWKWARD: &str = r#"
        delete         127.0.0.0/16;
        proxy          192.168.100.0/24;
        proxy          2001:0db8::/32;
        proxy_recursive;

        127.0.0.0/24   US;
        127.0.0.1/32   RU;
        10.1.0.0/16    RU;
        192.168.1.0/24 UK;
        2001:0db8::/32 US;

        10.2.0.1 address; 10.2.0.2/32 "one address";# and on
        010.3.0.0/016 zeros; 10..4.0/24 "no digits";
        10.5.0.9/16 'host bits'; 10.5.0.0/16 "the last, again";
        10.6.0.0/16 a\;b; "10.7.0.0/16" "q\"x;{}"; 10.8.0.0/16 ${variable}y;
        10.9.0.0/16 deleted; delete 10.9.0.0/16; delete 10.9.0.0/17;
        10.10.0.0/16 ""; 10.11.0.0/16
            on-another-line
        ;
        10.12.0.0/16 before; delete 10.12.0.9/16; 10.12.0.0/16 after;
        255.255.255.255 highest; ::1 loopback; ::/3 "low"; 2001:DB8:1::/48 upper; 2001:db8::%s/128 tail;
        ::ffff:10.13.0.0/112 mapped; ::ffff:0:0/96 "all mapped";
        0.0.0.0/0 "none of IPv4";
"#;

/// In and around [`AWKWARD`].
const AROUND: &[&str] = &[
    "126.255.255.255",
    "127.0.0.0",
    "127.0.0.1",
    "127.0.0.2",
    "127.0.1.0",
    "10.1.2.3",
    "192.168.1.255",
    "192.168.2.0",
    "192.168.100.7",
    "10.2.0.0",
    "10.2.0.1",
    "10.2.0.2",
    "10.2.0.3",
    "10.3.3.3",
    "10.0.4.0",
    "10.0.4.255",
    "10.5.0.9",
    "10.6.1.1",
    "10.7.1.1",
    "10.8.1.1",
    "10.9.1.1",
    "10.10.1.1",
    "10.11.1.1",
    "10.12.1.1",
    "10.13.1.1",
    "::",
    "::1",
    "255.255.255.254",
    "255.255.255.255",
    "::2",
    "2001:db8::",
    "2001:db8:1::",
    "2001:db8:1:ffff::",
    "2001:db8::102:304",
    "2001:db8:2::",
    "::ffff:10.13.0.1",
    "::ffff:10.1.0.1",
    "::ffff:99.1.1.1",
    "::10.1.0.1",
    "2002:a01:1::1",
    "2001:0:a01:1::1",
    "64:ff9b::a01:1",
    "ffff::1",
];

/// The prefixes as they may be written, some of them deleted, and some of those back again.
fn listed() -> String {
    let mut text = String::new();
    for (at, prefix) in prefixes().iter().enumerate() {
        let (network, answer) = (format!("{}/{}", prefix.address, prefix.length), &prefix.answer);
        _ = match at % 4 {
            0 => writeln!(text, "{network} \"{answer}\";"),
            1 => writeln!(text, "\t'{network}'\t'{answer}'  ; # {at}; not {{ this }}"),
            2 => write!(text, "{network} \"{answer}\";"),
            _ => writeln!(text, "\"{network}\"\n\"{answer}\"\r\n;"),
        };
        if at % 23 == 0 {
            _ = writeln!(text, "delete {network};");
        }
        if at % 46 == 0 {
            _ = writeln!(text, "{network} back;");
        }
    }
    text
}

#[test]
fn prefixes_answer_alike() {
    let Some(nginx) = Nginx::find() else { return };
    let folder = Folder::new();
    let awkward = AWKWARD.replace("%s", "1.2.3.4");
    let blocks = format!(
        "    geo $arg_ip $answer {{\n        default \"none yet\";\n        include geo/listed.conf;\n{awkward}    }}\n    \
         geo $arg_ip $bare {{ 10.0.0.0/8 ten; 2001:db8::/32 six; }}\n"
    );
    // Of blocks for one variable the last counts, wherever it stands.
    let main = "    geo $arg_ip $answer { default wrong; 10.0.0.0/8 wrong; }\n    include conf.d/*.conf;\n";
    folder.write("nginx.conf", &nginx.configuration(folder.root(), main, &["answer", "bare"]));
    folder.write("conf.d/a.conf", "geo $arg_ip $answer { default wrong; }\n").write("conf.d/b.conf", &blocks);
    folder.write("geo/listed.conf", "include geo/more.conf;\n").write("geo/more.conf", &listed());
    let (_running, mut asker) = nginx.start(&folder);

    let blocks = prefixes().into_iter().map(|prefix| (prefix.address.is_ipv4(), prefix.bounds().0, prefix.bounds().1));
    let mut all = addresses::of(blocks);
    all.extend(AROUND.iter().map(|address| address.parse::<IpAddr>().unwrap()));
    addresses::enough(&all);
    folder.imported("nginx-geo", "nginx.conf", &["--pick", "answer"]);
    compare(&all, &asker.ask("/answer", &all), &folder.mixes(&all));
    tell(&format!("nginx: {} addresses answered alike by prefix", all.len()));

    // Nothing is nginx's word for the mix that is made up.
    folder.imported("nginx-geo", "nginx.conf", &["--pick", "bare"]);
    let bare: Vec<String> = asker.ask("/bare", &all).into_iter().map(|answer| answer + "default").collect();
    let mixes: Vec<String> = folder.mixes(&all).into_iter().map(|mix| mix.replace("ten", "tendefault")).collect();
    let mixes: Vec<String> = mixes.into_iter().map(|mix| mix.replace("six", "sixdefault")).collect();
    compare(&all, &bare, &mixes);
}

#[test]
fn ranges_answer_alike() {
    let Some(nginx) = Nginx::find() else { return };
    let folder = Folder::new();
    let (listed, mut numbers) = (ranges(true, 20), Numbers(3));
    let mut text = String::new();
    for (at, range) in listed.iter().enumerate() {
        let ends = |first: u128, last: u128| format!("{}-{}", address(true, first), address(true, last));
        let whole = ends(range.first, range.last);
        _ = writeln!(text, "{whole} {};", range.country);
        let (one, other) = (numbers.wide(), numbers.wide());
        let size = range.last - range.first + 1;
        let (one, other) = (range.first + one % size, range.first + other % size);
        _ = match at % 7 {
            0 => writeln!(text, "delete {whole};"),
            1 => writeln!(text, "{whole} \"again\";"),
            2 | 3 => writeln!(text, "{} 'in it';", ends(one.min(other), one.max(other))),
            4 => writeln!(text, "{} first; {} last;", ends(range.first, one), ends(range.first, one)),
            5 => writeln!(text, "{} alone; delete {};", ends(one, one), ends(other, other)),
            _ => Ok(()),
        };
    }
    let blocks = "    geo $arg_ip $answer {\n        proxy 10.0.0.0/8;\n        ranges;\n        default before;\n        \
                  include listed.conf;\n        default none;\n    }\n";
    folder.write("nginx.conf", &nginx.configuration(folder.root(), blocks, &["answer"])).write("listed.conf", &text);
    let (_running, mut asker) = nginx.start(&folder);

    let ipv6 = ranges(false, 40);
    let all = addresses::of(listed.iter().chain(&ipv6).map(|range| (range.ipv4, range.first, range.last)));
    addresses::enough(&all);
    folder.imported("nginx-geo", "nginx.conf", &[]);
    compare(&all, &asker.ask("/answer", &all), &folder.mixes(&all));
    tell(&format!("nginx: {} addresses answered alike by range", all.len()));
}
