//! What a program runs on: the system and the processor, in Go's words, since most of the clients are written in Go.

use crate::base::types::{Invalid, validated};

validated!(
    /// A system and a processor: `linux/amd64`.
    Platform, "platform",
    "`SYSTEM/PROCESSOR`: linux, darwin, windows or freebsd; 386, amd64, arm64, armv5, armv6, armv7, ppc64le, riscv64 or \
    s390x",
    |text| text.split_once('/').is_some_and(|(system, processor)| {
        SYSTEMS.contains(&system) && PROCESSORS.contains(&processor)
    })
);

impl Platform {
    /// What this program itself runs on.
    ///
    /// Errors: a platform without a name here.
    pub(crate) fn host() -> Result<Self, Invalid> {
        let system = match std::env::consts::OS {
            "macos" => "darwin",
            system => system,
        };
        let processor = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            // One that can only do less is named with `--platform`.
            "arm" => "armv7",
            "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
            processor => processor,
        };
        Self::parse(&format!("{system}/{processor}"))
    }

    /// All that have a name.
    pub(crate) fn all() -> impl Iterator<Item = String> {
        SYSTEMS.into_iter().flat_map(|system| PROCESSORS.map(|processor| format!("{system}/{processor}")))
    }

    /// The name of the program called `name` there.
    pub(crate) fn program(&self, name: &str) -> String {
        if self.0.starts_with("windows/") { format!("{name}.exe") } else { name.to_owned() }
    }

    /// One whose programs run there too, since the system translates them.
    pub(crate) fn stand_in(&self) -> Option<Self> {
        let stand_in = match self.0.as_str() {
            "darwin/arm64" => "darwin/amd64",
            "windows/arm64" => "windows/amd64",
            _ => return None,
        };
        Some(Self(stand_in.to_owned()))
    }
}

const SYSTEMS: [&str; 4] = ["linux", "darwin", "windows", "freebsd"];
const PROCESSORS: [&str; 9] =
    ["386", "amd64", "arm64", "armv5", "armv6", "armv7", "ppc64le", "riscv64", "s390x"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_a_known_pair() {
        for text in ["linux/amd64", "darwin/arm64", "windows/386", "linux/armv6"] {
            assert!(Platform::parse(text).is_ok(), "{text}");
        }
        for text in
            ["", "linux", "linux/", "/amd64", "linux/x86_64", "plan9/amd64", "linux/amd64/x", "../amd64"]
        {
            assert!(Platform::parse(text).is_err(), "{text}");
        }
        assert!(Platform::host().is_ok());
    }

    #[test]
    fn programs_have_another_name_on_windows() {
        assert_eq!(Platform::parse("windows/amd64").unwrap().program("oc"), "oc.exe");
        assert_eq!(Platform::parse("linux/amd64").unwrap().program("oc"), "oc");
    }
}
