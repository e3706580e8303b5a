//! The test guests (`guest/README.md`). They are started when a test first wants them, shared by all test
//! processes and left running; `make guest-down` stops them.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::panic;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use tempfile::tempfile;

use crate::places::repository;
use crate::{rest, times};

/// A guest, held until it is dropped: shared with other tests, or by this one alone.
pub struct Guest {
    recipe: &'static Recipe,
    folder: &'static Path,
    /// What makes it again what it was; none where other tests use it at the same time.
    undo: Option<RefCell<Vec<String>>>,
    /// Unlocked when it is closed. A file and no `RwLock`: another test process has the same guests.
    lock: File,
    /// Whether its Kubernetes was woken for a test.
    is_awake: bool,
}

impl Guest {
    /// kubeadm; its certificate names the address that the host uses. For tests that change nothing there.
    pub fn kubeadm() -> Self {
        Self::shared(&KUBEADM)
    }

    /// kubeadm behind a NAT as `VirtualBox` makes it: its certificate names no address that the host could use.
    pub fn nat() -> Self {
        Self::shared(&NAT)
    }

    /// An SSH server and nothing else.
    pub fn light() -> Self {
        Self::shared(&LIGHT)
    }

    /// A Debian 12 without any service, as it comes from its packages; for this test alone, and new.
    pub fn stock_12() -> Self {
        Self::new(&STOCK_12)
    }

    /// The same of Debian 13.
    pub fn stock_13() -> Self {
        Self::new(&STOCK_13)
    }

    /// One for this test alone, laid out as `flavour` with `certificate`.
    pub fn own(flavour: &str, certificate: &str) -> Self {
        let layout = format!("{flavour} {certificate}");
        let mut guest = times::took("wait", &layout, || Self::exclusive(&layout));
        // Left by a test that was killed: nobody knows what it had changed.
        if guest.in_use().exists() {
            times::took("boot", guest.name(), || guest.recipe.remake());
        }
        fs::write(guest.in_use(), "").unwrap();
        guest.wakes();
        guest.undo = Some(RefCell::default());
        if guest.is_laid_out_as(&layout) {
            // A server may have ended while it rested, or just begun again.
            let ready = format!("[ ! -e /var/lib/lay-out/port ] || timeout 20 {UNTIL_READY}");
            times::took("ready", &layout, || guest.exec(&ready, ""));
        } else {
            let _ = fs::remove_file(guest.folder.join(LAYOUT));
            // A Kubernetes that was there before may have started a Docker. A server that fails once on a busy host is no fault of
            // what is tested.
            let anew = format!("lay-out-docker stopped; lay-out {layout} || lay-out {layout}");
            times::took("lay-out", &layout, || guest.run(&anew));
        }
        fs::write(guest.folder.join(LAYOUT), format!("{}\t{layout}", guest.uses() + 1)).unwrap();
        guest
    }

