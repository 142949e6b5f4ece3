//! nginx's `geo`, with everything that may stand in one.

use super::{import, imported, mixes, tells};
use crate::program::Folder;

const CONFIG: &str = r#"
http {
    # the module's own example, and more
    geo $country {
        default        ZZ;
        include        conf/geo.conf;
        delete         127.0.0.0/16;
        delete         10.2.0.0/16;
        proxy          192.168.100.0/24;
        proxy_recursive;

        127.0.0.0/24   US;
        127.0.0.1/32   RU;
        10.1.0.0/16    RU;
        192.168.1.9/24 "United Kingdom";
        192.168.1.0/24 UK;
        192.168.3.0/24 ZZ;
        2001:0db8::/32 'US';
    }
    geo $arg_remote_addr $other { 10.0.0.0/8 x; }
    server { listen 80; location ~ \.php$ { return 200 "{"; } }
}
"#;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("nginx.conf", CONFIG);
    std::fs::create_dir(folder.path("conf")).unwrap();
    folder.write("conf/geo.conf", "10.2.0.0/16    RU;\n192.168.2.0/24 RU;\n");
    folder
}

#[test]
fn a_block_of_a_configuration() {
    let folder = folder();
    let report = imported(&folder, "nginx-geo", "nginx.conf", &["--pick", "country"]);
    tells(&report, "nginx.conf:7 there is no `127.0.0.0/16` to delete here");
    tells(&report, "nginx.conf:9 `proxy` is ignored");
    tells(&report, "nginx.conf:10 `proxy_recursive` is ignored");
    tells(&report, "nginx.conf:15 `192.168.1.9/24` has host bits set: `192.168.1.0/24` is taken");
    tells(&report, "nginx.conf:16 `192.168.1.0/24` is `UK` here but `United Kingdom` before: the last wins");
    assert_eq!(report["counts"]["merged"], 1);
    assert_eq!(report["default_is_made_up"], false);
    let addresses = [
        "127.0.0.1",
        "127.0.0.2",
        "10.2.0.1",
        "10.1.0.1",
        "192.168.1.1",
        "192.168.2.1",
        "192.168.3.1",
        "2001:db8::1",
        "::1",
    ];
    assert_eq!(mixes(&folder, addresses), ["RU", "US", "ZZ", "RU", "UK", "RU", "ZZ", "US", "ZZ"]);

    let ran = import(&folder, "nginx-geo", "nginx.conf", &["--force"]);
    assert!(ran.code == Some(1) && ran.errors.contains("say which with --pick: $country, $other"), "{ran:?}");
    let report = imported(&folder, "nginx-geo", "nginx.conf", &["--force", "--pick", "$other"]);
    tells(&report, "nginx takes the address from `$arg_remote_addr`");
    tells(&report, "there is no `default`");
}

#[test]
fn a_file_that_blocks_include() {
    let folder = folder();
    imported(&folder, "nginx-geo", "conf/geo.conf", &[]);
    assert_eq!(mixes(&folder, ["10.2.0.1", "10.1.0.1"]), ["RU", "default"]);
}

#[test]
fn ranges_lie_in_each_other() {
    let folder = Folder::new();
    let block = "geo $country {\n ranges;\n default ZZ;\n 127.0.0.0-127.0.0.0 US;\n 127.0.0.1-127.0.0.1 RU;\n\
                 127.0.0.1-127.0.0.255 US;\n 10.1.0.0-10.1.255.255 RU;\n 10.1.2.3-10.1.2.9 UK;\n 10.1.2.3-10.1.2.9 FR;\n\
                 192.168.1.0-192.168.1.255 UK;\n delete 192.168.1.0-192.168.1.255;\n 172.16.0.0-172.18.255.255 US;\n}\n";
    // The module's example lies across itself in its third line, which nginx refuses.
    folder.write("bad.conf", block);
    let ran = import(&folder, "nginx-geo", "bad.conf", &[]);
    assert!(ran.code == Some(1) && ran.errors.contains("bad.conf:6:"), "{ran:?}");
    folder.write("geo.conf", block.replace("127.0.0.1-127.0.0.255", "127.0.0.2-127.0.0.255"));
    let report = imported(&folder, "nginx-geo", "geo.conf", &[]);
    tells(&report, "geo.conf:9 `10.1.2.3-10.1.2.9` is `FR` here but `UK` before: the last wins");
    let addresses = [
        "127.0.0.0",
        "127.0.0.1",
        "127.0.0.9",
        "10.1.2.2",
        "10.1.2.3",
        "10.1.2.9",
        "10.1.2.10",
        "192.168.1.1",
        "172.18.255.255",
        "172.19.0.0",
        "2001:db8::1",
    ];
    let expected = ["US", "RU", "US", "RU", "FR", "FR", "RU", "ZZ", "US", "ZZ", "ZZ"];
    assert_eq!(mixes(&folder, addresses), expected);
}

