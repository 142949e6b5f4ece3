//! Where a table's bytes come from, and what is published.
//!
//! - [`source`]: where bytes come from
//! - [`mod@load`]: from there to a compiled table
//! - [`state`]: the last good tables, on disk
//! - [`first`]: the table that a process begins with
//! - [`table`]: the table in service, kept up to date by a [`worker`](crate::worker)

pub mod first;
pub mod load;
pub mod source;
pub mod state;
pub mod table;
