//! A file of overrides, read whole: every problem is collected with its place, and reading goes on.
//! No I/O.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::{Change, Override, Overrides, Phase, Places, REASON_LENGTH, Target};
use crate::table::footprint::shorten;
use crate::table::json::Node;
use crate::table::moment;
use crate::table::problem::{Place, Problems, Text};
use crate::table::reader::{Fields, Reader};

impl Overrides {
    /// Reads the file. Overrides that are over at `now` are in nobody's way. None, with errors in
    /// `problems`, unless all of it is good.
    pub fn parse(name: &str, text: &str, now: SystemTime, problems: &mut Problems) -> Option<Self> {
        let before = problems.errors();
        let file = problems.file(name);
        let mut document = Document { read: Reader { text: &Text::new(file, text), problems } };
        let overrides = document.whole(name, now);
        problems.excerpts(file, text.as_bytes());
        overrides.filter(|_| problems.errors() == before)
    }
}

struct Document<'r, 't> {
    read: Reader<'r, 't>,
}

impl Document<'_, '_> {
    fn whole(&mut self, name: &str, now: SystemTime) -> Option<Overrides> {
        let root = self.read.root()?;
        let overrides = self.overrides(&root, name)?;
        self.conflicts(&overrides, now);
        Some(overrides)
    }

    fn overrides(&mut self, root: &Node<'_>, name: &str) -> Option<Overrides> {
        let fields = self.read.fields(root, "the file", &["$schema", "overrides"])?;
        let schema = fields.optional("$schema").and_then(|node| self.read.string(node, "`$schema`"));
        let node = self.read.required(&fields, "overrides")?;
        let items = self.read.items(node, "`overrides`");
        let (list, places) = items.iter().filter_map(|item| self.item(item)).unzip();
        let text = self.read.text.text.into();
        Some(Overrides { name: name.to_owned(), schema: schema.map(str::to_owned), list, places, text })
    }

    fn item(&mut self, node: &Node<'_>) -> Option<(Override, Places)> {
        const KEYS: [&str; 7] = ["cdn", "state", "mix", "weights", "reason", "from", "until"];
        let fields = self.read.fields(node, "the override", &KEYS)?;
        let reason = fields.optional("reason").and_then(|node| self.read.words(node, "`reason`", REASON_LENGTH));
        let reason = reason.map(str::to_owned);
        let from = fields.optional("from").and_then(|node| self.moment(node, "`from`"));
        let until = fields.optional("until").and_then(|node| self.moment(node, "`until`"));
        if let (Some(from), Some(until), Some(node)) = (from, until, fields.optional("until"))
            && until <= from
        {
            self.read
                .error(&node.span, "`until` is not after `from`".to_owned())
                .help("an override ends after it begins; take it out if it is not needed");
        }
        let (change, places) = self.change(&fields)?;
        Some((Override { change, reason, from, until }, places))
    }

    fn change(&mut self, fields: &Fields<'_, '_>) -> Option<(Change, Places)> {
        match (fields.optional("cdn"), fields.optional("mix")) {
            (Some(cdn), None) => {
                self.stray(fields, "weights", "cdn");
                let name = self.name(cdn, "`cdn`", "a CDN");
                if let Some(state) = self.read.required(fields, "state") {
                    self.state(state);
                }
                let places = Places { target: self.read.text.place(&cdn.span), cdns: Vec::new() };
                Some((Change::Down { cdn: name? }, places))
            }
            (None, Some(mix)) => {
                self.stray(fields, "state", "mix");
                let name = self.name(mix, "`mix`", "a mix");
                let weights = self.read.required(fields, "weights").map(|node| self.weights(node));
                let (weights, cdns) = weights?.into_iter().unzip();
                let places = Places { target: self.read.text.place(&mix.span), cdns };
                Some((Change::Weights { mix: name?, weights }, places))
            }
            (cdn, _) => {
                let names = if cdn.is_some() { "both `cdn` and `mix`" } else { "neither `cdn` nor `mix`" };
                let start = fields.span().start;
                self.read.error(&(start..start + 1), format!("the override has {names}")).help(
                    r#"write either "cdn": "NAME", "state": "down" or "mix": "NAME", "weights": { "CDN": WEIGHT }"#,
                );
                None
            }
        }
    }

    /// What goes only with the other kind of override.
    fn stray(&mut self, fields: &Fields<'_, '_>, key: &str, beside: &str) {
        if let Some(node) = fields.optional(key) {
            self.read
                .error(&node.span, format!("`{key}` does not go with `{beside}`"))
                .help("a CDN has a `state`, a mix has `weights`: write two overrides if both are meant");
        }
    }

    fn name(&mut self, node: &Node<'_>, key: &str, what: &str) -> Option<String> {
        let name = self.read.string(node, key)?;
        self.read.name(name, &node.span, what);
        Some(name.to_owned())
    }

    fn state(&mut self, node: &Node<'_>) {
        let Some(state) = self.read.string(node, "`state`").filter(|state| *state != "down") else { return };
        self.read
            .error(&node.span, format!("unknown state `{}`", shorten(state)))
            .help("write `down`; a CDN is up again once no override says that it is down");
    }

    fn weights(&mut self, node: &Node<'_>) -> Vec<((String, u16), Place)> {
        let mut weights = Vec::new();
        for member in self.read.members(node, "`weights`") {
            self.read.name(&member.key, &member.key_span, "a CDN");
            if let Some(weight) = self.read.weight(member) {
                weights.push(((member.key.to_string(), weight), self.read.text.place(&member.key_span)));
            }
        }
        if self.read.is_object(node) {
            self.read.some_weight(node, "`weights`", weights.iter().map(|((_, weight), _)| *weight));
        }
        weights
    }

    fn moment(&mut self, node: &Node<'_>, key: &str) -> Option<SystemTime> {
        let written = self.read.string(node, key)?;
        let found = moment::read(written);
        if found.is_none() {
            let in_utc = format!("{written}Z");
            let help = match moment::read(&in_utc) {
                Some(_) => format!("say of which offset: write `{in_utc}` for UTC"),
                None => "write date, time and offset, as in `2026-11-21T23:00:00Z`".to_owned(),
            };
            self.read.error(&node.span, format!("{key} can't be `{}`: it is no time", shorten(written))).help(help);
        }
        found
    }

    /// Two overrides of one target at one time. Each is held against the one that ends last of those that
    /// begin before it.
    fn conflicts(&mut self, overrides: &Overrides, now: SystemTime) {
        let mut by_target: BTreeMap<Target<'_>, Vec<(&Override, Place)>> = BTreeMap::new();
        for (one, place) in overrides.placed().filter(|(one, _)| one.phase(now) != Phase::Over) {
            by_target.entry(one.target()).or_default().push((one, place));
        }
        for (target, mut placed) in by_target {
            placed.sort_by_key(|(one, _)| one.from);
            let mut rest = placed.into_iter();
            let Some(mut last) = rest.next() else { continue };
            for next in rest {
                if last.0.overlaps(next.0) {
                    let (first, second) = if last.1 < next.1 { (last.1, next.1) } else { (next.1, last.1) };
                    self.read
                        .problems
                        .error(second, format!("two overrides of {target} hold at one time"))
                        .also(first, "the other one")
                        .help("keep one of them, or end the one before the other begins");
                }
                let ends_later = last.0.until.is_some_and(|last| next.0.until.is_none_or(|until| until > last));
                if ends_later {
                    last = next;
                }
            }
        }
    }
}
