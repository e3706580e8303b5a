//! `install.sh`: a release on a publisher's server, installed, replaced and removed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use service_manager_test_support::publisher::{Publisher, sha256};
use service_manager_test_support::{User, program, repository, temporary};

/// A publisher of releases, and somebody who installs from it.
struct Releases {
    publisher: Publisher,
    user: User<'static>,
}

impl Releases {
    fn new() -> Self {
        let publisher = Publisher::start();
        let user = User::new()
            .with_publisher(&publisher)
            .with("SERVICE_MANAGER_RELEASES", &format!("https://{}/releases.example", publisher.address()))
            .with("INSTALL", &repository().join("install.sh").display().to_string());
        Self { publisher, user }
    }

    fn offers(&self, version: &str) -> &Self {
        let archive = fs::read(&*ARCHIVE).unwrap();
        let sums = format!("{}  {}\n", sha256(&archive), name(version));
        self.offers_sums(version, &sums)
    }

    fn offers_sums(&self, version: &str, sums: &str) -> &Self {
        let folder = format!("https://releases.example/v{version}");
        self.publisher
            .offers(&format!("{folder}/{}", name(version)), fs::read(&*ARCHIVE).unwrap())
            .offers(&format!("{folder}/SHA256SUMS"), sums);
        self
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn name(version: &str) -> String {
    format!("service-manager-{version}-{}-unknown-linux-gnu.tar.gz", std::env::consts::ARCH)
}

/// The program that is tested, without what only a debugger needs, packed as a release is.
static ARCHIVE: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = temporary().join("release");
    fs::create_dir_all(&folder).unwrap();
    let stripped = folder.join("service-manager");
    fs::write(&stripped, program("service-manager")).unwrap();
    run(Command::new("strip").arg(&stripped));
    run(Command::new("chmod").arg("755").arg(&stripped));
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let archive = Command::new(repository().join("tools/archive"))
        .arg(&folder)
        .arg(target)
        .arg(stripped)
        .output()
        .unwrap();
    assert!(archive.status.success(), "{}", String::from_utf8_lossy(&archive.stderr));
    PathBuf::from(String::from_utf8(archive.stdout).unwrap().trim_end())
});

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

const FILES: &str = "bin/service-manager share/man/man1/service-manager-env.1 share/bash-completion/completions/service-manager \
    share/doc/service-manager/LICENSE";

#[test]
fn installs_replaces_and_removes() {
    let releases = Releases::new();
    releases.offers(VERSION);
    let user = &releases.user;
    user.types("sh $INSTALL --prefix ~/tools 2>log; tail -n 2 log; ~/tools/bin/service-manager --version")
        .stdout(&format!(
            "service-manager {VERSION} is now [HOME]/tools/bin/service-manager, verified by SHA-256\n\
             hint: put it on your PATH: export PATH=\"[HOME]/tools/bin:$PATH\"\nservice-manager {VERSION}\n"
        ))
        .succeeds();
    user.types(format!(
        "cd tools && ls {FILES} >/dev/null && man -l share/man/man1/service-manager.1 >/dev/null"
    ))
    .succeeds();

    // What an older version had and this one has not goes away; what is yours stays.
    user.types("echo share/man/man1/service-manager-old.1 >>tools/share/service-manager/installed")
        .succeeds();
    user.writes("tools/share/man/man1/service-manager-old.1", "old");
    user.writes("tools/bin/mine", "mine");
    user.types("PATH=~/tools/bin:$PATH sh $INSTALL --prefix tools")
        .stderr(&format!(
            "service-manager {VERSION} is now [HOME]/tools/bin/service-manager, verified by SHA-256\n"
        ))
        .succeeds();
    assert!(!user.home().join("tools/share/man/man1/service-manager-old.1").exists());

    user.types("sh $INSTALL --uninstall --prefix tools 2>/dev/null").succeeds();
    assert_eq!(user.files_below("tools"), ["bin/mine"]);
    user.types("sh $INSTALL --uninstall --prefix tools")
        .stderr(
            "error: [HOME]/tools/share/service-manager/installed is missing: this script has installed nothing below [HOME]/tools\n\
             hint: name the folder with --prefix\n",
        )
        .fails(1);
}

#[test]
fn installs_nothing_that_is_not_what_the_release_says() {
    let releases = Releases::new();
    let wrong = format!("{}  {}\n", sha256(b"another"), name("1.0.0"));
    releases.offers_sums("1.0.0", &wrong).offers_sums("1.0.1", "").offers_sums("1.0.2", &wrong);
    let user = &releases.user;
    for (version, error) in [
        ("1.0.0", "is not what the release says: SHA-256"),
        ("1.0.1", "release 1.0.1 has no build for"),
        // Its sums name another version's file.
        ("1.0.2", "release 1.0.2 has no build for"),
        ("9.9.9", "there is no release 9.9.9 for you"),
        ("../../x", "'../../x' is no version"),
        ("$(touch x)", "'$(touch x)' is no version"),
    ] {
        let (version, error) = (shlex::try_quote(version).unwrap(), shlex::try_quote(error).unwrap());
        user.types(format!(
            "sh $INSTALL --prefix tools --version {version} 2>&1 | grep --count --fixed-strings {error}"
        ))
        .stdout("1\n")
        .succeeds();
    }
    user.types("SERVICE_MANAGER_RELEASES=http://localhost/ sh $INSTALL --prefix tools")
        .stderr("error: SERVICE_MANAGER_RELEASES is 'http://localhost/', which is neither https:// nor file:///\n")
        .fails(1);
    assert_eq!(user.files_below("."), [""; 0]);
}

#[test]
fn says_where_it_may_not_write() {
    let releases = Releases::new();
    releases.offers(VERSION);
    let user = &releases.user;
    user.writes("file", "");
    user.types("sh $INSTALL --prefix file/tools")
        .stderr("error: [HOME]/file/tools/share/service-manager cannot be made\nhint: name another folder with --prefix, or use sudo\n")
        .fails(1);
    // Root may write everywhere.
    user.types("[ $(id -u) != 0 ] || become='setpriv --reuid 65534 --clear-groups'; \
                chmod 755 ~; mkdir -p tools/share/service-manager; chmod -R 555 tools; \
                TMPDIR=/tmp $become sh $INSTALL --prefix tools")
        .stderr("error: you may not write in [HOME]/tools/share/service-manager\nhint: name another folder with --prefix, or use sudo\n")
        .fails(1);
}
