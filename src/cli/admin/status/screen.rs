//! The status as text: whatever there is to tell, on 24 lines of 100 columns.

use time::OffsetDateTime;

use super::answers::{Check, Health, Override, Overrides, Status, Subject, Table};
use crate::cli::admin::rows;
use crate::cli::figures::{grouped, shortened};

const WIDTH: usize = 100;
const LABEL: usize = 11;

/// So many lines of a kind; the rest are counted.
const HEALTH_LINES: usize = 4;
const OVERRIDES: usize = 4;
const ATTEMPTS: usize = 5;

/// Versions and sources may be long.
const NAME: usize = 48;

pub fn of(status: &Status, now: OffsetDateTime) -> String {
    let Status { version, commit, started_at, table, trust, overrides, config, health, history } = status;
    let mut screen = Screen { text: String::new() };
    let begun = rows::age(started_at, now);
    screen.line(&rows::one_line(&format!("croupier {version} ({}), started {begun}", shortened(commit))));
    screen.section("health", &of_health(health));
    screen.section("table", &of_table(table, health, now));
    screen.section("overrides", &of_overrides(overrides, health));
    screen.section("trust", &of_trust(trust, health));
    screen.section("config", &Vec::from_iter(last_error("reading", config.last_error.as_ref(), health)));
    let attempts: Vec<_> =
        history.iter().take(ATTEMPTS).map(|one| rows::of_attempt(rows::age(&one.at, now), one)).collect();
    screen.section("last", &rows::aligned(&attempts));
    screen.text
}

struct Screen {
    text: String,
}

impl Screen {
    fn line(&mut self, line: &str) {
        self.text += &rows::cut(line, WIDTH);
        self.text.push('\n');
    }

    /// The label stands before the first line. Without a line there is no section.
    fn section(&mut self, label: &str, lines: &[String]) {
        for (line, label) in lines.iter().zip([label].into_iter().chain(std::iter::repeat(""))) {
            self.line(&format!("{label:<LABEL$}{}", rows::one_line(line)));
        }
    }
}

/// What is not well, the worst first: the fewer checks, the more of each.
fn of_health(health: &Health) -> Vec<String> {
    let mut ailing: Vec<(&str, &Check)> = ailing(health).collect();
    if ailing.is_empty() {
        return vec![health.status.clone()];
    }
    ailing.sort_by_key(|(_, check)| check.status != "fail");
    let lines = (HEALTH_LINES / ailing.len()).max(1);
    let told = |(name, Check { status, output }): (&str, &Check)| {
        let output = rows::one_line(output.as_deref().unwrap_or_default());
        rows::wrapped(&format!("{status}: {name}: {output}"), WIDTH - LABEL - 4, lines)
    };
    let indented = |check: Vec<String>| {
        let indents = std::iter::once("  ").chain(std::iter::repeat("    "));
        indents.zip(check).map(|(indent, line)| format!("{indent}{line}")).collect::<Vec<_>>()
    };
    let checks = ailing.into_iter().map(told).flat_map(indented).collect();
    [format!("{}:", health.status)].into_iter().chain(at_most(HEALTH_LINES, checks)).collect()
}

fn ailing(health: &Health) -> impl Iterator<Item = (&str, &Check)> {
    health
        .checks
        .iter()
        .flat_map(|(name, checks)| checks.iter().map(move |check| (name.as_str(), check)))
        .filter(|(_, check)| check.status != "pass")
}

fn of_table(table: &Table, health: &Health, now: OffsetDateTime) -> Vec<String> {
    let Table { version, generation, digest, counts, loaded_at, source, held, last_error: error } = table;
    let (version, source) = (rows::cut(version, NAME), rows::cut(source, NAME));
    let loaded = rows::age(loaded_at, now);
    let count = |name: &str| grouped(counts.get(name).copied().unwrap_or_default() as f64);
    let mut lines = vec![
        format!("{version}, generation {generation}, digest {}", shortened(digest)),
        format!("loaded {loaded} from {source}"),
        format!(
            "{} CDNs, {} mixes, {} footprint values; {} IPv4 and {} IPv6 prefixes",
            count("cdns"),
            count("mixes"),
            count("footprints"),
            count("prefixes_ipv4"),
            count("prefixes_ipv6"),
        ),
    ];
    if *held {
        lines.push("HELD by a rollback: changes of files publish nothing until `croupier reload`".to_owned());
    }
    lines.extend(last_error("reload", error.as_ref(), health));
    lines
}

