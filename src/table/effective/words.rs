//! What became of overrides and mixes, in words.

use std::collections::HashMap;
use std::fmt;

use serde::{Serialize, Serializer};

use super::{AllDown, Effective, Ignored, Instead, Standing};
use crate::table::lookup::Table;
use crate::table::manifest::MixId;
use crate::table::overrides::{Change, Override};

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InForce => f.write_str("in force"),
            Self::Scheduled => f.write_str("scheduled"),
            Self::Ignored(Ignored::Over) => f.write_str("over"),
            Self::Ignored(why) => write!(f, "ignored: {why}"),
        }
    }
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over => f.write_str("it is over"),
            Self::UnknownCdn(name) => write!(f, "unknown CDN `{name}`"),
            Self::UnknownMix(name) => write!(f, "unknown mix `{name}`"),
        }
    }
}

impl fmt::Display for AllDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mix, instead } = self;
        match instead {
            Instead::Default(default) => {
                write!(f, "every CDN of mix `{mix}` is down: its clients get the default mix `{default}`")
            }
            Instead::OfTable(default) if default == mix => {
                write!(
                    f,
                    "every CDN of mix `{mix}`, the default, is down: overrides are ignored for it, and its clients sent there all the same"
                )
            }
            Instead::OfTable(default) => write!(
                f,
                "every CDN of mix `{mix}` is down, and of the default mix `{default}` too: overrides are ignored for \
                 it, and its clients sent there all the same"
            ),
        }
    }
}

impl Serialize for AllDown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Effective {
    /// What overrides have come, gone, begun or ended since.
    pub fn changes_since(&self, before: &Self) -> Vec<String> {
        let (now, then) = (self.standings(), before.standings());
        let gone = before.overrides.iter().filter(|judged| !now.contains_key(&judged.given));
        let gone = gone.map(|judged| format!("gone: {}", judged.given));
        let other = self.overrides.iter().filter(|judged| then.get(&judged.given) != Some(&&judged.standing));
        gone.chain(other.map(|judged| format!("{}: {}", judged.standing, judged.given))).collect()
    }

    /// There may be thousands.
    fn standings(&self) -> HashMap<&Override, &Standing> {
        // Of equal ones, which may all be over, the first.
        self.overrides.iter().rev().map(|judged| (&judged.given, &judged.standing)).collect()
    }

    /// What an override that is in force does to the answers for clients of a mix.
    pub fn effect(&self, table: &Table, given: &Override, mix: MixId) -> String {
        let name = |id: MixId| table.mixes[usize::from(id)].name.as_str();
        let default = table.default_mix();
        let instead_of = |id| self.instead_of(name(id)).map(|all_down| &all_down.instead);
        let falls_back = matches!(instead_of(mix), Some(Instead::Default(_)));
        let effects = [Some(mix), falls_back.then_some(default)].into_iter().flatten().filter_map(|id| {
            let mix = name(id);
            let (touched, effect) = match &given.change {
                Change::Down { cdn } => (self.lists(table, id, cdn), "left out of"),
                Change::Weights { mix: changed, .. } => (changed == mix, "its weights are those of"),
            };
            touched.then(|| match instead_of(id) {
                None => format!("{effect} mix `{mix}`"),
                Some(Instead::OfTable(_)) => format!("ignored for mix `{mix}`, of which nothing would be left"),
                Some(_) => format!("{effect} mix `{mix}`, of which nothing is left"),
            })
        });
        let effects: Vec<_> = effects.collect();
        if effects.is_empty() { "none on this answer".to_owned() } else { effects.join("; ") }
    }
}
