//! `service-manager completions SHELL`, with Tab in the real shells.

use service_manager_test_support::download::{Download, INSTALL};
use service_manager_test_support::{Terminal, User};

/// A shell with the set-up, and what its screen shows before anything is typed.
struct TabShell {
    name: &'static str,
    start: &'static str,
}

/// Those that are on this host.
const SHELLS: [TabShell; 4] = [
    TabShell { name: "bash", start: "bash --rcfile rc -i" },
    TabShell { name: "zsh", start: "env ZDOTDIR=. zsh -d -i" },
    TabShell { name: "fish", start: "fish --no-config --init-command 'source rc'" },
    TabShell { name: "elvish", start: "elvish -rc rc" },
];

/// What is in the start-up file of `shell`: nothing but the set-up and a prompt that is the same everywhere.
fn start_up(shell: &str) -> &'static str {
    match shell {
        "bash" => "PS1='> '; bind 'set bell-style none'; eval \"$(service-manager completions bash)\"",
        "zsh" => {
            "PS1='> '; unsetopt beep prompt_sp; autoload -Uz compinit; compinit -D -u; \
            eval \"$(service-manager completions zsh)\""
        }
        "fish" => {
            "function fish_prompt; echo -n '> '; end; set fish_greeting; \
            service-manager completions fish | source"
        }
        _ => {
            "set edit:prompt = { put '> ' }; set edit:rprompt = { }; \
            eval (service-manager completions elvish | slurp)"
        }
    }
}

/// Types `line` and Tab in every shell; it has to become `whole`.
#[track_caller]
fn completes(user: &User, line: &str, whole: &str) {
    completes_in(&SHELLS, user, line, whole);
}

#[track_caller]
fn completes_in(shells: &[TabShell], user: &User, line: &str, whole: &str) {
    for shell in shells {
        user.writes("rc", start_up(shell.name));
        user.writes(".zshrc", start_up("zsh"));
        let typed = user.types(shell.start);
        let mut terminal: Terminal = typed.in_a_terminal(120);
        terminal.shows(">");
        terminal.presses(line);
        terminal.presses("\t");
        terminal.begins_with(&format!("> {whole}"));
    }
}

#[test]
fn completes_commands_and_options() {
    let user = User::new();
    completes(&user, "service-manager tun", "service-manager tunnel");
    completes(&user, "service-manager env --scr", "service-manager env --script-readable");
}

#[test]
fn completes_services_and_shells() {
    let user = User::new();
    completes(&user, "service-manager env kub", "service-manager env kubernetes");
    completes(&user, "service-manager install-cli docker-b", "service-manager install-cli docker-buildx");
    completes(&user, "service-manager env --shell fi", "service-manager env --shell fish");
    completes(&user, "service-manager man clients uni", "service-manager man clients uninstall");
    completes(&user, "service-manager help clients uni", "service-manager help clients uninstall");
}

/// Behind `exec` it is another command, which the shell completes as if it stood alone.
#[test]
fn completes_the_command_of_exec() {
    let user = User::new();
    completes(&user, "service-manager exec openshi", "service-manager exec openshift");
    for before in [
        "service-manager exec kubernetes --",
        "service-manager exec -m box kubernetes",
        "service-manager exec",
    ] {
        completes(&user, &format!("{before} sha512s"), &format!("{before} sha512sum"));
    }
    completes(&user, "service-manager exec docker --off", "service-manager exec docker --offline");
}

#[test]
fn completes_the_arguments_of_the_command_of_exec() {
    let user = User::new();
    user.writes("only-one-file", "");
    for before in ["service-manager exec docker -- cat", "service-manager exec --quiet docker cat -A"] {
        completes(&user, &format!("{before} only-o"), &format!("{before} only-one-file"));
    }
}

/// The command's own completion gets its own line, as if nothing stood before it.
#[test]
fn hands_over_to_the_completion_of_the_command() {
    let user = User::new();
    user.types("mkdir bin && ln -s /bin/true bin/toy").succeeds();
    let own = [
        "_toy() { [[ $COMP_LINE == 'toy get po' && $COMP_POINT = 10 && $COMP_CWORD = 2 && $2 = po && $3 = get ]] && \
         COMPREPLY=(pods-of-toy); }; complete -F _toy toy",
        "_toy() { [[ $words[1] = toy && $words[2] = get && $CURRENT = 3 ]] && compadd pods-of-toy }; compdef _toy toy",
        "complete --command toy --no-files --condition '__fish_seen_subcommand_from get' --arguments pods-of-toy",
        "set edit:completion:arg-completer[toy] = {|@words| if (eq $words [toy get po]) { put pods-of-toy } }",
    ];
    for (shell, own) in SHELLS.iter().zip(own) {
        for before in ["service-manager exec kubernetes -- toy get", "service-manager exec -m box toy get"] {
            let path = match shell.name {
                "elvish" => "set paths = [~/bin $@paths]",
                "fish" => "set PATH ~/bin $PATH",
                _ => "PATH=~/bin:$PATH",
            };
            user.writes("rc", &format!("{}\n{path}\n{own}\n", start_up(shell.name)));
            user.writes(".zshrc", &format!("{}\n{path}\n{own}\n", start_up("zsh")));
            let typed = user.types(shell.start);
            let mut terminal: Terminal = typed.in_a_terminal(120);
            terminal.shows(">");
            terminal.presses(&format!("{before} po\t"));
            terminal.begins_with(&format!("> {before} pods-of-toy"));
        }
    }
}

