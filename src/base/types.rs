//! Values that cross a border (from the guest, a file or the command line), each parsed into a type that
//! can hold nothing else. What does not parse is an error that names the value's kind, never its text:
//! the text may come from the guest.

use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// A value that is not what its kind allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind} ({form})")]
pub struct Invalid {
    /// What was expected, for example `host name`.
    pub kind: &'static str,
    /// The form that is accepted, in words.
    pub form: &'static str,
}

/// Declares a string type that can only be made from text its check accepts.
macro_rules! validated {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $form:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String")]
        #[allow(unreachable_pub, reason = "acceptance tests use one of them")]
        pub struct $name(String);

        #[allow(dead_code, unreachable_pub, reason = "not every type is shown, and not everywhere")]
        impl $name {
            /// Accepts `text` when it has the form of this type.
            pub fn parse(text: &str) -> Result<Self, $crate::base::types::Invalid> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err($crate::base::types::Invalid { kind: $kind, form: $form })
                }
            }

            /// The text, known to have the form of this type.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::base::types::Invalid;

            fn try_from(text: String) -> Result<Self, $crate::base::types::Invalid> {
                Self::parse(&text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::base::types::Invalid;

            fn from_str(text: &str) -> Result<Self, $crate::base::types::Invalid> {
                Self::parse(text)
            }
        }
    };
}
pub(crate) use validated;

validated!(
    /// A host name (RFC 1123) or the literal of an IP address.
    HostName, "host name", "letters, digits, dots, hyphens and `_`, or an IP address",
    |text| text.parse::<IpAddr>().is_ok()
        || is_dns_name(&text.strip_suffix('.').unwrap_or(text).replace('_', "x"))
);

validated!(
    /// Where an SSH server is: a host name or an address, which may name the interface that leads there (RFC 4007, 11):
    /// `fe80::1%eth0`.
    SshHost, "host name", "letters, digits, dots, hyphens and `_`, or an IP address",
    |text| HostName::parse(text).is_ok() || is_scoped_address(text)
);

validated!(
    /// A name that a TLS certificate can hold besides addresses.
    DnsName, "DNS name", "letters, digits, dots and hyphens", is_dns_name
);

validated!(
    /// A user to log in as: what ssh itself takes (OpenSSH: ssh.c, `valid_ruser`), in ASCII. Nothing in it ends a word of a
    /// shell but `$` and `\\`, so it is quoted where it is to be pasted.
    SshUser, "user name", "letters, digits and marks, but no blanks, quotes, brackets or `;&<>|`, and no `-` first; at most 255",
    |text| begins_with(text, |c| c != '-')
        && text.len() <= 255
        && text.chars().all(|c| c.is_ascii_graphic() && !"'`\";&<>|(){}".contains(c))
        && !text.ends_with('\\')
);

validated!(
    /// The name of a machine: also a folder's name and a context's name in a kubeconfig.
    MachineName, "machine name", "a letter or digit, then letters, digits, `.`, `_`, `-`; at most 64",
    |text| begins_with(text, |c| c.is_ascii_alphanumeric())
        && text.len() <= 64
        && !text.contains("..")
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
);

validated!(
    /// The name of a docker context (docker/cli: cli/context/store/store.go); `default` is docker's own word for none.
    DockerContextName, "name of a docker context", "a letter or digit, then one or more letters, digits, `_`, `.`, `+`, `-`; not `default`",
    |text| begins_with(text, |c| c.is_ascii_alphanumeric())
        && text != "default"
        && (2..=128).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.+-".contains(c))
);

validated!(
    /// The name of a service or a flavour.
    ServiceName, "service name", "small letters, digits and `-`; at most 32",
    |text| begins_with(text, |c| c.is_ascii_lowercase())
        && text.len() <= 32
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
);

validated!(
    /// A path in the guest, absolute, below the login user's home (`~/`) or below that user's runtime folder
    /// (`%t/`, as systemd calls it). The characters are such that no shell needs quotes around it.
    GuestPath, "path in the guest", "absolute, `~/…` or `%t/…`; letters, digits and `._/@:+-`, no `..`",
    |text| (text.starts_with('/') || text.starts_with("~/") || text.starts_with("%t/"))
        && text.len() <= 255
        && !text.contains("..")
        && text.trim_start_matches("%t").chars().skip(1).all(|c| c.is_ascii_alphanumeric() || "._/@:+-".contains(c))
);

