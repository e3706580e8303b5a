//! Values that cross a border (from the guest, a file or the command line), each parsed into a type that
//! can hold nothing else. What does not parse is an error that names the value's kind, never its text:
//! the text may come from the guest.

mod address;
mod api;
mod image;
mod name;
mod of_guest;
mod release;
mod validation;

pub(crate) use self::address::{DnsName, HostName, Port, SshHost};
pub(crate) use self::api::{AccountToken, ApiPath, ApiVersion, JsonPointer, Token};
pub(crate) use self::image::{ImageName, ImageRegistry, ImageTag};
/// Acceptance tests use it too.
pub use self::name::VariableName;
pub(crate) use self::name::{
    DockerContextName, KubeContextName, KubeContextPattern, MachineName, ServiceName, SshUser, ValueName,
};
pub(crate) use self::of_guest::{
    AbsoluteGuestPath, ContainerName, ContainerPattern, GuestPath, GuestPattern, ReleaseValue, RuntimeFolder,
    UnitName, VariantId,
};
pub(crate) use self::release::{
    AliasPattern, ChecksumName, Commit, MemberPattern, ProgramName, Version, VersionAlias,
};
pub(crate) use self::validation::{Invalid, validated};

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
    fn containers_are_called_as_docker_calls_them() {
        let pattern = ContainerPattern::parse("k3d-*").unwrap();
        let matches = |name: &str| pattern.matches(&ContainerName::parse(name).unwrap());
        assert!(matches("k3d-registry") && matches("k3d-") && !matches("my-k3d-registry"));
        assert!(ContainerPattern::parse("*").unwrap().matches(&ContainerName::parse("x").unwrap()));
        for name in ["", "-x", ".x", "a b", "a/b", "$(id)", "a`id`", "a\nb", &"x".repeat(129)] {
            assert!(ContainerName::parse(name).is_err(), "{name:?}");
        }
        for text in ["", "x", "**", "a*b", "$(id)*"] {
            assert!(ContainerPattern::parse(text).is_err(), "{text:?}");
        }
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
            assert!(AbsoluteGuestPath::parse(text).is_err(), "path {text:?}");
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
}
