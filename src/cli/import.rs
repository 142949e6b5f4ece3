//! `croupier import`: other systems' files to a table of our own, and what became of them.

mod folder;
mod report;

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use self::folder::Folder;
use self::report::Report;
use super::{BAD, Format, Outcome, problems, say};
use crate::config::Guards;
use crate::file;
use crate::import::document::{Document, document, prefix_files};
use crate::import::settle::settle;
use crate::import::{Files, Included, Input, Listing, Twice, csv, czf, gdnsd, geofeed, haproxy, mmdb, nginx};
use crate::table::problem::Place;
use crate::table::{Inputs, Manifest, Problems, compile};

/// Files that were read, by name.
type Texts = RefCell<Vec<(String, Arc<[u8]>)>>;

/// Shorter files are read before anyone could look at a bar.
const LONG: u64 = 4_000_000;

const TABLE: &str = "cdn-table.json";

/// Wrong usage.
const USAGE: u8 = 2;

/// Make a table of another system's file, and tell what could not be carried over as it was.
#[derive(Debug, Args)]
pub struct Import {
    /// What wrote the file, or reads it today.
    #[arg(long, value_enum, value_name = "FORMAT")]
    from: Origin,
    file: PathBuf,
    /// Where `cdn-table.json` and `prefixes/` go.
    #[arg(long, value_name = "DIRECTORY")]
    to: PathBuf,
    /// The mix of addresses that the file says nothing of.
    #[arg(long, value_name = "MIX")]
    default: Option<String>,
    /// Which one is meant: the variable of a `geo` block, gdnsd's map, a field of a geofeed
    /// (`country`, `region`, `city`) or of an mmdb record (`country.iso_code`).
    #[arg(long, value_name = "NAME")]
    pick: Option<String>,
    /// Refuse the same prefix twice with different answers, instead of settling it as the other system does.
    #[arg(long)]
    strict: bool,
    /// Replace the table that is there.
    #[arg(long)]
    force: bool,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Origin {
    /// Traffic Control: a coverage zone file, deep or not.
    Czf,
    /// gdnsd: `nets` of the geoip plugin.
    Gdnsd,
    /// nginx: a configuration with `geo` blocks, or a file that one includes.
    NginxGeo,
    /// HAProxy: a map for `map_ip`.
    HaproxyMap,
    /// `prefix,mix` lines.
    Csv,
    /// A MaxMind database: a mix for each value of a field.
    Mmdb,
    /// RFC 8805: a mix for each country, region or city.
    Geofeed,
}

impl Import {
    pub fn run(self) -> Outcome {
        if self.pick.is_some() && !self.from.has_choice() {
            say(format_args!("croupier: --pick chooses nothing here: there is one answer a prefix in this format"));
            return Ok(ExitCode::from(USAGE));
        }
        let table = self.to.join(TABLE);
        if !self.force && fs::symlink_metadata(&table).is_ok() {
            say(format_args!(
                "croupier: {} is there already: name another directory, or replace it with --force",
                table.display()
            ));
            return Ok(ExitCode::from(BAD));
        }
        let bar = Bar::default();
        let (mut listing, made) = self.read(&bar);
        bar.end();
        if let Some((document, _)) = &made {
            check(document, &mut listing.problems);
        }
        let found = [std::mem::take(&mut listing.problems)];
        let good = problems::good(&found);
        if self.format == Format::Text || !good {
            problems::tell(&found);
        }
        let Some((document, made_up)) = made.filter(|_| good) else {
            say(format_args!("croupier: nothing imported: {}", problems::summary(&found)));
            return Ok(ExitCode::from(BAD));
        };
        let before = fs::read_to_string(&table).ok();
        self.write(&document)?;
        let gone = self.clear(before.as_deref(), &document);
        let mut report = Report::new(&table, &document, &listing, made_up, problems::shown(&found));
        report.gone = gone;
        report.write(&mut io::stdout().lock(), self.format)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The file as a listing, and what comes of it if it could be read.
    fn read(&self, bar: &Bar) -> (Listing, Option<(Document, bool)>) {
        let texts = Texts::default();
        let (mut listing, made) = self.read_keeping(bar, &texts);
        for (name, bytes) in texts.into_inner() {
            let file = listing.problems.file(&name);
            listing.problems.excerpts(file, bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes));
        }
        (listing, made)
    }