validated!(
    /// The runtime folder of a user in the guest (`pam_systemd(8)`).
    RuntimeFolder, "runtime folder", "`/run/user/` and a number",
    |text| text.strip_prefix("/run/user/").is_some_and(|user| {
        (1..=10).contains(&user.len()) && user.chars().all(|c| c.is_ascii_digit())
    })
);

validated!(
    /// A [`GuestPath`] in which a whole part may be `*`, for any one name.
    GuestPattern, "pattern of paths in the guest", "a path in which a whole part may be `*`",
    |text| GuestPath::parse(&text.replace("/*/", "/x/")).is_ok()
);

validated!(
    /// `VARIANT_ID` of `/etc/os-release` (`os-release(5)`).
    VariantId, "VARIANT_ID", "small letters, digits and `._-`; at most 32",
    |text| (1..=32).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
);

validated!(
    /// The name of a value that templates can hold.
    ValueName, "value name", "small letters and `_`; at most 32",
    |text| (1..=32).contains(&text.len()) && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
);

validated!(
    /// The path of a GET request to a service's API.
    ApiPath, "API path", "`/`, then letters, digits and `._/-`",
    |text| text.starts_with('/')
        && text.len() <= 255
        && !text.contains("..")
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c))
);

validated!(
    /// A JSON pointer (RFC 6901) without escapes.
    JsonPointer, "JSON pointer", "`/name/name`",
    |text| text.starts_with('/')
        && text.len() <= 255
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c))
);

validated!(
    /// A version of Docker's API.
    ApiVersion, "API version", "`N.N`",
    |text| text.split_once('.').is_some_and(|parts| {
        [parts.0, parts.1].iter().all(|n| (1..=3).contains(&n.len()) && n.chars().all(|c| c.is_ascii_digit()))
    })
);

validated!(
    /// The name of a systemd unit, no alias; `.service` at its end may be left out.
    UnitName, "unit name", "letters, digits and `._@:-`",
    |text| begins_with(text, |c| c.is_ascii_alphanumeric())
        && text.len() <= 128
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._@:-".contains(c))
);

validated!(
    /// The name of a variable that a shell exports.
    VariableName, "variable name", "letters, digits and `_`, not beginning with a digit",
    |text| begins_with(text, |c| c.is_ascii_alphabetic() || c == '_')
        && text.len() <= 64
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
);

validated!(
    /// A version as a server reports it: `v1.36.3`, `20.10.24+dfsg1`, `v1.31.5+k3s1`.
    Version, "version", "`N.N`, more numbers and a suffix of letters, digits and `.+~-`; at most 64", is_version
);

validated!(
    /// A bearer token (RFC 6750, with the length a header still carries).
    Token, "token", "letters, digits and `._~+/=-`; at most 8192",
    |text| !text.is_empty()
        && text.len() <= 8192
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._~+/=-".contains(c))
);

validated!(
    /// A service account's token: a JSON Web Token (RFC 7519), three parts in base64url.
    AccountToken, "service account token", "three parts of letters, digits, `_` and `-`; at most 8192",
    |text| text.len() <= 8192
        && text.split('.').count() == 3
        && text.split('.').all(|part| !part.is_empty()
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)))
);

validated!(
    /// A value of `/etc/os-release` as it may stand between double quotes in any shell.
    ReleaseValue, "value of os-release", "letters, digits, blanks and `._()+:/,-`; at most 128",
    |text| text.len() <= 128 && text.chars().all(|c| c.is_ascii_alphanumeric() || " ._()+:/,-".contains(c))
);

validated!(
    /// The name of a context in a kubeconfig, which comes from the guest and may be typed: it is quoted where it is to be pasted.
    KubeContextName, "name of a context", "letters, digits, blanks and marks, but no backtick, and no `-` first; at most 253",
    |text| begins_with(text, |c| c != '-' && c != ' ')
        && text.len() <= 253
        && !text.ends_with(' ')
        && text.chars().all(|c| (c.is_ascii_graphic() || c == ' ') && c != '`')
);

