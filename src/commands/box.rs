//! `service-manager box ip` and `service-manager box version`

use std::collections::BTreeMap;

use serde::Serialize;

use super::context::{Context, print, print_json};
use crate::cli::{BoxArgs, BoxCommand, BoxIpArgs, BoxVersionArgs, OutputFormat};
use crate::error::Error;
use crate::guest::probe::{OsRelease, Questions};
use crate::machine::Machine;
use crate::services::{GuestAddress, address, addresses};

pub(super) fn run(args: &BoxArgs, context: &Context) -> Result<(), Error> {
    match &args.what {
        BoxCommand::Ip(args) => ip(args, context),
        BoxCommand::Version(args) => version(args, context),
    }
}

fn ip(args: &BoxIpArgs, context: &Context) -> Result<(), Error> {
    let questions = Questions { addresses: true, ..Questions::default() };
    let machine = context.machine()?;
    let inspection = context.inspect(machine, &questions)?;
    let machine = &inspection.machine;
    if !args.all && args.output == OutputFormat::Text {
        let address = address(&inspection, context.deadline).ok_or(Error::NoAddress)?;
        note_guess(address, context);
        let name = if args.script_readable { "IP=" } else { "" };
        return print(&format!("{name}{}\n", address.ip));
    }
    let addresses = addresses(&inspection, context.deadline);
    let first = *addresses.first().ok_or(Error::NoAddress)?;
    if args.output == OutputFormat::Json {
        return print_json(&Addresses { machine: machine.name.as_str(), addresses: &addresses });
    }
    note_guess(first, context);
    let all: Vec<String> = addresses.iter().map(|address| address.ip.to_string()).collect();
    print(&if args.script_readable {
        format!("IP={}\nIPS={}\n", first.ip, all.join(","))
    } else {
        all.join("\n") + "\n"
    })
}

/// Of the machine's addresses `address` is the first.
fn note_guess(address: GuestAddress, context: &Context) {
    if !address.reachable {
        context.note(&format!(
            "{} is a guess: the machine's SSH server answers at none of its addresses",
            address.ip
        ));
    }
}

fn version(args: &BoxVersionArgs, context: &Context) -> Result<(), Error> {
    let questions = Questions { release: true, ..Questions::default() };
    let machine = context.machine()?;
    let inspection = context.inspect(machine, &questions)?;
    let (machine, release) = (&inspection.machine, &inspection.facts.release);
    if args.output == OutputFormat::Json {
        return print_json(&BoxVersionJson::of(machine, release)?);
    }
    print(&if args.script_readable { script_readable(release)? } else { product(release)? + "\n" })
}

/// What `box ip --output json` prints.
#[derive(Serialize)]
struct Addresses<'a> {
    machine: &'a str,
    addresses: &'a [GuestAddress],
}

/// What `box version --output json` prints. The texts are for people: a shell would expand some of them.
#[derive(Serialize)]
struct BoxVersionJson<'a> {
    machine: &'a str,
    product: String,
    release: BTreeMap<&'static str, Option<String>>,
}

impl<'a> BoxVersionJson<'a> {
    fn of(machine: &'a Machine, release: &OsRelease) -> Result<Self, Error> {
        let product = product(release)?;
        let release = FIELDS.into_iter().map(|(name, key)| (name, release.text(key))).collect();
        Ok(Self { machine: machine.name.as_str(), product, release })
    }
}

/// The fields of os-release that JSON has, and their keys there.
const FIELDS: [(&str, &str); 8] = [
    ("id", "ID"),
    ("id_like", "ID_LIKE"),
    ("name", "NAME"),
    ("pretty_name", "PRETTY_NAME"),
    ("variant", "VARIANT"),
    ("variant_id", "VARIANT_ID"),
    ("variant_version", "VARIANT_VERSION"),
    ("version_id", "VERSION_ID"),
];

/// `VARIANT VARIANT_VERSION` as the products that have them are known by, else the system's own name.
fn product(release: &OsRelease) -> Result<String, Error> {
    let named = |name: Option<String>, version| Some(format!("{} {}", name?, release.text(version)?));
    let product = named(release.text("VARIANT"), "VARIANT_VERSION").or_else(|| release.text("PRETTY_NAME"));
    let product = product.or_else(|| named(release.text("NAME"), "VERSION"));
    let product = product.or_else(|| named(release.text("NAME"), "VERSION_ID"));
    product.or_else(|| release.text("NAME")).or_else(|| release.text("ID")).ok_or(Error::NoRelease)
}

