//! `env registry`: Debian's docker-registry and the image's in a guest, a real skopeo and a real docker of the host.

use std::fs;
use std::path::{Path, PathBuf};

use crate::tunnel::end;
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
    let user = User::of(&guest);
    user.types("service-manager env registry --script-readable")
        .stderr(
            "error: there is no registry in `[NAME]`\n\
             hint: in the machine: `docker run --detach --restart always --publish 127.0.0.1:5000:5000 --name registry registry:2` \
             starts one; `service-manager services show registry` has the forms that are found\n",
        )
        .fails(126);
    install(&guest);
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
    user.types("service-manager registry trust")
        .stderr(
            "
            note: skopeo, podman and buildah trust [ADDRESS]:5000: `[HOME]/.config/containers/certs.d/[ADDRESS]:5000/ca.crt`
            note: for docker: `sudo install -D -m 644 [HOME]/.config/containers/certs.d/[ADDRESS]:5000/ca.crt /etc/docker/certs.d/[ADDRESS]:5000/ca.crt`
            ",
        )
        .succeeds();
    // Daemons of the user's own have their own folders.
    user.writes(".config/systemd/user/docker.service", "");
    user.writes(".docker/desktop/x", "");
    let ca = "[HOME]/.config/containers/certs.d/[ADDRESS]:5000/ca.crt";
    user.types("service-manager registry trust 2>&1 | grep -e rootless -e Desktop")
        .stdout(&format!(
            "note: for rootless docker: `install -D -m 644 {ca} [HOME]/.config/docker/certs.d/[ADDRESS]:5000/ca.crt`\n\
             note: for Docker Desktop: `install -D -m 644 {ca} [HOME]/.docker/certs.d/[ADDRESS]:5000/ca.crt`, and start it anew\n"
        ))
        .succeeds();
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
    user.types(
        "service-manager --quiet env registry --tunnel always >/dev/null; service-manager env registry",
    )
    .stdout("(exit 126)\n")
    .stderr(OPEN_TO_ALL)
    .fails(126);
    // Nothing is open any more, of the first one neither.
    user.types("service-manager tunnel | grep -c 127.0.0.1; service-manager status registry")
        .stdout("0\nregistry - running\n")
        .succeeds();
    user.types(format!(
        "service-manager() {{ command service-manager --tunnel always \"$@\"; }}; \
         eval \"$(service-manager --quiet env registry)\"; set -e; image=$DOCKER_REGISTRY/tunnelled; \
         tar --create --directory {} . | {docker} import - $image >/dev/null; {docker} push --quiet $image; \
         {docker} rmi $image >/dev/null; service-manager --quiet registry trust; skopeo inspect docker://$image --format '{{{{len .Layers}}}}'",
        folder.display()
    ))
    .patiently()
    .stdout("127.0.0.1:2[..]/tunnelled:latest\n1\n")
    .succeeds();
    user.types("service-manager --tunnel always env registry --output json | grep --only-matching '\"url\":\"http:[^\"]*:2'")
        .stdout("\"url\":\"http://127.0.0.1:2\n")
        .stderr(
            "note: the registry talks HTTP: docker here takes that at 127.0.0.1:2[..]; skopeo, podman and buildah once \
             `service-manager registry trust` was typed\n\
             note: the registry asks for no login: every user of this host can push to it at 127.0.0.1:2[..] until \
             `service-manager tunnel stop`\n",
        )
        .succeeds();
    user.types("service-manager --tunnel never env registry")
        .stdout("(exit 126)\n")
        .stderr(
            "error: registry in `[NAME]` talks HTTP without TLS, which is used through SSH only\n\
             hint: `service-manager env registry --tunnel auto` leads to it through SSH\n",
        )
        .fails(126);
    let name = guest.name();
    user.types(format!("service-manager --quiet machines forget {name}; ls .config/containers"))
        .stdout("")
        .succeeds();
}

/// Only SSH leads there, and the certificate names another host.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn docker_pushes_where_the_certificate_names_another_host() {
    let guest = Guest::own("kubeadm", "address");
    install(&guest);
    sets_up(&guest, Some("DNS:registry.example"), false);
    guest.hides();
    let user = User::of(&guest);
    let (docker, folder) = (docker(&guest), image(&user));
    user.types(format!(
        "eval \"$(service-manager env registry --tunnel always)\"; set -e; image=$DOCKER_REGISTRY/named; \
         tar --create --directory {} . | {docker} import - $image >/dev/null; {docker} push --quiet $image; \
         {docker} rmi $image >/dev/null",
        folder.display()
    ))
    .patiently()
    .stdout("127.0.0.1:2[..]/named:latest\n")
    .stderr(
        "note: the registry's certificate does not name 127.0.0.1: docker here takes that at 127.0.0.1:2[..]; skopeo, podman \
         and buildah with `--tls-verify=false`, since SSH protects the way there\n\
         note: the registry asks for no login: every user of this host can push to it at 127.0.0.1:2[..] until \
         `service-manager tunnel stop`\n",
    )
    .succeeds();
    // The name is the guest's to choose: nobody is told to lead it here.
    user.types(
        "service-manager registry trust --tunnel always 2>&1 | grep -c -e /etc/hosts -e registry.example",
    )
    .stdout("0\n")
    .fails(1);
    user.types("service-manager --quiet tunnel stop; service-manager env registry --script-readable")
        .stderr(OPEN_TO_ALL)
        .fails(126);
    end(&user);
}