validated!(
    /// Names of contexts that begin alike: `kind-*`.
    KubeContextPattern, "pattern of contexts", "letters, digits, `_`, `.` and `-`, then `*`",
    |text| text.strip_suffix('*').is_some_and(|start| !start.is_empty()
        && start.len() <= 64
        && start.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)))
);

impl KubeContextPattern {
    /// What `*` stands for in `name`; none when that is no such name.
    pub(crate) fn rest_of<'n>(&self, name: &'n KubeContextName) -> Option<&'n str> {
        name.0.strip_prefix(self.0.strip_suffix('*')?).filter(|rest| !rest.is_empty())
    }
}

impl GuestPath {
    /// How a path below the login user's home begins.
    pub(crate) const HOME: &str = "~/";
    /// How a path below the login user's runtime folder begins.
    pub(crate) const RUNTIME: &str = "%t/";

    /// The same path with what `%t/` stands for; none for one below `~/`, or where that is not known.
    pub(crate) fn absolute(&self, runtime: Option<&RuntimeFolder>) -> Option<Self> {
        match self.0.strip_prefix(Self::RUNTIME) {
            Some(rest) => Some(Self(format!("{}/{rest}", runtime?))),
            None => self.0.starts_with('/').then(|| self.clone()),
        }
    }

    /// The file `name` in this folder.
    #[must_use]
    pub(crate) fn child(&self, name: &'static str) -> Self {
        Self(format!("{}/{name}", self.0))
    }
}

impl From<IpAddr> for HostName {
    fn from(address: IpAddr) -> Self {
        Self(address.to_string())
    }
}

impl From<&DnsName> for HostName {
    fn from(name: &DnsName) -> Self {
        Self(name.0.clone())
    }
}

impl UnitName {
    /// The name with its suffix.
    pub(crate) fn full(&self) -> String {
        let kind = self.0.rsplit_once('.').map(|(_, kind)| kind);
        let has_kind = kind.is_some_and(|kind| UNIT_KINDS.contains(&kind));
        if has_kind { self.0.clone() } else { format!("{}.service", self.0) }
    }

    /// The name without `.service`, by which the facts know it.
    pub(crate) fn short(&self) -> &str {
        self.0.strip_suffix(".service").unwrap_or(&self.0)
    }
}

impl From<&GuestPath> for GuestPattern {
    fn from(path: &GuestPath) -> Self {
        Self(path.0.clone())
    }
}

impl GuestPattern {
    /// True when `path` is one of those meant.
    pub(crate) fn matches(&self, path: &GuestPath) -> bool {
        let (pattern, path) = (self.0.split('/'), path.0.split('/'));
        pattern.clone().count() == path.clone().count()
            && pattern.zip(path).all(|(wanted, part)| wanted == "*" && !part.is_empty() || wanted == part)
    }

    /// The part before the first `*`.
    pub(crate) fn folder(&self) -> &str {
        self.0.split("/*").next().unwrap_or_default()
    }

    /// The path, when only one is meant.
    pub(crate) fn path(&self) -> Option<GuestPath> {
        GuestPath::parse(&self.0).ok()
    }
}

validated!(
    /// The name of a client's program on the host, without `.exe`: also a file's name.
    ProgramName, "program name", "a letter or digit, then letters, digits, `_` and `-`; at most 32",
    |text| begins_with(text, |c| c.is_ascii_alphanumeric())
        && text.len() <= 32
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
);

validated!(
    /// The name of a file in an archive, in which one `*` stands for any text.
    MemberPattern, "file name", "a letter or digit, then letters, digits, `._-` and one `*` at most",
    |text| begins_with(text, |c| c.is_ascii_alphanumeric())
        && text.len() <= 64
        && text.matches('*').count() <= 1
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-*".contains(c))
);

validated!(
    /// Where a publisher has checksums: a file beside the release, or with a leading dot what to append to its name.
    ChecksumName, "name of a checksum file", "letters, digits and `._-`",
    |text| text.len() <= 64
        && !text.contains("..")
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
);

validated!(
    /// The commit that a release was built from, shortened or not.
    Commit, "commit", "7 to 40 hexadecimal digits, small letters",
    |text| (7..=40).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
);

