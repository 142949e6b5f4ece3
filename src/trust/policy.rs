//! The decision on a client: its certificate chain and a time in, an identity or a refusal out.
//!
//! What counts is the CA certificate that issued the client's, found on the path that was
//! verified and compared by subject *and* public key. What a client merely sends along proves
//! nothing: it may stuff its chain with any CA, or own a CA that bears another's name.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};
use x509_parser::certificate::X509Certificate;

use super::ca::{Ca, CaRef};
use super::certificate::{self, end_of};
use super::revocation::{Currency, Revocation};
use crate::client::{Identity, Refusal};
use crate::config::{CrlUse, NamePattern, Role};

/// CA certificates that are looked at of those that a client sends. A path has six at most. Trying all ways
/// from one to the next costs time that grows with a power of their number: 500, which have room in a
/// handshake, keep a processor busy for 20 seconds, whoever sent them.
const LOOKED_AT: usize = 8;

/// Who may ask, as what. Immutable once loaded.
#[derive(Debug)]
pub struct Policy {
    pub(super) algorithms: WebPkiSupportedAlgorithms,
    pub(super) anchors: Vec<TrustAnchor<'static>>,
    pub(super) roots: Vec<Ca>,
    /// CA certificates that complete the paths of clients that send only their own.
    pub(super) intermediates: Vec<CertificateDer<'static>>,
    pub(super) allowed: Vec<Allowed>,
    pub(super) revocation: Revocation,
}

/// One `[[clients.allow]]`.
#[derive(Debug)]
pub struct Allowed {
    pub issuer: Ca,
    pub role: Role,
    /// All names match if there are none.
    pub names: Vec<NamePattern>,
    pub crl: Option<CrlUse>,
}

/// A path that holds, apart from what each entry asks beyond.
struct Judged {
    /// The entries of its issuer, by place.
    entries: Vec<usize>,
    valid_until: SystemTime,
    currency: Currency,
}

impl Policy {
    pub fn new(algorithms: WebPkiSupportedAlgorithms, revocation: Revocation) -> Self {
        Self {
            algorithms,
            anchors: Vec::new(),
            roots: Vec::new(),
            intermediates: Vec::new(),
            allowed: Vec::new(),
            revocation,
        }
    }

    /// Adds a CA that paths may end in.
    pub fn add_root(&mut self, root: Ca) {
        self.anchors.push(root.anchor.clone());
        self.roots.push(root);
    }

    /// Adds a CA that paths may lead through.
    pub fn add_intermediate(&mut self, ca: &Ca) {
        if !self.intermediates.contains(&ca.certificate) {
            self.intermediates.push(ca.certificate.clone());
        }
    }

    /// Gives clients of an issuer a role.
    pub fn allow(&mut self, allowed: Allowed) {
        self.add_intermediate(&allowed.issuer);
        self.allowed.push(allowed);
    }

    pub fn revocation(&self) -> &Revocation {
        &self.revocation
    }

    /// The subjects of the issuers, from which a client may choose its certificate.
    pub fn issuer_subjects(&self) -> BTreeSet<&[u8]> {
        self.allowed.iter().map(|allowed| allowed.issuer.as_ref().subject).collect()
    }

