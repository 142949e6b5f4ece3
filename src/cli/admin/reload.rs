//! `croupier reload`: table, trust and overrides anew, or on trial.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;

use super::access::Access;
use super::answers::Reloaded;
use super::ended;
use super::failure::Failure;
use crate::cli::diff::text;
use crate::cli::{BAD, Format, Outcome, problems, say};
use crate::table::Diff;

/// Have the running service reload table, trust and overrides, and say what came of it.
///
/// Ends a rollback's hold. Exits with 1 if any of them is refused, or is not in service afterwards.
#[derive(Debug, Args)]
pub struct Reload {
    #[command(flatten)]
    access: Access,
    /// Change nothing: say what a reload would do. Exits with 1 if it would be refused.
    #[arg(long)]
    dry_run: bool,
    /// Publish what guards refuse: too much moved or lost, too few values. A failing canary and `max_input` still
    /// refuse.
    #[arg(long)]
    force: bool,
    /// JSON is what the service answers.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// What came of each subject; of those that there are.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct All {
    table: Option<Reloaded>,
    trust: Option<Reloaded>,
    overrides: Option<Reloaded>,
    dry_run: bool,
    /// Why it is refused.
    detail: Option<String>,
}

impl Reload {
    pub fn run(self) -> Outcome {
        ended(self.ask())
    }

    fn ask(&self) -> Result<ExitCode, Failure> {
        let client = self.access.client()?;
        let answer = client.post(&self.target())?;
        let all: All = client.read(&answer)?;
        let subjects: Vec<&Reloaded> = all.subjects().into_iter().map(|(_, subject)| subject).collect();
        let why = match self.format {
            Format::Json => all.detail.clone().or_else(|| all.why_not()),
            Format::Text => all.why_not(),
        };
        let mut out = io::stdout().lock();
        match self.format {
            Format::Json => writeln!(out, "{}", answer.text)?,
            Format::Text => {
                out.write_all(all.summary().as_bytes())?;
                tell_problems(&subjects);
                out.write_all(all.changes().as_bytes())?;
            }
        }
        let Some(why) = why else { return Ok(ExitCode::SUCCESS) };
        Ok(refused(&why))
    }

    fn target(&self) -> String {
        let given = [(self.dry_run, "dry_run=true"), (self.force, "force=true")];
        let query: Vec<&str> = given.into_iter().filter_map(|(given, what)| given.then_some(what)).collect();
        if query.is_empty() { "/reload".to_owned() } else { format!("/reload?{}", query.join("&")) }
    }
}

impl All {
    fn subjects(&self) -> Vec<(&'static str, &Reloaded)> {
        [("table", &self.table), ("trust", &self.trust), ("overrides", &self.overrides)]
            .into_iter()
            .filter_map(|(what, subject)| Some((what, subject.as_ref()?)))
            .collect()
    }

    /// A line a subject.
    fn summary(&self) -> String {
        let line = |(what, subject)| format!("{what:<9}  {}\n", self.came_of(subject));
        self.subjects().into_iter().map(line).collect()
    }

    fn changes(&self) -> String {
        let shown = |(what, subject): (&str, &Reloaded)| {
            let heading = if what == "table" { String::new() } else { format!("by {what}:\n") };
            Some(format!("\n{heading}{}", diff(subject)?))
        };
        self.subjects().into_iter().filter_map(shown).collect()
    }

    fn came_of(&self, Reloaded { result, generation, .. }: &Reloaded) -> String {
        let generation = generation.map(|generation| format!("generation {generation}"));
        let stays = generation.as_deref().unwrap_or("what was in service");
        match (result.as_str(), self.dry_run) {
            ("published", _) => format!("published as {}", generation.as_deref().unwrap_or("a new generation")),
            ("accepted", _) => "would be published".to_owned(),
            ("unchanged", false) => format!("unchanged, {stays}"),
            ("unchanged", true) => format!("nothing would change, {stays}"),
            ("held", false) => format!("held: a rollback keeps {stays} in service"),
            ("held", true) => format!("would be held: a rollback keeps {stays} in service"),
            ("postponed", false) => format!("postponed: {stays} stays until `[guards] min_interval` is over"),
            ("postponed", true) => "would be postponed until `[guards] min_interval` is over".to_owned(),
            ("refused", false) => format!("refused: {stays} stays"),
            ("refused", true) => "would be refused".to_owned(),
            (result, _) => result.to_owned(),
        }
    }

