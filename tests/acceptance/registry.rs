//! `env registry`: Debian's docker-registry and the image's in a guest, a real skopeo and a real docker of the host.

use std::fs;
use std::path::{Path, PathBuf};

use crate::tunnel::{end, hide};
use service_manager_test_support::{Guest, User, repository};

/// Debian's package, from where `tools/setup` has put it.
fn install(guest: &Guest) {
    let package = guest.folder().ancestors().nth(2).unwrap().join("registry/docker-registry.deb");
    guest.brings(&package, "/root/docker-registry.deb");
    guest.changes(
        "dpkg --install /root/docker-registry.deb >/dev/null 2>&1; systemctl stop docker-registry",
        "dpkg --purge docker-registry >/dev/null 2>&1; rm -rf /var/lib/docker-registry /etc/docker/registry; \
         systemctl daemon-reload",
    );
}

/// Its settings; a certificate names `names`, and none means HTTP. With a login it is `dev` with `secret`.
fn sets_up(guest: &Guest, names: Option<&str>, has_login: bool) {
    let folder = "/etc/docker/registry";
    let mut config = vec![String::from(
        "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /var/lib/docker-registry\nhttp:\n  addr: :5000\n",
    )];
    if let Some(names) = names {
        guest.run(&format!(
            "cd {folder}; issue ca ca.pem ca-key.pem 'registry CA'; \
             issue server cert.pem key.pem registry ca.pem ca-key.pem {names}; chown docker-registry key.pem"
        ));
        config.push(format!("  tls:\n    certificate: {folder}/cert.pem\n    key: {folder}/key.pem\n"));
    }
    if has_login {
        // bcrypt, by htpasswd.
        let line = "dev:$2y$05$QH04oaCYOAPhDHUiwxNvHuXB1Q9jZKghFxV6zy/pyXtxwyZ69FVMm\n";
        guest.run_with(&format!("cat >{folder}/htpasswd"), line);
        config.push(format!("auth:\n  htpasswd:\n    realm: x\n    path: {folder}/htpasswd\n"));
    }
    guest.run_with(&format!("cat >{folder}/config.yml"), &config.concat());
    guest.run(
        "systemctl restart docker-registry; for i in {1..100}; do (: </dev/tcp/127.0.0.1/5000) 2>/dev/null && break; sleep 0.1; done",
    );
}

/// An image in one file, for skopeo.
fn image(user: &User) -> PathBuf {
    let folder = user.home().join("image");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("hello"), "hello").unwrap();
    folder
}

/// The docker of this host with the tests' own daemon on it.
fn docker(guest: &Guest) -> String {
    let cache = guest.folder().ancestors().nth(2).unwrap().display();
    let engine = repository().join("tests/acceptance/guest/engine");
    format!("env SERVICE_MANAGER_TEST_CACHE={cache} {} docker", engine.display())
}

/// What the host's daemon trusts, until this is dropped.
struct TrustedByDocker(PathBuf);

impl TrustedByDocker {
    fn new(place: &str, authority: &str) -> Self {
        let folder = Path::new("/etc/docker/certs.d").join(place);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("ca.crt"), authority).unwrap();
        Self(folder)
    }
}

