//! The real `docker` and `kubectl` through a tunnel.

use service_manager_test_support::{Guest, until};

use super::{behind_a_nat, end, sets_sshd, ssh_port_of, user_called, user_of};

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

/// Several containers at once, their logs, a command in one of them.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn compose_works_through_what_was_exported() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    user.writes(
        "docker-compose.yml",
        "version: '2.4'\n\
         x-app: &app {image: compose-test, network_mode: none, stop_grace_period: 0s}\n\
         services:\n\
         \x20 one: {<<: *app, command: /bin/busybox sh -c 'echo first; exec /bin/busybox sleep 600'}\n\
         \x20 two: {<<: *app, command: /bin/busybox sh -c 'echo second; exec /bin/busybox sleep 600'}\n",
    );
    user.types(format!(
        "eval \"$(service-manager env docker)\"; {IMAGE} | docker import - compose-test >/dev/null; \
         export COMPOSE_PROJECT_NAME=throughssh; docker-compose up --detach 2>/dev/null; docker-compose ps --quiet | wc -l; \
         until docker-compose logs --no-color --no-log-prefix 2>&1 | grep --extended-regexp 'first|second' | sort >logs && \
         [ $(wc -l <logs) = 2 ]; do sleep 0.1; done; cat logs; \
         echo hello | docker-compose exec -T one /bin/busybox cat; docker-compose down 2>/dev/null; \
         docker-compose ps --quiet | wc -l"
    ))
    .patiently()
    .stdout("2\nfirst\nsecond\nhello\n0\n")
    .succeeds();
    guest.run("docker rmi --force compose-test >/dev/null");
    end(&user);
}

/// All that one's tools have open at the same time, while sshd exchanges keys again and again.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn sixty_clients_at_once_and_one_that_watches() {
    let guest = behind_a_nat("socket");
    sets_sshd(&guest, "RekeyLimit 1M");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    user.types("service-manager env --quiet >env").succeeds();
    for (client, line) in [
        ("docker info --format '{{.Name}}'", "[NAME]"),
        ("kubectl get namespace default --output name", "namespace/default"),
    ] {
        user.types(format!(
            ". ./env; for i in $(seq 60); do {client} >out.$i 2>&1 & done; wait; cat out.* | sort | uniq --count | xargs"
        ))
        .patiently()
        .stdout(&format!("60 {line}\n"))
        .succeeds();
    }
    // What changes is told as it changes. No controller runs here, so the namespace is finished by hand.
    user.types(
        ". ./env; kubectl create namespace watched >/dev/null; \
         timeout 60 kubectl --namespace watched get configmaps --watch --output name >seen & \
         for i in 1 2 3; do kubectl --namespace watched create configmap seen-$i >/dev/null; done; \
         until grep --quiet seen-3 seen; do sleep 0.1; done; kill $!; grep seen- seen; \
         kubectl --namespace watched delete configmap seen-1 seen-2 seen-3 >/dev/null; \
         kubectl delete namespace watched --wait=false >/dev/null; \
         echo '{\"apiVersion\": \"v1\", \"kind\": \"Namespace\", \"metadata\": {\"name\": \"watched\"}}' | \
         kubectl replace --raw /api/v1/namespaces/watched/finalize --filename - >/dev/null",
    )
    .patiently()
    .stdout("configmap/seen-1\nconfigmap/seen-2\nconfigmap/seen-3\n")
    .succeeds();
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

/// A rootless Docker that was started by hand belongs to no unit.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_rootless_docker_started_by_hand_can_be_used() {
    let guest = behind_a_nat("rootless");
    let port = ssh_port_of(&guest);
    guest.run(
        "runuser -u vagrant -- env XDG_RUNTIME_DIR=/run/user/1000 HOME=/home/vagrant bash -ec '
         systemctl --user --quiet disable --now docker; rm ~/.config/systemd/user/docker.service
         systemctl --user daemon-reload
         systemd-run --user --quiet --unit by-hand --setenv PATH=/usr/bin:/usr/sbin:/bin:/sbin \
             /usr/share/docker.io/contrib/dockerd-rootless.sh
         until curl --silent --unix-socket /run/user/1000/docker.sock http://engine/_ping; do sleep 0.2; done'",
    );
    let user = user_of(&guest, &port);
    user.types(
        "eval \"$(service-manager env docker)\"; docker info --format '{{.SecurityOptions}}' | grep --only-matching rootless; \
         service-manager tunnel | cut --fields=4; service-manager status docker",
    )
    .stdout("rootless\n/run/user/1000/docker.sock\ndocker - running\n")
    .succeeds();
    end(&user);
}