    pub fn name(&self) -> &'static str {
        self.recipe.name
    }

    /// Its folder: `address`, `keys/`, `ssh_config`.
    pub fn folder(&self) -> &'static Path {
        self.folder
    }

    pub fn address(&self) -> String {
        fs::read_to_string(self.folder.join("address")).unwrap().trim().to_owned()
    }

    /// Runs a line of bash in it, as root, and returns what it printed.
    #[track_caller]
    pub fn run(&self, line: &str) -> String {
        self.run_with(line, "")
    }

    /// As [`Self::run`], with something to read for the line.
    #[track_caller]
    pub fn run_with(&self, line: &str, input: &str) -> String {
        let output = times::took("run", line, || self.exec(line, input));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "in the guest `{}`: {line}\n{said}", self.name());
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Copies a file of this host into it.
    #[track_caller]
    pub fn brings(&self, from: &Path, to: &str) {
        let root = PathBuf::from(format!("/proc/{}/root", self.first_process()));
        fs::copy(from, root.join(to.trim_start_matches('/'))).unwrap();
    }

    /// Changes the guest; `undo` is run when it is dropped, even by a test that fails.
    #[track_caller]
    pub fn changes(&self, line: &str, undo: &str) {
        let all = self.undo.as_ref().expect("only a guest of the test's own is changed");
        all.borrow_mut().push(undo.to_owned());
        times::took("change", line, || self.run(line));
    }

    #[track_caller]
    pub fn stops(&self, unit: &str) {
        // What systemd had to kill on a busy host counts as failed, and not as stopped.
        let stop = format!("systemctl stop {unit}; systemctl reset-failed {unit} 2>/dev/null || true");
        self.changes(&stop, &format!("systemctl start {unit}; {UNTIL_READY}"));
    }

    /// Starts a unit anew, with its file changed by an expression for `sed`.
    #[track_caller]
    pub fn restarts(&self, unit: &str, expression: &str) {
        let file = format!("/etc/systemd/system/{unit}.service");
        let restart = format!("systemctl daemon-reload; systemctl restart {unit}; {UNTIL_READY}");
        let edit = format!("cp {file} {file}.original; sed --in-place '{expression}' {file}");
        self.changes(&format!("{edit}; {restart}"), &format!("mv {file}.original {file}; {restart}"));
    }

    /// Replaces a file's content; owner and mode stay.
    #[track_caller]
    pub fn replaces(&self, path: &str, content: &str) {
        let undo = format!("[ ! -e {path}.original ] || mv {path}.original {path}");
        self.changes(&format!("[ -e {path}.original ] || cp -a {path} {path}.original"), &undo);
        self.run_with(&format!("cat >{path}"), content);
    }

    /// Has another container engine, or Docker set up in another way: a kind of `lay-out-docker`. Else it is stopped.
    #[track_caller]
    pub fn lays_out_docker(&self, kind: &str) {
        self.changes(&format!("lay-out-docker {kind}"), "lay-out-docker stopped");
    }

    /// Has its firewall let nobody in but to port 22, as behind a NAT.
    #[track_caller]
    pub fn hides(&self) {
        let rule = "INPUT --in-interface eth0 --protocol tcp ! --dport 22 --jump DROP";
        self.changes(
            &format!("iptables --insert {rule} --match conntrack --ctstate NEW"),
            &format!("iptables --delete {rule} --match conntrack --ctstate NEW"),
        );
    }

    /// Undoes what was changed so far.
    #[track_caller]
    pub fn changes_back(&self) {
        assert!(self.has_undone_all(), "`{}` is not what it was", self.name());
    }

    /// Undoes the last change alone.
    #[track_caller]
    pub fn changes_last_back(&self) {
        let undo = self.undo.as_ref().and_then(|all| all.borrow_mut().pop());
        self.run(&undo.expect("there is a change"));
    }

    /// The last lines of its journal.
    pub fn journal(&self) -> String {
        let output = self.exec("journalctl --no-pager --lines=15 | cut --characters=-200", "");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A guest that nobody has used.
    fn new(recipe: &'static Recipe) -> Self {
        let (folder, lock) = recipe.start();
        lock.lock().unwrap();
        let guest = Self { recipe, folder, undo: Some(RefCell::default()), lock, is_awake: false };
        if guest.in_use().exists() {
            times::took("boot", guest.name(), || recipe.remake());
        }
        // Stays: what is installed there is not taken away again.
        fs::write(guest.in_use(), "").unwrap();
        guest
    }

    fn shared(recipe: &'static Recipe) -> Self {
        let (folder, lock) = recipe.start();
        lock.lock_shared().unwrap();
        let mut guest = Self { recipe, folder, undo: None, lock, is_awake: false };
        guest.wakes();
        guest
    }

    /// A spare guest that nobody uses: one that is laid out so already, else a new one, else the one whose layout was
    /// wanted least often.
    fn exclusive(layout: &str) -> Self {
        let mut started = 0;
        loop {
            let free = SPARE[..started].iter().filter_map(Recipe::take);
            let best = free.min_by_key(|guest| (!guest.is_laid_out_as(layout), guest.uses()));
            let may_lay_out = |guest: &Self| started == SPARE.len() || guest.uses() == 0;
            match best.filter(|guest| guest.is_laid_out_as(layout) || may_lay_out(guest)) {
                Some(guest) => return guest,
                None if started < SPARE.len() => started += 1,
                None => thread::sleep(POLL),
            }
        }
    }

    /// How many tests have used its layout.
    fn uses(&self) -> u32 {
        self.layout().map_or(0, |(uses, _)| uses)
    }

    fn is_laid_out_as(&self, layout: &str) -> bool {
        self.layout().is_some_and(|(_, found)| found == layout)
    }

    fn layout(&self) -> Option<(u32, String)> {
        let text = fs::read_to_string(self.folder.join(LAYOUT)).ok()?;
        let (uses, layout) = text.split_once('\t')?;
        Some((uses.parse().ok()?, layout.to_owned()))
    }

    /// A file that is there while a test may change the guest.
    fn in_use(&self) -> PathBuf {
        self.folder.join("in-use")
    }

    /// Undoes the last change first. False when that does not work.
    fn has_undone_all(&self) -> bool {
        let Some(undo) = &self.undo else { return true };
        let lines: Vec<_> = undo.borrow().iter().rev().cloned().collect();
        let done = lines.is_empty()
            || times::took("undo", &lines.join("; "), || self.exec(&lines.join("\n"), "").status.success());
        if done {
            undo.borrow_mut().clear();
        }
        done
    }

    /// The number that its first process has on this host.
    fn first_process(&self) -> String {
        fs::read_to_string(self.folder.join("pid")).unwrap().trim().to_owned()
    }

    fn wakes(&mut self) {
        rest::wake(&self.first_process());
        self.is_awake = true;
    }

    /// Lets its Kubernetes rest, unless another test uses it.
    fn rests(&self) {
        if self.is_awake && self.lock.unlock().is_ok() && self.lock.try_lock().is_ok() {
            rest::rest(&self.first_process());
        }
    }

    /// Without the engine, which takes far longer to let somebody in than most lines take: tests run thousands of them.
    fn exec(&self, line: &str, input: &str) -> Output {
        let pid = self.first_process();
        let mut command = Command::new("nsenter");
        command
            .args(["--all", "--root", "--wd", "--target", &pid, "--", "bash", "-e", "-c", line])
            .env_clear()
            .envs([
                ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
                ("HOME", "/root"),
            ])
            .envs([("HOSTNAME", self.name()), ("container", "docker")]);
        output(&mut command, input)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Else the next test has it made anew.
        if self.undo.is_some() && self.has_undone_all() && !self.recipe.is_stock() {
            let _ = fs::remove_file(self.in_use());
        }
        self.rests();
    }
}