    /// Keeps what was read, for who is told what is wrong with it.
    fn read_keeping(&self, bar: &Bar, texts: &Texts) -> (Listing, Option<(Document, bool)>) {
        let mut listing = Listing::new(self.default.as_deref().unwrap_or("default"));
        listing.strict = self.strict;
        let name = self.file.to_string_lossy();
        let bytes: Arc<[u8]> = match file::read(&self.file, Guards::default().max_input) {
            Ok(bytes) => bytes.into(),
            Err(message) => {
                let file = listing.problems.file(&name);
                listing.error(Place::whole_file(file), message);
                return (listing, None);
            }
        };
        texts.borrow_mut().push((name.to_string(), Arc::clone(&bytes)));
        bar.begin(bytes.len() as u64);
        let folder = Folder(self.file.parent().unwrap_or(Path::new("")));
        let files = Keeping { folder: &folder, texts };
        let progress = |read| bar.at(read);
        let pick = self.pick.as_deref();
        let mut input = Input { name: &name, bytes: &bytes, pick, files: &files, progress: &progress };
        let twice = self.from.read(&mut input, &mut listing);
        if listing.entries.is_empty() && !listing.problems.has_errors() {
            let file = listing.problems.file(&name);
            listing.error(Place::whole_file(file), "the file lists no prefix");
        }
        if listing.problems.has_errors() {
            // What else there is to tell of the prefixes that could be read.
            settle(&mut listing, twice);
            return (listing, None);
        }
        bar.say("settling");
        let settled = settle(&mut listing, twice);
        bar.say("writing");
        let made_up = self.default.is_none() && !settled.has_default;
        if made_up {
            listing.tell_of_same_default();
        }
        let document = document(&mut listing, &settled, &self.version());
        (listing, Some((document, made_up)))
    }

    fn version(&self) -> String {
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        format!("import of {name}").chars().filter(|letter| !letter.is_control()).take(128).collect()
    }

    /// The table last: it names the others.
    fn write(&self, document: &Document) -> io::Result<()> {
        let named = |path: &str, text: &str| {
            let path = self.to.join(path);
            let told = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(told)?;
            }
            let mut unfinished = path.clone().into_os_string();
            unfinished.push(".new");
            file::replace(&path, Path::new(&unfinished), text.as_bytes()).map_err(told)
        };
        document.files.iter().try_for_each(|(path, text)| named(path, text))?;
        named(TABLE, &document.text)
    }

    /// Removes the prefix files of an import that was here before, and says how many.
    fn clear(&self, before: Option<&str>, document: &Document) -> usize {
        let kept = |path: &String| document.files.iter().any(|(kept, _)| kept == path);
        let all = before.map(prefix_files).unwrap_or_default();
        all.iter().filter(|path| !kept(path) && fs::remove_file(self.to.join(path)).is_ok()).count()
    }
}

impl Origin {
    /// Whether a file may have several answers for a prefix, of which one is picked.
    fn has_choice(self) -> bool {
        !matches!(self, Self::Czf | Self::Csv | Self::HaproxyMap)
    }

    /// Reads a file, and says what its system does with the same prefix twice.
    fn read(self, input: &mut Input<'_>, listing: &mut Listing) -> Twice {
        match self {
            Self::Czf => czf::read(input, listing),
            Self::Gdnsd => gdnsd::read(input, listing),
            Self::NginxGeo => nginx::read(input, listing),
            Self::HaproxyMap => haproxy::read(input, listing),
            Self::Csv => csv::read(input, listing),
            Self::Mmdb => mmdb::read(input, listing),
            Self::Geofeed => geofeed::read(input, listing),
        }
        match self {
            Self::NginxGeo => Twice::LastWins,
            Self::Gdnsd => Twice::Arbitrary,
            _ => Twice::FirstWins,
        }
    }
}

/// What is about to be written is a table, or nothing is written.
fn check(document: &Document, problems: &mut Problems) {
    let Some(manifest) = Manifest::parse(TABLE, &document.text, problems) else { return };
    let files = document.files.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes())).collect();
    compile(manifest, Inputs { files, ..Inputs::default() }, problems);
}

/// Keeps what is included, too.
struct Keeping<'k> {
    folder: &'k Folder<'k>,
    texts: &'k Texts,
}

impl Files for Keeping<'_> {
    fn read(&self, name: &str) -> Result<Included, String> {
        let included = self.folder.read(name)?;
        self.texts.borrow_mut().push((included.name.clone(), included.bytes.as_slice().into()));
        Ok(included)
    }

    fn matching(&self, pattern: &str) -> Result<Vec<String>, String> {
        self.folder.matching(pattern)
    }
}

/// A bar on a terminal, for long files.
#[derive(Default)]
struct Bar {
    shown: RefCell<Option<ProgressBar>>,
}

impl Bar {
    fn begin(&self, bytes: u64) {
        if bytes >= LONG {
            let bar = ProgressBar::new(bytes).with_message("reading");
            if let Ok(style) = ProgressStyle::with_template("{msg:10} {wide_bar} {bytes}/{total_bytes}") {
                bar.set_style(style);
            }
            *self.shown.borrow_mut() = Some(bar);
        }
    }

    fn at(&self, read: u64) {
        if let Some(bar) = self.shown.borrow().as_ref() {
            bar.set_position(read);
        }
    }

    fn say(&self, what: &'static str) {
        if let Some(bar) = self.shown.borrow().as_ref() {
            bar.set_message(what);
        }
    }

    fn end(&self) {
        if let Some(bar) = self.shown.take() {
            bar.finish_and_clear();
        }
    }
}