/// S42 of the threat model: a port of the loopback is for what asks who comes.
const OPEN_TO_ALL: &str = "\
    error: registry in `[NAME]` asks for no login, so every user of this host could push to it through a port of 127.0.0.1\n\
    hint: `service-manager env registry --tunnel always` opens such a port all the same, until `service-manager tunnel stop`\n";

/// What is in its settings is the guest's to write.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn settings_that_no_client_could_use_are_refused() {
    let guest = Guest::own("kubeadm", "address");
    install(&guest);
    let user = User::of(&guest);
    // That of the package is for somebody to correct: with it, it does not run.
    sets_up(&guest, None, false);
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
    user.types("eval \"$(service-manager --quiet env registry --tunnel always)\"; curl --silent --include http://$DOCKER_REGISTRY/v2/ | head -n 1")
        .stdout("HTTP/1.1 200 OK\r\n")
        .succeeds();
    // One that nothing leads to, and an engine that hangs.
    let stub = |text: &str| {
        guest.run_with(
            "cat >/usr/local/sbin/docker; chmod 755 /usr/local/sbin/docker",
            &format!("#!/bin/sh\n{text}\n"),
        );
    };
    stub("[ \"$1\" = inspect ] && echo '{\"Name\":5}' && exit; exec /usr/bin/docker \"$@\"");
    user.types("service-manager env registry --refresh --script-readable")
        .stderr(
            "error: the container with an image registry in `[NAME]` publishes no port, or is described in an unknown way\n\
             hint: in the machine: `docker inspect`, or `podman inspect`, shows the container; with `--publish 127.0.0.1:5000:5000` it \
             publishes its port\n",
        )
        .fails(126);
    stub("exec sleep 600");
    user.types("timeout 25 service-manager status registry; echo $?")
        .stdout("registry - not installed\n0\n")
        .succeeds();
    guest.run("rm /usr/local/sbin/docker; pkill --full '^sleep 600' || true");
    guest.run("docker stop --time 1 my-registry >/dev/null");
    user.types("service-manager env registry --script-readable")
        .stderr(
            "error: registry is stopped in `[NAME]`\n\
             hint: in the machine: start the container my-registry with `docker start` or `podman start`\n",
        )
        .fails(126);
    end(&user);
}

