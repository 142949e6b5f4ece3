//! Croupier: which CDN, in what order, for a client address.
//!
//! `GET /lookup?ip=` over mTLS, answered from an immutable prefix trie that is swapped as one
//! pointer when the table is reloaded. The modules in reading order; imports only go down a floor,
//! and modules of one floor do not know each other.
//!
//! Floor 0, pure: bytes and addresses in, tables and decisions out.
//! - [`table`]: the CDN table, from its JSON document to a decision for an address
//!
//! Floor 1, what everyone shares:
//! - [`import`]: other systems' files to a table's document; as pure as the table
//! - [`config`]: one struct, every key with its default and its reason
//! - [`snapshot`]: the table in service, one pointer
//! - [`client`]: what is known of a client once its certificate has been judged, and who judges
//! - [`mod@quick`]: the quick way from a request's bytes to its answer's
//! - [`telemetry`]: logs, and the names of all metrics
//! - [`mod@file`]: files as inputs: whole, of one moment, bounded
//! - [`outcome`]: an attempt to change what is in service, and what came of it
//! - [`history`]: all of them, on disk
//! - [`interrupt`]: how a wait is broken off; [`store`]: objects in S3 or on an HTTP server
//! - [`worker`]: a thread that keeps one subject up to date with its files
//! - [`mod@processors`]: how many the process may use
//! - [`descriptors`]: as many open files as the system allows, and who gets them
//! - [`supervisor`]: what systemd is told
//! - [`shown`]: what a TLS server shows, for who looks and does not trust
//! - [`lane`]: the threads that serve; [`queue`]: how long what is ready waits there; [`clock`]: timers of another thread
//! - [`phase`]: how far the process is on its way out
//! - [`proxied`]: who a load balancer in TCP mode says its client is
//! - [`probe_ticket`]: how an acceptor knows the health probe's own connections
//!
//! Floor 2, one concern each:
//! - [`reload`]: where a table's bytes come from, and what is published
//! - [`trust`]: who this server is, and whose clients it answers
//! - [`listener`]: accept, TLS handshake, HTTP, and every time limit on the way
//! - [`api`]: what a request asks for, and the answer
//! - [`health`]: what load balancers ask, and believe
//!
//! Floor 3, what holds it together:
//! - [`app`]: configuration to bound listeners, to a run, to a drain
//! - [`cli`]: the command line, one file a command

pub mod api;
pub mod app;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod descriptors;
pub mod file;
pub mod health;
pub mod history;
pub mod import;
pub mod interrupt;
pub mod lane;
pub mod listener;
pub mod outcome;
pub mod phase;
pub mod probe_ticket;
pub mod processors;
pub mod proxied;
pub mod queue;
pub mod quick;
pub mod reload;
pub mod shown;
pub mod snapshot;
pub mod store;
pub mod supervisor;
pub mod table;
pub mod telemetry;
pub mod trust;
pub mod worker;

pub use table::moment;
