//! Starting Vagrant. With it runs the Vagrantfile, a program: it is started only in projects that the user has
//! allowed.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::project::Project;
use crate::base::deadline::Deadline;
use crate::base::env::Env;
use crate::base::paths::Folders;
use crate::base::program::{self, ProgramOutput};
use crate::base::text::escape_control;
use crate::base::types::MachineName;
use crate::machine::error::{Error, VagrantMessage};

/// The user's Vagrant, and the environment it is started in.
#[derive(Clone)]
pub(crate) struct VagrantProgram(Arc<Environment>);

struct Environment {
    variables: Vec<(OsString, OsString)>,
    /// Where this program writes what it exports.
    exported: PathBuf,
}

impl VagrantProgram {
    /// The Vagrant of the environment `env`.
    pub(crate) fn new(env: &Env, folders: &Folders) -> Self {
        Self(Arc::new(Environment { variables: env.environment.clone(), exported: folders.machines() }))
    }

    /// False when there is none on the PATH.
    pub(crate) fn is_there(&self) -> bool {
        self.0.vagrant().is_some()
    }

    /// What `vagrant ssh-config` says of the machine `name` of `project`: one `Host` block.
    ///
    /// Errors: there is no Vagrant, it fails, it is not done in time, or the machine is not running.
    pub(crate) fn ssh_config(
        &self,
        project: &Project,
        name: &MachineName,
        deadline: Deadline,
    ) -> Result<String, Error> {
        let answer = self.ask(project, &["ssh-config", name.as_str()], deadline)?;
        if answer.failed_with("SSHNotReady") {
            return Err(Error::VagrantNotRunning {
                machine: name.to_string(),
                folder: project.folder.clone(),
            });
        }
        // A Vagrantfile may print what it likes before it.
        let head = format!("Host {name}\n");
        match answer.checked(project)?.rsplit_once(&format!("\n{head}")) {
            Some((_, block)) => Ok(head + block),
            // It answers for another machine if that one's id in its index begins with the name.
            None => Err(Error::VagrantFailed {
                folder: project.folder.clone(),
                source: VagrantMessage(format!("its answer is not about `{name}`")),
            }),
        }
    }

    /// The machine that `project` has called its primary one; none where it has several and calls none so.
    ///
    /// Errors: there is no Vagrant, it fails, or it is not done in time.
    pub(crate) fn primary(
        &self,
        project: &Project,
        deadline: Deadline,
    ) -> Result<Option<MachineName>, Error> {
        // The only command that says for which machine it spoke, and asks the provider for no more than its state.
        let answer = self.ask(project, &["provider"], deadline)?;
        if answer.failed_with("MultiVMTargetRequired") {
            return Ok(None);
        }
        let name = |line: &str| {
            let (_, rest) = line.split_once(',')?;
            rest.split_once(",provider-name,").and_then(|(name, _)| MachineName::parse(name).ok())
        };
        Ok(answer.checked(project)?.lines().find_map(name))
    }

    fn ask(&self, project: &Project, arguments: &[&str], deadline: Deadline) -> Result<VagrantOutput, Error> {
        let path = self.0.vagrant().ok_or_else(|| Error::NoVagrant { folder: project.folder.clone() })?;
        let shown = format!("vagrant {}", arguments.join(" "));
        loop {
            log::debug!("starting `{shown}` in `{}`", project.folder.display());
            let mut command = program::command(&path);
            command
                .args(arguments)
                .args(["--machine-readable", "--no-color"])
                .env_clear()
                .envs(self.0.variables(project))
                .current_dir(&project.folder);
            let answer = program::run(command, &shown, deadline).map_err(|error| match error {
                program::Error::Timeout(timeout) => Error::Timeout(timeout),
                program::Error::NotStarted(source) => Error::NotStarted { path: path.clone(), source },
            })?;
            let answer = VagrantOutput(answer);
            log::debug!("`{shown}` is done");
            // Another Vagrant has its hand on the index, for a moment.
            if !answer.failed_with("MachineLocked") || deadline.is_over() {
                return Ok(answer);
            }
        }
    }
}

impl fmt::Debug for VagrantProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Program")
    }
}

impl Environment {
    fn vagrant(&self) -> Option<PathBuf> {
        let (_, path) = self.variables.iter().find(|(name, _)| name == "PATH")?;
        program::find("vagrant", path)
    }

