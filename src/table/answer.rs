//! A decision as the JSON that clients get. The same bytes from the service and the command line.

use super::lookup::{Decision, Table};
use super::written::{Written, number};

/// The constant parts of a table's answers, rendered once when it is published.
pub struct Renderer {
    /// `{"name":…,"url":…}` and `"name"` of each CDN, by id.
    cdns: Vec<RenderedCdn>,
    /// What follows on the `ttl`, to the end.
    tail: String,
}

struct RenderedCdn {
    entry: String,
    name: String,
}

impl Renderer {
    /// `generation` counts the tables published in the process.
    pub fn new(table: &Table, generation: u64) -> Self {
        let cdns = table
            .cdns
            .iter()
            .map(|cdn| {
                let name = quoted(&cdn.name);
                RenderedCdn { entry: format!(r#"{{"name":{name},"url":{}}}"#, quoted(&cdn.url)), name }
            })
            .collect();
        let version = quoted(&table.version);
        let tail = format!(r#","version":{version},"generation":{generation}}}"#);
        Self { cdns, tail }
    }

    /// `ttl` is in seconds.
    pub fn json(&self, decision: &Decision<'_>, ttl: u32) -> Vec<u8> {
        let entries = || decision.cdns.iter().map(|cdn| &self.cdns[usize::from(*cdn)]);
        let length: usize = entries().map(|cdn| cdn.entry.len() + 1).sum();
        let mut body = Vec::with_capacity(256 + length + self.tail.len());
        body.push(b'{');
        member(&mut body, "ip", &decision.address);
        member(&mut body, "scope", &decision.scope);
        member(&mut body, "footprint", &decision.footprint);
        body.extend_from_slice(b"\"mix\":\"");
        body.extend_from_slice(decision.mix.name.as_bytes());
        body.extend_from_slice(b"\",\"cdn\":");
        body.extend_from_slice(entries().next().map_or("null", |cdn| &cdn.name).as_bytes());
        body.extend_from_slice(b",\"cdns\":[");
        for (index, cdn) in entries().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            body.extend_from_slice(cdn.entry.as_bytes());
        }
        body.extend_from_slice(b"],\"ttl\":");
        number(ttl, &mut body);
        body.extend_from_slice(self.tail.as_bytes());
        body
    }
}

/// Writes `"key":"value",`. For values that need no escaping: addresses, prefixes, names.
fn member(body: &mut Vec<u8>, key: &str, value: &impl Written) {
    body.push(b'"');
    body.extend_from_slice(key.as_bytes());
    body.extend_from_slice(b"\":\"");
    value.write(body);
    body.extend_from_slice(b"\",");
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
