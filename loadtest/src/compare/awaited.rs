//! `croupier-loadtest compare await`: when a server answers new connections by another table.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use super::lookup;
use crate::Outcome;
use crate::load::options::positive;
use crate::target::Identity;

/// Return when a new connection is answered by a table of this version.
///
/// Asks again and again, each time on a new connection. Ends in 2 if it was not so in time.
#[derive(Debug, Args)]
pub struct Await {
    #[arg(long, value_name = "IP:PORT")]
    address: SocketAddr,
    #[command(flatten)]
    identity: Identity,
    /// The version that its answers must have.
    #[arg(long, value_name = "TEXT")]
    version: String,
    /// Seconds between two connections.
    #[arg(long, default_value = "0.1", value_name = "SECONDS", value_parser = positive)]
    every: Duration,
    /// Seconds in all.
    #[arg(long, default_value = "60", value_name = "SECONDS", value_parser = positive)]
    timeout: Duration,
}

impl Await {
    pub fn run(self) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| error.to_string())?.block_on(self.wait())?;
        Ok(ExitCode::SUCCESS)
    }

    async fn wait(&self) -> Result<(), String> {
        let target = lookup::target(&self.identity, self.address)?;
        let begun = Instant::now();
        loop {
            let found = match lookup::once(&target).await {
                Ok(lookup) if lookup.version == self.version => return Ok(()),
                Ok(lookup) => format!("it answers by '{}'", lookup.version),
                Err(error) => error,
            };
            if begun.elapsed() >= self.timeout {
                let (address, version) = (self.address, &self.version);
                let seconds = self.timeout.as_secs_f64();
                return Err(format!("{address} does not answer by '{version}' within {seconds} s: {found}"));
            }
            tokio::time::sleep(self.every).await;
        }
    }
}