/// `line` where the file `hosts` says what names lead to.
fn with_hosts(line: &str) -> String {
    let line = line.replace('\'', "'\\''");
    format!("unshare --mount bash -c 'mount --bind hosts /etc/hosts; {line}'")
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
    // What a controller of OpenShift makes: the account that builds images, and the authority of its routes.
    let user = User::of(&guest);
    let route = "default-route-openshift-image-registry.apps-crc.testing";
    // The guest could name anybody's registry.
    for (line, said) in [
        (String::new(), format!("nobody knows the host {route}")),
        (format!("203.0.113.5 {route}\n"), "which is another host".to_owned()),
    ] {
        user.writes("hosts", &format!("127.0.0.1 localhost\n{line}"));
        for command in ["trust", "login"] {
            user.types(with_hosts(&format!("service-manager registry {command} 2>&1 | grep -c \"{said}\"")))
                .stdout("1\n")
                .succeeds();
        }
    }
    assert!(!user.home().join(".config/containers").exists());
    user.writes("hosts", &format!("127.0.0.1 localhost\n{} {route}\n", guest.address()));
    user.types(
        "eval \"$(service-manager --quiet env openshift)\"; \
         kubectl config view --raw -o jsonpath='{.clusters[0].cluster.certificate-authority-data}' | base64 -d >ca.crt; \
         kubectl create namespace openshift-config-managed >/dev/null 2>&1; \
         kubectl -n openshift-config-managed create configmap default-ingress-cert --from-file=ca-bundle.crt=ca.crt",
    )
    .stdout("configmap/default-ingress-cert created\n")
    .succeeds();
    user.types(with_hosts("service-manager registry login --namespace default"))
        .stderr(
            "error: the cluster in `[NAME]` gives no token for its registry\n\
             hint: `--namespace PROJECT` names a project that has the service account `builder`\n",
        )
        .fails(1);
    user.types(with_hosts(
        "eval \"$(service-manager --quiet env openshift)\"; kubectl create serviceaccount builder; \
         service-manager --quiet registry login; \
         sed -n 's/.*\"auth\": \"\\(.*\\)\"/\\1/p' .local/state/service-manager/machines/*/registry/auth.json | base64 -d | grep -c '^unused:ey.*\\..*\\.'; \
         service-manager --quiet registry trust; \
         cmp ca.crt .config/containers/certs.d/$DOCKER_REGISTRY/ca.crt && echo same; \
         kubectl delete serviceaccount/builder; kubectl -n openshift-config-managed delete configmap default-ingress-cert",
    ))
    .stdout("serviceaccount/builder created\n1\nsame\nserviceaccount \"builder\" deleted\nconfigmap \"default-ingress-cert\" deleted\n")
    .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn skopeo_and_docker_are_logged_in() {
    let guest = Guest::own("kubeadm", "address");
    install(&guest);
    sets_up(&guest, None, true);
    let user = User::of(&guest);
    user.writes(".docker/config.json", r#"{"auths":{"example.com":{"auth":"eDp5"}},"psFormat":"x"}"#);
    user.types("service-manager --quiet registry trust; echo wrong | service-manager registry login --user dev --password-stdin")
        .stderr(
            "error: the registry at 127.0.0.1:2[..] does not accept that login\n\
             hint: in the machine, `htpasswd -v` checks a user and a password\n",
        )
        .fails(1);
    let login = "service-manager env registry 2>&1 >/dev/null | grep --only-matching 'the registry asks for a login: `docker login 127.0.0.1:2'";
    user.types(login).stdout("the registry asks for a login: `docker login 127.0.0.1:2\n").succeeds();
    user.types(
        "export DOCKER_HOST=unix://$(ls /run/service-manager-test-*/docker.sock | head -n 1); \
         echo secret | service-manager registry login --user dev --password-stdin --docker",
    )
    .stderr(
        "
        note: skopeo, podman and buildah are logged in to 127.0.0.1:2[..] where REGISTRY_AUTH_FILE is `[HOME]/[..]/registry/auth.json`; `service-manager env registry` exports that
        note: docker is logged in to 127.0.0.1:2[..]
        ",
    )
    .succeeds();
    user.types(login).stdout("").fails(1);
    let image = image(&user);
    user.types(format!(
        "eval \"$(service-manager --quiet env registry)\"; set -e; \
         tar --create --directory {} . >layer.tar; docker=\"{}\"; $docker import layer.tar $DOCKER_REGISTRY/mine >/dev/null; \
         $docker save $DOCKER_REGISTRY/mine >mine.tar; $docker rmi $DOCKER_REGISTRY/mine >/dev/null; \
         skopeo copy --quiet docker-archive:mine.tar docker://$DOCKER_REGISTRY/mine; \
         skopeo inspect docker://$DOCKER_REGISTRY/mine --format '{{{{len .Layers}}}}'; \
         skopeo inspect --no-creds docker://$DOCKER_REGISTRY/mine 2>&1 | grep -c -i -e unauthorized -e 'authentication required'",
        image.display(),
        docker(&guest)
    ))
    .patiently()
    .stdout("1\n1\n")
    .succeeds();
    let files = user.files();
    let folder: Vec<&str> =
        files.iter().map(String::as_str).skip_while(|file| *file != "700 registry").take(2).collect();
    assert_eq!(folder, ["700 registry", "600 auth.json"]);
    user.types("grep -c example.com .local/state/service-manager/machines/*/registry/auth.json; grep -c psFormat .docker/config.json")
        .stdout("1\n1\n")
        .succeeds();
    user.types("service-manager registry login")
        .stderr(
            "error: the registry needs a user and a password\n\
             hint: `service-manager registry login --user NAME --password-stdin <FILE` reads the password from a file\n",
        )
        .fails(1);
    end(&user);
}

/// What the user has put there stays.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn what_is_not_ours_is_not_touched() {
    let guest = Guest::own("kubeadm", "address");
    install(&guest);
    let place = format!("{}:5000", guest.address());
    sets_up(&guest, Some(&format!("IP:{}", guest.address())), false);
    let user = User::of(&guest);
    let path = user.writes(&format!(".config/containers/certs.d/{place}/ca.crt"), "mine");
    user.types("service-manager registry trust")
        .stderr(
            "
            error: `[HOME]/.config/containers/certs.d/[ADDRESS]:5000/ca.crt` is not from this program
            hint: move `[HOME]/.config/containers/certs.d/[ADDRESS]:5000/ca.crt` away, or add the registry's authority to it yourself
            ",
        )
        .fails(1);
    fs::remove_file(&path).unwrap();
    user.types("service-manager --quiet registry trust; service-manager --quiet registry trust; ls .config/containers/certs.d")
        .stdout("[ADDRESS]:5000\n")
        .succeeds();
    // Another certificate replaces what was written, and what was changed stays.
    sets_up(&guest, Some(&format!("IP:{}", guest.address())), false);
    let before = fs::read_to_string(&path).unwrap();
    user.types("service-manager --quiet registry trust").succeeds();
    assert_ne!(fs::read_to_string(&path).unwrap(), before);
    fs::write(&path, "mine").unwrap();
    user.types("service-manager registry trust --remove")
        .stderr(
            "note: `[HOME]/.config/containers/certs.d/[ADDRESS]:5000/ca.crt` was changed since, and stays\n",
        )
        .succeeds();
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    user.types("service-manager registry trust --remove")
        .stderr("note: no file here makes programs trust the registry of `[NAME]`\n")
        .succeeds();
}
