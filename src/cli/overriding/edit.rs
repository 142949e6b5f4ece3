//! The file of overrides as it is to be: what is put, what gives way to it, and what is over anyway.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use super::super::{BAD, Outcome, problems, say};
use super::place::{Place, Unwritten};
use super::subject::{Subject, Which};
use crate::reload::overrides::{self, Found};
use crate::store::ObjectUrl;
use crate::table::effective::Ignored;
use crate::table::overrides::{Phase, Target};
use crate::table::{Effective, Override, Overrides, Problems};

/// What somebody wants of the file.
pub enum Wish<'w> {
    Put(Override),
    /// What is in force on a CDN.
    End(&'w str),
    /// What is on this target, or everything.
    TakeAway(Option<Target<'w>>),
}

impl<'w> Wish<'w> {
    /// Of a wish that has nothing but a target.
    fn only_target(&self) -> Option<Target<'w>> {
        match *self {
            Self::Put(_) => None,
            Self::End(name) => Some(Target::Cdn(name)),
            Self::TakeAway(target) => target,
        }
    }
}

pub fn run(wish: &Wish<'_>, which: &Which, now: SystemTime) -> Outcome {
    let Some(subject) = which.find() else { return Ok(ExitCode::from(BAD)) };
    if let Wish::Put(given) = wish
        && let Some(unknown) = subject.table.as_ref().and_then(|table| Ignored::unknown(table, given))
    {
        return Ok(refused(&subject, &unknown));
    }
    for _ in 0..ATTEMPTS {
        match attempt(wish, &subject, now)? {
            Attempt::Over(code) => return Ok(code),
            // Others who were overtaken too are not to come at once again.
            Attempt::Overtaken => std::thread::sleep(PAUSE.mul_f64(fastrand::f64())),
        }
    }
    say(format_args!("croupier: nothing was changed: others write {} all the time; try again", subject.place));
    Ok(ExitCode::from(BAD))
}

/// Each time that somebody is overtaken somebody else is done: as many may edit at once.
const ATTEMPTS: usize = 20;

/// The longest that is waited before the next.
const PAUSE: Duration = Duration::from_millis(200);

/// Of a list that is not there any more.
pub const HELD: &str = "instances may still hold what an older one said, until then: see `croupier status`";

enum Attempt {
    Over(ExitCode),
    /// Somebody else wrote it meanwhile: what they wrote is to be read first.
    Overtaken,
}

impl From<ExitCode> for Attempt {
    fn from(code: ExitCode) -> Self {
        Self::Over(code)
    }
}

fn attempt(wish: &Wish<'_>, subject: &Subject, now: SystemTime) -> io::Result<Attempt> {
    let mut place = match Place::open(&subject.place) {
        Ok(place) => place,
        Err(unwritten) => return unwritable(subject, unwritten, wish, &Plan::default()),
    };
    let mut found = Problems::new();
    let before = match place.read(now, &mut found) {
        Found::Some(overrides) => overrides,
        Found::Nothing => match none_yet(wish, subject) {
            Ok(none) => none,
            Err(code) => return Ok(code.into()),
        },
        Found::Bad if matches!(wish, Wish::TakeAway(None)) => {
            problems::tell(&[found]);
            return begin_anew(subject, &mut place);
        }
        Found::Bad => {
            problems::tell(&[found]);
            say(format_args!(
                "croupier: nothing was changed: the file of overrides is bad\n    help: mend it, or begin anew with \
                 `croupier override clear --all`, which keeps a copy of it"
            ));
            return Ok(ExitCode::from(BAD).into());
        }
        Found::Unreadable => {
            problems::tell(&[found]);
            say(format_args!("croupier: nothing was changed: the overrides can't be read"));
            return Ok(ExitCode::from(BAD).into());
        }
    };
    let plan = Plan::new(wish, before.list(), now);
    if let Some(target) = wish.only_target()
        && plan.gone.is_empty()
        && let Some(unknown) = subject.table.as_ref().and_then(|table| Ignored::unknown_target(table, target))
    {
        return Ok(refused(subject, &unknown).into());
    }
    let text = before.text_with(&plan.list);
    let Some(after) = Overrides::parse(&subject.place, &text, now, &mut found) else {
        problems::tell(&[found]);
        say(format_args!("croupier: nothing was changed: the file would become\n{text}"));
        return Ok(ExitCode::from(BAD).into());
    };
    if text.len() as u64 > overrides::LARGEST {
        let most = overrides::LARGEST;
        say(format_args!(
            "croupier: nothing was changed: the file would be larger than the {most} bytes that are read"
        ));
        return Ok(ExitCode::from(BAD).into());
    }
    let is_new = plan.list != before.list() || matches!(wish, Wish::TakeAway(None)) && place.is_missed();
    if is_new && let Err(unwritten) = place.replace(&text) {
        return unwritable(subject, unwritten, wish, &plan);
    }
    drop(place);
    tell(wish, &plan)?;
    if io::stderr().is_terminal() {
        let when = if ObjectUrl::is_meant(&subject.place) { "at its next look" } else { "within a second" };
        say(format_args!("(in {}, from where a running service takes it {when})", subject.place));
    }
    warn(wish, subject, &after, now);
    Ok(ExitCode::SUCCESS.into())
}

/// What there is where there is nothing. In a store that may mean that a list has vanished, of which only that all of it
/// ends can be said.
fn none_yet(wish: &Wish<'_>, subject: &Subject) -> Result<Overrides, ExitCode> {
    let place = &subject.place;
    if ObjectUrl::is_meant(place) {
        if wish.only_target().is_some() {
            say(format_args!(
                "croupier: nothing was changed: {place}: there is no list; {HELD}\n    help: `croupier override clear \
                 --all` writes an empty list, which ends all that they hold"
            ));
            return Err(ExitCode::from(BAD));
        }
        say(format_args!("{place}: there is no list yet, so this begins a new list; {HELD}"));
    }
    Ok(Overrides::none(place))
}