/// A guest that can be started.
struct Recipe {
    name: &'static str,
    options: &'static [&'static str],
    folder: OnceLock<Result<PathBuf, String>>,
}

impl Recipe {
    const fn new(name: &'static str, options: &'static [&'static str]) -> Self {
        Self { name, options, folder: OnceLock::new() }
    }

    /// True of those without any service.
    fn is_stock(&self) -> bool {
        self.options.contains(&"--stock")
    }

    /// The guest's folder, and the file that is locked by its users. Without a guest the test ends here,
    /// with the one line in which the script says why.
    fn start(&self) -> (&Path, File) {
        let started = self.folder.get_or_init(|| {
            times::took("up", self.name, || answer(&self.up()))?;
            answer(&["dir", self.name]).map(PathBuf::from)
        });
        match started {
            // Beside the folder, which goes when the guest is made anew.
            Ok(folder) => (folder, File::create(folder.with_extension("lock")).unwrap()),
            Err(reason) => {
                eprintln!("{reason}");
                panic::resume_unwind(Box::new("no guest"));
            }
        }
    }

    /// The guest for one test alone, unless somebody uses it.
    fn take(&'static self) -> Option<Guest> {
        let (folder, lock) = self.start();
        lock.try_lock().ok()?;
        Some(Guest { recipe: self, folder, undo: None, lock, is_awake: false })
    }

    #[track_caller]
    fn remake(&self) {
        answer(&["down", self.name]).and_then(|_| answer(&self.up())).unwrap();
    }

    fn up(&self) -> Vec<&str> {
        [&["up", self.name], self.options].concat()
    }
}

/// What `guest` printed, or the last line of what it complained about.
pub(crate) fn answer(arguments: &[&str]) -> Result<String, String> {
    let output = script(arguments, "");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        let complaint = text(&output.stderr);
        Err(complaint.lines().last().unwrap_or("`guest` failed and did not say why").to_owned())
    }
}

fn script(arguments: &[&str], input: &str) -> Output {
    let program = repository().join("tests/acceptance/guest/guest");
    output(Command::new(program).args(arguments), input)
}

/// Files and no pipes take what it writes: those would stay open for as long as something runs that it has started.
fn output(command: &mut Command, input: &str) -> Output {
    let files = [tempfile().unwrap(), tempfile().unwrap()];
    let [stdout, stderr] = files.each_ref().map(|file| Stdio::from(file.try_clone().unwrap()));
    let mut child = command.stdin(Stdio::piped()).stdout(stdout).stderr(stderr).spawn().unwrap();
    // The command may end without having read it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let status = child.wait().unwrap();
    let [stdout, stderr] = files.map(|mut file| {
        let mut text = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut text).unwrap();
        text
    });
    Output { status, stdout, stderr }
}

static KUBEADM: Recipe = Recipe::new("kubeadm", &[]);
static NAT: Recipe = Recipe::new("nat", &["--certificate", "nat"]);
static STOCK_12: Recipe = Recipe::new("stock-12", &["--stock", "bookworm"]);
static STOCK_13: Recipe = Recipe::new("stock-13", &["--stock", "trixie"]);
static LIGHT: Recipe = Recipe::new("light", &["--light"]);
/// Light, since tests lay them out. Laying one out anew takes five seconds of one's time and three of a processor's, so
/// there are more than are used at once. More of them run into a limit of the kernel: each has eight of root's 128
/// inotify instances, and so has a Vagrant machine.
static SPARE: [Recipe; 8] = [
    Recipe::new("spare-1", &["--light"]),
    Recipe::new("spare-2", &["--light"]),
    Recipe::new("spare-3", &["--light"]),
    Recipe::new("spare-4", &["--light"]),
    Recipe::new("spare-5", &["--light"]),
    Recipe::new("spare-6", &["--light"]),
    Recipe::new("spare-7", &["--light"]),
    Recipe::new("spare-8", &["--light"]),
];

/// A line that waits until the guest's API server answers.
pub const UNTIL_READY: &str = "timeout 60 bash -c 'port=$(</var/lib/lay-out/port); until (: </dev/tcp/127.0.0.1/$port) 2>/dev/null && [[ $(curl -sk https://127.0.0.1:$port/readyz) == ok ]]; do sleep 0.1; done'";
/// A file in a spare guest's folder: how many tests have used its layout, and what that is.
const LAYOUT: &str = "layout";
const POLL: Duration = Duration::from_millis(20);
