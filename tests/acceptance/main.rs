//! The program as its users meet it: real shells, a real `kubectl`, real guests.

#![allow(missing_docs, reason = "the names of tests are sentences")]
#![allow(clippy::disallowed_methods, clippy::print_stderr, reason = "this is another program")]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails in no other way")]

// The Atomic Developer Bundle and its traps.
mod adb;
// `box ip`, `box version`.
mod r#box;
// Machines that are not what they were.
mod stale_state;
// `completions`, read by the shells they are for.
mod completions;
// Credentials of every kind, and ones that are not accepted.
mod credentials;
// Services that are stopped, or do not answer.
mod stopped_services;
// What may be run of a project, and what not without its user's consent.
mod consent;
// The console blocks of the documents.
mod documented;
// `doctor`: each step broken once.
mod doctor;
// `env docker`, with a real `docker`.
mod docker;
// `docker-context`, with a real `docker`.
mod docker_context;
// `env` without a service, and what the shell has from before.
mod env_of_everything;
// `env`: three shells, kubectl, both kinds of certificates.
mod env;
// What `eval` makes of a failure, and a terminal of a success.
mod eval;
// How commands end that the old plugin had, case by case.
mod exit_codes;
// `exec`: another program with the variables of `env`.
mod exec;
// What a flavour may lack, and what is wrong with its certificates.
mod incomplete_flavours;
// Every flavour of every service, with a real client.
mod firewall;
mod flavours;
// Servers that send without end.
mod flood;
// `hook`: exports that follow the user.
mod hook;
// A guest that means harm: kubeconfigs, names, login shells.
mod hostile_kubeconfig;
// A guest that lies in answer to every question.
mod malicious_guest;
// `--output json`, as documented.
mod json;
// `ssh`, `logs`, `console`.
mod into_the_machine;
// `install-cli`: real programs from publishers that a server stands in for.
mod install_cli;
// `install-cli`: archives that are built to do harm.
mod install_cli_archives;
// `install-cli`: what is kept, by several at once, killed, on full disks.
mod install_cli_cache;
// `install-cli`: servers, proxies and networks that fail.
mod install_cli_network_errors;
// `install-cli --path`, and the PATH of every shell.
mod install_cli_path;
// `install-cli`: what is shown while something is downloaded.
mod install_cli_progress;
// `install-cli`: which checksum is believed.
mod install_cli_checksums;
// `install-cli`: several clients at once.
mod install_cli_several;
// `install-cli`: which release is meant, and where it is.
mod install_cli_versions;
// `install.sh`: a release, installed, replaced and removed.
mod install_script;
// `clients`: what `install-cli` has installed.
mod clients;
// `env registry`, with a real skopeo and a real docker of the host.
mod registry;
// Flavours as people have changed them.
mod variants;
// `kubeconfig`: the user's own one, beside kubectl.
mod kube_contexts;
mod kubeconfig;
// Several machines at once.
mod multiple_machines;
// `machines`, and what is remembered of one.
mod machines;
// `env openshift`: routes, and certificates by name.
mod openshift;
mod packages;
// What a command costs the guest, as it counts itself.
mod round_trip;
// What fits a terminal of any width.
mod screens;
// What is shown while a machine is waited for.
mod waiting;
// `services`, and service files of the user's own.
mod services;
// `vagrant service-manager`, and what the plugin does by itself.
mod vagrant_plugin;
// Servers that are not there, or are not what they should be.
mod ssh_server;
// Logging in: keys, the agent, users and their shells.
mod ssh_login;
// Several services at once.
mod multiple_services;
// `.service-manager.yaml`: what a project says, once it is allowed.
mod project_file;
// `restart`.
mod restart;
// The output of every dialect, read by the real shell.
mod shell;
// What may come from an ssh config, and what not.
mod ssh_config;
// `start`, of every kind of service.
mod start;
// `start kubernetes --install`.
mod install_k3s;
// `start --install` with dnf and zypper.
mod start_install_rpm;
// `start --install`.
mod start_install;
// `start` where `sccli` does it.
mod start_adb;
// `start --proxy`.
mod start_proxy;
// `start docker --tls`.
mod start_tls;
// Files on the host: full disks, two at once, killed.
mod state_files;
// Tunnels, with a real `docker` and `kubectl`.
mod tunnel;
// `status`.
mod status;
// `stop`, for good.
mod stop;
// Help, versions and misspelt words.
mod usage;
// Machines of Vagrant, and the names by which machines are found.
mod vagrant;
// `env` again, without SSH.
mod cached_env;
// `status --watch`, on a terminal and into a pipe.
mod status_watch;

#[test]
fn every_file_of_tests_is_a_module() {
    let known: Vec<&str> =
        include_str!("main.rs").lines().filter_map(|line| line.strip_prefix("mod ")).collect();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/acceptance")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "main") else { continue };
        assert!(known.iter().any(|line| line.trim_start_matches("r#") == format!("{module};")), "{name}");
    }
}
