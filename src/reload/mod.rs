//! Where a table's bytes come from, and what is published.
//!
//! - [`source`]: where bytes come from
//! - [`mod@load`]: from there to a compiled table
//! - [`guards`]: what one reload may do
//! - [`mod@judge`]: a table that was read, and what is to be said of it
//! - [`overrides`]: what ops switch for a time, from its file
//! - [`state`]: the last good tables, on disk
//! - [`depot`]: published tables in a store
//! - [`first`]: the table that a process begins with
//! - [`table`]: the table in service, kept up to date by a [`worker`](crate::worker); [`overriding`]: the
//!   same of overrides

pub mod depot;
pub mod first;
pub mod guards;
pub mod judge;
pub mod load;
pub mod overrides;
pub mod overriding;
pub mod source;
pub mod state;
pub mod table;
