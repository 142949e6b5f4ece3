//! `croupier publish`: a table into a store, for a fleet; and back to the one before.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{BAD, Outcome, diff, figures, problems, say};
use crate::config::Guards;
use crate::reload::depot::{self, Current, Depot, Unread};
use crate::reload::guards;
use crate::reload::load::gather;
use crate::store::FailureKind;
use crate::table::{Diff, Pointer, Problems, Summary, Table, moment, pointer};

/// What a table's document is called in a directory.
const DOCUMENT: &str = "cdn-table.json";

const EXAMPLES: &str = "\
Examples:
  croupier publish data s3://cdn-tables/live --dry-run   what it would change
  croupier publish data s3://cdn-tables/live             publish it
  croupier publish --back s3://cdn-tables/live           undo that, for the whole fleet

Instances read it with `[table] source = \"s3://cdn-tables/live/current.json\"`, each at its next look.
Credentials come from the environment, as for AWS's own tools: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL, or a role.";

/// Check a table and publish it to a store, for every instance that reads it there.
///
/// Its files go under a prefix named by the table's digest, and never change. A small pointer names them, each with
/// its SHA-256, and is moved last: no instance ever sees half a table. Of two who publish at once, one is told.
#[derive(Debug, Args)]
#[command(allow_missing_positional = true, after_help = EXAMPLES)]
pub struct Publish {
    /// The table, or a directory with a cdn-table.json.
    #[arg(required_unless_present_any = ["back", "to"], conflicts_with_all = ["back", "to"])]
    table: Option<PathBuf>,
    /// Where to, as `s3://BUCKET/PREFIX`.
    store: String,
    /// Go back to the table that was current before.
    #[arg(long, conflicts_with = "to")]
    back: bool,
    /// Go to a table that was published before, by its digest.
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    to: Option<String>,
    /// Show what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

fn digest(written: &str) -> Result<String, &'static str> {
    let is_one = pointer::is_sha256(written);
    is_one.then(|| written.to_owned()).ok_or("it is no digest; write all 64 of 0-9 a-f, as `GET /table` has it")
}

/// What is to be told before it ends with 1.
type Refusal = String;

impl Publish {
    pub fn run(self) -> Outcome {
        let done = match &self.table {
            Some(table) => self.publish(table),
            None => self.go_back(),
        };
        match done {
            Ok(told) => {
                writeln!(io::stdout(), "{}", told.trim_end())?;
                Ok(ExitCode::SUCCESS)
            }
            Err(refusal) => {
                say(format_args!("croupier: {refusal}"));
                Ok(ExitCode::from(BAD))
            }
        }
    }

    fn publish(&self, table: &Path) -> Result<String, Refusal> {
        let document = if table.is_dir() { table.join(DOCUMENT) } else { table.to_owned() };
        let gathered = gather(&document, Guards::default().max_input);
        let files = gathered.files.clone();
        let (compiled, found) = gathered.compile();
        problems::tell(std::slice::from_ref(&found));
        let compiled = compiled.ok_or_else(|| format!("nothing published: {}", problems::summary(&[found])))?;
        let name = document.file_name().unwrap_or_default().to_string_lossy();
        let pointer = depot::pointer(&name, &compiled.version, &compiled.digest, &files, SystemTime::now())?;
        let (depot, before) = self.open()?;
        if let Some(Current { pointer: current, .. }) = &before
            && (&current.digest, &current.files) == (&pointer.digest, &pointer.files)
        {
            // What was spoilt of it is mended.
            if !self.dry_run {
                upload(&depot, &document, current)?;
            }
            return Ok(format!("{pointer} is the current table already"));
        }
        let change = change(&depot, before.as_ref(), &compiled);
        let current = before.as_ref().map(|before| before.pointer.to_string()).unwrap_or_default();
        foresee(&current, &compiled, change.as_ref());
        if self.dry_run {
            return Ok(change.map_or_else(|| format!("{pointer} would be the first"), |diff| diff::text::of(&diff)));
        }
        let pointer = following(pointer, before.as_ref());
        let bytes = upload(&depot, &document, &pointer)?;
        move_to(&depot, &pointer, before.as_ref())?;
        if let Some(diff) = change {
            say(format_args!("{}", Summary::of(&diff)));
        }
        let (count, bytes) = (pointer.files.len(), figures::grouped(bytes as f64));
        let Pointer { version, digest, .. } = &pointer;
        let source = &depot.current;
        Ok(format!("published {version}: {count} files, {bytes} bytes\ndigest {digest}\nsource = \"{source}\""))
    }

