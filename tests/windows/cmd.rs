//! What cmd makes of the output: at its prompt, in batch files, and of values that other shells would act on.

use std::fs;

use service_manager::{Block, Export, Shell};
use service_manager_test_support::{Guest, VALUES};

use crate::wine::WindowsUser;

fn user_of(guest: &Guest) -> WindowsUser {
    let user = WindowsUser::new();
    let config = user.knows(guest);
    user.with("SERVICE_MANAGER_SSH_CONFIG", &config)
}

#[test]
#[cfg_attr(any(no_guest, no_windows), ignore = "needs the test guest and Wine")]
fn cmd_is_found_and_takes_what_is_printed() {
    let guest = Guest::kubeadm();
    let user = user_of(&guest);
    let printed = user.types("service-manager env kubernetes").succeeds();
    assert!(printed.stdout.contains("SET \"KUBECONFIG=C:\\users\\"), "{printed:#?}");
    let hint = printed.stdout.lines().last().unwrap().trim_start_matches("REM ");
    assert_eq!(hint, "@FOR /F \"tokens=*\" %i IN ('service-manager env kubernetes') DO @%i");
    // In a batch file the sign is written twice.
    let taken = user
        .types(&format!("{}\nif exist \"%KUBECONFIG%\" echo there: %KUBECONFIG%", hint.replace("%i", "%%i")))
        .succeeds()
        .says("there: C:\\users\\");
    let path = taken.stdout.trim().trim_start_matches("there: ").replace('\\', "/");
    let kubeconfig = crate::wine::drive().join(path.trim_start_matches("C:/"));
    assert!(fs::read_to_string(kubeconfig).unwrap().contains(&format!("https://{}:6443", guest.address())));
}

#[test]
#[cfg_attr(any(no_guest, no_windows), ignore = "needs the test guest and Wine")]
fn the_second_time_needs_no_ssh() {
    let guest = Guest::kubeadm();
    let user = user_of(&guest);
    let first = user.types("service-manager env kubernetes --script-readable").succeeds();
    fs::remove_dir_all(user.folder().join("keys")).unwrap();
    let second = user.types("service-manager env kubernetes --script-readable --cached").succeeds();
    assert_eq!(first.stdout, second.stdout);
    user.types("service-manager -v env kubernetes --script-readable").succeeds().complains("as before");
}

#[test]
#[cfg_attr(any(no_guest, no_windows), ignore = "needs the test guest and Wine")]
fn dockers_variables_lead_to_files_of_the_host() {
    let guest = Guest::kubeadm();
    let user = user_of(&guest);
    let env = "service-manager --quiet env docker";
    user.types(&format!(
        "@FOR /F \"tokens=*\" %%i IN ('{env}') DO @%%i\n\
         echo %DOCKER_HOST% %DOCKER_TLS_VERIFY%\nif exist \"%DOCKER_CERT_PATH%\\key.pem\" echo key"
    ))
    .succeeds()
    .says(&format!("tcp://{}:2376 1\nkey\n", guest.address()));
    user.types(&format!(
        "set DOCKER_HOST=x\n@FOR /F \"tokens=*\" %%i IN ('{env} --unset') DO @%%i\nif not defined DOCKER_HOST echo gone"
    ))
    .succeeds()
    .says("gone");
}

#[test]
#[cfg_attr(no_windows, ignore = "needs Wine")]
fn a_failure_reaches_cmd() {
    let user = WindowsUser::new();
    user.types(
        "@FOR /F \"tokens=*\" %%i IN ('service-manager env kubernetes --ssh-config none -m none') DO @%%i\n\
         echo code %ERRORLEVEL%",
    )
    .complains("error: ");
    let said = user.types("service-manager env kubernetes --ssh-config none -m none");
    assert!(said.stdout.contains("cmd /c exit "), "{said:#?}");
}

/// The values of the other shells' tests: those that cmd can carry arrive as they are, at its prompt and in a batch file; the
/// others are refused.
#[test]
#[cfg_attr(no_windows, ignore = "needs Wine")]
fn every_value_arrives_or_is_refused() {
    let user = WindowsUser::new();
    let mut carried = 0;
    for value in VALUES {
        let export =
            Export { name: "VALUE".parse().unwrap(), value: value.to_owned(), quoted: false, list: false };
        let block = Block {
            service: "kubernetes".into(),
            comment: "it's a comment & no command".into(),
            exports: vec![export],
            gone: vec!["OLD_ONE".parse().unwrap()],
            path: None,
        };
        let Ok(text) = Shell::Cmd.set(&[block], true, &["service-manager".into()]) else {
            assert!(value.contains(['"', '%', '!', '^']) || !value.is_ascii(), "{value} is refused");
            continue;
        };
        carried += 1;
        user.writes("output", text.replace('\n', "\r\n"));
        let evaluate = "@FOR /F \"tokens=*\" %i IN ('type output') DO @%i";
        let in_a_file = user.types(&format!("{}\nset VALUE", evaluate.replace("%i", "%%i")));
        let at_the_prompt = user.types_at_the_prompt(&format!("{evaluate}\nset VALUE"));
        for taken in [in_a_file, at_the_prompt] {
            let found = taken.stdout.lines().any(|line| line == format!("VALUE={value}"));
            assert!(found, "{value}: {taken:#?}");
            assert_eq!(taken.stderr, "");
        }
    }
    assert!(carried > 20, "{carried}");
}

/// The same of names of folders, through the program.
#[test]
#[cfg_attr(any(no_guest, no_windows), ignore = "needs the test guest and Wine")]
fn values_arrive_or_are_refused() {
    let guest = Guest::kubeadm();
    let config = "ssh_config";
    for (name, is_carried) in [
        ("plain", true),
        ("with blanks", true),
        ("it's $HOME `id` $(id)", true),
        ("a & b", true),
        ("(x) {a,b} [c] , = + ~ #", true),
        // kubectl divides paths by it.
        ("a;b", false),
        ("100%", false),
        ("%PATH%", false),
        ("a^b", false),
        ("a!b", false),
        ("Jürgen", false),
    ] {
        let user = WindowsUser::new();
        user.knows(&guest);
        let user = user.with("SERVICE_MANAGER_HOME", name).with("SERVICE_MANAGER_SSH_CONFIG", config);
        let env = user.types(
            "@FOR /F \"tokens=*\" %%i IN ('service-manager --quiet env kubernetes --shell cmd') DO @%%i\nset KUBECONFIG",
        );
        if is_carried {
            env.succeeds().says(&format!("\\{name}\\machines\\"));
        } else {
            env.complains("KUBECONFIG");
        }
    }
}
