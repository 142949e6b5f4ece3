//! Trust: revocation lists, CAs, the server's certificate. What is taken, what is refused, and
//! what clients notice of it.

mod bad;
mod expiry;
mod forged;
mod independence;
mod lists;
mod revoked;
mod rotation;
