//! `croupier certs inspect`: whether a client would be let in, and why, step by step.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::Serialize;

use super::super::{BAD, Format, Outcome, say};
use super::{ByConfig, remote};
use crate::config::Config;
use crate::file;
use crate::trust::certificate::written;
use crate::trust::explain::{Explanation, Shown, Step, explain};
use crate::trust::{Policy, gather, pem};

/// Judge a client's certificate, or a running service, by a configuration: accepted or refused, and
/// why, step by step.
#[derive(Debug, Args)]
pub struct Inspect {
    /// A PEM file with a client's certificate, its own first; or the HOST:PORT of a running service.
    target: String,
    #[command(flatten)]
    by: ByConfig,
    /// Ask the running service as this client (PEM, its own certificate first).
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// The key of that certificate.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// What was found.
#[derive(Default, Serialize)]
struct Found {
    certificates: Vec<Shown>,
    steps: Vec<Step>,
    accepted: bool,
    verdict: String,
}

impl Inspect {
    pub fn run(self) -> Outcome {
        let Some((config, policy)) = self.by.load() else { return Ok(ExitCode::from(BAD)) };
        let found = if Path::new(&self.target).exists() {
            certificates(Path::new(&self.target)).map(|chain| of_client(&policy, &chain))
        } else {
            self.of_service(&config, &policy)
        };
        let found = match found {
            Ok(found) => found,
            Err(message) => {
                say(format_args!("{message}"));
                return Ok(ExitCode::from(BAD));
            }
        };
        let mut out = io::stdout().lock();
        match self.format {
            Format::Json => {
                serde_json::to_writer_pretty(&mut out, &found)?;
                writeln!(out)?;
            }
            Format::Text => found.write(&mut out)?,
        }
        Ok(if found.accepted { ExitCode::SUCCESS } else { ExitCode::from(BAD) })
    }

    fn of_service(&self, config: &Config, policy: &Policy) -> Result<Found, String> {
        let expected = certificates(&config.tls.certificate)?;
        let identity = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some((certificates(certificate)?, private_key(key)?)),
            _ => None,
        };
        let seen = remote::look(&self.target, identity.as_ref())?;
        let mut found = Found { certificates: shown(&seen.chain), ..Found::default() };
        let same = seen.chain.first() == expected.first();
        let path = config.tls.certificate.display();
        found.step(same, format!("it shows the certificate of {path}"));
        let now = SystemTime::now();
        for (certificate, from, to) in found
            .certificates
            .iter()
            .zip(&seen.chain)
            .filter_map(|(shown, der)| {
                let (from, to) = remote::dates(der)?;
                Some((shown.subject.clone(), from, to))
            })
            .collect::<Vec<_>>()
        {
            let what = format!("`{certificate}` is in date: from {} to {}", written(from), written(to));
            found.step(from <= now && now <= to, what);
        }
        found.step(
            !seen.asks_for.is_empty(),
            format!("it asks for a client certificate by {}", seen.asks_for.join(", ")),
        );
        match identity {
            None => {
                let wants =
                    matches!(&seen.answer, remote::Answer::Alert(alert) if alert.contains("CertificateRequired"));
                let or_older =
                    matches!(&seen.answer, remote::Answer::Alert(alert) if alert.contains("HandshakeFailure"));
                found
                    .step(wants || or_older, format!("a client without a certificate is turned away: {}", seen.answer));
                found.conclude("as configured; with --certificate and --key it is asked as a client");
            }
            Some((chain, _)) => {
                let Explanation { steps, verdict } = explain(policy, &chain, now);
                found.steps.extend(steps);
                let accepts = matches!(seen.answer, remote::Answer::Status(_));
                found.step(accepts, format!("the service lets this client in: {}", seen.answer));
                if accepts != verdict.is_ok() {
                    found.step(false, "the service trusts what the configuration does: has it reloaded?");
                }
                found.conclude("the client is let in");
            }
        }
        Ok(found)
    }
}

fn of_client(policy: &Policy, chain: &[CertificateDer<'static>]) -> Found {
    let Explanation { steps, verdict } = explain(policy, chain, SystemTime::now());
    let (accepted, verdict) = match verdict {
        Ok(identity) => {
            let roles: Vec<String> = identity.roles.iter().map(ToString::to_string).collect();
            let (roles, until) = (roles.join(", "), written(identity.valid_until));
            (true, format!("accepted as {}: roles {roles}; decided again after {until}", identity.name))
        }
        Err(refusal) => (false, format!("refused ({}): {}", refusal.reason(), refusal.explanation())),
    };
    Found { certificates: shown(chain), steps, accepted, verdict }
}

fn shown(chain: &[CertificateDer<'_>]) -> Vec<Shown> {
    chain.iter().filter_map(|der| Shown::of(der)).collect()
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = file::read(path, gather::LARGEST).and_then(|bytes| pem::certificates(&bytes));
    read.map_err(|message| format!("{}: error: {message}", path.display()))
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let read = file::read(path, gather::LARGEST).and_then(|bytes| pem::private_key(&bytes));
    read.map_err(|message| format!("{}: error: {message}", path.display()))
}

impl Found {
    fn step(&mut self, holds: bool, what: impl Into<String>) {
        self.steps.push(Step { holds, what: what.into() });
    }

    /// All steps hold, or the first that does not is the verdict.
    fn conclude(&mut self, good: &str) {
        let failed = self.steps.iter().find(|step| !step.holds);
        self.accepted = failed.is_none();
        self.verdict = failed.map_or_else(|| good.to_owned(), |step| format!("not so: {}", step.what));
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        for Shown { subject, issuer, serial, names, not_before, not_after, is_ca, fingerprint } in &self.certificates {
            let kind = if *is_ca { "CA certificate" } else { "certificate" };
            writeln!(out, "{kind} {subject}")?;
            writeln!(out, "  issuer   {issuer}")?;
            writeln!(out, "  serial   {serial}")?;
            if !names.is_empty() {
                writeln!(out, "  names    {}", names.join(", "))?;
            }
            writeln!(out, "  valid    {not_before} to {not_after}")?;
            writeln!(out, "  SHA-256  {fingerprint}")?;
        }
        for Step { holds, what } in &self.steps {
            writeln!(out, "{}  {what}", if *holds { "yes" } else { "NO " })?;
        }
        writeln!(out, "{}", self.verdict)
    }
}
