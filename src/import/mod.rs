//! Other systems' files to a table of our own.
//!
//! Pure: bytes in, a [`Listing`] of prefixes and answers out, with everything that was masked, is
//! contradictory or can't be expressed told with its place. No I/O but through [`Files`], for those
//! that a file includes. In reading order:
//!
//! - [`listing`]: what a file says, whatever its format; [`prefix`]: prefixes as others write them; [`cursor`]: a
//!   place in a text
//! - one reader a format: [`csv`], [`geofeed`], [`haproxy`], [`nginx`], [`gdnsd`], [`czf`], [`mmdb`]
//! - [`settle`]: one answer a prefix, as the other system would give it
//! - [`names`]: names that a table allows; [`document`]: the table's document and prefix files

pub mod csv;
pub mod cursor;
pub mod czf;
pub mod document;
pub mod gdnsd;
pub mod geofeed;
pub mod haproxy;
pub mod listing;
pub mod mmdb;
pub mod names;
pub mod nginx;
pub mod prefix;
pub mod settle;

use std::borrow::Cow;

pub use listing::{Kind, Listing};
pub use settle::Twice;

/// Files within files within files: more than anyone writes by hand.
pub const MOST_INCLUDES: u8 = 16;

/// Progress is told after so many lines or records.
const STEP: u32 = 8192;

/// A file to read, and what its reader may ask for.
pub struct Input<'i> {
    /// As people will read it in messages.
    pub name: &'i str,
    pub bytes: &'i [u8],
    /// Of several maps in a file, or of a record's fields, the one that is meant.
    pub pick: Option<&'i str>,
    /// Where the files are that this one names.
    pub files: &'i dyn Files,
    /// Hears how far reading has come, in bytes.
    pub progress: &'i dyn Fn(u64),
}

/// The files that may be included, by names as the including file writes them.
pub trait Files {
    /// # Errors
    /// Says, to follow the file's name, why it can't be read.
    fn read(&self, name: &str) -> Result<Included, String>;

    /// The names that a pattern of the shell's kind matches, in order.
    ///
    /// # Errors
    /// Says, to follow the pattern, what is wrong with it.
    fn matching(&self, pattern: &str) -> Result<Vec<String>, String>;
}

/// A pattern, not a name.
pub fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

/// A file that another one names.
pub struct Included {
    pub name: String,
    pub bytes: Vec<u8>,
}

impl Input<'_> {
    /// The file as text. Values that are no text come out with marks that no name may have, and are
    /// told as such; comments in another encoding do no harm.
    fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(self.bytes))
    }

    /// Each line with its number, without its end.
    fn lines<'t>(&self, text: &'t str) -> impl Iterator<Item = (u32, &'t str)> {
        let (progress, mut read) = (self.progress, 0);
        (1..).zip(text.split_inclusive('\n')).map(move |(number, line)| {
            read += line.len() as u64;
            if u32::is_multiple_of(number, STEP) {
                progress(read);
            }
            (number, line.trim_end_matches(['\n', '\r']))
        })
    }
}