    /// The variables that Vagrant is given: the user's own, for a Vagrantfile may read any of them. Left out is
    /// what another Ruby needs, what would make Vagrant look elsewhere, and what leads Docker and Kubernetes into a
    /// machine.
    fn variables(&self, project: &Project) -> Vec<(OsString, OsString)> {
        // Its Docker provider needs the user's own settings: with others it takes the machine for destroyed, and
        // removes what it knows of it. What `env docker` exported are not the user's own.
        let certificates = self.variables.iter().find(|(name, _)| name == "DOCKER_CERT_PATH");
        let exported = certificates.is_some_and(|(_, path)| Path::new(path).starts_with(&self.exported));
        let is_for_docker = !exported && project.uses("docker");
        let is_kept = |name: &OsStr| {
            let name = name.as_encoded_bytes();
            !OTHERS.iter().any(|other| other.as_bytes() == name)
                && !OTHERS_BEGIN.iter().any(|begin| name.starts_with(begin.as_bytes()))
                && (is_for_docker || !name.starts_with(b"DOCKER_"))
        };
        let mut variables: Vec<_> =
            self.variables.iter().filter(|(name, _)| is_kept(name)).cloned().collect();
        let own = project.variables().into_iter();
        variables.extend(own.map(|(name, value)| (name.into(), value.into())));
        variables
    }
}

/// What a Vagrant that has ended wrote.
struct VagrantOutput(ProgramOutput);

impl VagrantOutput {
    /// True when it ended with its own error `class`.
    fn failed_with(&self, class: &str) -> bool {
        self.error().is_some_and(|(found, _)| found == class)
    }

    /// Its standard output, if it did not fail.
    fn checked(&self, project: &Project) -> Result<&str, Error> {
        if self.0.status.success() {
            return Ok(&self.0.stdout);
        }
        let said = match self.error() {
            Some((_, message)) => message,
            None if !self.0.stderr.trim().is_empty() => self.0.stderr.clone(),
            None => format!("it ended with {}", self.0.status),
        };
        // In one line, as every message.
        let words: Vec<&str> = said.split_whitespace().collect();
        let said = escape_control(&words.join(" ").chars().take(LONGEST_MESSAGE).collect::<String>());
        Err(Error::VagrantFailed { folder: project.folder.clone(), source: VagrantMessage(said) })
    }

    /// The class and the message of its own error, as `--machine-readable` writes them.
    fn error(&self) -> Option<(&str, String)> {
        let line =
            self.0.stdout.lines().rev().find_map(|line| line.split_once(",error-exit,Vagrant::Errors::"));
        let (class, message) = line?.1.split_once(',')?;
        Some((class, message.replace("%!(VAGRANT_COMMA)", ",").replace("\\n", "\n")))
    }
}

