//! A diff as logs, the history and refusals tell it: how much moves, and where the most goes.

use std::fmt;

use serde::Serialize;

use super::diff::{AddressMove, Diff, Family, Side, SubnetMove, Values};

/// So many moves of each family are told.
const MOVES_TOLD: usize = 5;

#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    pub from: Named,
    pub to: Named,
    pub ipv4: Family<AddressMove>,
    pub ipv6: Family<SubnetMove>,
    pub shrunk: Values,
    /// Of the viewers, where they are known, the share that moves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic: Option<f64>,
}

/// One of the two tables.
#[derive(Debug, Clone, Serialize)]
pub struct Named {
    pub version: String,
    pub digest: String,
}

impl Summary {
    pub fn of(diff: &Diff) -> Self {
        Self {
            from: Named::of(&diff.from),
            to: Named::of(&diff.to),
            ipv4: most(&diff.ipv4),
            ipv6: most(&diff.ipv6),
            shrunk: diff.shrunk,
            traffic: diff.traffic.as_ref().map(|traffic| traffic.share),
        }
    }
}

impl Named {
    fn of(side: &Side) -> Self {
        Self { version: side.version.clone(), digest: side.digest.clone() }
    }
}

fn most<M: Clone>(family: &Family<M>) -> Family<M> {
    let moves = family.moves.iter().take(MOVES_TOLD).cloned().collect();
    Family { moved: family.moved, share: family.share, moves }
}

/// `1 -> 2: 0.06% of IPv4 moves (most: cloudfront -> bidi), <0.01% of IPv6; 3 footprint values are gone`
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (&self.from.version, &self.to.version);
        write!(f, "{from} -> {to}: {} of IPv4", percent(self.ipv4.share))?;
        if let Some(AddressMove { from, to, .. }) = self.ipv4.moves.first() {
            write!(f, " ({from} -> {to} most)")?;
        }
        write!(f, " and {} of IPv6 moves", percent(self.ipv6.share))?;
        if let Some(SubnetMove { from, to, .. }) = self.ipv6.moves.first() {
            write!(f, " ({from} -> {to} most)")?;
        }
        if let Some(share) = self.traffic {
            write!(f, ", {} of the viewers", percent(share))?;
        }
        match self.shrunk.values {
            0 => Ok(()),
            values => write!(f, "; footprint values gone: {values} ({})", percent(self.shrunk.share)),
        }
    }
}

/// Two places after the point; neither nothing nor everything unless it is.
pub fn percent(share: f64) -> String {
    match share * 100.0 {
        0.0 => "0%".to_owned(),
        percent if percent < 0.01 => "<0.01%".to_owned(),
        percent if percent > 99.99 && percent < 100.0 => ">99.99%".to_owned(),
        percent if percent >= 100.0 => "100%".to_owned(),
        percent => format!("{percent:.2}%"),
    }
}
