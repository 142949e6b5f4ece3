//! Croupier: which CDN, in what order, for a client address.
pub mod api;
pub mod app;
pub mod cli;
pub mod client;
pub mod config;
pub mod file;
pub mod health;
pub mod listener;
pub mod phase;
pub mod probe_ticket;
pub mod reload;
pub mod snapshot;
pub mod table;
pub mod telemetry;
pub mod trust;
