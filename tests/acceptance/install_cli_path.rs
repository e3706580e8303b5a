//! `install-cli --path`, and the PATH in every shell that evaluates what is printed.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use service_manager_test_support::download::{Download, INSTALL};
use service_manager_test_support::execx;
use service_manager_test_support::publisher::script;

#[test]
fn copies_the_program_into_a_folder() {
    let download = Download::new();
    let user = &download.user;
    let lines = |word: &str| {
        format!(
            "
            # Binary {word} available at [HOME]/a/b c/kubectl
            # run binary as:
            # kubectl <command>
            export PATH='[HOME]/a/b c':$PATH

            # run following command to configure your shell:
            # eval \"$({INSTALL} --path 'a/b c')\"
            "
        )
    };
    let line = format!("{INSTALL} --path 'a/b c'");
    user.types(&line).stdout(&lines("now")).succeeds();
    user.types(&line).stdout(&lines("already")).succeeds();
    assert_eq!(user.files_below("a"), ["b c/kubectl"]);
    let mode = fs::metadata(user.home().join("a/b c/kubectl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);

    fs::remove_file(user.home().join("a/b c/kubectl")).unwrap();
    user.types(&line).stdout(&lines("now")).succeeds();
}

#[test]
fn replaces_another_version() {
    let download = Download::new();
    let user = &download.user;
    let other = "https://dl.k8s.io/release/v1.35.0/bin/linux/amd64/kubectl";
    download.publisher.offers_with_checksum(other, script("kubectl 1.35.0", 100));
    for (version, notes) in [
        ("1.36.3", ""),
        ("1.35.0", "note: replaced the `[HOME]/bin/kubectl` that was there\n"),
        ("1.35.0", ""),
        ("1.36.3", "note: replaced the `[HOME]/bin/kubectl` that was there\n"),
    ] {
        let line = format!("service-manager install-cli kubernetes --cli-version {version} --path bin");
        user.types(format!("eval \"$({line} 2>log)\" && grep replaced log; kubectl"))
            .stdout(&format!("{notes}kubectl {version}\n"))
            .succeeds();
    }
    user.writes("bin/kubectl", "#!/bin/sh\necho mine\n");
    user.types(format!("eval \"$({INSTALL} --path bin)\" && kubectl")).stdout("kubectl 1.36.3\n").succeeds();
    assert_eq!(user.files_below("bin"), ["kubectl"]);
}

#[test]
fn replaces_a_link_without_following_it() {
    let download = Download::new();
    let user = &download.user;
    let own = user.writes("own", "own");
    user.types("mkdir bin && ln -s ../own bin/kubectl && ln -s ../own bin/.kubectl.unfinished").succeeds();
    user.types(format!("{INSTALL} --path bin >out")).succeeds();
    assert_eq!(fs::read_to_string(own).unwrap(), "own");
    assert_eq!(user.files_below("bin"), ["kubectl"]);
    assert!(fs::symlink_metadata(user.home().join("bin/kubectl")).unwrap().is_file());
}

#[test]
fn refuses_a_folder_in_place_of_the_program() {
    let download = Download::new();
    let user = &download.user;
    user.types(format!("mkdir -p bin/kubectl; {INSTALL} --path bin"))
        .stdout("(exit 126)\n")
        .stderr(
            "
            error: could not write `[HOME]/bin/kubectl`
            caused by: is a directory
            ",
        )
        .fails(126);
    user.types(format!("rmdir bin/kubectl; eval \"$({INSTALL} --path bin)\" && kubectl"))
        .stdout("kubectl 1.36.3\n")
        .succeeds();
}

#[test]
fn refuses_a_file_in_place_of_the_folder() {
    let download = Download::new();
    let user = &download.user;
    user.writes("bin", "");
    user.types(INSTALL.replace(" -q", "") + " --path bin")
        .stdout("(exit 126)\n")
        .stderr(
            "error: `[HOME]/bin` is a file\nhint: name the folder for the program, as with `--path [HOME]`\n",
        )
        .fails(126);
}

#[test]
fn names_another_folder_where_this_one_cannot_be_written() {
    let download = Download::new();
    // Not even root may write there.
    for folder in ["/proc/bin", "/proc", "/sys/kernel"] {
        download.user.complains(
            &format!("{INSTALL} --path {folder}"),
            126,
            "
            error: could not write `[..]`
            caused by: [..]
            hint: name a folder that you can write, with `--path FOLDER`
            ",
        );
    }
}

#[test]
fn refuses_a_folder_with_a_colon() {
    let download = Download::new();
    let user = &download.user;
    user.complains(
        &format!("{INSTALL} --path a:b"),
        1,
        "
        error: a PATH has `:` between its folders, and there is one in `[HOME]/a:b`
        hint: set SERVICE_MANAGER_HOME, or give `--path`, to a folder without `:`
        ",
    );
    assert_eq!((user.files_below("a:b"), user.clients()), (vec![], vec![]));
    user.complains(
        &format!("SERVICE_MANAGER_HOME=a:b {INSTALL}"),
        1,
        "
        error: a PATH has `:` between its folders, and there is one in `[HOME]/a:b/[..]`
        hint: set SERVICE_MANAGER_HOME, or give `--path`, to a folder without `:`
        ",
    );
    assert_eq!((user.files_below("a:b"), download.publisher.requests()), (vec![], vec![]));
    // A folder of that name is no harm where nothing is put on a PATH.
    user.types(format!("SERVICE_MANAGER_HOME=a:b {INSTALL} --path c >out")).succeeds();
}

#[test]
fn quotes_the_folder_for_every_shell() {
    let download = Download::new();
    let folder = "it's \"a\" $(touch pwned) `id` [*] folder!";
    let user = download.user.with("FOLDER", folder);
    for (shell, line) in [
        ("bash", "eval \"$(INSTALL --path \"$FOLDER\")\" && kubectl"),
        ("dash", "eval \"$(INSTALL --path \"$FOLDER\")\" && kubectl"),
        ("zsh", "eval \"$(INSTALL --path $FOLDER)\" && kubectl"),
        ("mksh", "eval \"$(INSTALL --path \"$FOLDER\")\" && kubectl"),
        ("fish", "INSTALL --path $FOLDER | source; and kubectl"),
        ("tcsh", "INSTALL --path $FOLDER:q >out; eval \"`cat out`\" && kubectl"),
        ("elvish", "eval (INSTALL --path $E:FOLDER | slurp); kubectl"),
        ("xonsh", &(execx("INSTALL --path $FOLDER") + "kubectl")),
        ("nu", "INSTALL --path $env.FOLDER | from json | load-env; kubectl"),
    ] {
        let line = line.replace("INSTALL", INSTALL);
        user.types(line).to(shell).stdout("kubectl 1.36.3\n").succeeds();
        assert_eq!(user.files_below(folder), ["kubectl"], "{shell}");
        fs::remove_dir_all(user.home().join(folder)).unwrap();
    }
    assert!(!user.home().join("pwned").exists());
}

#[test]
fn every_shell_finds_the_cached_program() {
    let download = Download::new();
    for (shell, line) in [
        ("fish", "INSTALL | source; and kubectl"),
        ("tcsh", "eval \"`INSTALL`\" && kubectl"),
        ("elvish", "eval (INSTALL | slurp); kubectl"),
        ("xonsh", &(execx("INSTALL") + "kubectl")),
        ("nu", "INSTALL | from json | load-env; kubectl"),
    ] {
        let line = line.replace("INSTALL", INSTALL);
        download.user.types(line).to(shell).stdout("kubectl 1.36.3\n").succeeds();
    }
}

#[test]
fn json_describes_the_program() {
    let download = Download::new();
    for installed in [true, false] {
        download
            .user
            .types(format!("{INSTALL} --path bin --output json"))
            .stdout(&format!(
                "{{\"version\":1,\"service\":\"kubernetes\",\"client\":\"kubectl\",\"path\":\"[HOME]/bin/kubectl\",\
                 \"folder\":\"[HOME]/bin\",\"release\":\"1.36.3\",\"platform\":\"linux/amd64\",\"installed\":{installed},\
                 \"url\":\"https://dl.k8s.io/release/v1.36.3/bin/linux/amd64/kubectl\",\
                 \"checksum\":\"sha256:[..]\",\"verified\":\"published\"}}\n"
            ))
            .succeeds();
    }
}