validated!(
    /// A word for a version that a publisher keeps moving: `stable`, `stable-1.31`.
    VersionAlias, "version's alias", "a small letter, then small letters, digits, `.` and `-`; at most 32",
    |text| begins_with(text, |c| c.is_ascii_lowercase())
        && text.len() <= 32
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c))
);

validated!(
    /// A [`VersionAlias`] in which `{minor}` stands for the first two numbers of a version.
    AliasPattern, "version's alias", "a word, and `{minor}` at most once",
    |text| text.len() <= 32
        && text.matches("{minor}").count() <= 1
        && VersionAlias::parse(&text.replace("{minor}", "0.0")).is_ok()
);

validated!(
    /// The host of a registry of images (Docker's reference grammar).
    ImageRegistry, "registry", "`HOST` or `HOST:PORT`",
    |text| {
        let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
        let is_port = |port: &str| (1..=5).contains(&port.len()) && port.chars().all(|c| c.is_ascii_digit());
        HostName::parse(host).is_ok() && port.is_none_or(is_port)
    }
);

validated!(
    /// The name of an image without registry and tag (Docker's reference grammar).
    ImageName, "name of an image", "parts of small letters, digits, `.`, `_` and `-`, with `/` between them; at most 255",
    |text| {
        let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let is_part = |part: &str| {
            part.starts_with(is_inner)
                && part.ends_with(is_inner)
                && part.chars().all(|c| is_inner(c) || "._-".contains(c))
                && !part.contains("..")
                && !part.contains("___")
        };
        text.len() <= 255 && text.split('/').all(is_part)
    }
);

validated!(
    /// The tag of an image (Docker's reference grammar).
    ImageTag, "tag of an image", "a letter, digit or `_`, then letters, digits, `.`, `_` and `-`; at most 128",
    |text| begins_with(text, |c| c.is_ascii_alphanumeric() || c == '_')
        && text.len() <= 128
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
);

impl AliasPattern {
    /// The minor version in `alias`, if it is one of those meant; empty where the pattern has none.
    pub(crate) fn minor<'a>(&self, alias: &'a VersionAlias) -> Option<&'a str> {
        let Some((begin, end)) = self.0.split_once("{minor}") else {
            return (alias.0 == self.0).then_some("");
        };
        let minor = alias.0.strip_prefix(begin)?.strip_suffix(end)?;
        let (major, rest) = minor.split_once('.')?;
        let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        (is_number(major) && is_number(rest)).then_some(minor)
    }
}

impl MemberPattern {
    /// True when `name` is one of those meant.
    pub(crate) fn matches(&self, name: &str) -> bool {
        match self.0.split_once('*') {
            Some((begin, end)) => {
                name.len() >= self.0.len() - 1 && name.starts_with(begin) && name.ends_with(end)
            }
            None => name == self.0,
        }
    }
}

/// The suffixes of units (`systemd.unit(5)`).
const UNIT_KINDS: [&str; 11] = [
    "service",
    "socket",
    "device",
    "mount",
    "automount",
    "swap",
    "target",
    "path",
    "timer",
    "slice",
    "scope",
];

/// A TCP port, 1 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16")]
pub(crate) struct Port(u16);

