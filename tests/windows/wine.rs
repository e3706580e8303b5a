//! Windows as far as Wine is one: a Debian with Wine, made by `tools/cross`, a drive `C:` beside what Cargo builds here, and a home
//! folder for each test.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use service_manager_test_support::{Guest, repository, temporary, until};

/// Somebody who sits at a Windows. Their folder is `C:\users\NAME`.
pub(crate) struct WindowsUser {
    name: String,
    variables: Vec<(String, String)>,
}

/// What a command has written, and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: i32,
}

impl WindowsUser {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        wine();
        let name = format!("dev{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let user = Self { name, variables: Vec::new() };
        // Of the last run.
        let _ = fs::remove_dir_all(user.folder());
        fs::create_dir_all(user.folder()).unwrap();
        // As Windows makes a home folder.
        fs::set_permissions(user.folder(), fs::Permissions::from_mode(0o700)).unwrap();
        let state = user.path(".state");
        user.with("SERVICE_MANAGER_HOME", &state)
    }

    /// Sets a variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The user's folder, as this host sees it.
    pub(crate) fn folder(&self) -> PathBuf {
        drive().join("users").join(&self.name)
    }

    /// `C:\users\NAME\REST`
    pub(crate) fn path(&self, rest: &str) -> String {
        format!(r"C:\users\{}\{}", self.name, rest.replace('/', r"\"))
    }

    /// Writes a file below the user's folder and returns its path there.
    pub(crate) fn writes(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.folder().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        self.path(name)
    }

    /// Writes an ssh config for `guest`, and its keys; returns the config's path.
    pub(crate) fn knows(&self, guest: &Guest) -> String {
        self.knows_at(guest, &format!("{}:22", guest.address()))
    }

    /// The same where SSH answers at `place`, `ADDRESS:PORT`.
    pub(crate) fn knows_at(&self, guest: &Guest, place: &str) -> String {
        let keys = guest.folder().join("keys");
        for key in fs::read_dir(keys).unwrap().map(Result::unwrap).filter(|key| key.path().is_file()) {
            self.writes(
                &format!("keys/{}", key.file_name().to_str().unwrap()),
                fs::read(key.path()).unwrap(),
            );
        }
        let (address, port) = place.split_once(':').unwrap();
        let config = format!(
            "Host box\r\n  HostName {address}\r\n  Port {port}\r\n  User vagrant\r\n  IdentityFile {}\r\n",
            self.path("keys/ed25519").replace('\\', "/")
        );
        self.writes("ssh_config", config)
    }

    /// Runs lines of a batch file.
    #[track_caller]
    pub(crate) fn types(&self, lines: &str) -> Ended {
        let batch = format!("@echo off\r\n{}\r\n", lines.trim().replace('\n', "\r\n"));
        let batch = self.writes("typed.bat", batch);
        self.runs(&["cmd", "/d", "/c", &batch], Stdio::null())
    }

    /// Ends what goes on in the background for this user.
    pub(crate) fn ends_its_tunnels(&self) {
        self.types("service-manager tunnel stop --all");
    }

    /// Types lines at the prompt of cmd. Its output has prompts in it, which are ends of lines here.
    #[track_caller]
    pub(crate) fn types_at_the_prompt(&self, lines: &str) -> Ended {
        self.writes("typed", format!("prompt $_\r\n{}\r\nexit\r\n", lines.replace('\n', "\r\n")));
        let typed = File::open(self.folder().join("typed")).unwrap();
        self.runs(&["cmd", "/d", "/q"], typed.into())
    }

    /// Runs a program of Windows.
    #[track_caller]
    fn runs(&self, command: &[&str], stdin: Stdio) -> Ended {
        let scratch = tempfile::tempdir().unwrap();
        let (stdout, stderr) = (scratch.path().join("stdout"), scratch.path().join("stderr"));
        let mut wine = wine().command(command);
        wine.envs(self.variables.iter().map(|(name, value)| (name, value)));
        wine.env("WORKING_FOLDER", Path::new("/mnt/drive_c/users").join(&self.name));
        // A server of Wine's that stays would hold a pipe open.
        wine.stdin(stdin);
        wine.stdout(File::create(&stdout).unwrap()).stderr(File::create(&stderr).unwrap());
        let status = wine.status().unwrap();
        let text = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).replace("\r\n", "\n");
        Ended { stdout: text(&stdout), stderr: text(&stderr), code: status.code().unwrap() }
    }
}

impl Ended {
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.code, 0, "{self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn fails(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "`{text}` is not in {self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn complains(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "`{text}` is not in {self:#?}");
        self
    }
}

/// Where Wine and its files are.
struct Wine {
    /// The root of the Debian that it is in.
    root: PathBuf,
    /// `WINEPREFIX`, as this host sees it.
    prefix: PathBuf,
}

/// Wine, with the program in its `C:\service-manager`.
fn wine() -> &'static Wine {
    static WINE: OnceLock<Wine> = OnceLock::new();
    WINE.get_or_init(|| {
        let given = std::env::var_os("SERVICE_MANAGER_WINDOWS_PROGRAM").map(PathBuf::from);
        let (root, program) = (made("wine"), given.unwrap_or_else(|| made("windows")));
        let wine = Wine { root, prefix: temporary().join("wine") };
        let folder = wine.drive().join("service-manager");
        if !folder.exists() {
            fs::create_dir_all(&wine.prefix).unwrap();
            let status = wine.command(&["wineboot", "--init"]).stdin(Stdio::null()).status().unwrap();
            assert!(status.success(), "Wine makes its drives");
            until("Wine has made its drives", || wine.drive().join("windows/system32/cmd.exe").exists());
            fs::create_dir_all(&folder).unwrap();
        }
        let (new, installed) = (folder.join("new.exe"), folder.join("service-manager.exe"));
        fs::copy(program, &new).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(new, installed).unwrap();
        wine
    })
}

