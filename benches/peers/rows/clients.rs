//! What goes to publishers, for whom a server on this host stands in.

use std::cell::LazyCell;
use std::fs;
use std::process::Command;

use crate::measure::{PAIRS, Pair, Row};
use crate::place::program;
use crate::table::Table;
use service_manager_test_support::publisher::{Publisher, tgz, zip};

pub(crate) fn measure(table: &mut Table) {
    let home = tempfile::tempdir().unwrap();
    let publisher = LazyCell::new(Publisher::start);
    let ours = |arguments: &str| {
        let mut command = program(home.path(), arguments);
        command.envs(publisher.variables());
        command
    };
    table.row(Row::new("install-cli (cached)", "true").millis(5.0).pairs(PAIRS * 5), || {
        publisher.offers_with_checksum(KUBECTL, "a program");
        let cached = || ours("install-cli kubernetes --cli-version 1.36.3");
        Ok(Pair::new(cached, || Command::new("true")))
    });
    // As large as real ones are packed, and as hard to unpack: half of it is noise.
    let large = LazyCell::new(|| content(96 << 20));
    for kind in [Kind::Tgz, Kind::Zip] {
        let name = format!("install-cli (50 MB {})", kind.extension());
        let cache = home.path().join("bin/docker");
        let install = || {
            // An error is that of the first time, when there is none.
            let _ = fs::remove_dir_all(&cache);
            ours(&format!("-q install-cli docker --cli-version 99.0.0 --platform {}", kind.platform()))
        };
        let by_hand = tempfile::tempdir().unwrap();
        let path = kind.path();
        let offer = || publisher.offers(&format!("https://{path}"), kind.packed(&large));
        let row = Row::new(&name, format!("curl, sha256sum, {}", kind.unpacks())).ratio(1.15);
        table.row(row, || {
            offer();
            let [(_, authority), _] = publisher.variables();
            let line = format!(
                "curl --silent --show-error --fail --cacert {authority} --output a https://{}/{path} && \
                 sha256sum a && {} a",
                publisher.address(),
                kind.unpacks()
            );
            let theirs = move || {
                let mut command = Command::new("sh");
                command.args(["-c", &line]).current_dir(by_hand.path());
                command
            };
            Ok(Pair::new(install, theirs))
        });
        table.memory(Row::new(&name, "its memory").mebibytes(20.0), || {
            offer();
            install()
        });
    }
}

/// How a client is packed.
#[derive(Clone, Copy)]
enum Kind {
    Tgz,
    Zip,
}

impl Kind {
    fn extension(self) -> &'static str {
        match self {
            Self::Tgz => "tgz",
            Self::Zip => "zip",
        }
    }

    fn platform(self) -> &'static str {
        match self {
            Self::Tgz => "linux/amd64",
            Self::Zip => "windows/amd64",
        }
    }

    /// Where Docker's own publisher has it.
    fn path(self) -> &'static str {
        match self {
            Self::Tgz => "download.docker.com/linux/static/stable/x86_64/docker-99.0.0.tgz",
            Self::Zip => "download.docker.com/win/static/stable/x86_64/docker-99.0.0.zip",
        }
    }

    fn unpacks(self) -> &'static str {
        match self {
            Self::Tgz => "tar xzf",
            Self::Zip => "unzip -oq",
        }
    }

    fn packed(self, content: &[u8]) -> Vec<u8> {
        match self {
            Self::Tgz => tgz(&[("docker/docker", content)]),
            Self::Zip => zip(&[("docker/docker.exe", content)]),
        }
    }
}

/// Bytes of which every other block can be packed well.
fn content(length: usize) -> Vec<u8> {
    let mut noise = 1_u64;
    let mut content = Vec::with_capacity(length);
    while content.len() < length {
        for _ in 0..512 {
            // Marsaglia's xorshift64.
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            content.extend_from_slice(&noise.to_le_bytes());
        }
        content.extend_from_slice(&[b'a'; 4096]);
    }
    content
}

const KUBECTL: &str = "https://dl.k8s.io/release/v1.36.3/bin/linux/amd64/kubectl";