    /// Why something that was asked for is not in service, or would not be.
    /// Without the problems themselves.
    fn why_not(&self) -> Option<String> {
        let missed = |(what, subject): (&str, &Reloaded)| {
            let would = match (self.dry_run, what) {
                (true, _) => "would be",
                (false, "overrides") => "were",
                (false, _) => "was",
            };
            let result =
                Some(&subject.result).filter(|result| ["refused", "held", "postponed"].contains(&result.as_str()))?;
            let errors = match subject.errors() {
                0 => String::new(),
                1 => " for 1 error".to_owned(),
                errors => format!(" for {errors} errors"),
            };
            Some(format!("the new {what} {would} {result}{errors}"))
        };
        let missed: Vec<String> = self.subjects().into_iter().filter_map(missed).collect();
        let stays = if self.dry_run { "" } else { "; what was in service before serves on" };
        let without_a_problem =
            self.detail.clone().filter(|_| self.subjects().iter().all(|(_, one)| one.errors() == 0));
        without_a_problem.or_else(|| (!missed.is_empty()).then(|| missed.join("; ") + stays))
    }
}

/// Why not.
pub fn refused(why: &str) -> ExitCode {
    say(format_args!("croupier: {why}"));
    ExitCode::from(BAD)
}

/// Every problem, once.
pub fn tell_problems(subjects: &[&Reloaded]) {
    problems::tell_all(subjects.iter().flat_map(|subject| &subject.problems));
}

/// As `croupier diff` prints it. A newer service may tell it in a way that is not known here.
pub fn diff(subject: &Reloaded) -> Option<String> {
    let diff = subject.diff.as_ref()?;
    Some(match serde_json::from_value::<Diff>(diff.clone()) {
        Ok(diff) => text::of(&diff),
        Err(_) => "what changes is not understood here; --format json prints it\n".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(sample: &str) -> String {
        let all: All = serde_json::from_str(sample).unwrap();
        all.summary() + &all.changes()
    }

    #[test]
    fn a_trial_shows_what_would_change() {
        insta::assert_snapshot!(text(include_str!("samples/reload-trial.json")));
    }

    #[test]
    fn a_refusal_shows_what_was_meant() {
        insta::assert_snapshot!(text(include_str!("samples/reload-refused.json")));
    }

    #[test]
    fn what_is_not_in_service_has_a_reason() {
        let why = |json: &str| serde_json::from_str::<All>(json).unwrap().why_not();
        let bad = r#"[{"severity":"error","file":"t.json","line":1,"column":2,"message":"no","help":"so"}]"#;
        for (answer, expected) in [
            (r#"{"table":{"result":"published"},"trust":{"result":"unchanged"},"news":1}"#.to_owned(), None),
            (r#"{"table":{"result":"accepted"},"dry_run":true}"#.to_owned(), None),
            (
                format!(r#"{{"table":{{"result":"refused","problems":{bad}}},"dry_run":true}}"#),
                Some("the new table would be refused for 1 error"),
            ),
            (
                r#"{"trust":{"result":"postponed"},"table":{"result":"held"}}"#.to_owned(),
                Some("the new table was held; the new trust was postponed; what was in service before serves on"),
            ),
            (r#"{"table":{"result":"refused"},"detail":"as it says"}"#.to_owned(), Some("as it says")),
        ] {
            assert_eq!(why(&answer).as_deref(), expected, "{answer}");
        }
    }

    #[test]
    fn a_diff_of_another_form_is_said_to_be() {
        let subject = Reloaded { diff: Some(serde_json::json!({ "from": 1 })), ..Reloaded::default() };
        assert!(diff(&subject).unwrap().contains("--format json"));
    }
}
