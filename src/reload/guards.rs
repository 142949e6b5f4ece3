//! What one reload may do. A table that would move or lose too much is refused, with its diff, unless somebody
//! says that it is meant.

use std::path::Path;

use crate::config::Guards;
use crate::file;
use crate::table::diff::Values;
use crate::table::problem::Place;
use crate::table::summary::percent;
use crate::table::traffic::{self, Traffic};
use crate::table::{Diff, Problems, Table};

const MEANT: &str = "if that is meant, `croupier reload --force` publishes it; `croupier reload --dry-run` shows all \
                     that would change";

/// With no table to compare with, there may be no service to ask either.
const ALONE: &str = "mend the table; if it is meant to be that small, lower `min_values`";

/// What a table changes, in viewers too if the guards know them. What is wrong with their file is a warning.
pub fn difference(old: &Table, new: &Table, guards: &Guards, problems: &mut Problems) -> Diff {
    let mut diff = Diff::between(old, new);
    if let Some(path) = &guards.traffic {
        match clients(path, guards.max_input) {
            Ok(clients) => diff.traffic = Some(Traffic::between(old, new, &clients)),
            Err(message) => {
                let file = problems.file(&path.to_string_lossy());
                let message = format!("{message}; `max_moved` is a share of the address space instead");
                problems.warning(Place::whole_file(file), message);
            }
        }
    }
    diff
}

/// The file's lines, or the first thing that is wrong with it.
fn clients(path: &Path, limit: u64) -> Result<Vec<traffic::Clients>, String> {
    let mut problems = Problems::new();
    let lines = traffic::read(&path.to_string_lossy(), &file::read(path, limit)?, &mut problems);
    match problems.shown().into_iter().next() {
        Some(first) if first.line > 0 => Err(format!("line {}: {}", first.line, first.message)),
        Some(first) => Err(first.message),
        // Of nobody no share moves, whatever the table does.
        None if lines.iter().all(|line| line.clients == 0) => Err("there are no clients in any prefix".to_owned()),
        None => Ok(lines),
    }
}

/// Tells in `problems` what the guards have against a table: errors, or warnings if it is forced. `diff` is against
/// the table that it would take the place of, if there is one.
pub fn examine(
    source: &str,
    table: &Table,
    diff: Option<&Diff>,
    guards: &Guards,
    forced: bool,
    problems: &mut Problems,
) {
    let file = problems.file(source);
    let against = diff.map(|diff| moved(diff, guards.max_moved).chain(lost(diff, guards.max_shrunk)));
    for message in against.into_iter().flatten().chain(small(table, guards.min_values)) {
        let place = Place::whole_file(file);
        if forced {
            problems.warning(place, format!("published by force: {message}"));
        } else {
            problems.error(place, message).help(if diff.is_some() { MEANT } else { ALONE });
        }
    }
}

/// By viewers if they are known, else in each family by itself.
fn moved(diff: &Diff, most: f64) -> impl Iterator<Item = String> {
    let route = |from: &str, to: &str| format!(", most of them from {from} to {to}");
    let Diff { ipv4, ipv6, traffic, .. } = diff;
    let shares = match traffic {
        Some(traffic) => {
            vec![(traffic.share, "viewers", traffic.moves.first().map(|one| route(&one.from, &one.to)))]
        }
        None => vec![
            (ipv4.share, "IPv4 addresses", ipv4.moves.first().map(|one| route(&one.from, &one.to))),
            (ipv6.share, "IPv6 addresses", ipv6.moves.first().map(|one| route(&one.from, &one.to))),
        ],
    };
    shares.into_iter().filter(move |(share, ..)| *share > most).map(move |(share, whose, route)| {
        let (share, most) = (percent(share), percent(most));
        let route = route.unwrap_or_default();
        format!(
            "{share} of the {whose} would get another first CDN{route}: more than the {most} of `max_moved` in [guards]"
        )
    })
}

fn lost(diff: &Diff, most: f64) -> impl Iterator<Item = String> {
    let Values { values, share } = diff.shrunk;
    (share > most)
        .then(|| {
            // Of those that have addresses, not of all that are listed.
            let of = (values as f64 / share).round();
            let (share, most) = (percent(share), percent(most));
            format!(
                "{share} of the footprint values would be lost ({values} of {of}): more than the {most} of \
                 `max_shrunk` in [guards]"
            )
        })
        .into_iter()
}

fn small(table: &Table, least: usize) -> impl Iterator<Item = String> {
    let values = table.values();
    (values < least)
        .then(|| format!(
            "the table has {values} footprint values with addresses: fewer than the {least} of `min_values` in [guards]"
        ))
        .into_iter()
}