fn script_readable(release: &OsRelease) -> Result<String, Error> {
    let product = ["VARIANT", "VARIANT_ID", "VARIANT_VERSION"];
    let is_product = product.iter().all(|key| release.value(key).is_some());
    let keys = if is_product { product } else { ["NAME", "ID", "VERSION_ID"] };
    // The quotes are part of the promised form.
    let line = |key| release.assignment(key).map(|line| line + "\n");
    let text: String = keys.into_iter().filter_map(line).collect();
    if text.is_empty() { Err(Error::NoRelease) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What both forms say of a system.
    fn version(text: &str) -> (String, String) {
        let release = OsRelease::parse(text);
        (product(&release).unwrap(), script_readable(&release).unwrap())
    }

    #[test]
    fn a_product_is_named_by_its_variant() {
        for (text, sentence, lines) in PRODUCTS {
            assert_eq!(version(text), (sentence.into(), lines.into()));
        }
    }

    #[test]
    fn a_stock_system_is_named_by_itself() {
        for (text, sentence, lines) in SYSTEMS {
            assert_eq!(version(text), (sentence.into(), lines.into()));
        }
    }

    #[test]
    fn what_a_shell_would_expand_is_escaped_for_programs() {
        let text = r#"NAME="Foo \"Bar\" Linux"
PRETTY_NAME="Foo \"Bar\" Linux \$5 \`x\`"
ID=foo
VERSION_ID="1.0"
"#;
        let lines = "NAME=\"Foo \\\"Bar\\\" Linux\"\nID=\"foo\"\nVERSION_ID=\"1.0\"\n";
        assert_eq!(version(text), (r#"Foo "Bar" Linux $5 `x`"#.into(), lines.into()));
    }

    #[test]
    fn what_a_shell_could_run_is_for_people_only() {
        let hostile = OsRelease::parse("NAME=\"$(id)\"\nPRETTY_NAME=\"a\x1b[2J\u{202e}b\"\n");
        assert!(script_readable(&hostile).is_err());
        assert_eq!(product(&hostile).unwrap(), "a\\u{1b}[2J\\u{202e}b");
        let nothing = OsRelease::parse("# nothing\n");
        assert!(product(&nothing).is_err() && script_readable(&nothing).is_err());
    }

    const PRODUCTS: [(&str, &str, &str); 2] = [
        (
            "NAME=\"CentOS Linux\"\nVERSION=\"7 (Core)\"\nID=\"centos\"\nID_LIKE=\"rhel fedora\"\nVERSION_ID=\"7\"\n\
             PRETTY_NAME=\"CentOS Linux 7 (Core)\"\nVARIANT=\"Atomic Developer Bundle (ADB)\"\nVARIANT_ID=\"adb\"\n\
             VARIANT_VERSION=\"2.2.0\"\n",
            "Atomic Developer Bundle (ADB) 2.2.0",
            "VARIANT=\"Atomic Developer Bundle (ADB)\"\nVARIANT_ID=\"adb\"\nVARIANT_VERSION=\"2.2.0\"\n",
        ),
        (
            "NAME=\"Red Hat Enterprise Linux Server\"\nID=\"rhel\"\nVERSION_ID=\"7.2\"\n\
             PRETTY_NAME=\"Red Hat Enterprise Linux Server 7.2 (Maipo)\"\nVARIANT=\"Container Development Kit (CDK)\"\n\
             VARIANT_ID=\"cdk\"\nVARIANT_VERSION=\"2.2\"\n",
            "Container Development Kit (CDK) 2.2",
            "VARIANT=\"Container Development Kit (CDK)\"\nVARIANT_ID=\"cdk\"\nVARIANT_VERSION=\"2.2\"\n",
        ),
    ];

    /// As `os-release(5)` describes them and these systems have them, shortened.
    const SYSTEMS: [(&str, &str, &str); 14] = [
        (
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n\
             VERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n",
            "Debian GNU/Linux 12 (bookworm)",
            "NAME=\"Debian GNU/Linux\"\nID=\"debian\"\nVERSION_ID=\"12\"\n",
        ),
        (
            "PRETTY_NAME=\"Debian GNU/Linux trixie/sid\"\nNAME=\"Debian GNU/Linux\"\nVERSION_CODENAME=trixie\nID=debian\n",
            "Debian GNU/Linux trixie/sid",
            "NAME=\"Debian GNU/Linux\"\nID=\"debian\"\n",
        ),
        (
            "PRETTY_NAME=\"Ubuntu 22.04.3 LTS\"\nNAME=\"Ubuntu\"\nVERSION_ID=\"22.04\"\n\
             VERSION=\"22.04.3 LTS (Jammy Jellyfish)\"\nID=ubuntu\nID_LIKE=debian\n",
            "Ubuntu 22.04.3 LTS",
            "NAME=\"Ubuntu\"\nID=\"ubuntu\"\nVERSION_ID=\"22.04\"\n",
        ),
        (
            "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.19.1\nPRETTY_NAME=\"Alpine Linux v3.19\"\n",
            "Alpine Linux v3.19",
            "NAME=\"Alpine Linux\"\nID=\"alpine\"\nVERSION_ID=\"3.19.1\"\n",
        ),
        (
            "NAME=\"Arch Linux\"\nPRETTY_NAME=\"Arch Linux\"\nID=arch\nBUILD_ID=rolling\n",
            "Arch Linux",
            "NAME=\"Arch Linux\"\nID=\"arch\"\n",
        ),
        (
            "NAME=\"CentOS Linux\"\nVERSION=\"7 (Core)\"\nID=\"centos\"\nVERSION_ID=\"7\"\nPRETTY_NAME=\"CentOS Linux 7 (Core)\"\n",
            "CentOS Linux 7 (Core)",
            "NAME=\"CentOS Linux\"\nID=\"centos\"\nVERSION_ID=\"7\"\n",
        ),
        (
            "NAME=\"CentOS Stream\"\nVERSION=\"9\"\nID=\"centos\"\nVERSION_ID=\"9\"\nPRETTY_NAME=\"CentOS Stream 9\"\n",
            "CentOS Stream 9",
            "NAME=\"CentOS Stream\"\nID=\"centos\"\nVERSION_ID=\"9\"\n",
        ),
        (
            "NAME=\"Fedora Linux\"\nVERSION=\"43 (Server Edition)\"\nID=fedora\nVERSION_ID=43\n\
             PRETTY_NAME=\"Fedora Linux 43 (Server Edition)\"\nVARIANT=\"Server Edition\"\nVARIANT_ID=server\n",
            "Fedora Linux 43 (Server Edition)",
            "NAME=\"Fedora Linux\"\nID=\"fedora\"\nVERSION_ID=\"43\"\n",
        ),
        (
            "NAME=Fedora\nVERSION=\"27 (Atomic Host)\"\nID=fedora\nVERSION_ID=27\nPRETTY_NAME=\"Fedora 27 (Atomic Host)\"\n\
             VARIANT=\"Atomic Host\"\nVARIANT_ID=atomic.host\n",
            "Fedora 27 (Atomic Host)",
            "NAME=\"Fedora\"\nID=\"fedora\"\nVERSION_ID=\"27\"\n",
        ),
        (
            "NAME=\"Red Hat Enterprise Linux Atomic Host\"\nVERSION=\"7.4\"\nID=\"rhel\"\nVARIANT=\"Atomic Host\"\n\
             VARIANT_ID=atomic.host\nVERSION_ID=\"7.4\"\nPRETTY_NAME=\"Red Hat Enterprise Linux Atomic Host 7.4\"\n",
            "Red Hat Enterprise Linux Atomic Host 7.4",
            "NAME=\"Red Hat Enterprise Linux Atomic Host\"\nID=\"rhel\"\nVERSION_ID=\"7.4\"\n",
        ),
        (
            "NAME=\"Fedora Linux\"\nVERSION=\"39.20231101.3.0 (CoreOS)\"\nID=fedora\nVERSION_ID=39\n\
             PRETTY_NAME=\"Fedora CoreOS 39.20231101.3.0\"\nVARIANT=\"CoreOS\"\nVARIANT_ID=coreos\n",
            "Fedora CoreOS 39.20231101.3.0",
            "NAME=\"Fedora Linux\"\nID=\"fedora\"\nVERSION_ID=\"39\"\n",
        ),
        (
            "NAME=\"Red Hat Enterprise Linux CoreOS\"\nID=\"rhcos\"\nID_LIKE=\"rhel fedora\"\nVERSION=\"414.92.202310170514-0\"\n\
             VERSION_ID=\"4.14\"\nVARIANT=\"CoreOS\"\nVARIANT_ID=coreos\n\
             PRETTY_NAME=\"Red Hat Enterprise Linux CoreOS 414.92.202310170514-0 (Plow)\"\n",
            "Red Hat Enterprise Linux CoreOS 414.92.202310170514-0 (Plow)",
            "NAME=\"Red Hat Enterprise Linux CoreOS\"\nID=\"rhcos\"\nVERSION_ID=\"4.14\"\n",
        ),
        (
            "NAME=Boot2Docker\nVERSION=19.03.12\nID=boot2docker\nID_LIKE=tcl\nVERSION_ID=19.03.12\n",
            "Boot2Docker 19.03.12",
            "NAME=\"Boot2Docker\"\nID=\"boot2docker\"\nVERSION_ID=\"19.03.12\"\n",
        ),
        ("NAME=Own\nVERSION_ID=1\n", "Own 1", "NAME=\"Own\"\nVERSION_ID=\"1\"\n"),
    ];
}
