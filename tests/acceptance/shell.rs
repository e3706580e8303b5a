//! The output of every dialect, evaluated by the real shell: set, read back by a child process, removed, failed.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use service_manager::{Block, ExitCode, Export, Shell, VariableName};

use service_manager_test_support::{Guest, User, VALUES, execx, programs};

/// A shell program, the dialect it reads, and how it evaluates a file as the hint says. `$FILE` is the file,
/// `$THEN` what runs afterwards.
struct Program {
    name: &'static str,
    dialect: Shell,
    arguments: &'static [&'static str],
    evaluate: &'static str,
}

const POSIX: &str = "set -eu; eval \"$(cat $FILE)\"; $THEN";

const PROGRAMS: [Program; 10] = [
    Program { name: "bash", dialect: Shell::Posix, arguments: &["--norc", "-c"], evaluate: POSIX },
    Program { name: "dash", dialect: Shell::Posix, arguments: &["-c"], evaluate: POSIX },
    Program { name: "zsh", dialect: Shell::Posix, arguments: &["-f", "-c"], evaluate: POSIX },
    Program { name: "mksh", dialect: Shell::Posix, arguments: &["-c"], evaluate: POSIX },
    Program { name: "busybox", dialect: Shell::Posix, arguments: &["ash", "-c"], evaluate: POSIX },
    Program {
        name: "fish",
        dialect: Shell::Fish,
        arguments: &["--no-config", "-c"],
        evaluate: "cat $FILE | source; and $THEN",
    },
    Program {
        name: "tcsh",
        dialect: Shell::Tcsh,
        arguments: &["-f", "-c"],
        evaluate: "eval \"`cat $FILE`\" && $THEN",
    },
    Program {
        name: "elvish",
        dialect: Shell::Elvish,
        arguments: &["-norc", "-c"],
        evaluate: "eval (cat $FILE | slurp); $THEN",
    },
    Program {
        name: "xonsh",
        dialect: Shell::Xonsh,
        arguments: &["--no-rc", "-c"],
        // Not `$(cat $FILE)`, see `execx`.
        evaluate: "execx(open('$FILE').read())\n$THEN",
    },
    Program {
        name: "nu",
        dialect: Shell::Nushell,
        arguments: &["-n", "-c"],
        evaluate: "cat $FILE | from json | load-env; $THEN",
    },
];

#[test]
fn quotes_every_value_for_a_child_process() {
    let folder = tempfile::tempdir().unwrap();
    for program in &PROGRAMS {
        let values = VALUES.map(str::to_owned).into_iter().chain([String::new(), "x".repeat(32 << 10)]);
        let exports: Vec<Export> = values
            .enumerate()
            .map(|(number, value)| Export { name: name(number), value, quoted: false, list: false })
            .collect();
        let text = set(program.dialect, exports.clone());
        let output = program.evaluate(folder.path(), &text, "env -0");
        let environment = String::from_utf8(output.stdout.clone()).unwrap();
        for Export { name, value, .. } in exports {
            let wanted = format!("{name}={value}");
            assert!(
                environment.split('\0').any(|line| line == wanted),
                "{} lost {wanted:?}\n{text}\n{output:?}",
                program.name
            );
        }
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}", program.name);
    }
}

/// A shell may treat a variable by its name: xonsh makes lists of some. One after the other, in one shell.
#[test]
fn quotes_every_value_of_docker_for_a_child_process() {
    let folder = tempfile::tempdir().unwrap();
    let name: VariableName = "DOCKER_CERT_PATH".parse().unwrap();
    for program in &PROGRAMS {
        let evaluate = |(number, value): (usize, &str)| {
            let file = folder.path().join(number.to_string());
            let export = Export { name: name.clone(), value: value.to_owned(), quoted: true, list: false };
            fs::write(&file, set(program.dialect, vec![export])).unwrap();
            program.script(&file, "env -0")
        };
        let between = if program.dialect == Shell::Xonsh { "\n" } else { "; " };
        let script = VALUES.into_iter().enumerate().map(evaluate).collect::<Vec<_>>().join(between);
        let output = program.run(folder.path(), &script);
        let environments = String::from_utf8(output.stdout.clone()).unwrap();
        let found = environments.split('\0').filter_map(|line| line.strip_prefix("DOCKER_CERT_PATH="));
        assert_eq!(found.collect::<Vec<_>>(), VALUES, "{} {output:?}", program.name);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}", program.name);
    }
}

#[test]
fn unset_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    for program in PROGRAMS.iter().filter(|program| program.dialect != Shell::Nushell) {
        let export = Export { name: name(1), value: "x".into(), quoted: false, list: false };
        let unset = program.dialect.unset(std::slice::from_ref(&export.name), &command()).unwrap();
        let text = set(program.dialect, vec![export]) + &unset + &unset;
        let output = program.evaluate(folder.path(), &text, "env -0");
        let environment = String::from_utf8_lossy(&output.stdout);
        assert!(environment.contains("PATH="), "{}: {output:?}", program.name);
        assert!(!environment.contains("VALUE_1="), "{}: {output:?}", program.name);
    }
}

