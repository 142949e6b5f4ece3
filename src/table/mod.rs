//! The CDN table, from its JSON document to a decision for an address.
//!
//! Pure: bytes and addresses in, tables and decisions out. No files, no clock, no randomness, no
//! logging, no tokio. In reading order:
//!
//! - [`problem`]: what is wrong, and where; [`moment`]: when
//! - [`json`] and [`reader`]: the document as a tree that knows its places, and typed access to it;
//!   [`syntax`]: what is no JSON
//! - [`footprint`]: the four CDNI footprint types and their values
//! - [`manifest`]: what the document says; [`document`]: how it is read
//! - [`mod@pointer`]: which table is the current one, and what its files are
//! - [`schema`]: what editors are told of documents
//! - [`dataset`] and [`mmdb`]: address ranges of ASes and countries
//! - [`space`]: overlapping ranges to disjoint prefixes
//! - [`mod@compile`]: manifest and files to a [`Table`]; [`reach`]: who wins which addresses
//! - [`footprints`]: all that a table has; [`runs`]: who has which addresses; [`trie`]: how a run is found, with [`first_level`] before it;
//!   [`beaten`]: the ranges that lost
//! - [`mix`]: weights to an order of CDNs, with [`log2`] in whole numbers
//! - [`lookup`]: an address to a [`Decision`]
//! - [`overrides`]: what ops switch for a time; [`effective`]: what that makes of the mixes
//! - [`answer`]: a decision as the JSON that clients get; [`written`]: addresses in it
//! - [`mod@explain`]: why an address gets what it gets, [`reason`]: in words
//! - [`counts`]: a table in numbers
//! - [`walk`]: two tables side by side; [`moves`]: what becomes of clients when one takes the other's
//!   place, by asking or by [`odds`]; [`tally`]: the sums
//! - [`diff`]: all of that as JSON; [`traffic`]: the same in viewers; [`summary`]: in short

pub mod answer;
pub mod beaten;
pub mod compile;
pub mod counts;
pub mod dataset;
pub mod diff;
pub mod document;
pub mod effective;
pub mod explain;
pub mod first_level;
pub mod footprint;
pub mod footprints;
pub mod json;
pub mod log2;
pub mod lookup;
pub mod manifest;
pub mod mix;
pub mod mmdb;
pub mod moment;
pub mod moves;
pub mod odds;
pub mod overrides;
pub mod pointer;
pub mod problem;
pub mod reach;
pub mod reader;
pub mod reason;
pub mod runs;
pub mod schema;
pub mod space;
pub mod summary;
pub mod syntax;
pub mod tally;
pub mod traffic;
pub mod trie;
pub mod walk;
pub mod written;

pub use compile::{Inputs, compile};
pub use counts::Counts;
pub use diff::Diff;
pub use effective::Effective;
pub use explain::{Explanation, explain};
pub use lookup::{Decision, Table, client_address};
pub use manifest::Manifest;
pub use overrides::{Override, Overrides};
pub use pointer::Pointer;
pub use problem::Problems;
pub use summary::Summary;
