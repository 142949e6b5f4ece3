//! Which certificates a revocation list is about: its issuing distribution point (RFC 5280, section
//! 5.2.5) against what the certificates say.
//!
//! Read here field by field: x509-parser drops what it can't make out, so a list of a part would
//! pass for a complete one.

use x509_parser::asn1_rs::{Any, FromDer, Tag};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{
    CRLDistributionPoint, DistributionPointName, GeneralName, ParsedExtension, X509Extension,
};

/// Which of its issuer's certificates a list is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    only_users: bool,
    only_cas: bool,
    /// The distribution points that certificates must name; none for any. As `URI:...`.
    points: Vec<String>,
}

impl Scope {
    /// Reads the content of an `issuingDistributionPoint`.
    ///
    /// # Errors
    /// If the list is about other issuers' certificates or only about some reasons, or can't be
    /// understood.
    pub fn read(content: &[u8]) -> Result<Self, String> {
        let (after, sequence) = Any::from_der(content).map_err(unreadable)?;
        if !after.is_empty() || sequence.tag() != Tag::Sequence {
            return Err(unreadable(()));
        }
        let mut scope = Self::default();
        let mut rest = sequence.data;
        let mut last = None;
        while !rest.is_empty() {
            let (next, field) = Any::from_der(rest).map_err(unreadable)?;
            let tag = field.tag().0;
            // In their order, each once.
            if !field.header.is_contextspecific() || last.is_some_and(|last| tag <= last) {
                return Err(unreadable(()));
            }
            scope.take(tag, field.data)?;
            last = Some(tag);
            rest = next;
        }
        Ok(scope)
    }

    fn take(&mut self, tag: u32, content: &[u8]) -> Result<(), String> {
        match tag {
            0 => self.points = points(content)?,
            1 => self.only_users = boolean(content)?,
            2 => self.only_cas = boolean(content)?,
            4 if boolean(content)? => {
                let help = "take each issuer's own";
                return Err(format!("it is an indirect list, for certificates of other issuers too; {help}"));
            }
            5 if !boolean(content)? => {}
            3 | 5 => {
                let what = "it is only about some reasons, or about attribute certificates";
                return Err(format!("{what}; take the complete one"));
            }
            4 => {}
            _ => return Err(unreadable(())),
        }
        Ok(())
    }

    /// Whether a certificate of the issuer is one that the list is about.
    pub fn covers(&self, certificate: &X509Certificate<'_>, is_ca: bool) -> bool {
        if self.only_users && is_ca || self.only_cas && !is_ca {
            return false;
        }
        self.points.is_empty() || points_of(certificate).iter().any(|point| self.points.contains(point))
    }
}

fn unreadable<E>(_: E) -> String {
    "its issuing distribution point is not well formed".to_owned()
}

fn boolean(content: &[u8]) -> Result<bool, String> {
    match content {
        [0xff] => Ok(true),
        [0] => Ok(false),
        _ => Err(unreadable(())),
    }
}

/// The names of a list's distribution point.
fn points(content: &[u8]) -> Result<Vec<String>, String> {
    const FULL_NAME: Tag = Tag(0);
    let (after, name) = Any::from_der(content).map_err(unreadable)?;
    if !after.is_empty() || !name.header.is_contextspecific() {
        return Err(unreadable(()));
    }
    let mut names = Vec::new();
    let mut rest = if name.tag() == FULL_NAME { name.data } else { &[] };
    while !rest.is_empty() {
        let (next, name) = GeneralName::from_der(rest).map_err(unreadable)?;
        names.push(name);
        rest = next;
    }
    let points = whole(&names);
    if points.is_empty() {
        return Err("its distribution point has no full name; take a complete list".to_owned());
    }
    Ok(points)
}

/// The distribution points that a certificate names.
fn points_of(certificate: &X509Certificate<'_>) -> Vec<String> {
    let point_names = |extension: &X509Extension<'_>| match extension.parsed_extension() {
        ParsedExtension::CRLDistributionPoints(points) => {
            points.points.iter().filter(|point| is_complete(point)).flat_map(full_names).collect()
        }
        _ => Vec::new(),
    };
    certificate.extensions().iter().flat_map(point_names).collect()
}

/// What is found at a point may be another issuer's list, or one of some reasons: neither is the
/// list that is needed (RFC 5280, section 6.3.3 (b) and (d)).
fn is_complete(point: &CRLDistributionPoint<'_>) -> bool {
    point.crl_issuer.is_none() && point.reasons.is_none()
}

fn full_names(point: &CRLDistributionPoint<'_>) -> Vec<String> {
    match &point.distribution_point {
        Some(DistributionPointName::FullName(names)) => whole(names),
        _ => Vec::new(),
    }
}

fn whole(names: &[GeneralName<'_>]) -> Vec<String> {
    let is_whole = |name: &&GeneralName<'_>| matches!(name, GeneralName::URI(_) | GeneralName::DirectoryName(_));
    names.iter().filter(is_whole).map(GeneralName::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `uri:a` as the full name of a distribution point.
    const POINT: &[u8] = b"\xa0\x09\xa0\x07\x86\x05uri:a";
    const RELATIVE: &[u8] = b"\xa0\x0e\xa1\x0c\x30\x0a\x06\x03\x55\x04\x03\x13\x03abc";

    fn read(fields: &[&[u8]]) -> Result<Scope, String> {
        let content = fields.concat();
        let length = u8::try_from(content.len()).expect("a short list of fields");
        Scope::read(&[&[0x30, length], &*content].concat())
    }

    #[test]
    fn what_is_understood_is_taken() {
        assert_eq!(read(&[]), Ok(Scope::default()));
        let users = read(&[POINT, b"\x81\x01\xff"]);
        assert_eq!(users, Ok(Scope { only_users: true, only_cas: false, points: vec!["URI(uri:a)".to_owned()] }));
        assert_eq!(read(&[b"\x82\x01\xff"]).map(|scope| scope.only_cas), Ok(true));
        assert_eq!(read(&[b"\x84\x01\x00", b"\x85\x01\x00"]), Ok(Scope::default()), "false is said");
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let refused: [(&[&[u8]], &str); 9] = [
            (&[RELATIVE], "no full name"),
            (&[b"\x83\x02\x06\x40"], "some reasons"),
            (&[POINT, b"\x84\x01\xff"], "indirect"),
            (&[b"\x85\x01\xff"], "attribute certificates"),
            (&[b"\x86\x01\xff"], "not well formed"),
            (&[b"\x82\x01\xff", b"\x81\x01\xff"], "not well formed"),
            (&[b"\x81\x01\x07"], "not well formed"),
            (&[b"\x01\x01\xff"], "not well formed"),
            (&[b"\xa0\x04\xa0\x02\x86\x05"], "not well formed"),
        ];
        for (fields, part) in refused {
            let error = read(fields).expect_err("it is refused");
            assert!(error.contains(part), "{fields:x?}: {error}");
        }
    }
}
