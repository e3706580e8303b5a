//! Which of the guest's addresses the host can reach.

use std::net::IpAddr;

use serde::Serialize;

use super::inspection::{Inspection, VIRTUALBOX_NAT};
use crate::base::deadline::Deadline;
use crate::base::parallel;
use crate::guest::ssh::{HostKey, SSH_PORT, has_host_key};

/// An address of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct GuestAddress {
    /// The address.
    #[serde(rename = "address")]
    pub ip: IpAddr,
    /// The host can reach it.
    pub reachable: bool,
}

/// The first of [`addresses`]; the one that SSH reached is not tried again.
pub(crate) fn address(inspection: &Inspection, deadline: Deadline) -> Option<GuestAddress> {
    let direct = direct(inspection).map(|ip| GuestAddress { ip, reachable: true });
    direct.or_else(|| addresses(inspection, deadline).first().copied())
}

/// The guest's addresses, those first that the host can reach: the one that SSH reached, unless that is a port
/// forwarded on the host itself, then the others in the guest's order. That order tells nothing about the host, so
/// each is tried.
pub(crate) fn addresses(inspection: &Inspection, deadline: Deadline) -> Vec<GuestAddress> {
    let direct = direct(inspection);
    let others: Vec<IpAddr> =
        inspection.facts.addresses.iter().copied().filter(|ip| Some(*ip) != direct).collect();
    // Behind its NAT the guest has an address that may be another machine's here.
    let tried: Vec<IpAddr> = others.iter().copied().filter(|ip| *ip != VIRTUALBOX_NAT).collect();
    let reached = reached(&tried, &inspection.host_key, deadline);
    sorted(direct, &others, &reached)
}

fn direct(inspection: &Inspection) -> Option<IpAddr> {
    inspection.address.filter(|ip| !ip.is_loopback())
}

fn sorted(direct: Option<IpAddr>, others: &[IpAddr], reached: &[IpAddr]) -> Vec<GuestAddress> {
    let other = |ip: &IpAddr| GuestAddress { ip: *ip, reachable: reached.contains(ip) };
    let mut addresses: Vec<GuestAddress> = others.iter().map(other).collect();
    addresses.sort_by_key(|address| (!address.reachable, address.ip == VIRTUALBOX_NAT));
    addresses.splice(0..0, direct.map(|ip| GuestAddress { ip, reachable: true }));
    addresses
}

/// Those at which the guest's own SSH server answers, all tried at once. Another server's host key differs, and less than
/// a key proves nothing: some networks accept connections to addresses that nobody has.
fn reached(addresses: &[IpAddr], host_key: &HostKey, deadline: Deadline) -> Vec<IpAddr> {
    let answers = |ip: IpAddr| has_host_key((ip, SSH_PORT).into(), host_key, deadline).then_some(ip);
    let results = parallel::map(addresses.to_vec(), addresses.len(), answers);
    results.into_iter().filter_map(|result| result.ok().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn what_the_host_reaches_comes_first() {
        let order = |direct: Option<&str>, others: &[&str], reached: &[&str]| -> Vec<(String, bool)> {
            let parse = |texts: &[&str]| texts.iter().map(|text| ip(text)).collect::<Vec<_>>();
            let sorted = sorted(direct.map(ip), &parse(others), &parse(reached));
            sorted.iter().map(|address| (address.ip.to_string(), address.reachable)).collect()
        };
        let (nat, bridged, other) = ("10.0.2.15", "192.168.56.7", "172.30.0.2");
        assert_eq!(order(Some(other), &[nat], &[]), [(other.into(), true), (nat.into(), false)]);
        assert_eq!(
            order(None, &[nat, other, bridged], &[bridged]),
            [(bridged.into(), true), (other.into(), false), (nat.into(), false)]
        );
        assert_eq!(order(None, &[nat, other], &[]), [(other.into(), false), (nat.into(), false)]);
        assert_eq!(order(None, &[nat], &[]), [(nat.into(), false)]);
        assert_eq!(order(None, &[], &[]), []);
    }
}