impl Drop for TrustedByDocker {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn docker_pushes_and_skopeo_inspects_at_a_routable_address() {
    let guest = Guest::own("kubeadm", "address");
    install(&guest);
    let user = User::of(&guest);
    user.types("service-manager status registry").stdout("registry - stopped\n").succeeds();
    let place = format!("{}:5000", guest.address());
    sets_up(&guest, Some(&format!("IP:{},DNS:registry", guest.address())), false);
    user.types("service-manager status registry").stdout("registry - running\n").succeeds();
    user.types("service-manager --quiet env registry --shell bash")
        .stdout(
            "
            # Set the following environment variables to enable access to the
            # registry running inside of the vagrant virtual machine:
            export DOCKER_REGISTRY=[ADDRESS]:5000

            # run following command to configure your shell:
            # eval \"$(service-manager --quiet env registry --shell bash)\"
            ",
        )
        .succeeds();
    let authority = guest.run("cat /etc/docker/registry/ca.pem");
    let _trusted = TrustedByDocker::new(&place, &authority);
    let docker = docker(&guest);
    user.writes(".config/containers/certs.d/x", "");
    user.writes(&format!(".config/containers/certs.d/{place}/ca.crt"), &authority);
    let folder = image(&user);
    user.types(format!(
        "eval \"$(service-manager --quiet env registry)\"; set -e; image=$DOCKER_REGISTRY/routable; \
         tar --create --directory {} . | {docker} import - $image >/dev/null; {docker} push --quiet $image; \
         {docker} rmi $image >/dev/null; skopeo inspect docker://$image --format '{{{{.Name}}}} {{{{len .Layers}}}}'",
        folder.display()
    ))
    .patiently()
    .stdout("[ADDRESS]:5000/routable:latest\n[ADDRESS]:5000/routable 1\n")
    .succeeds();
    // The next time no SSH is needed.
    user.types("service-manager --debug --quiet env registry 2>&1 | grep -c 'answers at .* as before'")
        .stdout("1\n")
        .succeeds();
    guest.stops("docker-registry");
    user.types("service-manager env registry --script-readable")
        .stderr("error: registry is stopped in `[NAME]`\nhint: `service-manager start registry`\n")
        .fails(126);
    user.types("service-manager --quiet start registry")
        .stdout("Registry service configured successfully...\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn docker_pushes_and_skopeo_inspects_through_the_tunnel() {
    let guest = Guest::own("kubeadm", "address");
    install(&guest);
    sets_up(&guest, None, false);
    let user = User::of(&guest);
    let docker = docker(&guest);
    let folder = image(&user);
    user.types(format!(
        "eval \"$(service-manager --quiet env registry)\"; set -e; image=$DOCKER_REGISTRY/tunnelled; \
         tar --create --directory {} . | {docker} import - $image >/dev/null; {docker} push --quiet $image; \
         {docker} rmi $image >/dev/null; skopeo inspect --tls-verify=false docker://$image --format '{{{{len .Layers}}}}'",
        folder.display()
    ))
    .patiently()
    .stdout("127.0.0.1:2[..]/tunnelled:latest\n1\n")
    .succeeds();
    user.types("service-manager env registry --output json | grep --only-matching '\"url\":\"http:[^\"]*:2'")
        .stdout("\"url\":\"http://127.0.0.1:2\n")
        .stderr(
            "note: the registry talks HTTP: docker here takes that at 127.0.0.1:2[..]; skopeo, podman and buildah have to be \
             told, as `--tls-verify=false` does\n",
        )
        .succeeds();
    user.types("service-manager --tunnel never env registry")
        .stdout("(exit 126)\n")
        .stderr(
            "error: registry in `[NAME]` talks HTTP without TLS, which is used through SSH only\n\
             hint: `service-manager env registry --tunnel auto` leads to it through SSH\n",
        )
        .fails(126);
    end(&user);
}

/// Only SSH leads there, and the certificate names another host.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn docker_pushes_where_the_certificate_names_another_host() {
    let guest = Guest::own("kubeadm", "address");
    install(&guest);
    sets_up(&guest, Some("DNS:registry.example"), false);
    hide(&guest);
    let user = User::of(&guest);
    let (docker, folder) = (docker(&guest), image(&user));
    user.types(format!(
        "eval \"$(service-manager env registry)\"; set -e; image=$DOCKER_REGISTRY/named; \
         tar --create --directory {} . | {docker} import - $image >/dev/null; {docker} push --quiet $image; \
         {docker} rmi $image >/dev/null",
        folder.display()
    ))
    .patiently()
    .stdout("127.0.0.1:2[..]/named:latest\n")
    .stderr(
        "note: the registry's certificate does not name 127.0.0.1: docker here takes that at 127.0.0.1:2[..]; for skopeo, \
         podman and buildah add the line `127.0.0.1 registry.example` to /etc/hosts, and use registry.example:2[..]\n",
    )
    .succeeds();
    end(&user);
}

/// What is in its settings is the guest's to write.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn settings_that_no_client_could_use_are_refused() {
    let guest = Guest::own("kubeadm", "address");
    install(&guest);
    let user = User::of(&guest);
    guest.run("systemctl start docker-registry");
    for (config, reason) in [
        ("http: {addr: ':http'}", "its http.addr is not valid"),
        ("a: &a x\nhttp: {addr: *a}", "it uses YAML anchors or aliases"),
        ("http: [", "it is not the YAML of a registry's settings"),
        (
            "http: {addr: ':5000', tls: {certificate: /etc/docker/registry/none.pem}}",
            "its http.tls.certificate names a file that the guest does not have or does not show",
        ),
        (
            "http:\n  addr: :5000\n  tls:\n    certificate: /etc/hostname\n    key: /x\n",
            "its http.tls.certificate is not valid",
        ),
    ] {
        guest.replaces("/etc/docker/registry/config.yml", config);
        user.types("service-manager env registry --script-readable")
            .stderr(&format!(
                "error: the settings of the registry in `/etc/docker/registry/config.yml` of `[NAME]` cannot be used\n\
                 caused by: {reason}\n"
            ))
            .fails(126);
    }
}

