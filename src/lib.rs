//! Croupier: which CDN, in what order, for a client address.
pub mod config;
pub mod table;