/// The folder of real clients for Windows, `kubectl.exe` and `docker.exe`.
pub(crate) fn real_clients() -> PathBuf {
    printed_by("tools/tool", "windows-clients")
}

/// What `tools/cross` makes.
fn made(what: &str) -> PathBuf {
    printed_by("tools/cross", what)
}

/// The path that a tool prints. Nothing of what Cargo sets for tests is for it: it would build everything anew.
fn printed_by(tool: &str, what: &str) -> PathBuf {
    let kept =
        ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "CARGO_TARGET_DIR", "SERVICE_MANAGER_TEST_CACHE"];
    let output = Command::new(repository().join(tool))
        .arg(what)
        .env_clear()
        .envs(kept.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "`{tool} {what}` fails; SERVICE_MANAGER_TEST_WINDOWS=none leaves its tests out"
    );
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

/// Drive `C:` as this host sees it.
pub(crate) fn drive() -> PathBuf {
    wine().drive()
}

impl Wine {
    fn drive(&self) -> PathBuf {
        self.prefix.join("drive_c")
    }

    /// A command in Wine. It has the network of this host, and no variables and no open files of its user's: what it leaves in the
    /// background would keep a lock.
    fn command(&self, command: &[&str]) -> Command {
        const ENTER: &str = r#"
            mount -t proc proc "$0/proc" && mount --bind "$1" "$0/mnt" && cd "$0/mnt" && shift &&
            exec chroot "$0" sh -c 'cd "$WORKING_FOLDER" && exec /usr/lib/wine/wine64 "$@"' wine "$@" \
            3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-"#;
        // Nothing takes longer.
        let mut start = Command::new("timeout");
        start
            .args(["120", "unshare", "--mount", "sh", "-c", ENTER])
            .args([&self.root, &self.prefix])
            .args(command);
        start.env_clear().envs([
            ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            ("HOME", "/mnt"),
            ("WINEPREFIX", "/mnt"),
            ("WINEPATH", r"C:\service-manager"),
            ("WINEDEBUG", "-all"),
            ("WINEDLLOVERRIDES", "mscoree,mshtml="),
            ("WORKING_FOLDER", "/mnt"),
        ]);
        start
    }
}
