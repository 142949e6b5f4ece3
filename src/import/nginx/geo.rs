//! What stands inside a `geo` block, statement by statement.

use std::net::Ipv4Addr;

use super::ranges::{Added, Ranges};
use super::words::{Token, Unclosed, Word, Words};
use crate::import::listing::{AnswerId, Kind, Listing};
use crate::import::prefix::{Dialect, decimal_ipv4, read as prefix, truncated};
use crate::import::{Input, MOST_INCLUDES, STEP, is_pattern};
use crate::table::footprint::shorten;
use crate::table::problem::{FileId, Place};
use crate::table::space;

pub struct Geo<'g, 'i> {
    input: &'g mut Input<'i>,
    listing: &'g mut Listing,
    /// If the block has ranges instead of prefixes.
    ranges: Option<Ranges>,
    /// What unmatched addresses get, if it says so.
    default: Option<(AnswerId, Place)>,
    statements: u32,
}

impl<'g, 'i> Geo<'g, 'i> {
    pub fn new(input: &'g mut Input<'i>, listing: &'g mut Listing) -> Self {
        Self { input, listing, ranges: None, default: None, statements: 0 }
    }

    /// Reads up to the brace that closes the block, or to the file's end if there is none.
    pub fn statements(&mut self, mut words: Words<'_>, braced: bool, depth: u8) {
        let mut statement = Vec::new();
        loop {
            match words.next() {
                Some(Ok(Token::Word(word))) => statement.push(word),
                Some(Ok(Token::End)) => {
                    self.statement(&statement, depth);
                    statement.clear();
                }
                Some(Ok(Token::Close)) if braced && statement.is_empty() => return,
                Some(Ok(Token::Open | Token::Close)) => {
                    self.listing.error(words.place(), "a brace can't stand here").help("end the statement with `;`");
                    return;
                }
                Some(Err(Unclosed(place))) => {
                    self.listing.error(place, "the quotation has no end");
                    return;
                }
                None => {
                    if braced || !statement.is_empty() {
                        let what =
                            if statement.is_empty() { "the block has no `}`" } else { "the statement has no `;`" };
                        self.listing.error(words.place(), what).help("the file may be cut short");
                    }
                    return;
                }
            }
        }
    }

