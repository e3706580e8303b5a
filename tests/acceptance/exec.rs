//! `service-manager exec`: another program in place of this one, with the variables of `env`.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use service_manager_test_support::publisher::Publisher;
use service_manager_test_support::{Guest, User, program};

use crate::eval::on_a_terminal;
use crate::multiple_machines::user_of_both;
use crate::tunnel::IMAGE;

const KUBECTL: &str = "https://dl.k8s.io/release/v1.36.3/bin/linux/amd64/kubectl";
const CACHED: &str = ".local/share/service-manager/bin/kubernetes/1.36.3/kubectl";

/// The server's own kubectl is installed when it is needed for the first time, and is the one that is run from then on.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn runs_the_client_that_fits_the_server() {
    let publisher = Publisher::start();
    publisher.offers_with_checksum(KUBECTL, program("kubectl"));
    let guest = Guest::kubeadm();
    let user = User::of(&guest).with_publisher(&publisher);
    let line = "service-manager exec kubernetes -- kubectl get namespace default --output name";
    user.types(format!("{line} 2>said")).stdout("namespace/default\n").succeeds();
    assert_eq!(publisher.requests(), [KUBECTL.to_owned(), format!("{KUBECTL}.sha256")]);
    user.types(line).stdout("namespace/default\n").succeeds();
    user.types("service-manager exec kubectl get namespace default -o name")
        .stdout("namespace/default\n")
        .succeeds();
    // What a script calls is the right one too.
    let found = format!("[HOME]/{CACHED}\n");
    user.types("service-manager exec kubernetes -- sh -c 'command -v kubectl'").stdout(&found).succeeds();
    assert_eq!(publisher.requests(), [""; 0]);
    assert!(user.home().join(CACHED).exists());
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_client_that_does_not_fit_is_run_on_request_only() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    user.types("service-manager exec --offline kubernetes -- kubectl version")
        .stderr(
            "
            error: no `kubectl` that fits Kubernetes v1.36.3 is here
            hint: where there is a network, `service-manager install-cli kubernetes --cli-version 1.36.3` installs one; on the PATH is [..], \
             which `--any-version` takes all the same
            ",
        )
        .fails(126);
    user.types("service-manager exec --any-version kubernetes kubectl get namespace default -o name")
        .stdout("namespace/default\n")
        .succeeds();
    user.types("service-manager exec --offline --client-version 1.2.3 kubernetes -- kubectl version")
        .stderr(
            "error: `kubectl` 1.2.3 is not in the cache\nhint: no version of it is: to download one, [..]\n",
        )
        .fails(126);
    user.types("service-manager exec --client-version 1.2.3 kubernetes -- true")
        .stderr(
            "error: `--client-version` is for a client such as `kubectl`, which `true` is not\nhint: leave it out\n",
        )
        .fails(1);
}

