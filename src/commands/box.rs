//! `service-manager box ip` and `service-manager box version`

use std::net::IpAddr;

use super::Context;
use crate::cli::{BoxArgs, BoxCommand, BoxIpArgs, BoxVersionArgs};
use crate::error::Error;
use crate::probe::{OsRelease, Questions};
use crate::ui;
use crate::visit::Visit;

pub(super) fn run(args: &BoxArgs, context: &Context) -> Result<(), Error> {
    match &args.what {
        BoxCommand::Ip(args) => ip(args, context),
        BoxCommand::Version(args) => version(args, context),
    }
}

fn ip(args: &BoxIpArgs, context: &Context) -> Result<(), Error> {
    let questions = Questions { addresses: true, ..Questions::default() };
    let visit = Visit::make(&context.machine()?, &questions, context.deadline)?;
    let address = reachable(&visit).ok_or(Error::NoAddress)?;
    let name = if args.script_readable { "IP=" } else { "" };
    ui::print(&format!("{name}{address}\n"))
}

/// The address that SSH reached, unless it is a port forwarded on the host itself: then one that the guest
/// has, and not the one that every `VirtualBox` guest has behind its NAT.
fn reachable(visit: &Visit) -> Option<IpAddr> {
    let own = || visit.facts.addresses.iter().copied();
    let direct = visit.address.filter(|address| !address.is_loopback());
    direct.or_else(|| own().find(|address| *address != VIRTUALBOX_NAT)).or_else(|| own().next())
}

fn version(args: &BoxVersionArgs, context: &Context) -> Result<(), Error> {
    let questions = Questions { release: true, ..Questions::default() };
    let release = Visit::make(&context.machine()?, &questions, context.deadline)?.facts.release;
    ui::print(&if args.script_readable { script_readable(&release)? } else { sentence(&release)? })
}

/// `VARIANT VARIANT_VERSION` as the products that have them are known by, else the system's own name.
fn sentence(release: &OsRelease) -> Result<String, Error> {
    let product = release.text("VARIANT").zip(release.text("VARIANT_VERSION"));
    let text = product.map(|(name, version)| format!("{name} {version}"));
    let text = text.or_else(|| release.text("PRETTY_NAME")).or_else(|| release.text("NAME"));
    text.map(|text| text + "\n").ok_or(Error::NoRelease)
}

fn script_readable(release: &OsRelease) -> Result<String, Error> {
    let product = ["VARIANT", "VARIANT_ID", "VARIANT_VERSION"];
    let is_product = product.iter().all(|key| release.value(key).is_some());
    let keys = if is_product { product } else { ["NAME", "ID", "VERSION_ID"] };
    // The quotes are part of the promised form.
    let line = |key| release.value(key).map(|value| format!("{key}=\"{value}\"\n"));
    let text: String = keys.into_iter().filter_map(line).collect();
    if text.is_empty() { Err(Error::NoRelease) } else { Ok(text) }
}

const VIRTUALBOX_NAT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 2, 15));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Facts;

    fn visit(ssh: Option<&str>, own: &[&str]) -> Visit {
        let addresses = own.iter().map(|address| address.parse().unwrap()).collect();
        Visit {
            facts: Facts { addresses, ..Facts::default() },
            address: ssh.map(|address| address.parse().unwrap()),
        }
    }

    #[test]
    fn the_address_is_one_the_host_can_reach() {
        let reached = |ssh, own: &[&str]| reachable(&visit(ssh, own)).map(|address| address.to_string());
        assert_eq!(reached(Some("172.30.0.2"), &["10.0.2.15", "172.30.0.2"]).unwrap(), "172.30.0.2");
        assert_eq!(reached(Some("127.0.0.1"), &["10.0.2.15", "192.168.56.7"]).unwrap(), "192.168.56.7");
        assert_eq!(reached(Some("127.0.0.1"), &["10.0.2.15"]).unwrap(), "10.0.2.15");
        assert_eq!(reached(None, &["192.168.56.7"]).unwrap(), "192.168.56.7");
        assert_eq!(reached(Some("::1"), &[]), None);
    }

    #[test]
    fn a_product_is_named_by_its_variant() {
        let adb = OsRelease::parse(
            "PRETTY_NAME=\"CentOS Linux 7\"\nVARIANT=\"Atomic Developer Bundle (ADB)\"\nVARIANT_ID=\"adb\"\nVARIANT_VERSION=\"2.2.0\"\n",
        );
        assert_eq!(sentence(&adb).unwrap(), "Atomic Developer Bundle (ADB) 2.2.0\n");
        assert_eq!(
            script_readable(&adb).unwrap(),
            "VARIANT=\"Atomic Developer Bundle (ADB)\"\nVARIANT_ID=\"adb\"\nVARIANT_VERSION=\"2.2.0\"\n"
        );
    }

    #[test]
    fn a_stock_system_is_named_by_itself() {
        let debian = OsRelease::parse(
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nID=debian\nVERSION_ID=\"12\"\n",
        );
        assert_eq!(sentence(&debian).unwrap(), "Debian GNU/Linux 12 (bookworm)\n");
        assert_eq!(
            script_readable(&debian).unwrap(),
            "NAME=\"Debian GNU/Linux\"\nID=\"debian\"\nVERSION_ID=\"12\"\n"
        );
        assert!(sentence(&OsRelease::parse("")).is_err());
        assert!(script_readable(&OsRelease::parse("NAME=\"$(id)\"")).is_err());

        let server = OsRelease::parse(
            "NAME=Fedora\nID=fedora\nVERSION_ID=43\nVARIANT=\"Server Edition\"\nVARIANT_ID=server\n",
        );
        assert_eq!(script_readable(&server).unwrap(), "NAME=\"Fedora\"\nID=\"fedora\"\nVERSION_ID=\"43\"\n");
    }
}