/// The image `registry`, made of Debian's program.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_registry_in_a_container_is_found() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("socket");
    install(&guest);
    guest.changes(
        "cd $(mktemp -d); mkdir -p etc/docker/registry var/lib/registry; cp --parents /usr/bin/docker-registry \
         $(ldd /usr/bin/docker-registry | grep -o '/[^ ]*') .; \
         printf 'version: 0.1\\nstorage:\\n  filesystem:\\n    rootdirectory: /var/lib/registry\\nhttp:\\n  addr: :5000\\n' >etc/docker/registry/config.yml; \
         tar --create . | docker import - registry:2 >/dev/null; \
         dpkg --purge docker-registry >/dev/null 2>&1; systemctl daemon-reload; \
         docker run --detach --name my-registry --network host registry:2 /usr/bin/docker-registry serve \
         /etc/docker/registry/config.yml >/dev/null; \
         for i in {1..100}; do (: </dev/tcp/127.0.0.1/5000) 2>/dev/null && break; sleep 0.1; done",
        "docker rm --force my-registry >/dev/null; docker rmi registry:2 >/dev/null",
    );
    let user = User::of(&guest);
    user.types(
        "service-manager status registry --output json | grep --only-matching '\"flavour\":\"[a-z]*\"'",
    )
    .stdout("\"flavour\":\"container\"\n")
    .succeeds();
    user.types("eval \"$(service-manager --quiet env registry)\"; curl --silent --include http://$DOCKER_REGISTRY/v2/ | head -n 1")
        .stdout("HTTP/1.1 200 OK\r\n")
        .succeeds();
    guest.run("docker stop --time 1 my-registry >/dev/null");
    user.types("service-manager env registry --script-readable")
        .stderr(
            "error: registry is stopped in `[NAME]`\n\
             hint: in the machine: start the container my-registry with `docker start` or `podman start`\n",
        )
        .fails(126);
    end(&user);
}

/// That of `OpenShift` is behind a route.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn the_registry_of_an_openshift_is_its_route() {
    let guest = Guest::own("crc", "address");
    User::of(&guest)
        .types("service-manager --quiet env registry --shell bash | grep ^export")
        .stdout("export DOCKER_REGISTRY=default-route-openshift-image-registry.apps-crc.testing\n")
        .succeeds();
}