#[test]
fn patterns_include_in_order_of_name() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path("geo[1]/more")).unwrap();
    folder.write(
        "geo[1]/nginx.conf",
        "geo $a {\n include more/*.conf;\n include more/[^a]?.txt;\n include no*.conf;\n }\n",
    );
    folder.write("geo[1]/more/b.conf", "10.0.0.0/8 b;\n").write("geo[1]/more/a.conf", "10.0.0.0/8 a; 11.0.0.0/8 a;\n");
    folder.write("geo[1]/more/.c.conf", "10.0.0.0/8 hidden;\n").write("geo[1]/more/b2.txt", "12.0.0.0/8 two;\n");
    folder.write("geo[1]/more/a2.txt", "12.0.0.0/8 a;\n");
    let report = imported(&folder, "nginx-geo", "geo[1]/nginx.conf", &[]);
    tells(&report, "b.conf:1 `10.0.0.0/8` is `b` here but `a` before: the last wins");
    tells(&report, "nginx.conf:4 `no*.conf` matches no file");
    assert_eq!(mixes(&folder, ["10.0.0.1", "11.0.0.1", "12.0.0.1"]), ["b", "a", "two"]);
}

#[test]
fn of_blocks_for_one_variable_the_last_counts() {
    let folder = Folder::new();
    folder.write("nginx.conf", "geo $a { 10.0.0.0/8 x; 11.0.0.0/8 x; }\ngeo $a { 10.0.0.0/8 ${y}; }\n");
    for more in [&[][..], &["--force", "--pick", "a"]] {
        let report = imported(&folder, "nginx-geo", "nginx.conf", more);
        tells(&report, "nginx.conf:2 another `geo` block sets `$a` before: the last wins");
        assert_eq!(mixes(&folder, ["10.0.0.1", "11.0.0.1"]), ["--y-", "default"]);
    }
}

#[test]
fn blocks_are_found_in_included_files() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("conf.d")).unwrap();
    folder.write(
        "nginx.conf",
        "http {\n include mime.types;\n geo $a { 10.0.0.0/8 main; }\n include conf.d/*.conf;\n}\n",
    );
    folder.write("conf.d/a.conf", "geo $a {\n include list;\n}\nserver { include list; }\n");
    folder.write("conf.d/b.conf", "geo $b {\n 10.0.0.0/8 b;\n}\n").write("list", "10.0.0.0/8 listed;\n");
    let report = imported(&folder, "nginx-geo", "nginx.conf", &["--pick", "a"]);
    tells(&report, "nginx.conf:2 `mime.types` is not looked through for `geo` blocks: the file does not exist");
    tells(&report, "conf.d/a.conf:1 another `geo` block sets `$a` before: the last wins");
    assert_eq!(mixes(&folder, ["10.0.0.1"]), ["listed"]);
    let ran = import(&folder, "nginx-geo", "nginx.conf", &["--force"]);
    assert!(ran.code == Some(1) && ran.errors.contains("say which with --pick: $a, $b"), "{ran:?}");

    folder.write("nginx.conf", "http {\n include no*;\n}\n");
    let ran = import(&folder, "nginx-geo", "nginx.conf", &["--force"]);
    assert!(ran.code == Some(1) && ran.errors.contains("there is no `geo` block in the configuration"), "{ran:?}");
    folder.write("nginx.conf", "http {\n include nginx.conf;\n}\n");
    let ran = import(&folder, "nginx-geo", "nginx.conf", &["--force"]);
    assert!(ran.code == Some(1) && ran.errors.contains("files are included more than 16 deep"), "{ran:?}");
}

#[test]
fn mapped_prefixes_are_never_reached() {
    let folder = Folder::new();
    let block = "10.0.0.0/8 ten;\n::ffff:10.1.0.0/112 mapped;\n::ffff:0:0/96 all;\ndelete ::ffff:10.0.0.0/104;\n";
    folder.write("geo.conf", block);
    let report = imported(&folder, "nginx-geo", "geo.conf", &[]);
    tells(&report, "geo.conf:2 `::ffff:10.1.0.0/112` is IPv4-mapped");
    assert_eq!((&report["counts"]["left_out"], &report["mixes"]), (&3.into(), &2.into()));
    assert_eq!(mixes(&folder, ["10.1.0.1", "11.0.0.1", "::ffff:10.1.0.1"]), ["ten", "default", "ten"]);
}

#[test]
fn a_binary_base_beside_a_file_is_told() {
    let folder = Folder::new();
    folder.write("nginx.conf", "geo $a {\n ranges;\n include ranges;\n}\n");
    folder.write("ranges", "10.0.0.0-10.0.0.9 a;\n").write("ranges.bin", "GEORNG");
    let report = imported(&folder, "nginx-geo", "nginx.conf", &[]);
    tells(&report, "nginx.conf:3 nginx may read `ranges.bin` instead");
    assert_eq!(mixes(&folder, ["10.0.0.9"]), ["a"]);
}
