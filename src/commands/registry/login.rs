//! Logging in to the registry of a machine.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::{NamedRegistry, with_registry};
use crate::access::credentials::{ClientAuth, Credentials};
use crate::access::endpoint::Api;
use crate::access::registry_client::with_login;
use crate::base::files;
use crate::base::paths::docker_config;
use crate::base::program;
use crate::base::text::sh_path;
use crate::cli::RegistryLoginArgs;
use crate::commands::context::Context;
use crate::error::{Error, RegistryError};
use crate::ui;

/// With what a registry lets its users in.
struct RegistryLogin {
    user: String,
    password: SecretString,
}

pub(super) fn run(args: &RegistryLoginArgs, context: &Context) -> Result<(), Error> {
    let typed = args.user.as_ref().map(|user| typed_login(user)).transpose()?;
    with_registry(context, |registry| {
        let login = match typed {
            Some(login) => login,
            None => login_of_cluster(&registry, args)?,
        };
        require_accepted(&registry, &login, context)?;
        keep(&registry, &login, context)?;
        if args.docker {
            log_docker_in(&registry.place, &login, context)?;
        }
        Ok(())
    })
}

/// The password is the first line that is read.
fn typed_login(user: &str) -> Result<RegistryLogin, Error> {
    let is_user = |text: &str| !text.is_empty() && !text.contains(':') && !text.chars().any(char::is_control);
    let password = ui::read_line().unwrap_or_default();
    if !is_user(user) || password.is_empty() || password.len() > LONGEST_PASSWORD {
        return Err(RegistryError::NoPassword.into());
    }
    Ok(RegistryLogin { user: user.to_owned(), password: password.into() })
}

/// A token that the cluster takes as a password: the admin's own, or one of the account that builds images in a project.
fn login_of_cluster(registry: &NamedRegistry, args: &RegistryLoginArgs) -> Result<RegistryLogin, Error> {
    let no_token = || RegistryError::NoToken { machine: registry.machine.name.to_string() };
    if !registry.is_of_cluster() {
        return Err(RegistryError::NoPassword.into());
    }
    let auth = registry.connected.credentials.as_ref().map(|credentials| &credentials.client_auth);
    let password = if let Some(ClientAuth::Token(token)) = auth {
        token.clone()
    } else {
        let account = format!("/api/v1/namespaces/{}/serviceaccounts/builder/token", args.namespace);
        let token = registry.connected.access().client.create(&account, TOKEN_REQUEST, "/status/token");
        let auth = ClientAuth::account_token(token.unwrap_or_default().as_bytes());
        let Ok(ClientAuth::Token(token)) = auth else { return Err(no_token().into()) };
        token
    };
    Ok(RegistryLogin { user: "unused".to_owned(), password })
}

/// Errors: the registry says no. That of a cluster has given the token itself.
fn require_accepted(registry: &NamedRegistry, login: &RegistryLogin, context: &Context) -> Result<(), Error> {
    let Some(credentials) = registry.connected.credentials.as_ref().filter(|_| !registry.is_of_cluster())
    else {
        return Ok(());
    };
    let auth = ClientAuth::Password { user: login.user.clone(), password: login.password.clone() };
    let credentials = Credentials { client_auth: auth, ..credentials.clone() };
    let accepted = registry.connected.endpoint.reconnect(Api::Registry, Some(&credentials), context.deadline);
    accepted.map(drop).ok_or_else(|| RegistryError::LoginRefused { place: registry.place.clone() }.into())
}

/// Keeps it in the machine's folder, beside the user's other logins.
fn keep(registry: &NamedRegistry, login: &RegistryLogin, context: &Context) -> Result<(), Error> {
    let known = known_logins(context)?;
    let text = match &known {
        Some(path) => files::read_text(path, LONGEST_LOGINS)?,
        None => None,
    };
    let with = with_login(text.as_deref(), &registry.place, &login.user, login.password.expose_secret());
    let text = with.ok_or_else(|| RegistryError::NotLogins { path: known.unwrap_or_default() })?;
    let path = registry.machine.files.registry_logins();
    registry.machine.lock(context.deadline)?.write(&path, text.as_bytes())?;
    context.note(&format!(
        "skopeo, podman and buildah are logged in to {} where REGISTRY_AUTH_FILE is `{}`; `service-manager env registry` \
         exports that",
        registry.place,
        sh_path(&path)
    ));
    Ok(())
}

/// The file of logins that skopeo would read (containers-auth.json(5)), unless it is one of ours.
fn known_logins(context: &Context) -> Result<Option<PathBuf>, Error> {
    let folders = context.folders()?;
    let named = context.env.variable("REGISTRY_AUTH_FILE").map(|path| context.env.current_folder.join(path));
    let runtime = context.env.variable("XDG_RUNTIME_DIR").map(PathBuf::from);
    let of_runtime = runtime.map(|folder| folder.join("containers").join("auth.json"));
    let of_docker = docker_config(&context.env)?.join("config.json");
    let all = named.into_iter().chain(of_runtime).chain([of_docker]);
    Ok(all.filter(|path| !path.starts_with(folders.machines())).find(|path| path.exists()))
}

/// Docker's own files are docker's own business, and so are the programs that keep its secrets.
fn log_docker_in(place: &str, login: &RegistryLogin, context: &Context) -> Result<(), Error> {
    let path = context.env.path.as_deref().unwrap_or_default();
    let docker = program::find("docker", path).ok_or(RegistryError::NoDocker)?;
    let mut command = program::command(&docker);
    command.args(["login", "--username", &login.user, "--password-stdin", place]);
    let failed = |said: String| RegistryError::DockerLogin { said };
    let password = login.password.expose_secret().as_bytes();
    let output = program::run_with_input(command, password, "docker login", context.deadline)
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.stderr.lines().last().unwrap_or_default().to_owned()).into());
    }
    context.note(&format!("docker is logged in to {place}"));
    Ok(())
}

/// For a day (<https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/>).
const TOKEN_REQUEST: &str =
    r#"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":86400}}"#;
const LONGEST_PASSWORD: usize = 8192;
const LONGEST_LOGINS: u64 = 1 << 20;
