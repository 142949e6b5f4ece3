//! NIST's Public Key Interoperability Test Suite (PKITS, of 2011) against the configuration that is
//! loaded and the decision on clients.
//!
//! In: signatures (4.1), validity periods (4.2), name chaining (4.3), revocation (4.4), self-issued
//! certificates (4.5), basic constraints (4.6), key usage (4.7), name constraints (4.13),
//! distribution points (4.14), delta lists (4.15) and private extensions (4.16). Out: certificate
//! policies (4.8 to 4.12), which webpki does not process, so nothing here promises them.
//!
//! Each case is a server whose configuration names the root, the CA that issued the end entity's
//! certificate with `crl = "required"`, any other CA that signs lists, and the lists; and a client
//! that sends the end entity's certificate with the path's CAs. What does not load lets nobody in:
//! that counts as refused. The case then goes on without what was refused, so that what the client
//! would get is known for every path. `cases.csv` has both, and why it is right where the verdict
//! is not the one of PKITS.
//!
//! The vectors are not part of this repository: `tests/pkits/fetch` gets them.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]

#[path = "pkits/cases.rs"]
mod cases;
#[path = "pkits/server.rs"]
mod server;

use std::collections::BTreeMap;
use std::io::Write;

use cases::{Case, Vectors, Verdict};
use server::{Folder, Outcome};

/// What is wrong with an outcome, if anything.
fn fault(case: &Case, outcome: &Outcome) -> Option<String> {
    let expected = case.refused();
    let as_expected = expected.iter().all(|part| outcome.refused.iter().any(|message| message.contains(part)))
        && outcome.refused.iter().all(|message| expected.iter().any(|part| message.contains(part)))
        && outcome.client == case.client;
    let agrees = outcome.accepts() == (case.expected == Verdict::Valid);
    let told = format!("{} {}: refused {:?}, client {}", case.test, case.name, outcome.refused, outcome.client);
    if outcome.accepts() && !agrees {
        return Some(format!("{told}: no reason makes it right to let it in"));
    }
    match (as_expected, agrees, case.reason.is_empty()) {
        (true, true, true) | (true, false, false) => None,
        (true, true, false) => Some(format!("{told}: it agrees, yet a reason is given")),
        (true, false, true) => Some(format!("{told}: it disagrees, and no reason is given")),
        (false, ..) => Some(told),
    }
}

/// Past the capture of test output: a suite that did nothing must not look like one that passed.
fn tell(text: &str) {
    _ = writeln!(std::io::stderr(), "{text}");
}

#[test]
fn pkits() {
    let Some(vectors) = Vectors::find() else {
        tell("SKIPPED: the NIST PKITS vectors are not here. Get them with tests/pkits/fetch");
        return;
    };
    let cases = Case::all();
    let folder = Folder::new();
    let mut faults = Vec::new();
    let mut disagreements: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for case in &cases {
        faults.extend(fault(case, &folder.run(&vectors, case)));
        if !case.reason.is_empty() {
            disagreements.entry(&case.reason).or_default().push(&case.test);
        }
    }
    assert!(faults.is_empty(), "{} of {} cases:\n{}", faults.len(), cases.len(), faults.join("\n"));
    let count: usize = disagreements.values().map(Vec::len).sum();
    tell(&format!("PKITS: {} cases, {} as expected, {count} otherwise", cases.len(), cases.len() - count));
    for (reason, tests) in disagreements {
        tell(&format!("  {}: {reason}", tests.join(" ")));
    }
}