#[test]
fn nushell_unsets_the_listed_variables() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list");
    let names = Shell::Nushell.unset(&[name(1), name(2)], &command()).unwrap();
    fs::write(&list, names).unwrap();
    let nushell = PROGRAMS.last().unwrap();
    let script = format!("hide-env -i ...(cat {} | from json); env -0", list.display());
    let output = nushell.command().args(["-n", "-c", &script]).env("VALUE_1", "x").output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stdout).contains("VALUE_1="), "{output:?}");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_failure_makes_eval_fail() {
    let folder = tempfile::tempdir().unwrap();
    // Elvish and Nushell see the failure of the command itself.
    for program in PROGRAMS.iter().filter(|program| program.dialect != Shell::Elvish) {
        let text = program.dialect.failure(ExitCode::NotRunning as u8);
        let output = program.evaluate(folder.path(), &text, "echo reached");
        let reached = String::from_utf8_lossy(&output.stdout).contains("reached");
        assert!(!reached && !output.status.success(), "{}: {output:?}", program.name);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn kubectl_works_after_the_printed_hint() {
    let guest = Guest::kubeadm();
    let env = "service-manager env kubernetes";
    for (shell, line) in [
        ("fish", format!("{env} | source; kubectl get namespace default -o name")),
        ("tcsh", format!("eval \"`{env}`\"; kubectl get namespace default -o name")),
        ("elvish", format!("eval ({env} | slurp); kubectl get namespace default -o name")),
        ("xonsh", execx(env) + "kubectl get namespace default -o name"),
        ("nu", format!("{env} | from json | load-env; kubectl get namespace default -o name")),
    ] {
        // No `--shell`: each finds out who evaluates it.
        User::of(&guest).types(line).to(shell).stdout("namespace/default\n").succeeds();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_failure_reaches_the_evaluating_shell() {
    let guest = Guest::light();
    for (shell, line) in [
        ("fish", "service-manager env kubernetes | source; or echo failed"),
        ("tcsh", "eval \"`service-manager env kubernetes`\" || echo failed"),
        ("elvish", "try { eval (service-manager env kubernetes | slurp) } catch e { echo failed }"),
        ("nu", "try { service-manager env kubernetes | from json | load-env } catch { print failed }"),
    ] {
        User::of(&guest)
            .types(line)
            .to(shell)
            .stdout("failed\n")
            .stderr(
                "
                error: there is no kubernetes in `[NAME]`
                hint: `service-manager status` shows what the machine has
                ",
            )
            .succeeds();
    }
}

#[test]
fn unset_asks_no_machine() {
    User::new()
        .types("export KUBECONFIG=x; eval \"$(service-manager env --unset)\"; echo \"${KUBECONFIG-gone}\"")
        .stdout("gone\n")
        .succeeds();
}

#[test]
fn shell_option_selects_the_dialect() {
    let user = User::new();
    user.types("service-manager env kubernetes --unset --shell pwsh")
        .stdout(
            "
            Remove-Item -ErrorAction SilentlyContinue -LiteralPath 'Env:KUBECONFIG'
            # run following command to configure your shell:
            # & service-manager env kubernetes --unset --shell pwsh | Out-String | Invoke-Expression
            ",
        )
        .succeeds();
    user.with("SERVICE_MANAGER_SHELL", "nu")
        .types("service-manager env docker --unset")
        .stdout("[\"DOCKER_HOST\",\"DOCKER_CERT_PATH\",\"DOCKER_TLS_VERIFY\",\"DOCKER_API_VERSION\"]\n")
        .succeeds();
}

impl Program {
    fn evaluate(&self, folder: &Path, text: &str, then: &str) -> Output {
        let file = folder.join("script");
        fs::write(&file, text).unwrap();
        self.run(folder, &self.script(&file, then))
    }

    fn script(&self, file: &Path, then: &str) -> String {
        self.evaluate.replace("$FILE", file.to_str().unwrap()).replace("$THEN", then)
    }

    fn run(&self, folder: &Path, script: &str) -> Output {
        self.command().args(self.arguments).arg(script).env("HOME", folder).output().unwrap_or_else(|error| {
            panic!("{} is not installed, `make setup` does that: {error}", self.name);
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new("env");
        command.env_clear().env("PATH", programs()).env("LC_ALL", "C.UTF-8");
        command.arg(self.name).stdin(Stdio::null());
        command
    }
}

fn set(dialect: Shell, exports: Vec<Export>) -> String {
    let block = Block {
        service: "kubernetes".into(),
        comment: "it's a comment!\nwith $(id)".into(),
        exports,
        gone: vec!["OLD_ONE".parse().unwrap()],
        path: None,
    };
    dialect.set(&[block], true, &command()).unwrap()
}

fn name(number: usize) -> VariableName {
    format!("VALUE_{number}").parse().unwrap()
}

/// A command line whose words need quotes, for the hint.
fn command() -> Vec<OsString> {
    ["service-manager", "env", "--machine", "a b'c!"].map(OsString::from).into()
}