/// One minor version before or after the server's is near enough, as kubectl's own rule has it.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_client_on_the_path_that_fits_is_run() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    let line = "PATH=$HOME/bin:$PATH service-manager exec --offline kubernetes -- kubectl get";
    for (version, code) in [("1.35.9", 0), ("1.37.0", 0), ("1.34.0", 126), ("none", 126)] {
        let says = format!(r#"{{"clientVersion": {{"major": "1", "gitVersion": "v{version}"}}}}"#);
        user.writes_script("bin/kubectl", &format!("[ $1 = get ] || {{ echo '{says}'; exit; }}\necho own"));
        if code == 0 {
            user.types(line).stdout("own\n").succeeds();
        } else {
            user.types(line).stderr("error: [..]\nhint: [..]\n").fails(code);
        }
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn arguments_arrive_as_they_were_typed() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    user.types(
        r"service-manager exec kubernetes -- printf '[%s]' 'a  b' '' -h --help -- '$x `y`' $'c\nd' -m '*'",
    )
    .stdout("[a  b][][-h][--help][--][$x `y`][c\nd][-m][*]")
    .succeeds();
    // Without `--` the first word that is no service begins the command.
    user.types("service-manager exec kubernetes printf '[%s]' kubernetes -m -v --version --")
        .stdout("[kubernetes][-m][-v][--version][--]")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn the_command_ends_as_if_it_were_alone() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    user.types("service-manager exec kubernetes -- sh -c 'exit 7'").fails(7);
    // A shell says so of a program that a signal has ended.
    user.types("(service-manager exec kubernetes -- sh -c 'kill -TERM $$'; exit $?) 2>said").fails(143);
    user.types("service-manager exec kubernetes -- yes | head -1; exit ${PIPESTATUS[0]}")
        .stdout("y\n")
        .fails(141);
    user.types("head -c 100M /dev/zero | service-manager exec kubernetes -- wc -c")
        .stdout("104857600\n")
        .succeeds();
    user.types("service-manager exec kubernetes -- sh -c 'echo out; echo err >&2'")
        .stdout("out\n")
        .stderr("err\n")
        .succeeds();
    user.types("service-manager exec kubernetes -- echo unheard >&-").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn the_command_has_this_programs_process_and_none_of_its_files() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    // Over SSH, and where that is not needed any more.
    for _ in 0..2 {
        user.types(
            "ls /proc/self/fd >plain; service-manager exec kubernetes -- ls /proc/self/fd | diff plain -",
        )
        .succeeds();
    }
    user.types(
        "sh -c 'echo $$; exec service-manager exec kubernetes -- sh -c \"echo \\$\\$\"' | uniq | wc -l",
    )
    .stdout("1\n")
    .succeeds();
    // What the user has opened is the user's.
    user.types("service-manager exec kubernetes -- sh -c 'cat <&5' 5<<<five").stdout("five\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn what_clients_would_heed_instead_is_taken_away() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest)
        .with("DOCKER_CONTEXT", "other")
        .with("DOCKER_TLS", "1")
        .with("DOCKER_API_VERSION", "1.2")
        .with("DOCKER_BUILDKIT", "1")
        .with("CONTAINER_HOST", "ssh://other")
        .with("KUBECONFIG", "/home/other/config");
    user.types(
        "service-manager exec docker -- env | grep --extended-regexp '^(DOCKER|CONTAINER|KUBE)' | sort",
    )
    .stdout(
        "
            DOCKER_BUILDKIT=1
            DOCKER_CERT_PATH=[MACHINE]/docker
            DOCKER_HOST=tcp://[ADDRESS]:2376
            DOCKER_TLS_VERIFY=1
            KUBECONFIG=/home/other/config
            ",
    )
    .succeeds();
    user.types(
        "service-manager exec kubernetes -- sh -c 'echo $KUBECONFIG $SERVICE_MANAGER_EXEC $DOCKER_CONTEXT'",
    )
    .stdout("[MACHINE]/kubernetes/kubeconfig [NAME] other\n")
    .succeeds();
    user.types("HTTPS_PROXY=http://x NO_PROXY=a service-manager exec docker -- sh -c 'echo $NO_PROXY'")
        .stdout("a,[ADDRESS]\n")
        .succeeds();
    user.types("service-manager exec docker -- docker version --format '{{.Server.Os}}'")
        .stdout("linux\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn without_a_command_there_is_the_users_shell() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    let line = "service-manager exec kubernetes <<<'echo $0 $KUBECONFIG $SERVICE_MANAGER_EXEC; exit 5'";
    let said = |shell: &str| format!("{shell} [MACHINE]/kubernetes/kubeconfig [NAME]\n");
    user.types(line).stdout(&said("/bin/sh")).fails(5);
    user.types(format!("SHELL=/bin/bash {line}")).stdout(&said("/bin/bash")).fails(5);
    user.types("SHELL=/bin/gone service-manager exec kubernetes")
        .stderr("error: `/bin/gone` cannot be run\ncaused by: No such file or directory[..]\n")
        .fails(127);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn says_why_nothing_is_run() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    user.types("service-manager exec kubernets kubectl get pods")
        .stderr("error: there is no program `kubernets`\nhint: did you mean `kubernetes`?\n")
        .fails(127);
    user.types("service-manager exec kubernets -- kubectl")
        .stderr("error: there is no program `kubernets`\nhint: did you mean `kubernetes`?\n")
        .fails(127);
    user.types("service-manager exec kubernetes -- ./gone")
        .stderr("error: `[HOME]/./gone` cannot be run\ncaused by: No such file or directory[..]\n")
        .fails(127);
    user.types("touch plain && service-manager exec kubernetes -- ./plain")
        .stderr("error: `[HOME]/./plain` cannot be run\ncaused by: Permission denied[..]\n")
        .fails(126);
    user.types(
        "mkdir bin && touch bin/plain && PATH=$HOME/bin:$PATH service-manager exec kubernetes -- plain",
    )
    .stderr("error: `[HOME]/bin/plain` is not executable\nhint: `chmod +x [HOME]/bin/plain` makes it so\n")
    .fails(126);
    user.types("service-manager exec openshift -- true")
        .stderr("error: there is no openshift in `[NAME]`\nhint: `service-manager status` shows what the machine has\n")
        .fails(126);
    user.types("service-manager --host dev@127.0.0.1:9 exec -- true")
        .stderr("error: [..]\n[..]\n[..]\nhint: `service-manager doctor --host dev@127.0.0.1:9` says more\n")
        .fails(3);
    user.types("service-manager exec kubernetes --nonsense")
        .stderr(
            "
            error: unexpected argument `--nonsense` found

            Usage: service-manager exec [OPTIONS] [SERVICE]... [-- <COMMAND>...]

            For more information, try `--help`.
            ",
        )
        .fails(1);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn never_runs_itself() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    fs::create_dir(user.home().join("bin")).unwrap();
    let own = user.types("command -v service-manager").run_freely();
    symlink(own.trim(), user.home().join("bin/kubectl")).unwrap();
    symlink(own.trim(), user.home().join("bin/other")).unwrap();
    let line = "PATH=$HOME/bin:$PATH service-manager exec --any-version";
    user.types(format!("{line} kubernetes -- kubectl get namespace default -o name"))
        .stdout("namespace/default\n")
        .succeeds();
    user.types(format!("{line} kubernetes -- other get"))
        .stderr("error: `[HOME]/bin/other` is this program itself\nhint: [..]\n")
        .fails(126);
    // A script of that name that begins all over again.
    fs::remove_file(user.home().join("bin/kubectl")).unwrap();
    let text =
        "echo begins >>$HOME/log\nexec service-manager exec --any-version kubernetes -- kubectl \"$@\"";
    user.writes_script("bin/kubectl", text);
    user.types(format!("{line} kubernetes -- kubectl get namespace default -o name"))
        .stdout("namespace/default\n")
        .succeeds();
    assert_eq!(fs::read_to_string(user.home().join("log")).unwrap(), "begins\n");
    // To begin anew by its own name is no circle.
    user.types("service-manager exec kubernetes -- service-manager exec docker -- sh -c 'echo $KUBECONFIG $DOCKER_HOST'")
        .stdout("[MACHINE]/kubernetes/kubeconfig tcp://[ADDRESS]:2376\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_docker_that_only_has_its_socket_is_used_through_a_tunnel() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("socket");
    let user = User::of(&guest);
    let line = "service-manager exec docker -- docker version --format '{{.Server.Os}}'";
    user.types(line).stdout("linux\n").succeeds();
    user.types(line).stdout("linux\n").succeeds();
    user.types("service-manager tunnel stop").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn keys_on_a_terminal_are_the_commands() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    let typed = user.types("service-manager exec kubernetes -- sh -c 'echo ready; cat; echo over'");
    let mut terminal = typed.in_a_terminal(60);
    terminal.shows("ready");
    terminal.presses("text\r");
    terminal.shows("ready\ntext\ntext");
    terminal.presses_ctrl_c();
    assert_eq!(terminal.ends(), 130);
    user.types(on_a_terminal("service-manager exec kubernetes -- sh -c \"test -t 1 && echo both\""))
        .stdout("both\n")
        .succeeds();
}

/// Job control, and the size of the window.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_terminal_is_the_commands_as_if_it_were_alone() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    let size = user
        .types("service-manager exec kubernetes -- sh -c 'trap \"stty size\" WINCH; stty size; while :; do read line; done'");
    let mut terminal = size.in_a_terminal(61);
    terminal.shows("24 61");
    terminal.resizes(47);
    terminal.shows_somewhere("24 47");
    terminal.presses_ctrl_c();
    assert_eq!(terminal.ends(), 130);
    let stopped = user.types(
        "bash -c 'set -m; service-manager exec kubernetes -- sh -c \"echo ready; cat\"; echo stopped $?; fg >/dev/null'",
    );
    let mut terminal = stopped.in_a_terminal(80);
    terminal.shows("ready");
    terminal.presses("\x1a");
    terminal.shows_somewhere("stopped 148");
    terminal.presses("text\r");
    terminal.shows_somewhere("text\ntext");
    terminal.presses("\x04");
    assert_eq!(terminal.ends(), 0);
}

/// A terminal in a container: through the shell's, the client, and its stream to the daemon.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_terminal_leads_into_a_container() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("tls");
    let user = User::of(&guest);
    user.types(format!("{IMAGE} | service-manager exec docker -- docker import - exec-test >imported"))
        .succeeds();
    let typed = user
        .types("service-manager exec docker -- docker run --rm -it --network none exec-test /bin/busybox sh");
    let mut terminal = typed.in_a_terminal(61);
    terminal.shows_somewhere("/ #");
    terminal.presses("/bin/busybox stty size; echo 'o'k\r");
    terminal.shows_somewhere("24 61\nok");
    terminal.presses("echo re''ady; /bin/busybox cat\r");
    terminal.shows_somewhere("cat\nready");
    // What is pressed before it reads is the shell's.
    terminal.presses("text\r");
    terminal.shows_somewhere("text\ntext");
    terminal.presses_ctrl_c();
    terminal.shows_somewhere("^C\n/ #");
    terminal.resizes(47);
    terminal.presses("until /bin/busybox stty size | /bin/busybox grep ' 47$'; do :; done; exit 6\r");
    assert_eq!(terminal.ends(), 6);
}

/// It takes what `env` and the client take one after the other, measured here and now, in turns.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn it_adds_nothing_to_env_and_the_command() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    user.types("service-manager -q env kubernetes >out").succeeds();
    let took = |line: String| {
        let begin = Instant::now();
        user.types(line).run_freely();
        begin.elapsed()
    };
    let get = "kubectl get namespaces >listed";
    let (mut apart, mut together) = (Duration::MAX, Duration::MAX);
    for _ in 0..8 {
        apart = apart.min(took(format!("eval \"$(service-manager -q env kubernetes)\"; {get}")));
        together = together.min(took(format!("service-manager exec --any-version kubernetes -- {get}")));
    }
    assert!(together < apart.mul_f64(1.5), "{together:?} instead of {apart:?}");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_command_has_the_clusters_of_several_machines() {
    let guests = [Guest::kubeadm(), Guest::nat()];
    let user = user_of_both(&guests);
    user.types(
        "service-manager -q exec kubernetes -m kubeadm -m nat --any-version -- kubectl config get-contexts --output name",
    )
    .stdout("kubeadm-kubernetes\nnat-kubernetes\n")
    .succeeds();
}

/// What is on the PATH works more often than not, and nobody has to be stuck without a network.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_client_that_cannot_be_downloaded_leaves_the_one_on_the_path() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest).with("SERVICE_MANAGER_MIRROR", "https://=https://nowhere.invalid/");
    user.writes_script(
        "bin/kubectl",
        "[ $1 = get ] || { echo '{\"clientVersion\": {\"gitVersion\": \"v1.20.2\"}}'; exit; }\necho own",
    );
    let line = "PATH=$HOME/bin:$PATH service-manager -m [NAME] exec --timeout 5 kubernetes -- kubectl get"
        .replace("[NAME]", guest.name());
    let said = user.types(format!("{line} 2>&1 | grep '^hint: '")).run_freely();
    assert!(
        said.contains(
            "; or `service-manager exec kubernetes --any-version -m kubeadm -- kubectl` runs 1.20.2, which is on the PATH, all \
             the same\n"
        ),
        "{said}"
    );
    user.types("PATH=$HOME/bin:$PATH service-manager exec kubernetes --any-version -- kubectl get")
        .stdout("own\n")
        .succeeds();
}
