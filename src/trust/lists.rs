//! Whether a revocation list may be believed: signed by a CA that the configuration names, in date,
//! and no older than the one in service.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::ca::Ca;
use super::certificate;
use super::crl::Crl;
use super::load::Loading;
use super::revocation::{Revocation, Signed};
use crate::table::moment::written;

/// A CA's clock may be this much ahead of ours.
const SKEW: Duration = Duration::from_mins(1);

/// Checks a list by itself and adds it, or tells why not.
pub(super) fn add_list(loading: &mut Loading<'_>, path: &Path, der: &[u8], known: &[&Ca], revocation: &mut Revocation) {
    let Some(crl) = loading.told(path, Crl::parse(der)) else { return };
    let issuer = crl.issuer.clone();
    let signer = signer(der, &crl, known, loading);
    let Some(ca) = loading.told(path, signer) else { return };
    if crl.this_update > loading.now + SKEW {
        let from = written(crl.this_update);
        loading.error(path, format!("the revocation list of `{issuer}` is valid only from {from}"));
        return;
    }
    if let Some(older) = revocation.add(Signed { ca, crl, file: path.to_owned() }) {
        let message = format!("of two revocation lists of `{issuer}` the older, {}, is not used", older.crl.edition());
        loading.warning(&older.file, message);
    }
}

/// Checks a list that is to be used, the newest of its CA and scope, against the one in service. An
/// older one beside it may be as old as it likes.
pub(super) fn check_list(loading: &mut Loading<'_>, list: &Signed) {
    let followed = follows(list, in_service(loading, list), loading.now);
    let Some(()) = loading.told(&list.file, followed) else { return };
    if list.crl.next_update < loading.now {
        let (issuer, until) = (&list.crl.issuer, written(list.crl.next_update));
        let message = format!("the revocation list of `{issuer}` ran out at {until}: its clients may be refused");
        loading.warning(&list.file, message).help("put a new list in its place");
    }
}

/// The CA of that name whose key signed the list, and that may.
fn signer(der: &[u8], crl: &Crl, known: &[&Ca], loading: &Loading<'_>) -> Result<Ca, String> {
    let issuer = &crl.issuer;
    let mut named = known.iter().filter(|ca| *ca.as_ref().subject == *crl.issuer_subject).peekable();
    if named.peek().is_none() {
        return Err(format!(
            "the revocation list is by `{issuer}`, which is no CA of `clients.ca` or `clients.allow`; take the list out of \
             `clients.crls` too, until then nothing of this is in force"
        ));
    }
    let algorithms = &loading.provider.signature_verification_algorithms;
    let signers: Vec<&&Ca> = named.filter(|ca| ca.signed(der, algorithms)).collect();
    if signers.is_empty() {
        return Err(format!("the revocation list says it is by `{issuer}`, but that CA's key did not sign it"));
    }
    let may = |ca: &&&Ca| certificate::parse(&ca.certificate).is_some_and(|shown| certificate::may_sign_crls(&shown));
    match signers.into_iter().find(may) {
        Some(ca) => Ok((*ca).clone()),
        None => Err(format!("`{issuer}` may not sign revocation lists: its key usage lacks cRLSign")),
    }
}

/// The list in service that a new one is to follow.
fn in_service<'l>(loading: &Loading<'l>, list: &Signed) -> Option<&'l Signed> {
    let before = loading.previous?.judge.policy.revocation();
    before.lists().iter().find(|before| before.is_edition_of(list))
}

fn follows(list: &Signed, before: Option<&Signed>, now: SystemTime) -> Result<(), String> {
    let Signed { ca: Ca { name, .. }, crl, .. } = list;
    let Some(before) = before else { return Ok(()) };
    if crl.is_older_than(&before.crl) {
        let (older, newer) = (crl.edition(), before.crl.edition());
        return Err(format!("the revocation list of `{name}`, {older}, is older than the one in service, {newer}"));
    }
    if crl.next_update < now && before.crl.next_update >= now {
        return Err(format!(
            "the revocation list of `{name}` ran out at {}; the one in service has not",
            written(crl.next_update)
        ));
    }
    Ok(())
}