    /// Decides on a chain as the client sent it, its own certificate first.
    ///
    /// # Errors
    /// The reason to refuse it.
    pub fn decide(&self, chain: &[CertificateDer<'_>], now: SystemTime) -> Result<Identity, Refusal> {
        let (own, sent) = chain.split_first().ok_or(Refusal::NoCertificate)?;
        let end_entity = EndEntityCert::try_from(own).map_err(|_| Refusal::Malformed)?;
        let shown = certificate::parse(own).ok_or(Refusal::Malformed)?;
        let intermediates = self.intermediates(sent);
        // Of the last path that webpki found.
        let judged = Cell::new(None);
        let judge = |path: &VerifiedPath<'_>| {
            let now_judged = self.judge(&shown, path, now);
            let holds = now_judged.is_ok();
            judged.set(Some(now_judged));
            // webpki goes on to another path, if there is one.
            if holds { Ok(()) } else { Err(webpki::Error::UnknownIssuer) }
        };
        let path = end_entity
            .verify_for_usage(
                self.algorithms.all,
                &self.anchors,
                &intermediates,
                UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap_or_default()),
                KeyUsage::client_auth(),
                None,
                Some(&judge),
            )
            .map_err(|error| refusal(&error));
        let Judged { entries, valid_until, currency } = match (path, judged.into_inner()) {
            // webpki's own reason is another path's: ours is nearer to what is wrong.
            (_, Some(judged)) => judged?,
            (Err(refusal), None) => return Err(refusal),
            (Ok(_), None) => return Err(Refusal::Path),
        };
        let (roles, needs_lists) = self.roles(&entries, &end_entity, currency.at(now))?;
        // Last, so that this reason means that nothing else is wrong.
        if !certificate::is_for_clients(&shown) || !certificate::may_sign_handshakes(&shown) {
            return Err(Refusal::Usage);
        }
        let until = currency.until.filter(|_| needs_lists);
        let valid_until = until.map_or(valid_until, |until| until.min(valid_until));
        Ok(Identity { name: certificate::name(&shown), roles, valid_until })
    }

    /// The CA certificates that a path may lead through: those that a client sent, in whose order each is to
    /// have issued the one before (RFC 5246, section 7.4.2), and those configured.
    pub(super) fn intermediates<'c>(&'c self, sent: &'c [CertificateDer<'_>]) -> Vec<CertificateDer<'c>> {
        let looked_at = sent.iter().take(LOOKED_AT);
        looked_at.chain(&self.intermediates).map(|der| CertificateDer::from(der.as_ref())).collect()
    }

    /// What webpki does not ask of a path, from the client's certificate to the root.
    fn judge(&self, own: &X509Certificate<'_>, path: &VerifiedPath<'_>, now: SystemTime) -> Result<Judged, Refusal> {
        let ders: Vec<CertificateDer<'_>> = path.intermediate_certificates().map(webpki::Cert::der).collect();
        let parsed: Option<Vec<X509Certificate<'_>>> = ders.iter().map(|der| certificate::parse(der)).collect();
        let cas = parsed.ok_or(Refusal::Malformed)?;
        let anchor = CaRef::of_anchor(path.anchor());
        let issuer = cas.first().map_or(Some(anchor), CaRef::of_certificate).ok_or(Refusal::Malformed)?;
        let entries = self.entries_of(issuer);
        if entries.is_empty() {
            return Err(Refusal::IssuerNotAllowed);
        }
        let mut valid_until = end_of(own).min(self.root_end(anchor, now)?);
        let mut currency = Currency::default();
        let mut below = own;
        for ca in &cas {
            if !certificate::may_sign_certificates(ca) {
                return Err(Refusal::CaUsage);
            }
            let issuer = CaRef::of_certificate(ca).ok_or(Refusal::Malformed)?;
            currency.add(self.revocation.status(issuer, below, !std::ptr::eq(below, own)))?;
            valid_until = valid_until.min(end_of(ca));
            below = ca;
        }
        currency.add(self.revocation.status(anchor, below, !std::ptr::eq(below, own)))?;
        Ok(Judged { entries, valid_until, currency })
    }

    fn entries_of(&self, issuer: CaRef<'_>) -> Vec<usize> {
        let is_of = |(place, allowed): (usize, &Allowed)| allowed.issuer.is_same_as(issuer).then_some(place);
        self.allowed.iter().enumerate().filter_map(is_of).collect()
    }

    /// When a root ends. webpki takes one that has ended, or not begun.
    fn root_end(&self, anchor: CaRef<'_>, now: SystemTime) -> Result<SystemTime, Refusal> {
        let mut refusal = Refusal::UnknownIssuer;
        for root in self.roots.iter().filter(|root| root.is_same_as(anchor)) {
            match (root.from, root.to) {
                (_, to) if to < now => refusal = Refusal::Expired,
                (from, _) if from > now => refusal = Refusal::NotYetValid,
                (_, to) => return Ok(to),
            }
        }
        Err(refusal)
    }

    /// Every entry that matches adds its role. Also whether any of them needs revocation lists.
    fn roles(
        &self,
        entries: &[usize],
        end_entity: &EndEntityCert<'_>,
        lists: Result<(), Refusal>,
    ) -> Result<(Vec<Role>, bool), Refusal> {
        let mut roles: Vec<Role> = Vec::new();
        let mut needs_lists = false;
        let mut refused = Refusal::NameNotAllowed;
        for allowed in entries.iter().map(|place| &self.allowed[*place]) {
            if !allowed.names(end_entity) {
                continue;
            }
            let needs = allowed.crl != Some(CrlUse::Optional);
            if let (true, Err(refusal)) = (needs, lists) {
                refused = refusal;
                continue;
            }
            needs_lists |= needs;
            if !roles.contains(&allowed.role) {
                roles.push(allowed.role);
            }
        }
        if roles.is_empty() { Err(refused) } else { Ok((roles, needs_lists)) }
    }
}

impl Allowed {
    pub(super) fn names(&self, end_entity: &EndEntityCert<'_>) -> bool {
        self.names.is_empty()
            || end_entity.valid_dns_names().any(|dns| self.names.iter().any(|name| name.matches_dns(dns)))
            || end_entity.valid_uri_names().any(|uri| self.names.iter().any(|name| name.matches_uri(uri)))
    }
}

/// What an error of webpki's path building means.
pub(super) fn refusal(error: &webpki::Error) -> Refusal {
    match error {
        webpki::Error::BadDer | webpki::Error::BadDerTime | webpki::Error::TrailingData(_) => Refusal::Malformed,
        webpki::Error::UnknownIssuer => Refusal::UnknownIssuer,
        webpki::Error::CertExpired { .. } | webpki::Error::InvalidCertValidity => Refusal::Expired,
        webpki::Error::CertNotValidYet { .. } => Refusal::NotYetValid,
        webpki::Error::RequiredEkuNotFoundContext(_) | webpki::Error::EmptyEkuExtension => Refusal::Usage,
        webpki::Error::EndEntityUsedAsCa => Refusal::CaUsage,
        _ => Refusal::Path,
    }
}
