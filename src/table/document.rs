//! A CDN table's document, read whole: every problem is collected with its place, and reading
//! goes on. No I/O.

use std::ops::Range;

use super::footprint::{FootprintType, shorten};
use super::json::Node;
use super::lookup::client_address;
use super::manifest::{Canary, Cdn, FileRef, FootprintEntry, Manifest, MixId};
use super::mix::{CdnId, Mix};
use super::problem::{Place, Problems, Text, nearest};
use super::reader::Reader;

/// Characters of a version.
pub const VERSION_LENGTH: usize = 128;
/// Seconds.
pub const LONGEST_TTL: u64 = 86_400;

impl Manifest {
    /// Reads the document. None if its outermost shape can't be made out; otherwise as much of it as
    /// was good, for the checks that follow.
    pub fn parse(name: &str, text: &str, problems: &mut Problems) -> Option<Manifest> {
        let file = problems.file(name);
        let folder = name.rfind('/').map_or("", |slash| &name[..=slash]);
        let mut document = Document { folder, read: Reader { text: &Text::new(file, text), problems } };
        let manifest = document.read.root().and_then(|root| document.manifest(&root));
        problems.excerpts(file, text.as_bytes());
        manifest
    }
}

struct Document<'r, 't> {
    /// What the document's own name says before the file name.
    folder: &'r str,
    read: Reader<'r, 't>,
}

impl Document<'_, '_> {
    fn manifest(&mut self, root: &Node<'_>) -> Option<Manifest> {
        const KEYS: [&str; 9] =
            ["$schema", "version", "ttl", "datasets", "cdns", "mixes", "footprints", "default", "canaries"];
        let fields = self.read.fields(root, "the table", &KEYS)?;
        let version =
            self.read.required(&fields, "version").and_then(|node| self.read.words(node, "`version`", VERSION_LENGTH));
        let ttl =
            self.read.required(&fields, "ttl").and_then(|node| self.read.whole(node, "`ttl`", LONGEST_TTL, "seconds"));
        let cdns = self.read.required(&fields, "cdns").map(|node| self.cdns(node)).unwrap_or_default();
        let mixes = self.read.required(&fields, "mixes").map(|node| self.mixes(node, &cdns)).unwrap_or_default();
        let (asn_files, country_files) =
            fields.optional("datasets").map(|node| self.datasets(node)).unwrap_or_default();
        let footprints = self.read.required(&fields, "footprints").map(|node| self.footprints(node, &mixes));
        let default = self.read.required(&fields, "default").and_then(|node| self.mix(node, &mixes));
        let canaries = fields.optional("canaries").map(|node| self.canaries(node, &mixes));
        if let Some(schema) = fields.optional("$schema") {
            self.read.string(schema, "`$schema`");
        }
        let manifest = Manifest {
            file: self.read.text.file,
            version: version.unwrap_or_default().to_owned(),
            ttl: ttl.and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or_default(),
            cdns,
            mixes,
            footprints: footprints.unwrap_or_default(),
            default: default.unwrap_or_default(),
            asn_files,
            country_files,
            canaries: canaries.unwrap_or_default(),
        };
        self.missing_datasets(&manifest);
        Some(manifest)
    }

