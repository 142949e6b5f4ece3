//! nginx's `geo` blocks (`ngx_http_geo_module`), in a whole configuration or in a file of what
//! stands inside one.
//!
//! Of equal prefixes the last counts, and `delete` takes away what stands before it; of blocks for
//! one variable the last. IPv4-mapped prefixes are left out: nginx looks such addresses up as IPv4.

mod geo;
pub mod ranges;
pub mod words;

use self::geo::Geo;
use self::words::{Token, Words};
use super::Input;
use super::listing::{Kind, Listing};
use crate::table::footprint::shorten;
use crate::table::problem::{FileId, Place};

/// What nginx's binary bases begin with.
const BINARY: &[u8] = b"GEORNG";

pub fn read(input: &mut Input<'_>, listing: &mut Listing) {
    let file = listing.problems.file(input.name);
    if input.bytes.starts_with(BINARY) {
        let problem = listing.error(Place::whole_file(file), "a binary base, which nginx makes of ranges");
        problem.help("give the file that it was made of, of the same name without `.bin`");
        return;
    }
    let text = input.text().into_owned();
    let blocks = blocks(file, &text);
    let chosen = match choose(input.pick, &blocks) {
        Ok(chosen) => chosen,
        Err(message) => {
            listing.error(Place::whole_file(file), message);
            return;
        }
    };
    let mut words = Words::new(file, &text);
    if let Some(block) = chosen {
        if blocks.iter().any(|other| other.opened_by < block.opened_by && other.variable == block.variable) {
            let told = format!("another `geo` block sets `{}` before: the last wins", shorten(&block.variable));
            listing.tell(Kind::Noted, block.place, told);
        }
        if let Some(source) = &block.source {
            let told =
                format!("nginx takes the address from `{}`; a lookup is for the address it names", shorten(source));
            listing.tell(Kind::Noted, block.place, told);
        }
        for _ in 0..=block.opened_by {
            words.next();
        }
    }
    let mut geo = Geo::new(input, listing);
    geo.statements(words, chosen.is_some(), 0);
    geo.finish(file);
}

/// A `geo` block.
struct Block {
    variable: String,
    /// The variable that has the client's address, if it is not the usual one.
    source: Option<String>,
    /// The number of the token that opens it.
    opened_by: usize,
    place: Place,
}

fn blocks(file: FileId, text: &str) -> Vec<Block> {
    let (mut found, mut statement) = (Vec::new(), Vec::new());
    for (at, token) in Words::new(file, text).map_while(Result::ok).enumerate() {
        match token {
            Token::Word(word) => {
                // Longer statements are not looked for, but may be long.
                if statement.len() < 4 {
                    statement.push(word);
                }
            }
            Token::Open => {
                if let [geo, source @ .., variable] = statement.as_slice()
                    && geo.text == "geo"
                {
                    found.push(Block {
                        variable: variable.text.clone().into_owned(),
                        source: source.first().map(|word| word.text.clone().into_owned()),
                        opened_by: at,
                        place: geo.place,
                    });
                }
                statement.clear();
            }
            Token::End | Token::Close => statement.clear(),
        }
    }
    found
}

/// Which block is meant: none if the file is what stands in one. Else why that can't be said.
fn choose<'b>(picked: Option<&str>, blocks: &'b [Block]) -> Result<Option<&'b Block>, String> {
    let names = || blocks.iter().map(|block| block.variable.as_str()).collect::<Vec<_>>().join(", ");
    let bare = |variable: &str| variable.trim_start_matches('$').to_owned();
    match (blocks, picked) {
        ([], None) => Ok(None),
        ([others @ .., last], None) if others.iter().all(|other| other.variable == last.variable) => Ok(Some(last)),
        (_, Some(picked)) => {
            let found = blocks.iter().rfind(|block| bare(&block.variable) == bare(picked));
            let missing = || format!("no `geo` block sets `{}`, of those in the file: {}", shorten(picked), names());
            found.map(Some).ok_or_else(missing)
        }
        (_, None) => Err(format!("the file has several `geo` blocks, say which with --pick: {}", names())),
    }
}
