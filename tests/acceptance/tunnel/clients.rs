//! The real `docker` and `kubectl` through a tunnel.

use super::{behind_a_nat, end, ssh_port_of, user_called, user_of};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn docker_and_kubectl_work_where_nothing_but_ssh_is_reachable() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    user.types(
        "export DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=/old; eval \"$(service-manager env docker)\"; \
         echo ${DOCKER_HOST#unix://$HOME/.local/state/service-manager/run/????????} ${DOCKER_TLS_VERIFY-gone} \
         ${DOCKER_CERT_PATH-gone}; docker info --format '{{.Name}}'",
    )
    .stdout("/docker.sock gone gone\n[NAME]\n")
    .succeeds();
    // Only the address that the host cannot reach is in its certificate.
    user.types("eval \"$(service-manager env kubernetes)\"; kubectl get namespace default --output name")
        .stdout("namespace/default\n")
        .stderr("note: the certificate does not name 127.0.0.1, [..]\n")
        .succeeds();
    user.types("service-manager env --output json | grep --only-matching '\"via\":\"[a-z]*\"'")
        .stdout("\"via\":\"ssh\"\n\"via\":\"ssh\"\n")
        .stderr("note: the certificate does not name 127.0.0.1, [..]\n")
        .succeeds();
    user.types("service-manager tunnel | cut --fields=1-4")
        .stdout(
            "
            [NAME]\tdocker\t[HOME]/.local/state/service-manager/run/[..]/docker.sock\t/run/docker.sock
            [NAME]\tkubernetes\t127.0.0.1:2[..]\t127.0.0.1:[..]
            ",
        )
        .succeeds();
    end(&user);
}

/// What is piped into a container arrives to its end, and so does the end.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn containers_are_built_and_talked_to() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    user.types(format!(
        "eval \"$(service-manager env docker)\"; set -e; {IMAGE} | docker import - tunnel-test >/dev/null; \
         echo hello | docker run --rm -i --network none tunnel-test /bin/busybox cat; \
         head -c 20000000 /dev/urandom >data; \
         test \"$(docker run --rm -i --network none tunnel-test /bin/busybox sha256sum <data)\" = \"$(sha256sum <data)\"; \
         test \"$(docker run --rm -i --network none tunnel-test /bin/busybox cat <data | sha256sum)\" = \"$(sha256sum <data)\"; \
         printf 'FROM tunnel-test\\nCOPY data /data\\n' >Dockerfile; \
         DOCKER_BUILDKIT=0 docker build --quiet --tag tunnel-built . >/dev/null 2>&1; \
         docker run --rm --network none tunnel-built /bin/busybox sha256sum /data | cut -d' ' -f1 >out; \
         test \"$(cat out)\" = \"$(sha256sum <data | cut -d' ' -f1)\"; echo same"
    ))
    .patiently()
    .stdout("hello\nsame\n")
    .succeeds();
    guest.run("docker rmi --force tunnel-built tunnel-test >/dev/null");
    end(&user);
}

/// All engines that only have a socket: the user's own, and those of root, with the group or with sudo.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn every_socket_can_be_used() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    for (kind, name, target) in [
        ("socket", "vagrant", "/run/docker.sock"),
        ("socket", "noisy", "docker system dial-stdio"),
        ("socket", "fisher", "docker system dial-stdio"),
        ("podman", "vagrant", "podman system dial-stdio"),
        ("podman-rootless", "vagrant", "/run/user/1000/podman/podman.sock"),
        ("rootless", "vagrant", "/run/user/1000/docker.sock"),
    ] {
        guest.lays_out_docker(kind);
        let user = user_called(name, &guest, &port);
        user.types(
            "eval \"$(service-manager env docker)\"; docker version --format '{{.Server.Os}}'; \
             service-manager tunnel | cut --fields=4; service-manager status docker",
        )
        .stdout(&format!("linux\n{target}\ndocker - running\n"))
        .succeeds();
        end(&user);
    }
}

/// A tar with one program for containers, and what it is linked with.
pub(super) const IMAGE: &str = "tar --create --dereference --directory=/ bin/busybox \
    $(ldd /bin/busybox | grep --only-matching '/lib[^ ]*' | cut --characters=2-)";