    fn cdns(&mut self, node: &Node<'_>) -> Vec<Cdn> {
        let mut cdns = Vec::new();
        for member in self.read.members(node, "`cdns`") {
            self.read.name(&member.key, &member.key_span, "a CDN");
            let what = format!("CDN `{}`", shorten(&member.key));
            let Some(fields) = self.read.fields(&member.value, &what, &["url"]) else { continue };
            let url = self.read.required(&fields, "url").and_then(|node| self.url(node));
            cdns.push(Cdn { name: member.key.to_string(), url: url.unwrap_or_default() });
        }
        if cdns.is_empty() {
            self.read
                .error(&node.span, "`cdns` names no CDN".to_owned())
                .help(r#"add one, as in `"CDN": { "url": "https://cdn.example/" }`"#);
        }
        self.read.limit(&node.span, "CDNs", cdns.len());
        cdns.sort_by(|a, b| a.name.cmp(&b.name));
        cdns
    }

    fn url(&mut self, node: &Node<'_>) -> Option<String> {
        let url = self.read.string(node, "`url`")?;
        if !is_absolute(url) {
            let whole = format!("https://{url}");
            let help = match url.split(['/', ':']).next() {
                Some(host) if host.contains('.') && is_absolute(&whole) => format!("write `{}`", shorten(&whole)),
                _ => "write it whole, as in `https://cdn.example/`".to_owned(),
            };
            self.read.error(&node.span, format!("`{}` is not an absolute http(s) URL", shorten(url))).help(help);
        }
        Some(url.to_owned())
    }

    fn mixes(&mut self, node: &Node<'_>, cdns: &[Cdn]) -> Vec<Mix> {
        let mut mixes = Vec::new();
        for member in self.read.members(node, "`mixes`") {
            self.read.name(&member.key, &member.key_span, "a mix");
            let what = format!("mix `{}`", shorten(&member.key));
            let mut weights: Vec<(CdnId, u16)> = Vec::new();
            for share in self.read.members(&member.value, &what) {
                let cdn =
                    self.known(&share.key, &share.key_span, "CDN", "cdns", cdns.iter().map(|cdn| cdn.name.as_str()));
                if let (Some(cdn), Some(weight)) = (cdn, self.read.weight(share)) {
                    weights.push((cdn, weight));
                }
            }
            self.read.some_weight(&member.value, &what, weights.iter().map(|(_, weight)| *weight));
            let named = weights.iter().map(|(cdn, weight)| (*cdn, cdns[usize::from(*cdn)].name.as_str(), *weight));
            mixes.push(Mix::new(member.key.to_string(), named));
        }
        if mixes.is_empty() {
            self.read
                .error(&node.span, "`mixes` names no mix".to_owned())
                .help(r#"add one, as in `"MIX": { "CDN": 100 }`"#);
        }
        self.read.limit(&node.span, "mixes", mixes.len());
        mixes.sort_by(|a, b| a.name.cmp(&b.name));
        mixes
    }

    fn datasets(&mut self, node: &Node<'_>) -> (Vec<FileRef>, Vec<FileRef>) {
        let Some(fields) = self.read.fields(node, "`datasets`", &["asn", "countrycode"]) else {
            return Default::default();
        };
        let mut files = |kind: &str| {
            let nodes =
                fields.optional(kind).map(|node| self.read.items(node, &format!("`{kind}`"))).unwrap_or_default();
            nodes.iter().filter_map(|node| self.file(node)).collect()
        };
        (files("asn"), files("countrycode"))
    }

    fn file(&mut self, node: &Node<'_>) -> Option<FileRef> {
        let place = self.read.text.place(&node.span);
        if !self.read.is_object(node) {
            return self.path(node).map(|path| self.file_ref(path, None, (place, place)));
        }
        let fields = self.read.fields(node, "the file", &["path", "sha256"])?;
        let path = self.read.required(&fields, "path").and_then(|node| self.path(node));
        let pin = self.read.required(&fields, "sha256");
        let sha256 = pin.and_then(|node| {
            let digest = self.read.string(node, "`sha256`")?.to_ascii_lowercase();
            if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                self.read
                    .error(&node.span, "`sha256` is not 64 hexadecimal digits".to_owned())
                    .help("write what `sha256sum` prints of the file");
                return None;
            }
            Some(digest)
        });
        let pinned_at = pin.map_or(place, |node| self.read.text.place(&node.span));
        path.map(|path| self.file_ref(path, sha256, (place, pinned_at)))
    }

    fn file_ref(&self, path: String, sha256: Option<String>, (place, pinned_at): (Place, Place)) -> FileRef {
        let name = if path.starts_with('/') { path.clone() } else { format!("{}{path}", self.folder) };
        FileRef { path, name, sha256, place, pinned_at }
    }

    fn path(&mut self, node: &Node<'_>) -> Option<String> {
        let path = self.read.string(node, "the path")?;
        if path.is_empty() || path.contains('\0') {
            self.read
                .error(&node.span, "the path is empty or not a path".to_owned())
                .help("name a file, relative to the table's own directory");
            return None;
        }
        Some(path.to_owned())
    }

    fn footprints(&mut self, node: &Node<'_>, mixes: &[Mix]) -> Vec<FootprintEntry> {
        let items = self.read.items(node, "`footprints`");
        items.iter().filter_map(|item| self.footprint(item, mixes)).collect()
    }

    fn footprint(&mut self, node: &Node<'_>, mixes: &[Mix]) -> Option<FootprintEntry> {
        const KEYS: [&str; 4] = ["footprint-type", "footprint-value", "footprint-file", "mix"];
        let fields = self.read.fields(node, "the footprint", &KEYS)?;
        let named = self.read.required(&fields, "footprint-type");
        let kind = named.and_then(|node| self.footprint_type(node));
        let place = self.read.text.place(named.map_or(fields.span(), |node| &node.span));
        let mix = self.read.required(&fields, "mix").and_then(|node| self.mix(node, mixes));
        let inline = fields.optional("footprint-value");
        let file = fields.optional("footprint-file").and_then(|node| self.file(node));
        if inline.is_none() && fields.optional("footprint-file").is_none() {
            self.read
                .error(fields.span(), "the footprint has no values".to_owned())
                .help("give it `footprint-value`, `footprint-file` or both");
        }
        let nodes = inline.map(|node| self.read.items(node, "`footprint-value`")).unwrap_or_default();
        if let Some(inline) = inline.filter(|inline| file.is_none() && self.read.is_empty_array(inline)) {
            self.read
                .warning(&inline.span, "the footprint has no values".to_owned())
                .help("take it out if none are meant");
        }
        let mut values = Vec::with_capacity(nodes.len());
        for node in nodes {
            let Some(written) = self.read.string(node, "the footprint value") else { continue };
            match kind.map(|kind| kind.value(written)) {
                Some(Ok(value)) => values.push((value, self.read.text.place(&node.span))),
                Some(Err(wrong)) => self.read.error(&node.span, wrong.message).help = wrong.help,
                None => {}
            }
        }
        Some(FootprintEntry { kind: kind?, place, mix: mix.unwrap_or_default(), values, file })
    }

    fn footprint_type(&mut self, node: &Node<'_>) -> Option<FootprintType> {
        let name = self.read.string(node, "`footprint-type`")?;
        let kind = FootprintType::from_name(name);
        if kind.is_none() {
            let names = FootprintType::ALL.map(FootprintType::name);
            let help = match nearest(&name.to_ascii_lowercase(), names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write one of {}", names.join(", ")),
            };
            self.read.error(&node.span, format!("unknown footprint type `{}`", shorten(name))).help(help);
        }
        kind
    }

    fn canaries(&mut self, node: &Node<'_>, mixes: &[Mix]) -> Vec<Canary> {
        let items = self.read.items(node, "`canaries`");
        items.iter().filter_map(|item| self.canary(item, mixes)).collect()
    }

    fn canary(&mut self, node: &Node<'_>, mixes: &[Mix]) -> Option<Canary> {
        let fields = self.read.fields(node, "the canary", &["ip", "mix"])?;
        let mix = self.read.required(&fields, "mix").and_then(|node| self.mix(node, mixes));
        let ip = self.read.required(&fields, "ip")?;
        let written = self.read.string(ip, "`ip`")?;
        let Some(address) = client_address(written) else {
            let help = match written.split_once('/') {
                Some((address, _)) if client_address(address).is_some() => {
                    format!("a canary is one address: write `{address}`")
                }
                _ => "write one address, as in `192.0.2.1` or `2001:db8::1`".to_owned(),
            };
            self.read.error(&ip.span, format!("`{}` is not an IP address", shorten(written))).help(help);
            return None;
        };
        Some(Canary { address, mix: mix?, place: self.read.text.place(&node.span) })
    }

    fn mix(&mut self, node: &Node<'_>, mixes: &[Mix]) -> Option<MixId> {
        let name = self.read.string(node, "the mix")?;
        self.known(name, &node.span, "mix", "mixes", mixes.iter().map(|mix| mix.name.as_str()))
    }

    /// The place of a name in a sorted list of names.
    fn known<'n>(
        &mut self,
        name: &str,
        span: &Range<u32>,
        what: &str,
        list: &str,
        names: impl Iterator<Item = &'n str> + Clone,
    ) -> Option<u16> {
        let found = names.clone().position(|known| known == name);
        if found.is_none() {
            let problem = self.read.error(span, format!("unknown {what} `{}`", shorten(name)));
            match nearest(name, names) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!("add it to `{list}`, or correct the name")),
            };
        }
        found.and_then(|index| u16::try_from(index).ok())
    }

    fn missing_datasets(&mut self, manifest: &Manifest) {
        for kind in [FootprintType::Asn, FootprintType::CountryCode] {
            let first = manifest.footprints.iter().find(|entry| entry.kind == kind);
            if let Some(first) = first.filter(|_| manifest.dataset(kind).is_empty()) {
                let name = kind.name();
                self.read
                    .problems
                    .error(first.place, format!("footprints of type `{name}` need a dataset"))
                    .help(format!("add `\"datasets\": {{ \"{name}\": [\"FILE.csv.gz\"] }}` to the table"));
            }
        }
    }
}

fn is_absolute(url: &str) -> bool {
    url.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    })
}
