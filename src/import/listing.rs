//! What a file says, whatever its format: prefixes and their answers in the file's order, and
//! everything there is to tell of them.

use std::collections::HashMap;

use ip_network::IpNetwork;

use super::prefix::{Read, Wrong};
use crate::table::Problems;
use crate::table::footprint::shorten;
use crate::table::problem::{FileId, Place, Problem, saturate};

/// An answer by its place in the listing's list.
pub type AnswerId = u32;

/// What addresses get that nothing in the file matches.
pub const DEFAULT: AnswerId = 0;

/// Of each kind, so many are told one by one; the rest are counted.
const TOLD: usize = 20;

/// What becomes of a prefix on its way into a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Masked,
    Mapped,
    Contradictory,
    Repeated,
    Merged,
    LeftOut,
    Renamed,
    Noted,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Masked,
        Self::Mapped,
        Self::Contradictory,
        Self::Repeated,
        Self::Merged,
        Self::LeftOut,
        Self::Renamed,
        Self::Noted,
    ];

    /// As a key for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Masked => "masked",
            Self::Mapped => "mapped",
            Self::Contradictory => "contradictory",
            Self::Repeated => "repeated",
            Self::Merged => "merged",
            Self::LeftOut => "left_out",
            Self::Renamed => "renamed",
            Self::Noted => "noted",
        }
    }

    /// After a number, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Masked => "prefixes had host bits, which were masked",
            Self::Mapped => "IPv4-mapped IPv6 prefixes became IPv4",
            Self::Contradictory => "contradictory answers, settled as the other system would",
            Self::Repeated => "prefixes listed again with the same answer",
            Self::Merged => "prefixes merged into one around them with the same answer",
            Self::LeftOut => "left out: a table can't express them",
            Self::Renamed => "names changed to what a table allows",
            Self::Noted => "other differences from the source",
        }
    }
}

/// An answer as the file gives it.
#[derive(Debug)]
pub struct Answer {
    pub written: String,
    /// The CDNs in order, if the answer is a list of them; else one CDN of the answer's name.
    pub cdns: Option<Vec<String>>,
    /// Where it was first given. None for the default if the file gives none.
    pub place: Option<Place>,
}

/// A line of the file.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub network: IpNetwork,
    /// None takes the prefix away again.
    pub answer: Option<AnswerId>,
    pub place: Place,
    /// Only for addresses that no other entry of their family matches, whatever the lengths.
    pub fallback: bool,
}

/// All of it.
#[derive(Debug)]
pub struct Listing {
    pub entries: Vec<Entry>,
    pub answers: Vec<Answer>,
    pub problems: Problems,
    /// Contradictions are errors.
    pub strict: bool,
    known: HashMap<String, AnswerId>,
    counts: [usize; Kind::ALL.len()],
}

impl Listing {
    /// Nothing yet, but the name of what unmatched addresses get.
    pub fn new(default: &str) -> Self {
        Self {
            entries: Vec::new(),
            answers: vec![Answer { written: default.to_owned(), cdns: None, place: None }],
            problems: Problems::new(),
            strict: false,
            known: HashMap::from([(default.to_owned(), DEFAULT)]),
            counts: [0; Kind::ALL.len()],
        }
    }

    /// The answer of this name: one CDN, unless a list of them was told under it.
    pub fn answer(&mut self, written: &str, place: Place) -> AnswerId {
        self.answer_of(written, place, || None)
    }

    pub fn answer_of(&mut self, written: &str, place: Place, cdns: impl FnOnce() -> Option<Vec<String>>) -> AnswerId {
        let known = self.known.get(written).copied();
        let answer = known.unwrap_or_else(|| {
            let fresh = saturate(self.answers.len());
            self.answers.push(Answer { written: written.to_owned(), cdns: None, place: None });
            self.known.insert(written.to_owned(), fresh);
            fresh
        });
        let known = &mut self.answers[answer as usize];
        if known.place.is_none() {
            known.place = Some(place);
            known.cdns = cdns();
        }
        answer
    }

    /// Lists a prefix as it was read, and tells what had to be made of it.
    pub fn list(&mut self, read: Read, written: &str, answer: Option<AnswerId>, place: Place) {
        let (network, written) = (read.network, shorten(written));
        if read.masked {
            self.tell(Kind::Masked, place, format!("`{written}` has host bits set: `{network}` is taken"));
        }
        if read.mapped {
            self.tell(Kind::Mapped, place, format!("`{written}` is IPv4-mapped: `{network}` is taken"));
        }
        self.entries.push(Entry { network, answer, place, fallback: false });
    }

    /// A prefix that can't be read.
    pub fn wrong(&mut self, wrong: Wrong, place: Place) {
        if wrong.inexpressible {
            self.tell(Kind::LeftOut, place, wrong.message);
        } else {
            self.problems.error(place, wrong.message).help = wrong.help;
        }
    }

    pub fn error(&mut self, place: Place, message: impl Into<String>) -> &mut Problem {
        self.problems.error(place, message)
    }

    /// Tells as a warning, one by one until there are too many of a kind.
    pub fn tell(&mut self, kind: Kind, place: Place, message: impl Into<String>) {
        self.count(kind);
        if self.counts[kind as usize] <= TOLD {
            self.problems.warning(place, message);
        }
    }

    /// An answer of the file has the name that was made up for everyone else.
    pub fn tell_of_same_default(&mut self) {
        let Answer { written, place, .. } = &self.answers[DEFAULT as usize];
        if let Some(place) = *place {
            let told = format!("`{}` is also the mix of what the file does not list", shorten(written));
            self.tell(Kind::Noted, place, told);
        }
    }

    /// Two different answers for the same addresses, which the message settles.
    pub fn contradict(&mut self, place: Place, before: Place, message: String) {
        self.count(Kind::Contradictory);
        if self.strict {
            self.problems.error(place, message).also(before, "the other answer").help("keep the one that is meant");
        } else if self.counts[Kind::Contradictory as usize] <= TOLD {
            self.problems.warning(place, message).also(before, "the other answer");
        }
    }

    pub fn count(&mut self, kind: Kind) {
        self.counts[kind as usize] += 1;
    }

    pub fn counted(&self, kind: Kind) -> usize {
        self.counts[kind as usize]
    }
}

/// A word of a line, as a place.
pub fn place_of(file: FileId, number: u32, line: &str, word: &str) -> Place {
    let offset = (word.as_ptr().addr() - line.as_ptr().addr()).min(line.len());
    let before = line.get(..offset).map_or(offset, |before| before.chars().count());
    Place { file, line: number, column: saturate(before + 1), length: saturate(word.chars().count()) }
}
