//! nginx's `geo` blocks (`ngx_http_geo_module`), in a whole configuration, with the files that it
//! includes, or in a file of what stands inside a block.
//!
//! Of equal prefixes the last counts, and `delete` takes away what stands before it; of blocks for
//! one variable the last. IPv4-mapped prefixes are left out: nginx looks such addresses up as IPv4.

mod blocks;
mod geo;
pub mod ranges;
pub mod words;

use self::blocks::{Block, Configuration, Source};
use self::geo::Geo;
use self::words::Words;
use super::Input;
use super::listing::{Kind, Listing};
use crate::table::footprint::shorten;
use crate::table::problem::Place;

/// What nginx's binary bases begin with.
const BINARY: &[u8] = b"GEORNG";

pub fn read(input: &mut Input<'_>, listing: &mut Listing) {
    let file = listing.problems.file(input.name);
    if input.bytes.starts_with(BINARY) {
        let problem = listing.error(Place::whole_file(file), "a binary base, which nginx makes of ranges");
        problem.help("give the file that it was made of, of the same name without `.bin`");
        return;
    }
    let source = Source { file, text: input.text().into_owned() };
    let configuration = Configuration::read(source, input.files, listing);
    let chosen = match configuration.choose(input.pick) {
        Ok(chosen) => chosen,
        Err(message) => {
            listing.error(Place::whole_file(file), message);
            return;
        }
    };
    let Some(source) = configuration.sources.get(chosen.map_or(0, |block| block.source)) else { return };
    let mut words = Words::new(source.file, &source.text);
    if let Some(block) = chosen {
        tell(block, &configuration, listing);
        for _ in 0..=block.opened_by {
            words.next();
        }
    }
    let mut geo = Geo::new(input, listing);
    geo.statements(words, chosen.is_some(), 0);
    geo.finish(source.file);
}

fn tell(chosen: &Block, configuration: &Configuration, listing: &mut Listing) {
    if configuration.blocks.iter().filter(|block| block.variable == chosen.variable).count() > 1 {
        let told = format!("another `geo` block sets `{}` before: the last wins", shorten(&chosen.variable));
        listing.tell(Kind::Noted, chosen.place, told);
    }
    if let Some(address) = &chosen.address {
        let told = format!("nginx takes the address from `{}`; a lookup is for the address it names", shorten(address));
        listing.tell(Kind::Noted, chosen.place, told);
    }
}
