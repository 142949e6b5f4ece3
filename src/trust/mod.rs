//! Who this server is, and whose clients it answers.
//!
//! - [`pem`]: files to certificates and keys, nothing dropped silently
//! - [`policy`]: a client's chain to an identity or a refusal
//! - [`verifier`]: the policy as rustls asks for it
//! - [`mod@load`]: everything the configuration names, checked together
//! - [`development`]: certificates for trying things out

pub mod development;
pub mod load;
pub mod pem;
pub mod policy;
pub mod verifier;

pub use load::{Trust, load};
pub use policy::Policy;