/// Variables that Vagrant is not given. Those of its own are set anew where they are needed.
const OTHERS: [&str; 7] = [
    "KUBECONFIG",
    "RUBYLIB",
    "RUBYOPT",
    "VAGRANT_CWD",
    "VAGRANT_VAGRANTFILE",
    "VAGRANT_DOTFILE_PATH",
    "VAGRANT_FORCE_COLOR",
];
const OTHERS_BEGIN: [&str; 4] = ["GEM_", "BUNDLE_", "BUNDLER_", "RUBYGEMS_"];
const LONGEST_MESSAGE: usize = 2000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::platform::testing::ended_with;

    fn project(provider: &str) -> (tempfile::TempDir, Project) {
        let folder = tempfile::tempdir().unwrap();
        let machine = folder.path().join(".vagrant/machines/default").join(provider);
        std::fs::create_dir_all(&machine).unwrap();
        std::fs::write(machine.join("id"), "1").unwrap();
        let project = Project::new(folder.path().to_owned(), None, folder.path().join(".vagrant"));
        (folder, project)
    }

    /// The names of those variables that Vagrant is given.
    fn given(variables: &[(&str, &str)], project: &Project) -> Vec<String> {
        let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let environment = Environment { variables: variables.collect(), exported: "/state/machines".into() };
        let names = environment.variables(project).into_iter().map(|(name, _)| name.into_string().unwrap());
        names.collect()
    }

    #[test]
    fn vagrant_gets_the_users_variables_but_those_that_mislead_it() {
        let (_folder, project) = project("virtualbox");
        for name in
            ["HOME", "PATH", "LANG", "https_proxy", "VAGRANT_HOME", "VAGRANT_LOG", "NODES", "SSH_AUTH_SOCK"]
        {
            assert_eq!(given(&[(name, "x")], &project), [name]);
        }
        for name in [
            "DOCKER_HOST",
            "DOCKER_CERT_PATH",
            "KUBECONFIG",
            "RUBYLIB",
            "RUBYOPT",
            "GEM_HOME",
            "GEM_PATH",
            "BUNDLE_GEMFILE",
            "RUBYGEMS_GEMDEPS",
            "VAGRANT_CWD",
            "VAGRANT_DOTFILE_PATH",
            "VAGRANT_FORCE_COLOR",
        ] {
            assert!(given(&[(name, "x")], &project).is_empty(), "{name}");
        }
    }

    #[test]
    fn the_docker_provider_keeps_the_users_docker_and_not_the_one_in_a_machine() {
        let (_folder, project) = project("docker");
        let own = [("DOCKER_HOST", "unix:///x"), ("DOCKER_CERT_PATH", "/home/dev/.docker")];
        assert_eq!(given(&own, &project), ["DOCKER_HOST", "DOCKER_CERT_PATH"]);
        let exported = [("DOCKER_HOST", "tcp://x"), ("DOCKER_CERT_PATH", "/state/machines/default-1/docker")];
        assert!(given(&exported, &project).is_empty());
    }

    #[test]
    fn the_project_decides_where_vagrant_looks() {
        let (folder, usual) = project("virtualbox");
        let variables = [("VAGRANT_VAGRANTFILE", "other"), ("VAGRANT_DOTFILE_PATH", "other")];
        assert!(given(&variables, &usual).is_empty());
        let unusual = Project::new(folder.path().to_owned(), Some("Vagrantfile.dev".into()), "/data".into());
        assert_eq!(given(&variables, &unusual), ["VAGRANT_VAGRANTFILE", "VAGRANT_DOTFILE_PATH"]);
    }

    #[test]
    fn vagrant_is_not_looked_for_in_relative_folders() {
        let folder = tempfile::tempdir().unwrap();
        let vagrant = folder.path().join("vagrant");
        std::fs::write(&vagrant, "").unwrap();
        let found = |path: String| {
            let variables = vec![("PATH".into(), path.into())];
            Environment { variables, exported: PathBuf::new() }.vagrant()
        };
        let path = format!(".::bin:{}", folder.path().display());
        assert_eq!(found(path.clone()), None, "no program");
        crate::base::platform::testing::set_mode(&vagrant, 0o755);
        assert_eq!(found(path), Some(vagrant));
    }

    fn answer(code: i32, stdout: &str, stderr: &str) -> VagrantOutput {
        let status = ended_with(code);
        VagrantOutput(ProgramOutput { status, stdout: stdout.to_owned(), stderr: stderr.to_owned() })
    }

    fn complaint(answer: &VagrantOutput) -> String {
        let (_folder, project) = project("virtualbox");
        match answer.checked(&project).unwrap_err() {
            Error::VagrantFailed { source, .. } => source.to_string(),
            error => panic!("{error}"),
        }
    }

    #[test]
    fn vagrants_own_errors_are_known_by_their_class() {
        let line =
            "1795507564,,error-exit,Vagrant::Errors::SSHNotReady,It is\\nnot ready%!(VAGRANT_COMMA) wait.\n";
        let answer = answer(1, line, "noise");
        assert!(answer.failed_with("SSHNotReady") && !answer.failed_with("MultiVMTargetRequired"));
        assert_eq!(complaint(&answer), "It is not ready, wait.");
    }

    #[test]
    fn other_failures_are_told_in_vagrants_words() {
        assert_eq!(complaint(&answer(1, "", "syntax\n  error\u{1b}[31m\n")), "syntax error\\u{1b}[31m");
        assert_eq!(complaint(&answer(3, "", "")), "it ended with exit status: 3");
        assert!(complaint(&answer(1, "", &"x".repeat(1 << 20))).len() <= LONGEST_MESSAGE);
    }
}
