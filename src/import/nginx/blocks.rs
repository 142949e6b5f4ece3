//! The `geo` blocks of a configuration and of the files that it includes, in the order in which
//! nginx comes to them.

use std::collections::BTreeSet;

use super::words::{Token, Words};
use crate::import::listing::{Kind, Listing};
use crate::import::{Files, MOST_INCLUDES, is_pattern};
use crate::table::footprint::shorten;
use crate::table::problem::{FileId, Place};

/// A file of the configuration.
pub struct Source {
    pub file: FileId,
    pub text: String,
}

/// A `geo` block.
pub struct Block {
    pub variable: String,
    /// The variable that has the client's address, if it is not the usual one.
    pub address: Option<String>,
    pub place: Place,
    /// The number of its file, of all that were read.
    pub source: usize,
    /// The number of the token that opens it.
    pub opened_by: usize,
}

/// What a configuration is made of.
#[derive(Default)]
pub struct Configuration {
    pub sources: Vec<Source>,
    pub blocks: Vec<Block>,
    /// Whether there is any block at all, or it is what stands in one.
    pub braces: bool,
}

enum Found {
    Block(Block),
    Include(String, Place),
}

impl Configuration {
    pub fn read(source: Source, files: &dyn Files, listing: &mut Listing) -> Self {
        let mut all = Self::default();
        all.add(source, files, listing, 0);
        all
    }

    fn add(&mut self, source: Source, files: &dyn Files, listing: &mut Listing, depth: u8) {
        let number = self.sources.len();
        let found = self.scan(&source, number);
        self.sources.push(source);
        // Without a brace it is a list, whose includes are lists too.
        if !self.braces {
            return;
        }
        for found in found {
            match found {
                Found::Block(block) => self.blocks.push(block),
                Found::Include(name, place) => self.include(&name, place, files, listing, depth),
            }
        }
    }

    fn scan(&mut self, source: &Source, number: usize) -> Vec<Found> {
        let (mut found, mut statement, mut in_block) = (Vec::new(), Vec::new(), false);
        for (at, token) in Words::new(source.file, &source.text).map_while(Result::ok).enumerate() {
            match token {
                Token::Word(word) => {
                    // Longer statements are not looked for, but may be long.
                    if statement.len() < 4 {
                        statement.push(word);
                    }
                    continue;
                }
                Token::Open => {
                    self.braces = true;
                    if let [geo, address @ .., variable] = statement.as_slice()
                        && geo.text == "geo"
                    {
                        in_block = true;
                        found.push(Found::Block(Block {
                            variable: variable.text.clone().into_owned(),
                            address: address.first().map(|word| word.text.clone().into_owned()),
                            place: geo.place,
                            source: number,
                            opened_by: at,
                        }));
                    }
                }
                Token::End => {
                    if let [include, name] = statement.as_slice()
                        && include.text == "include"
                        && !in_block
                    {
                        found.push(Found::Include(name.text.clone().into_owned(), name.place));
                    }
                }
                Token::Close => in_block = false,
            }
            statement.clear();
        }
        found
    }

    fn include(&mut self, name: &str, place: Place, files: &dyn Files, listing: &mut Listing, depth: u8) {
        if depth == MOST_INCLUDES {
            listing.error(place, format!("files are included more than {MOST_INCLUDES} deep"));
            return;
        }
        let names = if is_pattern(name) { files.matching(name) } else { Ok(vec![name.to_owned()]) };
        for one in names.unwrap_or_default() {
            match files.read(&one) {
                Ok(included) => {
                    let file = listing.problems.file(&included.name);
                    let text = String::from_utf8_lossy(&included.bytes).into_owned();
                    self.add(Source { file, text }, files, listing, depth + 1);
                }
                // What has no block in it may well be elsewhere.
                Err(message) => {
                    let told = format!("`{}` is not looked through for `geo` blocks: {message}", shorten(&one));
                    listing.tell(Kind::Noted, place, told);
                }
            }
        }
    }

    /// Which block is meant: none if it is what stands in one. Else why that can't be said.
    pub fn choose(&self, picked: Option<&str>) -> Result<Option<&Block>, String> {
        let names = || {
            let all: BTreeSet<&str> = self.blocks.iter().map(|block| block.variable.as_str()).collect();
            all.into_iter().collect::<Vec<_>>().join(", ")
        };
        let bare = |variable: &str| variable.trim_start_matches('$').to_owned();
        match (self.blocks.as_slice(), picked) {
            ([], None) if self.braces => Err("there is no `geo` block in the configuration".to_owned()),
            ([], None) => Ok(None),
            ([others @ .., last], None) if others.iter().all(|other| other.variable == last.variable) => Ok(Some(last)),
            (blocks, Some(picked)) => {
                let found = blocks.iter().rfind(|block| bare(&block.variable) == bare(picked));
                let missing = || format!("no `geo` block sets `{}`, of those there are: {}", shorten(picked), names());
                found.map(Some).ok_or_else(missing)
            }
            (_, None) => Err(format!("there are several `geo` blocks, say which with --pick: {}", names())),
        }
    }
}
