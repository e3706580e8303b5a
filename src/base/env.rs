//! The host: the process's environment and arguments, read once, here.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::base::platform::variable_name;
use crate::base::types::MachineName;

/// What this process was given. The fields are all the variables the program reads (docs/reference/files.md);
/// what `hook` and `env` have set, and the proxy of the host, are looked up in `environment`; libssh2 itself reads
/// `SSH_AUTH_SOCK`, and reqwest, where something is downloaded, `HTTPS_PROXY`, `NO_PROXY` and their like, on Linux also
/// `SSL_CERT_FILE` and `SSL_CERT_DIR`.
#[derive(Clone, Debug, Default)]
pub struct Env {
    /// The command line, the program's name first.
    pub arguments: Vec<OsString>,
    /// The user's home folder.
    pub home: Option<PathBuf>,
    /// The folder that relative paths start from.
    pub current_folder: PathBuf,
    /// `SERVICE_MANAGER_HOME`: state and cache live below it.
    pub service_manager_home: Option<PathBuf>,
    /// `SERVICE_MANAGER_SSH_CONFIG`: the ssh config to use when none is given.
    pub ssh_config: Option<PathBuf>,
    /// `SERVICE_MANAGER_MACHINE`: the machine that is meant when none is named.
    pub machine: Option<String>,
    /// `SERVICE_MANAGER_PLUGIN` is `vagrant`: the Vagrant plugin has started this program.
    pub plugin: Option<Plugin>,
    /// `VAGRANT_HOME`: the folder that Vagrant keeps its own data in.
    pub vagrant_home: Option<PathBuf>,
    /// `VAGRANT_CWD`: the folder to look for a Vagrant project from, instead of the current one.
    pub vagrant_cwd: Option<PathBuf>,
    /// `VAGRANT_VAGRANTFILE`: the name of the Vagrantfile.
    pub vagrant_vagrantfile: Option<PathBuf>,
    /// `VAGRANT_DOTFILE_PATH`: where Vagrant keeps a project's data, instead of `.vagrant`.
    pub vagrant_dotfile_path: Option<PathBuf>,
    /// `USER`, on Windows `USERNAME`: the user to log in as when none is given.
    pub user: Option<String>,
    /// `SERVICE_MANAGER_SHELL`: the shell to write for.
    pub shell_override: Option<String>,
    /// `SHELL`: the user's login shell.
    pub shell: Option<String>,
    /// `KUBECONFIG`: the files that kubectl reads, as it was given.
    pub kubeconfig: Option<OsString>,
    /// `DOCKER_CONFIG`: the folder of docker's own files.
    pub docker_config: Option<PathBuf>,
    /// `DOCKER_HOST` is set: docker takes no context then.
    pub has_docker_host: bool,
    /// `DOCKER_CONTEXT`: the context that docker takes instead of the current one.
    pub docker_context: Option<String>,
    /// `SERVICE_MANAGER_MIRROR`: where to download from instead.
    pub mirror: Option<String>,
    /// `SERVICE_MANAGER_PROXY_PASSWORD`: that of the proxy's user.
    pub proxy_password: Option<SecretString>,
    /// `PATH`: the folders with the user's programs.
    pub path: Option<OsString>,
    /// `SERVICE_MANAGER_EXEC_CLIENT`: the client on the PATH that an `exec` has started, in which this one runs.
    pub exec_client: Option<PathBuf>,
    /// `SSL_CERT_FILE`: the authorities to believe where something is downloaded.
    pub authorities: Option<PathBuf>,
    /// `NO_COLOR` is set and not empty (<https://no-color.org>).
    pub no_color: bool,
    /// All other variables: those that Vagrant is started with are chosen among them.
    pub environment: Vec<(OsString, OsString)>,
}

/// What the Vagrant plugin hands over, so that no other Vagrant has to be started.
#[derive(Clone, Debug, Default)]
pub struct Plugin {
    /// `SERVICE_MANAGER_VAGRANT_MACHINE`: the machine of the project around that Vagrant means; none where it cannot
    /// tell.
    pub machine: Option<String>,
    /// `SERVICE_MANAGER_SSH_CONFIG`: what `vagrant ssh-config` says of that machine; none while it does not run.
    pub ssh_config: Option<PathBuf>,
}

impl Plugin {
    /// The machine's name. One that is none to this program is as if it was not given.
    pub fn machine_name(&self) -> Option<MachineName> {
        MachineName::parse(self.machine.as_deref()?).ok()
    }
}

