//! The environment variables of the commands that talk to a running service. They are no settings, but who
//! has set them for those commands is not to be warned of them by the others.

pub const ADMIN_ADDRESS: &str = "CROUPIER_ADMIN_ADDRESS";
pub const ADMIN_CERTIFICATE: &str = "CROUPIER_ADMIN_CERTIFICATE";
pub const ADMIN_KEY: &str = "CROUPIER_ADMIN_KEY";
pub const ADMIN_CA: &str = "CROUPIER_ADMIN_CA";

pub const OF_COMMANDS: [&str; 4] = [ADMIN_ADDRESS, ADMIN_CERTIFICATE, ADMIN_KEY, ADMIN_CA];
