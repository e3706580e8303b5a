//! The way on which a guest gets packages (`guest/package-proxy`).

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::guest::Guest;
use crate::places::repository;

/// A proxy that a guest reaches, and that leads to wherever the guest's own lists say.
pub struct PackageProxy {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
    child: Child,
    _stdin: Option<ChildStdin>,
}

impl PackageProxy {
    /// One for `guest`, written `HOST:PORT`.
    pub fn for_guest(guest: &Guest) -> Self {
        let gateway = guest.run("ip -4 route show default | cut --delimiter=' ' --fields=3");
        let gateway = gateway.trim();
        let folder = fs::canonicalize(guest.folder().join("../../")).unwrap().join("packages");
        let mut child = Command::new(repository().join("tests/acceptance/guest/package-proxy"))
            .arg(gateway)
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next().expect("it listens").unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let known = Arc::clone(&requests);
        thread::spawn(move || lines.map_while(Result::ok).for_each(|line| known.lock().unwrap().push(line)));
        let stdin = child.stdin.take();
        Self { address: format!("{gateway}:{port}"), requests, child, _stdin: stdin }
    }

    /// Its address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What was asked for since the last time.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

impl Drop for PackageProxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