    fn statement(&mut self, words: &[Word<'_>], depth: u8) {
        let Some(first) = words.first() else { return };
        self.statements = self.statements.wrapping_add(1);
        if depth == 0 && self.statements.is_multiple_of(STEP) {
            (self.input.progress)(first.offset as u64);
        }
        let place = first.place;
        match (first.text.as_ref(), &words[1..]) {
            ("ranges", []) => self.begin_ranges(place),
            (ignored @ ("proxy_recursive" | "volatile"), []) | (ignored @ "proxy", [_]) => {
                self.listing.tell(Kind::Noted, place, format!("`{ignored}` is ignored: a lookup names the address"));
            }
            ("include", [name]) => self.include(name, depth),
            ("default", [value]) => self.default(value, place),
            ("delete", [network]) => self.network(network, None),
            (_, [value]) => {
                let answer = self.listing.answer(&value.text, value.place);
                self.network(first, Some(answer));
            }
            _ => {
                let problem = self.listing.error(place, "a statement in `geo` has one parameter");
                problem.help("write `PREFIX VALUE;`, as in `192.0.2.0/24 uk;`");
            }
        }
    }

    fn begin_ranges(&mut self, place: Place) {
        if self.listing.entries.is_empty() {
            self.ranges.get_or_insert_default();
        } else {
            self.listing.error(place, "`ranges` must come before every other statement");
        }
    }

    fn default(&mut self, value: &Word<'_>, place: Place) {
        let answer = self.listing.answer(&value.text, value.place);
        if self.ranges.is_none() {
            for address in [[0; 4].into(), [0u16; 8].into()] {
                if let Some(read) = truncated(address, 0) {
                    self.listing.list(read, "default", Some(answer), place);
                }
            }
        } else if let Some((before, also)) = self.default.filter(|(before, _)| *before != answer) {
            self.replaced("default", answer, place, (before, also));
        }
        self.default = Some((answer, place));
    }

    fn network(&mut self, written: &Word<'_>, answer: Option<AnswerId>) {
        if self.ranges.is_some() {
            return self.range(written, answer);
        }
        match prefix(&written.text, Dialect::Nginx) {
            Ok(read) if read.mapped => {
                let told = format!(
                    "`{}` is IPv4-mapped: nginx looks its addresses up as IPv4, and never here",
                    shorten(&written.text)
                );
                self.listing.tell(Kind::LeftOut, written.place, told);
            }
            Ok(read) => self.listing.list(read, &written.text, answer, written.place),
            Err(wrong) => self.listing.wrong(wrong, written.place),
        }
    }

    fn range(&mut self, written: &Word<'_>, answer: Option<AnswerId>) {
        let place = written.place;
        let Some((start, end)) = bounds(&written.text) else {
            let message = format!("`{}` is not a range", shorten(&written.text));
            self.listing.error(place, message).help("after `ranges`, write IPv4 addresses as FIRST-LAST");
            return;
        };
        let Some(ranges) = &mut self.ranges else { return };
        let Some(answer) = answer else {
            if !ranges.delete(start, end) {
                let told = format!("`{}` is not all there to delete", shorten(&written.text));
                self.listing.tell(Kind::Noted, place, told);
            }
            return;
        };
        match ranges.add(start, end, answer, place) {
            Added::Fresh => {}
            Added::Replaced(before, also) => self.replaced(&written.text, answer, place, (before, also)),
            Added::Across(other) => {
                let message = format!("`{}` lies across another range", shorten(&written.text));
                self.listing
                    .error(place, message)
                    .also(other, "the other range")
                    .help("nginx does not start with it: correct one of them");
            }
        }
    }

    fn replaced(&mut self, what: &str, answer: AnswerId, place: Place, (before, also): (AnswerId, Place)) {
        let name = |id: AnswerId| shorten(&self.listing.answers[id as usize].written);
        let (now, before) = (name(answer), name(before));
        let message = format!("`{}` is `{now}` here but `{before}` before: the last wins", shorten(what));
        self.listing.contradict(place, also, message);
    }

    fn include(&mut self, name: &Word<'_>, depth: u8) {
        if depth == MOST_INCLUDES {
            self.listing.error(name.place, format!("files are included more than {MOST_INCLUDES} deep"));
            return;
        }
        if !is_pattern(&name.text) {
            return self.include_one(&name.text, name.place, depth);
        }
        match self.input.files.matching(&name.text) {
            Ok(names) if names.is_empty() => {
                let told = format!("`{}` matches no file, so nothing is included", shorten(&name.text));
                self.listing.tell(Kind::Noted, name.place, told);
            }
            Ok(names) => names.iter().for_each(|one| self.include_one(one, name.place, depth)),
            Err(message) => {
                self.listing.error(name.place, format!("{}: {message}", shorten(&name.text)));
            }
        }
    }

    fn include_one(&mut self, name: &str, place: Place, depth: u8) {
        match self.input.files.read(name) {
            Ok(included) => {
                let binary = format!("{name}.bin");
                if self.ranges.is_some() && self.input.files.read(&binary).is_ok() {
                    let told = format!("nginx may read `{}` instead, which is not read here", shorten(&binary));
                    self.listing.tell(Kind::Noted, place, told);
                }
                let file = self.listing.problems.file(&included.name);
                let text = String::from_utf8_lossy(&included.bytes);
                self.statements(Words::new(file, &text), false, depth + 1);
            }
            Err(message) => {
                self.listing.error(place, format!("{}: {message}", shorten(name)));
            }
        }
    }

    /// Ranges become prefixes, and everything else the default.
    pub fn finish(self, file: FileId) {
        let Self { listing, ranges, default, .. } = self;
        if default.is_none() {
            let told =
                "there is no `default`: nginx gives unmatched addresses the empty value, a table its default mix";
            listing.tell(Kind::Noted, Place::whole_file(file), told);
        }
        let Some(ranges) = ranges else { return };
        let segments = ranges.segments();
        for (segment, place) in &segments {
            for (start, length) in space::prefixes(*segment) {
                if let Some(read) = truncated(Ipv4Addr::from(start).into(), length) {
                    listing.list(read, "", Some(segment.value), *place);
                }
            }
        }
        let all = matches!(segments.as_slice(), [(only, _)] if only.start == 0 && only.end == u32::MAX);
        // An IPv6 address has no range: nginx looks up 255.255.255.255 instead.
        let ipv6 = ranges.answer_at(u32::MAX);
        if let Some((_, place)) = ipv6.filter(|(answer, _)| default.is_none_or(|(default, _)| default != *answer)) {
            let told =
                "the range has 255.255.255.255, which nginx looks up for every IPv6 address: all of them get its value";
            listing.tell(Kind::Noted, place, told);
        }
        let whole = [([0; 4].into(), default.filter(|_| !all)), ([0u16; 8].into(), ipv6.or(default))];
        for (address, answer) in whole {
            if let (Some(read), Some((answer, place))) = (truncated(address, 0), answer) {
                listing.list(read, "", Some(answer), place);
            }
        }
    }
}

fn bounds(written: &str) -> Option<(u32, u32)> {
    let (first, last) = written.split_once('-')?;
    let (first, last) = (decimal_ipv4(first)?, decimal_ipv4(last)?);
    // What nginx takes for an unreadable address.
    let readable = first != Ipv4Addr::BROADCAST && last != Ipv4Addr::BROADCAST;
    (first <= last && readable).then_some((first.into(), last.into()))
}