impl Port {
    /// The number.
    pub(crate) fn number(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for Port {
    type Error = Invalid;

    fn try_from(number: u16) -> Result<Self, Invalid> {
        let invalid = Invalid { kind: "port", form: "1 to 65535" };
        (number != 0).then_some(Self(number)).ok_or(invalid)
    }
}

fn begins_with(text: &str, allowed: fn(char) -> bool) -> bool {
    text.chars().next().is_some_and(allowed)
}

/// An address that one interface leads to, with that interface's name or number.
fn is_scoped_address(text: &str) -> bool {
    let is_interface = |name: &str| {
        (1..=64).contains(&name.len())
            && begins_with(name, |c| c.is_ascii_alphanumeric())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    };
    text.split_once('%')
        .is_some_and(|(address, interface)| address.parse::<Ipv6Addr>().is_ok() && is_interface(interface))
}

fn is_dns_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A name that ends in a number is an address in one of its old spellings, such as 127.1.
    let is_address = text.rsplit('.').next().is_some_and(|last| last.chars().all(|c| c.is_ascii_digit()));
    text.len() <= 253 && text.split('.').all(label) && !is_address
}

fn is_version(text: &str) -> bool {
    let numbers = text.strip_prefix('v').unwrap_or(text);
    let end = numbers.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(numbers.len());
    let (numbers, suffix) = numbers.split_at(end);
    let numbers = numbers.strip_suffix('.').filter(|_| !suffix.is_empty()).unwrap_or(numbers);
    text.len() <= 64
        && !text.contains("..")
        && numbers.split('.').count() >= 2
        && numbers.split('.').all(|number| (1..=9).contains(&number.len()))
        && suffix.chars().all(|c| c.is_ascii_alphanumeric() || ".+~-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a hostile guest or file would try anywhere.
    const HOSTILE: [&str; 14] = [
        "",
        "$(id)",
        "`id`",
        "a'b",
        "a\"b",
        "a\nexport X=1",
        "a\0b",
        "\x1b[31m",
        "-oProxyCommand=id",
        "../../x",
        "a b;id",
        "a&b",
        "é\u{202e}",
        "a\\b",
    ];

    #[test]
    fn images_are_named_as_docker_names_them() {
        for registry in ["docker.io", "registry.example:5000", "192.0.2.7:5000", "localhost"] {
            assert!(ImageRegistry::parse(registry).is_ok(), "{registry}");
        }
        for registry in ["docker.io/x", "http://x", "x:", "x:a", "x:1:2", "u@x", "-x"] {
            assert!(ImageRegistry::parse(registry).is_err(), "{registry}");
        }
        for name in ["openshift/origin", "a", "a-b/c_d/e.f", "a--b", "a__b"] {
            assert!(ImageName::parse(name).is_ok(), "{name}");
        }
        for name in ["Openshift", "/a", "a/", "a//b", "a:b", "a@b", "-a", "a-", "a..b", "a___b"] {
            assert!(ImageName::parse(name).is_err(), "{name}");
        }
        assert!(ImageTag::parse("v1.3.1").is_ok() && ImageTag::parse(&"a".repeat(128)).is_ok());
        for tag in ["-v1", ".v1", "v1/2", "v1:2", "a b"] {
            assert!(ImageTag::parse(tag).is_err(), "{tag}");
        }
        assert!(ImageTag::parse(&"a".repeat(129)).is_err());
    }

    #[test]
    fn a_path_of_the_users_own_becomes_absolute() {
        let runtime = RuntimeFolder::parse("/run/user/1000").unwrap();
        let absolute = |path: &str, runtime: Option<&RuntimeFolder>| {
            GuestPath::parse(path).unwrap().absolute(runtime).map(|path| path.to_string())
        };
        assert_eq!(absolute("%t/docker.sock", Some(&runtime)).as_deref(), Some("/run/user/1000/docker.sock"));
        assert_eq!(absolute("/run/docker.sock", None).as_deref(), Some("/run/docker.sock"));
        assert_eq!(absolute("%t/docker.sock", None), None);
        assert_eq!(absolute("~/docker.sock", Some(&runtime)), None);
    }

    #[test]
    fn users_and_hosts_are_what_ssh_takes() {
        for user in ["dev", "CORP\\a", "1234567", "a$", "a@corp.example", "_x", "a.b-c", "a+b", "x~y"] {
            assert!(SshUser::parse(user).is_ok(), "{user}");
        }
        for user in
            ["-a", "a b", "a;b", "a\\", "a(b", "a'b", "a\"b", "a`b", "a&b", "a<b", "a|b", "a{b", "\u{e9}"]
        {
            assert!(SshUser::parse(user).is_err(), "{user}");
        }
        for host in ["my_vm", "vm.example.", "_x", "x_"] {
            assert!(HostName::parse(host).is_ok(), "{host}");
        }
        for host in ["vm..", ".", "-a", "a b", "a/b", "a@b", "fe80::1%eth0"] {
            assert!(HostName::parse(host).is_err(), "{host}");
        }
        for host in ["my_vm", "192.0.2.7", "fe80::1", "fe80::1%eth0", "fe80::1%br-1a.100", "fe80::1%3"] {
            assert!(SshHost::parse(host).is_ok(), "{host}");
        }
        for host in
            ["fe80::1%", "fe80::1%$(id)", "fe80::1%a b", "192.0.2.7%eth0", "vm%eth0", "%eth0", "fe80::1%a%b"]
        {
            assert!(SshHost::parse(host).is_err(), "{host}");
        }
        assert!(SshHost::parse(&format!("fe80::1%{}", "a".repeat(65))).is_err());
    }

    #[test]
    fn no_kind_accepts_a_hostile_value() {
        for text in HOSTILE {
            assert!(HostName::parse(text).is_err(), "host name {text:?}");
            assert!(SshHost::parse(text).is_err(), "SSH host {text:?}");
            assert!(SshHost::parse(&format!("fe80::1%{text}")).is_err(), "interface {text:?}");
            assert!(DnsName::parse(text).is_err(), "DNS name {text:?}");
            assert!(SshUser::parse(text).is_err() || ["../../x", "a\\b"].contains(&text), "user {text:?}");
            assert!(MachineName::parse(text).is_err(), "machine {text:?}");
            assert!(DockerContextName::parse(text).is_err(), "docker context {text:?}");
            assert!(ServiceName::parse(text).is_err(), "service {text:?}");
            assert!(GuestPath::parse(text).is_err(), "path {text:?}");
            assert!(RuntimeFolder::parse(text).is_err(), "runtime folder {text:?}");
            let below = format!("/run/user/{text}");
            assert!(RuntimeFolder::parse(&below).is_err(), "runtime folder {below:?}");
            assert!(GuestPattern::parse(text).is_err(), "pattern {text:?}");
            assert!(VariantId::parse(text).is_err(), "variant {text:?}");
            assert!(ValueName::parse(text).is_err(), "value name {text:?}");
            assert!(AccountToken::parse(text).is_err(), "account token {text:?}");
            assert!(ApiPath::parse(text).is_err(), "API path {text:?}");
            assert!(ApiVersion::parse(text).is_err(), "API version {text:?}");
            assert!(JsonPointer::parse(text).is_err(), "pointer {text:?}");
            assert!(UnitName::parse(text).is_err(), "unit {text:?}");
            assert!(ImageRegistry::parse(text).is_err(), "registry {text:?}");
            assert!(ImageName::parse(text).is_err(), "image {text:?}");
            assert!(ImageTag::parse(text).is_err(), "tag {text:?}");
            assert!(ProgramName::parse(text).is_err(), "program {text:?}");
            assert!(MemberPattern::parse(text).is_err(), "member {text:?}");
            assert!(ChecksumName::parse(text).is_err(), "checksum file {text:?}");
            assert!(Commit::parse(text).is_err(), "commit {text:?}");
            assert!(VersionAlias::parse(text).is_err(), "alias {text:?}");
            assert!(VariableName::parse(text).is_err(), "variable {text:?}");
            assert!(Version::parse(text).is_err(), "version {text:?}");
            if !matches!(text, "" | "-oProxyCommand=id" | "../../x") {
                assert!(Token::parse(text).is_err(), "token {text:?}");
                assert!(ReleaseValue::parse(text).is_err(), "release value {text:?}");
            }
        }
    }

    #[test]
    fn megabytes_are_refused() {
        let long = "a".repeat(1 << 20);
        assert!(HostName::parse(&long).is_err());
        assert!(MachineName::parse(&long).is_err());
        assert!(Token::parse(&long).is_err());
        assert!(Version::parse(&format!("1.2-{long}")).is_err());
    }

    #[test]
    fn ordinary_values_are_accepted() {
        for text in ["localhost", "172.30.0.2", "::1", "api.crc.testing", "node-1"] {
            assert!(HostName::parse(text).is_ok(), "{text}");
        }
        for text in ["v1.36.3", "1.2", "20.10.24+dfsg1", "v1.31.5+k3s1", "v3.7.0+7ed6862", "1.10.0-rc.1"] {
            assert!(Version::parse(text).is_ok(), "{text}");
        }
        for text in ["/etc/kubernetes/admin.conf", "~/.kube/config"] {
            assert!(GuestPath::parse(text).is_ok(), "{text}");
        }
        for text in ["10.0.2.15", "127.1", "1"] {
            assert!(DnsName::parse(text).is_err(), "{text}");
        }
        assert!(ReleaseValue::parse("Atomic Developer Bundle (ADB)").is_ok());
    }

    #[test]
    fn a_pattern_means_one_name_in_place_of_its_star() {
        let pattern = GuestPattern::parse("/var/kubeadmin/*/kubeconfig").unwrap();
        let matches = |path| pattern.matches(&GuestPath::parse(path).unwrap());
        assert!(matches("/var/kubeadmin/node.example/kubeconfig"));
        assert!(!matches("/var/kubeadmin/kubeconfig"));
        assert!(!matches("/var/kubeadmin//kubeconfig"));
        assert!(!matches("/var/kubeadmin/a/b/kubeconfig"));
        assert_eq!(pattern.path(), None);
        assert!(GuestPattern::parse("/etc/k*s").is_err());
    }

    #[test]
    fn a_star_in_a_files_name_stands_for_any_text() {
        let matches = |pattern: &str, name| MemberPattern::parse(pattern).unwrap().matches(name);
        assert!(matches("podman-remote-static-linux_*", "podman-remote-static-linux_amd64"));
        assert!(matches("oc", "oc") && !matches("oc", "oc.exe") && !matches("oc", "doc"));
        assert!(!matches("a*a", "a"));
        assert!(MemberPattern::parse("a*b*").is_err() && MemberPattern::parse("*").is_err());
    }

    #[test]
    fn an_alias_may_hold_a_minor_version() {
        let minor = |pattern: &str, alias: &str| {
            let alias = VersionAlias::parse(alias).unwrap();
            AliasPattern::parse(pattern).unwrap().minor(&alias).map(ToOwned::to_owned)
        };
        assert_eq!(minor("stable-{minor}", "stable-1.31").as_deref(), Some("1.31"));
        assert_eq!(minor("stable", "stable").as_deref(), Some(""));
        for alias in ["stable", "stable-1", "stable-1.x", "stable-1.2.3", "stable-1.", "latest-1.2"] {
            assert_eq!(minor("stable-{minor}", alias), None, "{alias}");
        }
        assert!(AliasPattern::parse("{minor}-{minor}").is_err() && AliasPattern::parse("{major}").is_err());
    }

    #[test]
    fn a_unit_is_a_service_unless_it_says_otherwise() {
        let full = |name| UnitName::parse(name).unwrap().full();
        assert_eq!(full("docker"), "docker.service");
        assert_eq!(full("podman.socket"), "podman.socket");
        assert_eq!(full("snap.microk8s.daemon-kubelite"), "snap.microk8s.daemon-kubelite.service");
    }

    #[test]
    fn versions_of_an_api_are_two_numbers() {
        assert!(ApiVersion::parse("1.41").is_ok());
        for text in ["1", "1.", ".1", "1.41.0", "1.4 1", "1.4444", "v1.41"] {
            assert!(ApiVersion::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn versions_without_numbers_are_refused() {
        for text in ["1", "v", "v1.", "1..2", "latest", "1.2/x", "1.2..3-a"] {
            assert!(Version::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_context_has_a_name_that_can_be_shown_and_quoted() {
        let longest = "a".repeat(253);
        for name in
            ["kind-dev", "default/api:6443/kubeadmin", "a b", "arn:aws:eks:x:1:cluster/y", "$(id)", &longest]
        {
            assert!(KubeContextName::parse(name).is_ok(), "{name}");
        }
        for name in
            ["", "-", "-x", " a", "a ", "a\nb", "a`id`", "a\u{1b}[2J", "\u{202e}a", &format!("{longest}a")]
        {
            assert!(KubeContextName::parse(name).is_err(), "{name:?}");
        }
        let pattern = KubeContextPattern::parse("kind-*").unwrap();
        let rest = |name: &str| pattern.rest_of(&name.parse().unwrap()).map(str::to_owned);
        assert_eq!(rest("kind-a-b").as_deref(), Some("a-b"));
        assert_eq!((rest("kind-"), rest("kin"), rest("xkind-a")), (None, None, None));
        for text in ["*", "kind-", "kind-**", "kind*x", "`*", "$(id)*"] {
            assert!(KubeContextPattern::parse(text).is_err(), "{text}");
        }
    }
}