fn of_overrides(overrides: &Overrides, health: &Health) -> Vec<String> {
    let Overrides { in_force, scheduled, ignored, last_error: error } = overrides;
    let lines = in_force.iter().map(of_override);
    let lines = lines.chain(scheduled.iter().map(|one| format!("later: {}", of_override(one))));
    let lines: Vec<String> = lines.chain(ignored.iter().map(|one| format!("ignored: {}", of_override(one)))).collect();
    let mut lines = if lines.is_empty() { vec!["none".to_owned()] } else { at_most(OVERRIDES, lines) };
    lines.extend(last_error("reload", error.as_ref(), health));
    lines
}

/// `akamai is down until 2026-11-21T23:00:00Z (INC-123)`, in the words of `lookup` and of the log.
fn of_override(one: &Override) -> String {
    let Override { cdn, state, mix, weights, reason, from, until, why } = one;
    let mut text = match (cdn, mix) {
        (Some(cdn), _) => format!("{cdn} is {}", state.as_deref().unwrap_or_default()),
        (None, mix) => {
            let weights: Vec<String> = weights.iter().map(|(cdn, weight)| format!("{cdn}={weight}")).collect();
            format!("mix {} is {}", mix.as_deref().unwrap_or_default(), weights.join(","))
        }
    };
    for (word, moment) in [("from", from), ("until", until)] {
        text += &moment.as_ref().map(|moment| format!(" {word} {}", rows::to_the_second(moment))).unwrap_or_default();
    }
    text += &reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    text + &why.as_ref().map(|why| format!(": {why}")).unwrap_or_default()
}

fn of_trust(trust: &Subject, health: &Health) -> Vec<String> {
    let mut line = trust.generation.map_or("unknown".to_owned(), |generation| format!("generation {generation}"));
    let is_ending = |(name, _): (&str, &Check)| ["certificate", "expiry"].contains(&name);
    line += match (ailing(health).any(is_ending), health.checks.contains_key("expiry")) {
        (true, _) => ", something runs out: see health",
        (false, true) => ", nothing runs out within a day",
        (false, false) => "",
    };
    [line].into_iter().chain(last_error("reload", trust.last_error.as_ref(), health)).collect()
}

/// Unless health tells it.
fn last_error(what: &str, error: Option<&String>, health: &Health) -> Option<String> {
    let error = error?;
    let is_told = ailing(health).any(|(_, check)| check.output.as_ref().is_some_and(|output| output.contains(error)));
    (!is_told).then(|| format!("last {what} refused: {error}"))
}

fn at_most(limit: usize, mut lines: Vec<String>) -> Vec<String> {
    if lines.len() > limit {
        let more = lines.len() - limit + 1;
        lines.truncate(limit - 1);
        lines.push(format!("and {more} more"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::format_description::well_known::Rfc3339;

    use super::*;

    fn now() -> OffsetDateTime {
        OffsetDateTime::parse("2026-11-22T08:00:00Z", &Rfc3339).unwrap()
    }

    fn shown(sample: &str) -> String {
        of(&serde_json::from_str(sample).unwrap(), now())
    }

    #[test]
    fn a_service_that_is_well() {
        insta::assert_snapshot!(shown(include_str!("../samples/well.json")));
    }

    #[test]
    fn a_service_that_is_not() {
        insta::assert_snapshot!(shown(include_str!("../samples/ill.json")));
    }

    #[test]
    fn whatever_there_is_it_is_one_screen() {
        let long = "x\u{1b}".repeat(300);
        let error = || Some(format!("{long}\nhelp"));
        let one = || Override { cdn: Some(long.clone()), reason: error(), why: error(), ..Override::default() };
        let many = || (0..20).map(|_| one()).collect::<Vec<_>>();
        let check = |name: usize| {
            (format!("check{name}"), vec![Check { status: "fail".to_owned(), output: Some(long.clone()) }])
        };
        let attempt = || super::super::answers::Attempt {
            what: long.clone(),
            result: long.clone(),
            version: error(),
            by: error(),
            reason: error(),
            ..Default::default()
        };
        let status = Status {
            version: long.clone(),
            table: Table {
                version: long.clone(),
                source: long.clone(),
                held: true,
                last_error: error(),
                ..Table::default()
            },
            trust: Subject { generation: Some(u64::MAX), last_error: error() },
            overrides: Overrides { in_force: many(), scheduled: many(), ignored: many(), last_error: error() },
            config: Subject { generation: None, last_error: error() },
            health: Health { status: "fail".to_owned(), checks: (0..20).map(check).collect() },
            history: (0..20).map(|_| attempt()).collect(),
            ..Status::default()
        };
        let screen = of(&status, now() + Duration::days(1));
        assert!(screen.lines().count() <= 24, "{screen}");
        for line in screen.lines() {
            assert!(line.chars().count() <= WIDTH && !line.contains('\u{1b}'), "{line}");
        }
    }

    #[test]
    fn nothing_is_told_of_what_is_not_known() {
        let screen = of(&Status::default(), now());
        assert!(screen.contains("overrides  none"), "{screen}");
    }
}
