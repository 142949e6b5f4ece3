//! `croupier certs inspect`: whether a client would be let in, and why, step by step.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;
use rustls::{AlertDescription, DistinguishedName};
use rustls_pki_types::CertificateDer;
use serde::Serialize;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

use super::super::by_config::ByConfig;
use super::super::tls::{certificates, private_key};
use super::super::{BAD, Format, Outcome, say};
use super::remote::{self, Answer, Seen};
use crate::client::Refusal;
use crate::config::Config;
use crate::table::moment::written;
use crate::trust::Policy;
use crate::trust::explain::{Explanation, Shown, Step, explain, remedy};

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
    /// What to do if it is not accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

impl Inspect {
    pub fn run(self) -> Outcome {
        let Some((config, policy)) = super::load(&self.by) else { return Ok(ExitCode::from(BAD)) };
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
        let now = SystemTime::now();
        let path = config.tls.certificate.display();
        found.step(
            seen.chain.first() == expected.first(),
            format!("the service shows the certificate of {path}"),
            format!(
                "the service shows another certificate than that of {path}: is it another service, or not reloaded?"
            ),
        );
        for der in &seen.chain {
            let Some((shown, (from, to))) = Shown::of(der).zip(remote::dates(der)) else { continue };
            found.steps.push(Step::in_date(&format!("`{}`", shown.subject), from, to, now));
        }
        found.asked(&seen, policy);
        match identity {
            None => {
                let alert = if let Answer::Alert(alert) = seen.answer { Some(alert) } else { None };
                // TLS 1.2 has no alert of its own for that.
                let is_turned_away =
                    matches!(alert, Some(AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure));
                found.step(
                    is_turned_away,
                    format!("it turns away a client without a certificate: {}", seen.answer),
                    format!("a client without a certificate gets no `certificate_required`: {}", seen.answer),
                );
                found
                    .conclude("the service is as configured; to ask it as a client, add --certificate and --key", None);
            }
            Some((chain, _)) => {
                let Explanation { steps, verdict } = explain(policy, &chain, now);
                found.steps.extend(steps);
                let accepts = matches!(seen.answer, Answer::Status(_));
                found.step(
                    accepts,
                    format!("the service lets this client in: {}", seen.answer),
                    format!("the service does not let this client in: {}", seen.answer),
                );
                if accepts != verdict.is_ok() {
                    let by_files = if accepts { "refused" } else { "let in" };
                    let what = format!("by the files, this client is {by_files}: the service runs on other ones");
                    found.steps.push(Step { holds: false, what });
                    found.help = Some(NOT_RELOADED.to_owned());
                }
                found.conclude("the service lets this client in, as configured", verdict.err());
            }
        }
        Ok(found)
    }
}

const NOT_RELOADED: &str =
    "see the log and /health of the service: was its last reload refused? Or does it run on another configuration?";

fn of_client(policy: &Policy, chain: &[CertificateDer<'static>]) -> Found {
    let Explanation { steps, verdict } = explain(policy, chain, SystemTime::now());
    let mut found = Found { certificates: shown(chain), steps, ..Found::default() };
    match verdict {
        Ok(identity) => {
            let roles: Vec<String> = identity.roles.iter().map(|role| format!("`{role}`")).collect();
            let plural = if roles.len() == 1 { "" } else { "s" };
            let (roles, until) = (roles.join(", "), written(identity.valid_until));
            found.accepted = true;
            found.verdict = format!("accepted as {}, with the role{plural} {roles}, until {until}", identity.name);
        }
        Err(refusal) => found.refuse(refusal),
    }
    found
}

fn shown(chain: &[CertificateDer<'_>]) -> Vec<Shown> {
    chain.iter().filter_map(|der| Shown::of(der)).collect()
}

/// The subjects of CAs, for people.
fn names(subjects: &BTreeSet<Vec<u8>>) -> String {
    let shown =
        |der: &Vec<u8>| X509Name::from_der(der).map_or_else(|_| "?".to_owned(), |(_, name)| format!("`{name}`"));
    let names: Vec<String> = subjects.iter().map(shown).collect();
    if names.is_empty() { "any CA".to_owned() } else { names.join(", ") }
}

impl Found {
    fn step(&mut self, holds: bool, good: impl Into<String>, bad: impl Into<String>) {
        self.steps.push(Step::either(holds, good, bad));
    }

    /// Whom the service asks for, which tells what it trusts.
    fn asked(&mut self, seen: &Seen, policy: &Policy) {
        let Some(asks_for) = &seen.asks_for else {
            return self.step(false, "", "it asks for no client certificate: is it another service?");
        };
        let in_sequence = |subject| DistinguishedName::in_sequence(subject).as_ref().to_vec();
        let configured: BTreeSet<Vec<u8>> = policy.issuer_subjects().into_iter().map(in_sequence).collect();
        self.step(
            *asks_for == configured,
            format!("it asks for client certificates by {}, as configured", names(asks_for)),
            format!(
                "it asks for client certificates by {}, but the configuration allows {}: has it not reloaded?",
                names(asks_for),
                names(&configured)
            ),
        );
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.verdict = format!("refused ({}): {}", refusal.reason(), refusal.explanation());
        self.help = Some(remedy(refusal).to_owned());
    }

    /// Accepted if all steps hold. Else the verdict is the refusal by the files if the service refuses too,
    /// or the first step that does not hold.
    fn conclude(&mut self, good: &str, refusal: Option<Refusal>) {
        let failed = self.steps.iter().find(|step| !step.holds);
        self.accepted = failed.is_none();
        self.verdict = failed.map_or_else(|| good.to_owned(), |step| format!("not as configured: {}", step.what));
        if let Some(refusal) = refusal.filter(|_| self.help.is_none()) {
            self.refuse(refusal);
        }
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
            writeln!(out, "{}  {what}", if *holds { "ok " } else { "BAD" })?;
        }
        writeln!(out, "{}", self.verdict)?;
        if let Some(help) = &self.help {
            writeln!(out, "    help: {help}")?;
        }
        Ok(())
    }
}
