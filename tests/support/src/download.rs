//! A user who installs kubectl from a publisher that has it.

use std::fs;
use std::path::Path;

use crate::publisher::{Publisher, script};
use crate::user::User;

/// A user, and all publishers.
pub struct Download {
    pub publisher: Publisher,
    pub user: User<'static>,
}

impl Download {
    pub fn new() -> Self {
        let publisher = Publisher::start();
        publisher.offers_with_checksum(KUBECTL, kubectl());
        let user = User::new().with_publisher(&publisher);
        Self { publisher, user }
    }

    /// It is installed, it runs, and nothing else is in the cache.
    #[track_caller]
    pub fn succeeds(&self) {
        self.user.types(format!("eval \"$({INSTALL})\" && kubectl")).stdout("kubectl 1.36.3\n").succeeds();
        assert_eq!(self.user.clients(), INSTALLED);
    }

    /// It fails as expected; nothing is in the cache, and `eval` fails too.
    #[track_caller]
    pub fn fails(&self, errors: &str) {
        self.user.complains(INSTALL, 126, errors);
        assert_eq!(self.user.clients(), [""; 0]);
    }
}

impl User<'_> {
    /// The line fails, with nothing for `eval` but that failure, and these are its errors.
    #[track_caller]
    pub fn complains(&self, line: &str, code: i32, errors: &str) {
        let line = line.replace("service-manager -q", "service-manager");
        let written = format!(
            "{line} 2>&1 >out | grep --extended-regexp '^(error|caused by|hint): '; code=${{PIPESTATUS[0]}}; \
             [ \"$(cat out)\" = \"(exit $code)\" ] || cat out; exit $code"
        );
        self.types(written).stdout(errors).fails(code);
    }

    /// The files in the cache of clients.
    pub fn clients(&self) -> Vec<String> {
        self.files_below(".local/share/service-manager/bin")
    }

    /// The files and empty folders below a folder of the home folder, in their order.
    pub fn files_below(&self, folder: &str) -> Vec<String> {
        let folder = self.home().join(folder);
        let mut files = Vec::new();
        collect(&folder, &folder, &mut files);
        files.sort();
        files
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap();
        if !path.is_dir() {
            files.push(name.to_owned());
        } else if fs::read_dir(&path).unwrap().next().is_none() {
            files.push(format!("{name}/"));
        } else {
            collect(root, &path, files);
        }
    }
}

/// A kubectl that says its version.
pub fn kubectl() -> Vec<u8> {
    script("kubectl 1.36.3", 300_000)
}

/// Where it is published.
pub const KUBECTL: &str = "https://dl.k8s.io/release/v1.36.3/bin/linux/amd64/kubectl";
pub const INSTALL: &str = "service-manager -q install-cli kubernetes --cli-version 1.36.3";
/// What is in the cache when it is there.
pub const INSTALLED: [&str; 3] =
    ["kubernetes/1.36.3/.lock", "kubernetes/1.36.3/.receipt.json", "kubernetes/1.36.3/kubectl"];