/// More clients than sshd runs programs for one user (`MaxSessions` is 10): the others wait for their turn.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn sixty_clients_of_a_socket_that_needs_sudo_take_turns() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_called("noisy", &guest, &port);
    user.types(
        "service-manager env docker --quiet >env; . ./env; \
         for i in $(seq 60); do docker info --format '{{.Name}}' >out.$i 2>&1 & done; wait; \
         cat out.* | sort | uniq --count | xargs; service-manager tunnel | cut --fields=4",
    )
    .patiently()
    .stdout("60 [NAME]\ndocker system dial-stdio\n")
    .succeeds();
    // None of the programs is left behind.
    until("all have ended", || guest.run("pgrep --full --count 'system dial-stdio$' || true").trim() == "0");
    end(&user);
}

/// Its kubeconfig for localhost is the one that fits.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn microshift_can_be_used() {
    let guest = Guest::own("microshift", "address");
    guest.hides();
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    user.types(
        "eval \"$(service-manager env openshift --quiet)\"; kubectl get namespace default --output name; \
         service-manager tunnel | cut --fields=2,4; service-manager status openshift",
    )
    .stdout("namespace/default\nopenshift\t127.0.0.1:[..]\nopenshift - running\n")
    .succeeds();
    end(&user);
}

/// A tar with one program for containers, and what it is linked with.
pub(crate) const IMAGE: &str = "tar --create --dereference --directory=/ bin/busybox \
    $(ldd /bin/busybox | grep --only-matching '/lib[^ ]*' | cut --characters=2-)";

/// A stream both ways within a request, as `kubectl exec` and `kubectl port-forward` have them. Those need a kubelet, and the test guest
/// has none: in its place something listens at the address of a pod, to which the real API server leads.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_request_becomes_a_stream_both_ways() {
    let guest = behind_a_nat("none");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    guest.run_with(
        "cat >/run/upgrade.py",
        concat!(include_str!("upgrade.py"), "\n\n", include_str!("accept.py")),
    );
    guest.changes(
        "systemd-run --quiet --unit=test-upgrade python3 /run/upgrade.py 8092; \
         until ss --listening --tcp --numeric | grep --quiet :8092; do sleep 0.1; done",
        "systemctl stop test-upgrade; rm /run/upgrade.py",
    );
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: stream}\n\
               spec: {automountServiceAccountToken: false, nodeName: none, containers: [{name: none, image: none}]}\n";
    user.writes("pod.yaml", pod);
    let address = guest.address();
    user.writes(
        "status.yaml",
        &format!("status: {{phase: Running, podIP: {address}, podIPs: [{{ip: {address}}}]}}"),
    );
    user.types("service-manager env kubernetes --quiet >env").succeeds();
    user.types(
        ". ./env; kubectl create serviceaccount default --dry-run=client --output yaml | kubectl apply --filename - >/dev/null; \
         kubectl apply --filename pod.yaml >/dev/null && kubectl patch pod stream --subresource status --patch-file status.yaml",
    )
    .stdout("pod/stream patched\n")
    .succeeds();
    user.writes("talk.py", TALK);
    user.types(
        ". ./env; coproc kubectl proxy --port 0; read -r line <&${COPROC[0]}; timeout 30 python3 talk.py ${line##*:}; code=$?; \
         kill $COPROC_PID; exit $code",
    )
    .stdout("101\n1048576 bytes came back, in 64 turns\n")
    .succeeds();
    user.types(
        ". ./env; kubectl delete pod stream --force --grace-period=0 >/dev/null 2>&1; service-manager tunnel stop",
    )
    .run_freely();
}

/// Speaks to a pod, and goes on when it has been answered.
const TALK: &str = r#"
import os, socket, sys
stream = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
stream.sendall(b"GET /api/v1/namespaces/default/pods/stream:8092/proxy/ HTTP/1.1\r\n"
               b"Host: localhost\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
file = stream.makefile("rb")
print(file.readline().split()[1].decode())
while file.readline().strip():
    pass
count = 0
for turn in range(64):
    bytes = os.urandom(1 << 14)
    stream.sendall(bytes)
    back = file.read(len(bytes))
    assert back == bytes
    count += len(back)
print(f"{count} bytes came back, in {turn + 1} turns")
"#;