#[test]
fn completes_a_value_behind_a_sign() {
    // Elvish puts quotes around such a word.
    let (shells, user) = (&SHELLS[..3], User::new());
    completes_in(shells, &user, "service-manager env --shell=fi", "service-manager env --shell=fish");
    user.writes("own.config", "");
    let whole = "service-manager kubeconfig --merge=own.config";
    completes_in(shells, &user, "service-manager kubeconfig --merge=ow", whole);
}

/// A service there would be taken for a file.
#[test]
fn what_follows_merge_is_a_file() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        User::new()
            .types(format!("service-manager completions {shell} -- 3 service-manager kubeconfig --merge ''"))
            .stdout(":files\n")
            .succeeds();
    }
}

#[test]
fn completes_a_service_of_the_users_own() {
    let user = User::new();
    user.types("mkdir -p .config/service-manager/services").succeeds();
    user.types(
        "service-manager services show kubernetes | sed 's/^name: .*/name: mine/; s/^title: .*/title: Mine/' \
        >mine.yaml && mv mine.yaml .config/service-manager/services",
    )
    .succeeds();
    user.types("service-manager completions fish -- 2 service-manager status mi")
        .stdout("mine\tuses kubectl\n")
        .succeeds();
}

#[test]
fn completes_machines() {
    let user = User::new();
    user.writes(".ssh/config", "Host buildhost $(touch hacked)\n  HostName 192.0.2.7\n");
    completes(&user, "service-manager -m buil", "service-manager -m buildhost");
    assert!(!user.home().join("hacked").exists());
}

#[test]
fn completes_installed_clients_and_their_versions() {
    let download = Download::new();
    download.user.types(format!("{INSTALL} >installed")).succeeds();
    completes(
        &download.user,
        "service-manager clients uninstall ku",
        "service-manager clients uninstall kubernetes",
    );
    for (line, version) in [
        ("service-manager clients uninstall kubernetes 1", "1.36.3"),
        ("service-manager install-cli kubernetes --cli-version 1", "1.36.3"),
    ] {
        let whole = format!("{}{version}", line.strip_suffix('1').unwrap());
        completes(&download.user, line, &whole);
    }
}

#[test]
fn completes_files() {
    let user = User::new();
    user.writes("own.config", "");
    completes(&user, "service-manager --ssh-config ow", "service-manager --ssh-config own.config");
}

#[test]
fn completes_in_the_middle_of_a_line() {
    let user = User::new();
    let line = "service-manager env kub --quiet\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D";
    completes(&user, line, "service-manager env kubernetes");
}

#[test]
fn zsh_reads_the_set_up_from_a_folder_of_functions() {
    let user = User::new();
    user.types("mkdir functions; service-manager completions zsh >functions/_service-manager").succeeds();
    user.writes(".zshrc", "PS1='> '; unsetopt beep prompt_sp; fpath=(~/functions $fpath); autoload -Uz compinit; compinit -D -u");
    let typed = user.types("env ZDOTDIR=. zsh -d -i");
    let mut terminal = typed.in_a_terminal(120);
    terminal.shows(">");
    terminal.presses("service-manager env kub\t");
    terminal.begins_with("> service-manager env kubernetes");
}

/// There is no PowerShell here: what it gets is what its documentation asks for.
#[test]
fn powershell_gets_values_with_explanations() {
    let user = User::new();
    user.types("service-manager completions powershell -- 2 service-manager env")
        .stdout("docker\tuses docker\nopenshift\tuses oc\nkubernetes\tuses kubectl\nregistry\t\n")
        .succeeds();
    user.types("service-manager completions pwsh | grep --count CompletionResult").stdout("1\n").succeeds();
}

#[test]
fn proposes_nothing_for_a_line_that_makes_no_sense() {
    let user = User::new();
    for line in [
        "x service-manager",
        "99 service-manager env",
        "-1 service-manager",
        "1",
        "2 service-manager nonsense",
    ] {
        user.types(format!(
            "service-manager completions bash -- {line} | grep --invert-match -e '^-' | head -n 0"
        ))
        .succeeds();
    }
}

#[test]
fn neither_damaged_files_nor_a_missing_home_print_anything() {
    let user = User::new();
    user.writes(".config/service-manager/services/broken.yaml", "{");
    user.writes(".local/state/service-manager/machines/box-1/machine.json", "{");
    user.types("service-manager completions bash -- 2 service-manager env d").stdout("docker\n").succeeds();
    user.types("service-manager completions bash -- 2 service-manager -m ''").succeeds();
    user.types("unset HOME; service-manager completions bash -- 2 service-manager env d").run_freely();
}

#[test]
fn takes_little_longer_than_to_say_the_version() {
    // On a busy host the time of a processor is steadier than that of a clock.
    let time = |line: &str| {
        let line = format!("TIMEFORMAT='%U %S'; time (for _ in {{1..20}}; do {line}; done) >/dev/null");
        let times = User::new().types(format!("{{ {line}; }} 2>&1")).run_freely();
        times.split_whitespace().map(|seconds| seconds.parse::<f64>().unwrap()).sum::<f64>()
    };
    let version = time("service-manager --version");
    for typed in [
        "2 service-manager env ku",
        "3 service-manager exec openshift ku",
        "6 service-manager exec docker -- docker run",
    ] {
        let completion = time(&format!("service-manager completions bash -- {typed}"));
        // To say the version makes the definition of no command, and reads no service.
        assert!(completion < version * 8.0, "{typed}: {completion} s instead of {version} s");
    }
}

#[test]
fn refuses_an_unknown_shell() {
    User::new()
        .types("service-manager completions fisch")
        .stderr(
            "
            error: invalid value `fisch` for `<SHELL>`
              [possible values: bash, elvish, fish, powershell, zsh]

              hint: did you mean `fish`?

            For more information, try `--help`.
            ",
        )
        .fails(1);
}
