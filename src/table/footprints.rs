//! All footprints of a table, each with its mix, in order.
//!
//! By kind, as a table may have a million prefixes: an IPv4 prefix and its mix take 8 bytes, where a
//! [`Footprint`] has to have room for the longest of all kinds. They are found by id at every request,
//! so that the list's size is also that of what a processor has to keep at hand.

use ip_network::{Ipv4Network, Ipv6Network};

use super::footprint::{Footprint, FootprintType};
use super::manifest::MixId;
use super::trie::FootprintId;

pub struct Footprints {
    default: MixId,
    ipv4: Vec<(Ipv4Network, MixId)>,
    ipv6: Vec<(Ipv6Network, MixId)>,
    /// ASes and countries.
    others: Vec<(Footprint, MixId)>,
}

impl Footprints {
    /// Of values in order, without the default.
    pub fn new(default: MixId, values: impl Iterator<Item = (Footprint, MixId)> + Clone) -> Self {
        let count = |kind| values.clone().filter(|(footprint, _)| footprint.kind() == Some(kind)).count();
        let mut footprints = Self {
            default,
            ipv4: Vec::with_capacity(count(FootprintType::Ipv4Cidr)),
            ipv6: Vec::with_capacity(count(FootprintType::Ipv6Cidr)),
            others: Vec::with_capacity(count(FootprintType::Asn) + count(FootprintType::CountryCode)),
        };
        for (footprint, mix) in values {
            match footprint {
                Footprint::Default => {}
                Footprint::Ipv4Cidr(network) => footprints.ipv4.push((network, mix)),
                Footprint::Ipv6Cidr(network) => footprints.ipv6.push((network, mix)),
                Footprint::Asn(_) | Footprint::CountryCode(_) => footprints.others.push((footprint, mix)),
            }
        }
        footprints
    }

    pub fn get(&self, id: FootprintId) -> (Footprint, MixId) {
        let Some(at) = (id as usize).checked_sub(1) else { return (Footprint::Default, self.default) };
        if let Some((network, mix)) = self.ipv4.get(at) {
            return (Footprint::Ipv4Cidr(*network), *mix);
        }
        let at = at - self.ipv4.len();
        match self.ipv6.get(at) {
            Some((network, mix)) => (Footprint::Ipv6Cidr(*network), *mix),
            None => self.others[at - self.ipv6.len()],
        }
    }

    /// None, if it is not listed.
    pub fn id(&self, footprint: Footprint) -> Option<FootprintId> {
        let before_others = 1 + self.ipv4.len() + self.ipv6.len();
        let id = match footprint {
            Footprint::Default => 0,
            Footprint::Ipv4Cidr(network) => 1 + self.ipv4.binary_search_by_key(&network, |(other, _)| *other).ok()?,
            Footprint::Ipv6Cidr(network) => {
                1 + self.ipv4.len() + self.ipv6.binary_search_by_key(&network, |(other, _)| *other).ok()?
            }
            Footprint::Asn(_) | Footprint::CountryCode(_) => {
                before_others + self.others.binary_search_by_key(&footprint, |(other, _)| *other).ok()?
            }
        };
        FootprintId::try_from(id).ok()
    }

    /// With the default.
    #[allow(clippy::len_without_is_empty, reason = "there always is the default")]
    pub fn len(&self) -> usize {
        1 + self.ipv4.len() + self.ipv6.len() + self.others.len()
    }

    /// The default first, and then in the order of ids.
    pub fn iter(&self) -> impl Iterator<Item = (Footprint, MixId)> {
        let ipv4 = self.ipv4.iter().map(|(network, mix)| (Footprint::Ipv4Cidr(*network), *mix));
        let ipv6 = self.ipv6.iter().map(|(network, mix)| (Footprint::Ipv6Cidr(*network), *mix));
        let default = (Footprint::Default, self.default);
        [default].into_iter().chain(ipv4).chain(ipv6).chain(self.others.iter().copied())
    }
}
