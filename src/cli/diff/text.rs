//! A diff for people: one table, the largest moves first, no longer than a screen.

use std::collections::BTreeMap;

use crate::cli::figures::{grouped, percent, shortened};
use crate::table::Diff;
use crate::table::diff::{Amount, FootprintChange, Side};

/// So many lines of each kind; the rest are counted.
const CDN_LINES: usize = 8;
const MIX_LINES: usize = 4;
const FOOTPRINT_LINES: usize = 4;
/// 2^32 addresses, 2^48 subnets.
const SPACES: [f64; 2] = [(1_u64 << 32) as f64, (1_u64 << 48) as f64];

/// How much moves: addresses, subnets, and clients if they are known.
#[derive(Debug, Clone, Copy, Default)]
struct Moved {
    amount: Amount,
    clients: Option<f64>,
}

pub fn of(diff: &Diff) -> String {
    let mut text = String::new();
    let Side { version, digest, .. } = &diff.from;
    line(&mut text, &format!("old  {version}  ({})", shortened(digest)));
    let Side { version, digest, .. } = &diff.to;
    line(&mut text, &format!("new  {version}  ({})\n", shortened(digest)));
    if diff.moves_nothing() {
        line(&mut text, "Nobody gets another first CDN.");
    } else {
        text += &table(diff);
    }
    let rest = otherwise(diff);
    if !rest.is_empty() {
        line(&mut text, &format!("\n{}", rest.join("\n")));
    }
    text
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// Everything that moves. Columns are as wide as they need to be.
fn table(diff: &Diff) -> String {
    let clients = diff.traffic.as_ref().map(|traffic| traffic.clients);
    let mut rows = vec![header(clients.is_some())];
    let all = Moved {
        amount: Amount {
            addresses: diff.ipv4.moved,
            subnets: diff.ipv6.moved,
            expected: diff.ipv6.moves.iter().any(|one| one.expected),
        },
        clients: diff.traffic.as_ref().map(|traffic| traffic.moved),
    };
    rows.push(row("moves", &all, clients));

    rows.push(vec!["\nby CDN".to_owned()]);
    let cdns = by_cdn(diff);
    for ((from, to), moved) in cdns.iter().take(CDN_LINES) {
        rows.push(row(&format!("  {from} -> {to}"), moved, clients));
    }
    rows.extend(more(cdns.len().saturating_sub(CDN_LINES)));

    rows.push(vec!["\nby mix".to_owned()]);
    let only = |amount| Moved { amount, clients: None };
    for one in diff.mixes.iter().take(MIX_LINES) {
        let name =
            if one.from == one.to { format!("  {}, changed", one.to) } else { format!("  {} -> {}", one.from, one.to) };
        rows.push(row(&name, &only(one.amount), None));
    }
    rows.extend(more(diff.mixes.len().saturating_sub(MIX_LINES)));

    rows.push(vec!["\nby footprint".to_owned()]);
    for one in diff.footprints.most.iter().take(FOOTPRINT_LINES) {
        let change = match one.change {
            FootprintChange::Added => ", new",
            FootprintChange::Removed => ", gone",
            FootprintChange::Changed => "",
        };
        rows.push(row(&format!("  {}{change}", one.footprint), &only(one.amount), None));
    }
    rows.extend(more(diff.footprints.most.len().saturating_sub(FOOTPRINT_LINES) + diff.footprints.more));
    let mut text = aligned(&rows);
    if all.amount.expected {
        line(&mut text, "\n~ expected from the weights: too many /48s to ask one by one");
    }
    text
}

fn header(clients: bool) -> Vec<String> {
    let clients: &[&str] = if clients { &["viewers", "of all"] } else { &[] };
    let columns = ["", "IPv4 addresses", "of all", "IPv6 /48s", "of all"];
    columns.iter().chain(clients).map(|column| (*column).to_owned()).collect()
}

/// `all_clients` is None where clients don't show.
fn row(name: &str, moved: &Moved, all_clients: Option<f64>) -> Vec<String> {
    let Moved { amount: Amount { addresses, subnets, expected }, clients } = *moved;
    let mut row = vec![name.to_owned()];
    for (size, all, mark) in [
        (Some(addresses), Some(SPACES[0]), ""),
        (Some(subnets), Some(SPACES[1]), if expected && subnets > 0.0 { "~" } else { "" }),
        (clients, all_clients, ""),
    ] {
        if let (Some(size), Some(all)) = (size, all) {
            row.extend(if size > 0.0 {
                [format!("{mark}{}", grouped(size)), percent(size / all)]
            } else {
                ["-".to_owned(), String::new()]
            });
        }
    }
    row
}

fn more(count: usize) -> Option<Vec<String>> {
    (count > 0).then(|| vec![format!("  and {count} more")])
}

/// Both families and the viewers in one list, those that move most first: by viewers if they are
/// known, else by the shares of what moves in each family.
fn by_cdn(diff: &Diff) -> Vec<((&str, &str), Moved)> {
    let clients = diff.traffic.as_ref().map(|_| 0.0);
    let mut cdns: BTreeMap<(&str, &str), Moved> = BTreeMap::new();
    let fresh = || Moved { amount: Amount::default(), clients };
    for one in &diff.ipv4.moves {
        cdns.entry((&one.from, &one.to)).or_insert_with(fresh).amount.addresses = one.addresses;
    }
    for one in &diff.ipv6.moves {
        let amount = &mut cdns.entry((&one.from, &one.to)).or_insert_with(fresh).amount;
        (amount.subnets, amount.expected) = (one.subnets, one.expected);
    }
    for one in diff.traffic.iter().flat_map(|traffic| &traffic.moves) {
        cdns.entry((&one.from, &one.to)).or_insert_with(fresh).clients = Some(one.clients);
    }
    let share = |part: f64, all: f64| if all > 0.0 { part / all } else { 0.0 };
    let rank = |moved: &Moved| {
        let amount = moved.amount;
        share(amount.addresses, diff.ipv4.moved) + share(amount.subnets, diff.ipv6.moved)
    };
    let mut cdns: Vec<_> = cdns.into_iter().collect();
    cdns.sort_by(|(_, one), (_, other)| {
        let by_clients = other.clients.unwrap_or(0.0).total_cmp(&one.clients.unwrap_or(0.0));
        by_clients.then(rank(other).total_cmp(&rank(one)))
    });
    cdns
}

/// What changes beside the first CDN.
fn otherwise(diff: &Diff) -> Vec<String> {
    let mut lines = Vec::new();
    let mut list = |what: &str, names: &[String]| {
        if !names.is_empty() {
            lines.push(format!("{what}: {}", names.join(", ")));
        }
    };
    list("new CDNs", &diff.cdns.added);
    list("CDNs that are gone", &diff.cdns.removed);
    list("CDNs whose URL changes", &diff.cdns.url);
    if diff.from.ttl != diff.to.ttl {
        lines.push(format!("ttl: {} -> {} s", diff.from.ttl, diff.to.ttl));
    }
    if diff.shrunk.values + diff.grown.values > 0 {
        lines.push(format!(
            "footprint values: {} -> {}; {} gone ({} of the old), {} new",
            grouped(diff.from.counts.footprints as f64),
            grouped(diff.to.counts.footprints as f64),
            grouped(diff.shrunk.values as f64),
            percent(diff.shrunk.share),
            grouped(diff.grown.values as f64),
        ));
    }
    if diff.from.digest == diff.to.digest {
        lines.push("The tables are the same.".to_owned());
    }
    lines
}

/// The first column to the left, the others to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter(|row| row.len() > 1).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:width$}"),
            _ => format!("  {cell:>width$}"),
        });
        line(&mut text, cells.collect::<String>().trim_end());
    }
    text
}
