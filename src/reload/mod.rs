//! What triggers a reload, where bytes come from, and what is published.
//!
//! One thread of idle priority does it all (see [`worker`]): serving threads never wait for it.

pub mod load;
pub mod worker;
