//! `service-manager kubeconfig`

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process_group};

use service_manager_test_support::{Guest, User, unindent};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn prints_the_path_or_the_text() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    for line in ["service-manager kubeconfig", "service-manager kubeconfig kubernetes"] {
        user.types(line).stdout("[MACHINE]/kubernetes/kubeconfig\n").succeeds();
    }
    user.types(
        "service-manager kubeconfig --print >text && kubectl --kubeconfig text get namespace default --output name",
    )
    .stdout("namespace/default\n")
    .succeeds();
    assert!(!user.home().join(".kube/config").exists());
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn adds_entries_and_keeps_the_others() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    let path = writes_own(&user, ".kube/config", MINE);
    user.types(MERGE).stderr(ADDED).succeeds();
    user.types(USE).stdout("namespace/default\n").succeeds();
    user.types("kubectl config get-contexts --output name").stdout("kubeadm-kubernetes\nwork\n").succeeds();
    user.types("kubectl config view >/dev/null && kubectl config current-context")
        .stdout("work\n")
        .succeeds();

    let text = fs::read_to_string(&path).unwrap();
    let mut lines = text.lines();
    for line in MINE.lines() {
        assert!(lines.any(|found| found == line), "{line} is missing, or not in its place:\n{text}");
    }
    assert_eq!(files(&path), ["600 config", "600 config.service-manager-backup"]);
    assert_eq!(fs::read_to_string(backup(&path)).unwrap(), MINE);

    user.types(MERGE)
        .stderr(
            "
            note: the context `kubeadm-kubernetes` is already as it should be in `[HOME]/.kube/config`
            note: `kubectl --context kubeadm-kubernetes` uses it
            ",
        )
        .succeeds();
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    assert_eq!(fs::read_to_string(backup(&path)).unwrap(), MINE);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn creates_a_private_file() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    user.types("umask 0; service-manager --quiet kubeconfig kubernetes --merge").succeeds();
    user.types(USE).stdout("namespace/default\n").succeeds();
    let path = user.home().join(".kube/config");
    assert_eq!(files(&path), ["600 config"]);
    assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn makes_a_readable_file_private() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    let path = user.writes(".kube/config", MINE);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
    let note = "note: `[HOME]/.kube/config` holds credentials now, so others have lost their access to it\n";
    user.types(MERGE).stderr(&format!("{note}{}", unindent(ADDED))).succeeds();
    assert_eq!(files(&path), ["600 config", "600 config.service-manager-backup"]);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn changes_the_current_context_on_request() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    writes_own(&user, ".kube/config", MINE);
    user.types("service-manager kubeconfig --merge --use")
        .stderr(
            "
            note: added the context `kubeadm-kubernetes` to `[HOME]/.kube/config`
            note: the current context is `kubeadm-kubernetes` now; it was `work`
            ",
        )
        .succeeds();
    user.types("kubectl get namespace default --output name").stdout("namespace/default\n").succeeds();
    user.types("service-manager kubeconfig --use")
        .stderr(
            "
            error: the following required arguments were not provided:
              --merge [<FILE>]

              hint: for example `service-manager kubeconfig kubernetes --merge --use`

            Usage: service-manager kubeconfig --merge [<FILE>] --use [SERVICE]

            For more information, try `--help`.
            ",
        )
        .fails(1);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn keeps_the_namespace_that_kubectl_set() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    let path = writes_own(&user, ".kube/config", MINE);
    user.types(MERGE).stderr(ADDED).succeeds();
    user.types("kubectl config set-context kubeadm-kubernetes --namespace kube-system")
        .stdout("Context \"kubeadm-kubernetes\" modified.\n")
        .succeeds();
    user.types("kubectl config set-credentials kubeadm-kubernetes --token old")
        .stdout("User \"kubeadm-kubernetes\" set.\n")
        .succeeds();
    user.types(MERGE)
        .stderr(
            "
            note: replaced the context `kubeadm-kubernetes` in `[HOME]/.kube/config`
            note: `kubectl --context kubeadm-kubernetes` uses it
            ",
        )
        .succeeds();
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains("namespace: kube-system") && !text.contains("token: old"));
    user.types(USE).stdout("namespace/default\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn changes_the_file_that_kubectl_would_change() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest).with("KUBECONFIG", "first:second");
    writes_own(&user, "second", MINE);
    user.types("service-manager kubeconfig --merge")
        .stderr(&ADDED.replace("[HOME]/.kube/config", "[HOME]/second"))
        .succeeds();
    user.types("service-manager kubeconfig --merge 'a file'")
        .stderr(
            &ADDED
                .replace("[HOME]/.kube/config", "[HOME]/a file")
                .replace("--context", "--kubeconfig '[HOME]/a file' --context"),
        )
        .succeeds();
    user.types(r#"eval "$(service-manager env kubernetes)" && service-manager kubeconfig --merge"#)
        .stderr(ADDED)
        .succeeds();
    user.types("service-manager kubeconfig --merge kubernetes")
        .stderr(
            "
            error: `kubernetes` after `--merge` would be the name of a file
            hint: `service-manager kubeconfig kubernetes --merge`, or `--merge ./kubernetes` for the file
            ",
        )
        .fails(1);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn leaves_an_unreadable_file_alone() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    for (text, cause) in [
        ("clusters: [\n# half", "it cannot be read\ncaused by: [..]"),
        ("a: 1\na: 2\n", "it cannot be read\ncaused by: [..]"),
        ("kind: Deployment\n", "it is no kubeconfig: its `kind` is not `Config`"),
        ("users:\n- name: a\n- name: a\n", "it has the user `a` twice"),
        (
            "users:\n- name: kubeadm-kubernetes\n  user: {token: mine}\n",
            "it has a user `kubeadm-kubernetes`, which is not from here",
        ),
    ] {
        let path = writes_own(&user, ".kube/config", text);
        user.types(MERGE)
            .stderr(&format!(
                "error: `[HOME]/.kube/config` is left as it is\ncaused by: {cause}\nhint: [..]\n"
            ))
            .fails(1);
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_eq!(files(&path), ["600 config"]);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn follows_links_and_respects_read_only_files() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    let real = writes_own(&user, "dotfiles/kubeconfig", MINE);
    fs::create_dir(user.home().join(".kube")).unwrap();
    let link = user.home().join(".kube/config");
    symlink("../dotfiles/kubeconfig", &link).unwrap();
    user.types(MERGE).stderr(ADDED).succeeds();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(files(&real), ["600 kubeconfig", "600 kubeconfig.service-manager-backup"]);
    assert_eq!(files(&link).len(), 1);
    user.types(USE).stdout("namespace/default\n").succeeds();

    fs::set_permissions(&real, fs::Permissions::from_mode(0o444)).unwrap();
    user.types(MERGE)
        .stderr(
            "
            error: `[HOME]/dotfiles/kubeconfig` is read-only
            hint: name another file with `--merge FILE`
            ",
        )
        .fails(1);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn names_a_stale_lock_and_keeps_it() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    let path = writes_own(&user, ".kube/config", MINE);
    user.types("touch --date '3 days ago' .kube/config.lock").succeeds();
    user.types("service-manager --timeout 10 kubeconfig --merge")
        .stderr(
            "
            error: another program keeps `[HOME]/.kube/config` locked since 3 days
            hint: if no program uses it, one was killed: `rm [HOME]/.kube/config.lock`
            ",
        )
        .fails(1);
    assert_eq!(fs::read_to_string(&path).unwrap(), MINE);
    user.types("rm .kube/config.lock").succeeds();
    user.types(MERGE).stderr(ADDED).succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn loses_nothing_beside_a_concurrent_kubectl() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    // Long, so that each of them needs its time.
    let cluster = |number| format!("\n- {{name: c{number}, cluster: {{proxy-url: {}}}}}", "x".repeat(4000));
    let clusters: String = (0..200).map(cluster).collect();
    user.writes(".kube/config", &format!("contexts: [{{name: work, context: {{}}}}]\nclusters:{clusters}\n"));
    // kubectl does not wait for a lock; it is tried again until it gets it.
    user.types(
        "until_done() { until \"$@\" >/dev/null 2>&1; do :; done; }
        (for number in {1..6}; do
            until_done kubectl config set-context added-$number --cluster work
            kubectl config delete-context kubeadm-kubernetes >/dev/null 2>&1 || continue
        done; true) & pid=$!
        for _ in {1..6}; do service-manager --quiet kubeconfig --merge || exit; done
        wait $pid && service-manager --quiet kubeconfig --merge &&
        kubectl config get-contexts --output name | sort --version-sort",
    )
    .stdout(&format!(
        "{}kubeadm-kubernetes\nwork\n",
        (1..=6).map(|number| format!("added-{number}\n")).collect::<String>()
    ))
    .succeeds();
    user.types("ls .kube").stdout("config\nconfig.service-manager-backup\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn an_interrupt_leaves_no_lock() {
    const INTERRUPTS: u32 = 40;
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    let path = writes_own(&user, ".kube/config", MINE);
    let line = "service-manager --quiet kubeconfig --merge";
    user.types(line).succeeds();
    let begin = Instant::now();
    fs::write(&path, MINE).unwrap();
    user.types(line).succeeds();
    let whole = begin.elapsed();
    let merged = fs::read_to_string(&path).unwrap();
    for interrupt in 0..INTERRUPTS {
        fs::write(&path, MINE).unwrap();
        let mut child = user.types(line).starts();
        // The file is written near the end.
        thread::sleep(whole / 2 + whole * interrupt / INTERRUPTS);
        let _ = kill_process_group(Pid::from_child(&child), Signal::INT);
        child.wait().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text == MINE || text == merged, "{text}");
        assert_eq!(files(&path), ["600 config", "600 config.service-manager-backup"]);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn machines_of_the_same_name_get_separate_entries() {
    let guests = [Guest::kubeadm(), Guest::nat()];
    let user = User::new();
    let named = |guest: &Guest| {
        let key = guest.folder().join("keys/ed25519");
        let config = "Host default\nUser vagrant\nHostName";
        user.writes("config", &format!("{config} {}\nIdentityFile {}\n", guest.address(), key.display()));
    };
    named(&guests[0]);
    let line = "service-manager --quiet --ssh-config config kubeconfig --merge";
    user.types(line).succeeds();
    let path = user.home().join(".kube/config");
    let before = fs::read_to_string(&path).unwrap();
    let folder = user.machine_folder();
    let key = folder.file_name().unwrap().to_str().unwrap();

    named(&guests[1]);
    user.types(line.replace(" --quiet", " "))
        .stderr(&format!(
            "
            note: [..]
            error: `[HOME]/.kube/config` is left as it is
            caused by: it has a cluster `default-kubernetes`, which is of the machine `{key}`
            hint: `service-manager machines forget {key}` removes it; or name another file with `--merge FILE`
            "
        ))
        .fails(1);
    assert_eq!(fs::read_to_string(&path).unwrap(), before);

    user.types(format!("service-manager machines forget {key}"))
        .stderr("note: took `default` out of `[HOME]/.kube/config`\n")
        .succeeds();
    user.types(line).succeeds();
    user.types("kubectl --context default-kubernetes get namespace default --output name")
        .stdout("namespace/default\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn forget_removes_the_machines_entries() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    let path = writes_own(&user, ".kube/config", MINE);
    user.types("service-manager --quiet kubeconfig --merge --use").succeeds();
    user.types("service-manager --quiet kubeconfig --merge gone && rm gone").succeeds();
    user.types("service-manager machines forget kubeadm")
        .stderr("note: took `kubeadm` out of `[HOME]/.kube/config`\n")
        .succeeds();
    assert!(user.machine_folders().is_empty());
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        MINE.replace("current-context: work", r#"current-context: """#)
    );
    assert_eq!(files(&path), ["600 config"], "a copy would hold the credentials");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn forget_removes_the_entries_of_a_machine_with_a_damaged_record() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    let path = writes_own(&user, ".kube/config", MINE);
    user.types("service-manager --quiet kubeconfig --merge").succeeds();
    let folder = user.machine_folder();
    fs::write(folder.join("machine.json"), "{").unwrap();
    let key = folder.file_name().unwrap().to_str().unwrap();
    user.types(format!("service-manager machines forget {key}"))
        .stderr(&format!("note: took `{key}` out of `[HOME]/.kube/config`\n"))
        .succeeds();
    assert!(user.machine_folders().is_empty());
    assert_eq!(fs::read_to_string(&path).unwrap(), MINE);
}

/// What cannot be changed is told, and keeps nothing else from going.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn an_unreadable_file_does_not_stop_forget() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    for name in ["locked", "broken", "whole"] {
        let path = writes_own(&user, name, MINE);
        user.types(format!("service-manager --quiet kubeconfig --merge {name}")).succeeds();
        // Merged once more, so that the copy has our entries too.
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace(&guest.address(), "192.0.2.1")).unwrap();
        user.types(format!("service-manager --quiet kubeconfig --merge {name}")).succeeds();
    }
    user.types("touch locked.lock; echo '[' >broken").succeeds();
    user.types("service-manager --timeout 10 machines forget kubeadm")
        .stderr(
            "
            note: took `kubeadm` out of `[HOME]/whole`
            warning: could not take `kubeadm` out of `[HOME]/locked`
            caused by: another program keeps `[HOME]/locked` locked since [..]
            hint: what is called `kubeadm-kubernetes` in there is left: `kubectl config --kubeconfig [HOME]/locked delete-context kubeadm-kubernetes` removes it, with `delete-cluster` and `delete-user`
            error: could not take `kubeadm` out of `[HOME]/broken`
            caused by: `[HOME]/broken` is left as it is
            caused by: it cannot be read
            caused by: [..]
            hint: what is called `kubeadm-kubernetes` in there is left: `kubectl config --kubeconfig [HOME]/broken delete-context kubeadm-kubernetes` removes it, with `delete-cluster` and `delete-user`
            ",
        )
        .fails(1);
    assert!(user.machine_folders().is_empty());
    assert_eq!(fs::read_to_string(user.home().join("whole")).unwrap(), MINE);
    // The copies had credentials.
    user.types("ls").stdout("broken\nlocked\nlocked.lock\nwhole\n").succeeds();
    user.types(
        "rm locked.lock; export KUBECONFIG=locked; kubectl config delete-context kubeadm-kubernetes && \
         kubectl config delete-cluster kubeadm-kubernetes && kubectl config delete-user kubeadm-kubernetes",
    )
    .stdout("deleted context[..]\ndeleted cluster[..]\ndeleted user[..]\n")
    .succeeds();
}

/// A lock that is left keeps kubectl out for ever.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn finishes_a_write_past_the_timeout() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    let path = writes_own(&user, ".kube/config", MINE);
    user.types(MERGE).stderr(ADDED).succeeds();
    writes_own(&user, ".kube/config", MINE);
    // Each file is synced, and so is its folder: four times while the lock is held.
    user.writes("slow.c", "#include <unistd.h>\nint fsync(int file) { return usleep(1100000); }\n");
    user.types("cc -shared -fPIC -o slow.so slow.c").succeeds();
    user.types(format!("LD_PRELOAD=$PWD/slow.so {MERGE} --timeout 4")).stderr(ADDED).succeeds();
    assert_eq!(files(&path), ["600 config", "600 config.service-manager-backup"]);
}

/// Writes a file that nobody else can read.
fn writes_own(user: &User, name: &str, text: &str) -> PathBuf {
    let path = user.writes(name, text);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// The files beside `path`, with their modes; not the folder of kubectl's cache.
fn files(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path.parent().unwrap()).unwrap().map(Result::unwrap);
    let mut files: Vec<_> =
        entries.filter(|entry| !entry.file_type().unwrap().is_dir()).map(|entry| entry.path()).collect();
    files.sort();
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    files.iter().map(|path| format!("{:o} {}", mode(path), path.file_name().unwrap().display())).collect()
}

fn backup(path: &Path) -> PathBuf {
    path.with_file_name("config.service-manager-backup")
}

const MERGE: &str = "service-manager kubeconfig --merge";
const USE: &str = "kubectl --context kubeadm-kubernetes get namespace default --output name";
const ADDED: &str = "
    note: added the context `kubeadm-kubernetes` to `[HOME]/.kube/config`
    note: `kubectl --context kubeadm-kubernetes` uses it
    ";
const MINE: &str = "\
# Written by hand.
apiVersion: v1
kind: Config
current-context: work  # not to be touched
clusters:
  # the one at work
  - name: work
    cluster:
      server: https://work.example:6443 # vpn
      proxy-url: socks5://localhost:1080
contexts:
- context: {cluster: work, user: work, namespace: web}
  name: work

# - context: {cluster: old}
users:
- name: work
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: log-in
      args: [\"--quiet\"]
      interactiveMode: Never
colors: {ours: yes} # of another program
";
