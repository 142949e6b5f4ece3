//! Tables of which it is known what they move and lose, without asking the program.

use serde_json::{Value, json};

/// A share of the address space is told in so many parts: each is a /16 in both families.
pub const PARTS: u32 = 1 << 16;

/// 60 % of the space, as near as can be.
pub const MOST: u32 = 39_322;

/// The prefixes that make up the first so many parts of a family's space, widest first.
fn first_parts(parts: u32, is_ipv4: bool) -> Vec<String> {
    let mut start = 0;
    let mut prefixes = Vec::new();
    for bit in (0..16).rev().filter(|bit| parts & (1 << bit) != 0) {
        let length = 16 - bit;
        prefixes.push(if is_ipv4 {
            format!("{}.{}.0.0/{length}", start >> 8, start & 0xff)
        } else {
            format!("{start:x}::/{length}")
        });
        start += 1 << bit;
    }
    prefixes
}

/// A table in which so many parts of IPv4 and of IPv6 get `beta`, and the rest `alpha`. None but the whole space can
/// be left: `parts` are below [`PARTS`].
pub fn parted(version: &str, ipv4: u32, ipv6: u32) -> Value {
    let mut footprints = Vec::new();
    for (kind, parts, is_ipv4) in [("ipv4cidr", ipv4, true), ("ipv6cidr", ipv6, false)] {
        if parts > 0 {
            let values = first_parts(parts, is_ipv4);
            footprints.push(json!({ "footprint-type": kind, "footprint-value": values, "mix": "b" }));
        }
    }
    sole(version, &json!(footprints))
}

/// A table of mixes of a single CDN, so that who is in which mix says it all.
pub fn sole(version: &str, footprints: &Value) -> Value {
    json!({
        "version": version,
        "ttl": 60,
        "cdns": { "alpha": { "url": "https://alpha.example/" }, "beta": { "url": "https://beta.example/" } },
        "mixes": { "a": { "alpha": 1 }, "b": { "beta": 1 } },
        "footprints": footprints,
        "default": "a"
    })
}

pub fn text(table: &Value) -> String {
    format!("{table:#}\n")
}