    fn go_back(&self) -> Result<String, Refusal> {
        let (depot, before) = self.open()?;
        let before = before.ok_or_else(|| format!("{}: nothing was ever published there", depot.current))?;
        let digest = self.to.as_ref().or(before.pointer.previous.as_ref());
        let digest = digest.ok_or("the current table is the first: there is none to go back to")?;
        if *digest == before.pointer.digest {
            return Ok(format!("{} is the current table already", before.pointer));
        }
        let place = depot.pointer_of(digest);
        let pointer = depot.table(digest).map_err(told)?;
        let pointer = pointer.ok_or_else(|| format!("{place}: there is no such table"))?;
        let (table, found) = gather(Path::new(place.as_str()), Guards::default().max_input).compile();
        problems::tell(std::slice::from_ref(&found));
        let table = table.ok_or_else(|| format!("nothing changed: {}", problems::summary(&[found])))?;
        let change = change(&depot, Some(&before), &table);
        foresee(&before.pointer.to_string(), &table, change.as_ref());
        if self.dry_run {
            return Ok(change.map_or_else(|| format!("back to {pointer}"), |diff| diff::text::of(&diff)));
        }
        let pointer = Pointer { published_at: Some(moment::written_short(SystemTime::now())), ..pointer };
        // Once more back is to the one before that, not here again.
        let pointer = if self.back { pointer } else { following(pointer, Some(&before)) };
        move_to(&depot, &pointer, Some(&before))?;
        if let Some(diff) = change {
            say(format_args!("{}", Summary::of(&diff)));
        }
        let Pointer { version, digest, .. } = &before.pointer;
        Ok(format!("back to {pointer}\n{version} again: croupier publish --to {digest} {}", self.store))
    }

    fn open(&self) -> Result<(Depot, Option<Current>), Refusal> {
        if !self.store.starts_with("s3://") {
            return Err(format!("{}: a store is written as s3://BUCKET/PREFIX", self.store));
        }
        // As instances have it in `source`.
        let folder = self.store.strip_suffix("/current.json").unwrap_or(&self.store);
        let depot = Depot::open(folder).map_err(|message| format!("{}: {message}", self.store))?;
        let current = depot.current().map_err(told)?;
        Ok((depot, current))
    }
}

/// Uploads what is not there yet. Gives the bytes of all.
fn upload(depot: &Depot, document: &Path, pointer: &Pointer) -> Result<usize, Refusal> {
    let bar = Bar::new(pointer.files.len());
    let mut bytes = 0;
    let uploaded = depot.upload(document, pointer, |path, length| {
        bytes += length;
        bar.next(path);
    });
    bar.end();
    uploaded.map(|()| bytes)
}

fn following(pointer: Pointer, before: Option<&Current>) -> Pointer {
    Pointer { previous: before.map(|before| before.pointer.digest.clone()), ..pointer }
}

/// Against the current table. None if there is none, or none that can be read: what replaces it is all the better.
fn change(depot: &Depot, before: Option<&Current>, table: &Table) -> Option<Diff> {
    before?;
    let (current, found) = gather(Path::new(depot.current.as_str()), Guards::default().max_input).compile();
    if current.is_none() {
        problems::tell(&[found]);
        say(format_args!("warning: the current table is bad, so nothing is compared with it"));
    }
    current.map(|current| Diff::between(&current, table))
}

/// Warns of what instances that took the current table will have against it, if they go by the default guards.
fn foresee(current: &str, table: &Table, change: Option<&Diff>) {
    let mut found = Problems::new();
    guards::examine("", table, change, &Guards::default(), false, &mut found);
    for refusal in found.shown() {
        let message = refusal.message;
        say(format_args!("warning: instances that serve {current} refuse it by the default guards: {message}"));
        say(format_args!("    help: if that is meant, `croupier reload --force` on each of them makes it take it"));
    }
}

fn move_to(depot: &Depot, pointer: &Pointer, before: Option<&Current>) -> Result<(), Refusal> {
    depot.point_to(pointer, before).map_err(|failure| match failure.kind {
        FailureKind::Conflict => format!(
            "{}: somebody else has published meanwhile; nothing was changed\n    help: see what with --dry-run, then \
             publish again",
            depot.current
        ),
        _ => format!("{}: {failure}; nothing was changed", depot.current),
    })
}

fn told(unread: Unread) -> Refusal {
    match unread {
        Unread::Failed(message) => message,
        Unread::Bad(found) => {
            problems::tell(&[found]);
            "nothing was changed: the current pointer is bad\n    help: put back a good one, or delete it and publish anew"
                .to_owned()
        }
    }
}

/// Files uploaded, on a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new(files: usize) -> Self {
        let bar = ProgressBar::new(files as u64);
        if let Ok(style) = ProgressStyle::with_template("{pos}/{len} {wide_bar} {msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    fn next(&self, path: &str) {
        self.0.inc(1);
        self.0.set_message(path.to_owned());
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}