impl Env {
    /// Reads the process's arguments and environment. An empty variable counts as unset.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn read() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let text = |name: &str| variable(name).and_then(|value| value.into_string().ok());
        let ssh_config = variable("SERVICE_MANAGER_SSH_CONFIG").map(PathBuf::from);
        let is_plugin = variable("SERVICE_MANAGER_PLUGIN").is_some_and(|name| name == "vagrant");
        let (ssh_config, plugin) = if is_plugin {
            (None, Some(Plugin { machine: text("SERVICE_MANAGER_VAGRANT_MACHINE"), ssh_config }))
        } else {
            (ssh_config, None)
        };
        Self {
            arguments: std::env::args_os().collect(),
            home: dirs::home_dir(),
            current_folder: std::env::current_dir().unwrap_or_default(),
            service_manager_home: variable("SERVICE_MANAGER_HOME").map(PathBuf::from),
            ssh_config,
            machine: text("SERVICE_MANAGER_MACHINE"),
            plugin,
            vagrant_home: variable("VAGRANT_HOME").map(PathBuf::from),
            vagrant_cwd: variable("VAGRANT_CWD").map(PathBuf::from),
            vagrant_vagrantfile: variable("VAGRANT_VAGRANTFILE").map(PathBuf::from),
            vagrant_dotfile_path: variable("VAGRANT_DOTFILE_PATH").map(PathBuf::from),
            user: text("USER").or_else(|| text("LOGNAME")).or_else(|| text("USERNAME")),
            shell_override: text("SERVICE_MANAGER_SHELL"),
            shell: text("SHELL"),
            kubeconfig: variable("KUBECONFIG"),
            docker_config: variable("DOCKER_CONFIG").map(PathBuf::from),
            has_docker_host: variable("DOCKER_HOST").is_some(),
            docker_context: variable("DOCKER_CONTEXT").map(|name| name.to_string_lossy().into_owned()),
            mirror: text("SERVICE_MANAGER_MIRROR"),
            proxy_password: text(PROXY_PASSWORD).map(Into::into),
            path: variable("PATH"),
            exec_client: variable(EXEC_CLIENT).map(PathBuf::from),
            authorities: variable("SSL_CERT_FILE").map(PathBuf::from),
            no_color: variable("NO_COLOR").is_some(),
            environment: std::env::vars_os()
                .map(|(name, value)| (variable_name(name), value))
                .filter(|(name, _)| name != PROXY_PASSWORD)
                .collect(),
        }
    }

    /// What the variable `name` is set to; none when it is not, or not to text.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let (_, value) = self.environment.iter().find(|(known, _)| known == name)?;
        value.to_str()
    }

    /// What the user types to start this program.
    pub fn program(&self) -> &'static str {
        if self.plugin.is_some() { "vagrant service-manager" } else { "service-manager" }
    }

    /// True when the plugin has said that the Vagrant project around has a machine called `name`.
    pub fn hands_over(&self, name: &MachineName) -> bool {
        self.plugin.as_ref().and_then(Plugin::machine_name).as_ref() == Some(name)
    }

    /// The command line as the user typed it.
    pub fn typed(&self) -> Vec<OsString> {
        let arguments = self.arguments.iter();
        if self.plugin.is_none() {
            return arguments.cloned().collect();
        }
        self.program().split(' ').map(OsString::from).chain(arguments.skip(1).cloned()).collect()
    }

    /// `path` with a leading `~/` replaced by the home folder and made absolute.
    pub fn expand(&self, path: &Path) -> PathBuf {
        self.expand_in(&self.current_folder, path)
    }

    /// The same for a path that starts from `folder`.
    pub fn expand_in(&self, folder: &Path, path: &Path) -> PathBuf {
        match (path.strip_prefix("~"), &self.home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => folder.join(path),
        }
    }
}

/// See [`Env::exec_client`].
pub(crate) const EXEC_CLIENT: &str = "SERVICE_MANAGER_EXEC_CLIENT";
/// The machines whose variables `exec` has set.
pub(crate) const EXEC: &str = "SERVICE_MANAGER_EXEC";
pub(crate) const PROXY_PASSWORD: &str = "SERVICE_MANAGER_PROXY_PASSWORD";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_told_as_it_was_typed() {
        let arguments = ["/gem/libexec/service-manager", "env"].map(OsString::from).to_vec();
        let mut env = Env { arguments, ..Env::default() };
        assert_eq!(env.typed(), ["/gem/libexec/service-manager", "env"]);
        env.plugin = Some(Plugin::default());
        assert_eq!(env.typed(), ["vagrant", "service-manager", "env"]);
    }

    #[test]
    fn expands_the_home_folder_and_relative_paths() {
        let env = Env { home: Some("/home/dev".into()), current_folder: "/project".into(), ..Env::default() };
        assert_eq!(env.expand(Path::new("~/.ssh/id")), Path::new("/home/dev/.ssh/id"));
        assert_eq!(env.expand(Path::new("key")), Path::new("/project/key"));
        assert_eq!(env.expand(Path::new("/abs")), Path::new("/abs"));
    }
}
