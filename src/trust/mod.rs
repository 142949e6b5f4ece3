//! Who this server is, and whose clients it answers.
//!
//! From files to a decision:
//! - [`gather`]: every file that the configuration names, read
//! - [`pem`]: files to certificates, keys and lists, nothing dropped silently
//! - [`certificate`]: what is read of a certificate beyond what path building looks at
//! - [`ca`]: a CA by name and key, and what it signed
//! - [`scope`]: which certificates a revocation list is about
//! - [`crl`]: one revocation list
//! - [`revocation`]: all of them together
//! - [`policy`]: a client's chain to an identity or a refusal
//! - `lists` and [`mod@load`]: everything checked together, to one state of trust
//!
//! In service:
//! - [`current`]: the state in service, one pointer
//! - [`in_service`]: how it is reloaded
//! - [`judge`]: the policy with a memory
//! - [`refusals`]: refused clients as the log tells them
//! - [`verifier`]: the judge as rustls asks for it
//! - [`sessions`]: what clients may resume
//! - [`tls`]: how this server speaks TLS
//!
//! For people:
//! - [`explain`]: why a client is let in or not, step by step
//! - [`development`]: certificates for trying things out

pub mod ca;
pub mod certificate;
pub mod crl;
pub mod current;
pub mod development;
pub mod explain;
pub mod gather;
pub mod in_service;
pub mod judge;
mod lists;
pub mod load;
pub mod pem;
pub mod policy;
pub mod refusals;
pub mod revocation;
pub mod scope;
pub mod sessions;
pub mod tls;
pub mod verifier;

pub use gather::{Gathered, Settings};
pub use in_service::TrustInService;
pub use load::{Lasting, Trust, load, load_policy};
pub use policy::Policy;
