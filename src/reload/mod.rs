//! Where a table's bytes come from, and what is published.
//!
//! - [`mod@load`]: from a path to a compiled table
//! - [`table`]: the table in service, kept up to date by a [`worker`](crate::worker)

pub mod load;
pub mod table;
