//! What strings look like, as regular expressions of the kind that all validators know: no look-around,
//! no Unicode classes.

/// A CDN's or a mix's name.
pub const NAME: &str = "^[a-zA-Z0-9._-]{1,64}$";

/// Nothing that can't be seen.
pub const WORDS: &str = r"^[^\x00-\x1F\x7F-\x9F]*$";

pub const PATH: &str = r"^[^\x00]+$";

/// Of a pinned file.
pub const SHA256: &str = "^[0-9a-fA-F]{64}$";

/// As pointers have it.
pub const DIGEST: &str = "^[0-9a-f]{64}$";

/// Whatever comes after `#`: a URL is read without it.
pub const URL: &str = r"^[hH][tT][tT][pP][sS]?://[^\x00-\x20/?#][^\x00-\x20#]*(#[\s\S]*)?$";

/// Date and time may be parted by another character than `T`: RFC 3339, section 5.6.
pub const MOMENT: &str = concat!(
    "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])",
    r"[\x00-\x7F]",
    r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?",
    "([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$",
);

pub const ASN: &str = "^as(0|[1-9][0-9]{0,9})$";

pub const COUNTRY_CODE: &str = "^[a-zA-Z]{2}$";

/// An IPv4 prefix.
pub fn ipv4_cidr() -> String {
    format!("^{}/(3[0-2]|[12]?[0-9])$", ipv4())
}

/// An IPv6 prefix.
pub fn ipv6_cidr() -> String {
    format!("^({})/(12[0-8]|1[01][0-9]|[1-9]?[0-9])$", ipv6())
}

/// A client's address.
pub fn address() -> String {
    format!("^({}|{})$", ipv4(), ipv6())
}

/// A path that stays where it begins.
pub fn relative_path() -> String {
    format!("^{STEP}(/{STEP})*$")
}

/// The same, up to the last slash.
pub fn prefix() -> String {
    format!("^({STEP}/)+$")
}

/// Of a path: anything but nothing, `.` and `..`.
const STEP: &str = r"([^/\\.][^/\\]*|\.[^/\\.][^/\\]*|\.\.[^/\\]+)";

fn ipv4() -> String {
    const OCTET: &str = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
    format!(r"{OCTET}(\.{OCTET}){{3}}")
}

/// RFC 4291, section 2.2: eight groups; or fewer, and `::` once for the rest. The last two may be an IPv4
/// address, of which only the outline is here: this is long enough.
fn ipv6() -> String {
    const GROUP: &str = "[0-9a-fA-F]{1,4}";
    const IPV4: &str = r"[0-9]{1,3}(\.[0-9]{1,3}){3}";
    let mut forms = vec![format!("({GROUP}:){{6}}({GROUP}:{GROUP}|{IPV4})")];
    for before in 0..=7_u8 {
        let first = match before {
            0 => String::new(),
            _ => format!("({GROUP}:){{{before}}}"),
        };
        let last = match 7 - before {
            0 => String::new(),
            1 => format!("({GROUP})?"),
            after => format!("(({GROUP}:){{0,{}}}{GROUP}|({GROUP}:){{0,{}}}{IPV4})?", after - 1, after - 2),
        };
        let colons = if before == 0 { "::" } else { ":" };
        forms.push(format!("{first}{colons}{last}"));
    }
    forms.join("|")
}