/// In the place of a bad file, one without overrides.
fn begin_anew(subject: &Subject, place: &mut Place) -> io::Result<Attempt> {
    let begun = place.set_aside().and_then(|copy| {
        place.replace(&Overrides::default().text_with(&[]))?;
        Ok(copy)
    });
    match begun {
        Ok(copy) => {
            writeln!(io::stdout(), "no overrides are left; what the file said is in {copy}")?;
            Ok(ExitCode::SUCCESS.into())
        }
        Err(Unwritten::Conflict) => Ok(Attempt::Overtaken),
        Err(Unwritten::Failed(why)) => {
            say(format_args!("croupier: nothing was changed: {}: {why}", subject.place));
            Ok(ExitCode::from(BAD).into())
        }
    }
}

/// What becomes of the overrides in the file.
#[derive(Default)]
struct Plan {
    list: Vec<Override>,
    /// Taken away, or replaced by the one that is put.
    gone: Vec<Override>,
    over: Vec<Override>,
}

impl Plan {
    fn new(wish: &Wish<'_>, before: &[Override], now: SystemTime) -> Self {
        let mut plan = Self::default();
        let mut place = None;
        for given in before.iter().cloned() {
            let goes = match wish {
                Wish::Put(new) => new.target() == given.target() && new.overlaps(&given),
                Wish::End(name) => Target::Cdn(name) == given.target() && given.phase(now) == Phase::During,
                Wish::TakeAway(target) => target.is_none_or(|target| target == given.target()),
            };
            if given.phase(now) == Phase::Over {
                plan.over.push(given);
            } else if goes {
                place.get_or_insert(plan.list.len());
                plan.gone.push(given);
            } else {
                plan.list.push(given);
            }
        }
        if let Wish::Put(new) = wish {
            plan.gone.retain(|given| given != new);
            plan.list.insert(place.unwrap_or(plan.list.len()), new.clone());
        }
        plan
    }
}

/// What now holds.
fn tell(wish: &Wish<'_>, plan: &Plan) -> io::Result<()> {
    for over in &plan.over {
        say(format_args!("dropped, since it is over: {over}"));
    }
    let verb = if matches!(wish, Wish::Put(_)) { "replaced" } else { "taken away" };
    for gone in &plan.gone {
        say(format_args!("{verb}: {gone}"));
    }
    let mut out = io::stdout().lock();
    match wish {
        Wish::Put(given) => writeln!(out, "{given}"),
        Wish::End(name) => {
            let was = if plan.gone.is_empty() { ": nothing was on it" } else { "" };
            writeln!(out, "{name} is up{was}")?;
            let planned = plan.list.iter().filter(|given| given.target() == Target::Cdn(name));
            planned.into_iter().try_for_each(|given| writeln!(out, "still planned: {given}"))
        }
        Wish::TakeAway(Some(Target::Cdn(name))) if plan.gone.is_empty() => {
            writeln!(out, "{name} is up: nothing was on it")
        }
        Wish::TakeAway(Some(Target::Cdn(name))) => writeln!(out, "{name} is up"),
        Wish::TakeAway(Some(Target::Mix(name))) if plan.gone.is_empty() => {
            writeln!(out, "mix {name} is as in the table: nothing was on it")
        }
        Wish::TakeAway(Some(Target::Mix(name))) => writeln!(out, "mix {name} is as in the table"),
        Wish::TakeAway(None) => writeln!(out, "no overrides are left"),
    }
}

/// Of mixes of which nothing is left once this holds.
fn warn(wish: &Wish<'_>, subject: &Subject, after: &Overrides, now: SystemTime) {
    let Some(table) = &subject.table else { return };
    let from = match wish {
        Wish::Put(given) => given.from.filter(|from| *from > now),
        Wish::End(_) | Wish::TakeAway(_) => None,
    };
    let effective = Effective::new(table, after, from.unwrap_or(now));
    for all_down in &effective.all_down {
        let then = if from.is_some() { "then " } else { "" };
        say(format_args!("warning: {then}{all_down}"));
    }
}

fn refused(subject: &Subject, unknown: &Ignored) -> ExitCode {
    let help = subject.table.as_ref().map(|table| unknown.help(table)).unwrap_or_default();
    say(format_args!("croupier: {unknown}: nothing was changed\n    help: {help}"));
    ExitCode::from(BAD)
}

/// What to write by hand, where this file comes from.
fn unwritable(subject: &Subject, unwritten: Unwritten, wish: &Wish<'_>, plan: &Plan) -> io::Result<Attempt> {
    let Unwritten::Failed(why) = unwritten else { return Ok(Attempt::Overtaken) };
    say(format_args!("croupier: {} can't be written: {why}", subject.place));
    if ObjectUrl::is_meant(&subject.place) {
        return Ok(ExitCode::from(BAD).into());
    }
    say(format_args!("    help: if it is made from a file elsewhere, as from a ConfigMap, edit that one:"));
    match wish {
        Wish::Put(given) => {
            for gone in &plan.gone {
                say(format_args!("    take out   {}", gone.line()));
            }
            say(format_args!("    put this line into its `overrides`"));
            writeln!(io::stdout(), "{}", given.line())?;
        }
        Wish::End(_) => plan.gone.iter().for_each(|gone| say(format_args!("    take out   {}", gone.line()))),
        Wish::TakeAway(None) => say(format_args!("    take out every line of its `overrides`")),
        Wish::TakeAway(Some(target)) => say(format_args!("    take out every line of its `overrides` for {target}")),
    }
    Ok(ExitCode::from(BAD).into())
}
