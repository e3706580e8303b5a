//! Flavours as people have changed them, or as other set-ups leave them: they are found like those of `flavours`.

use crate::flavours::report;
use crate::tunnel::end;
use service_manager_test_support::{Guest, UNTIL_READY, User};

const USES_KUBECTL: &str =
    "eval \"$(service-manager --quiet env kubernetes)\" && kubectl get namespace default -o name";

fn kubectl_works(user: &User) {
    user.types(USES_KUBECTL).stdout("namespace/default\n").succeeds();
}

/// The first line is what `status` says of Kubernetes.
fn has_flavour(user: &User, service: &str, flavour: &str) {
    user.types(format!(
        "service-manager status {service} --output json | grep --only-matching '\"flavour\":\"[^\"]*\"'"
    ))
    .stdout(&format!("\"flavour\":\"{flavour}\"\n"))
    .succeeds();
}

/// `atomic install --system`: units whose programs runc runs, each with a root folder of its own.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn system_containers_that_runc_runs_are_found_like_others() {
    let guest = Guest::own("plain", "address");
    guest.changes(
        SYSTEM_CONTAINERS,
        &format!(
            "systemctl stop kube-apiserver etcd; systemctl reset-failed kube-apiserver etcd 2>/dev/null || true; \
             for unit in etcd kube-apiserver; do mv /root/$unit.service /etc/systemd/system/; runc delete --force $unit || true; done; \
             rm -rf /var/lib/containers/atomic; systemctl daemon-reload; systemctl start etcd kube-apiserver; {UNTIL_READY}"
        ),
    );
    guest.run(UNTIL_READY);
    let running =
        guest.run("runc list --format json | grep --only-matching '\"status\":\"running\"' | wc -l");
    assert_eq!(running, "2\n");
    let user = User::of(&guest);
    has_flavour(&user, "kubernetes", "plain");
    kubectl_works(&user);
    user.types("service-manager --quiet restart kubernetes")
        .stdout("Kubernetes service restarted successfully...\n")
        .succeeds();
    kubectl_works(&user);
    user.types("service-manager --quiet stop kubernetes")
        .stdout("Kubernetes service stopped successfully...\n")
        .succeeds();
    assert_eq!(guest.run("runc list --format json | grep -c running || true"), "0\n");
    // runc ends as its program, which systemd takes for a failure when a signal has ended that.
    user.types("service-manager status kubernetes | grep --count -e stopped -e failed")
        .stdout("1\n")
        .succeeds();
    user.types("service-manager --quiet start kubernetes")
        .stdout("Kubernetes service configured successfully...\n")
        .succeeds();
    report("kubernetes", "plain", "in system containers of runc: status, env, kubectl, start, stop, restart");
}

/// As `atomic` writes bundle and unit (projectatomic/atomic: Atomic/syscontainers.py). The programs are the guest's own, so that their
/// folders are mounted.
const SYSTEM_CONTAINERS: &str = r#"
systemctl stop kube-apiserver etcd
for unit in etcd kube-apiserver; do
    bundle=/var/lib/containers/atomic/$unit.0
    mkdir -p $bundle/rootfs
    args=$(sed -n 's/^ExecStart=//p' /etc/systemd/system/$unit.service | tr ' ' '\n' | sed '/^$/d; s/.*/"&"/' | paste -sd,)
    mounts='{"destination":"/proc","type":"proc","source":"proc"},{"destination":"/dev","type":"tmpfs","source":"tmpfs"}'
    for folder in /usr /etc /home /var/lib/etcd $(for link in /bin /lib /lib64; do [ -L $link ] || echo $link; done); do
        mounts="$mounts,{\"destination\":\"$folder\",\"type\":\"bind\",\"source\":\"$folder\",\"options\":[\"rbind\",\"rw\"]}"
    done
    for link in /bin /lib /lib64; do [ ! -L $link ] || ln -s "$(readlink $link)" $bundle/rootfs$link; done
    cat >$bundle/config.json <<END
{"ociVersion":"1.0.0","hostname":"$HOSTNAME",
 "process":{"user":{"uid":0,"gid":0},"args":[$args],"env":["PATH=/usr/bin:/bin","GOGC=400"],"cwd":"/"},
 "root":{"path":"rootfs"},"mounts":[$mounts],
 "linux":{"namespaces":[{"type":"mount"},{"type":"pid"},{"type":"ipc"},{"type":"uts"}]}}
END
    cp /etc/systemd/system/$unit.service /root/
    cat >/etc/systemd/system/$unit.service <<END
[Unit]
Description=$unit, a system container
After=network.target

[Service]
ExecStart=/usr/sbin/runc run '$unit'
ExecStop=/usr/sbin/runc kill '$unit'
Restart=on-failure
WorkingDirectory=$bundle

[Install]
WantedBy=multi-user.target
END
done
systemctl daemon-reload
systemctl start etcd
for i in {1..100}; do (: </dev/tcp/127.0.0.1/2379) 2>/dev/null && break; sleep 0.1; done
systemctl start kube-apiserver
"#;

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn docker_from_snap_is_found() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("socket");
    guest.changes(
        "systemctl stop docker.socket docker.service; mkdir -p /root/hidden; mv /lib/systemd/system/docker.* /root/hidden; \
         printf '[Service]\\nExecStart=/usr/sbin/dockerd -H unix:///run/docker.sock -G docker -p /run/snap.docker/docker.pid \
         --iptables=false --ip6tables=false\\n' >/etc/systemd/system/snap.docker.dockerd.service; mkdir -p /run/snap.docker; \
         systemctl daemon-reload; systemctl start snap.docker.dockerd; \
         for i in {1..200}; do docker version >/dev/null 2>&1 && break; sleep 0.1; done",
        "systemctl stop snap.docker.dockerd; rm /etc/systemd/system/snap.docker.dockerd.service; \
         mv /root/hidden/* /lib/systemd/system/; systemctl daemon-reload; systemctl start docker.socket",
    );
    let user = User::of(&guest);
    has_flavour(&user, "docker", "snap");
    user.types("eval \"$(service-manager --quiet env docker)\"; docker info --format '{{.Name}}'")
        .stdout("[NAME]\n")
        .succeeds();
    end(&user);
    for (verb, done) in [("stop", "stopped"), ("start", "configured"), ("restart", "restarted")] {
        user.types(format!("service-manager --quiet {verb} docker"))
            .stdout(&format!("Docker service {done} successfully...\n"))
            .succeeds();
    }
    guest.run("systemctl stop snap.docker.dockerd");
    user.types("service-manager status docker").stdout("docker - stopped\n").succeeds();
    report("docker", "snap", "status, env, docker, start, stop, restart, stopped");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn containerd_alone_is_named() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("none");
    guest.changes(
        "touch /usr/local/bin/nerdctl; systemctl start containerd",
        "rm /usr/local/bin/nerdctl; systemctl stop containerd",
    );
    let user = User::of(&guest);
    has_flavour(&user, "docker", "containerd");
    user.types("service-manager env docker --script-readable")
        .stderr(
            "error: docker in `[NAME]` is containerd, which speaks another language than docker's clients\n\
             hint: `service-manager ssh -- sudo nerdctl ps` uses it in the machine; Docker or Podman beside it can be used from here\n",
        )
        .fails(126);
    report("docker", "containerd", "status, named by env");
}

/// What `write-kubeconfig` and `https-listen-port` of its config.yaml change: k3s keeps another kubeconfig for itself, for a port of
/// the loopback.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn k3s_whose_kubeconfig_is_elsewhere_is_used() {
    let guest = Guest::own("k3s", "address");
    guest.changes(
        "cred=/var/lib/rancher/k3s/server/cred; mkdir -p $cred; cd /etc/rancher/k3s; \
         sed 's/:6443/:7444/' k3s.yaml >$cred/admin.kubeconfig; chmod 0600 $cred/admin.kubeconfig; mv k3s.yaml /root/elsewhere.yaml; \
         systemd-run --quiet --unit k3s-inside --socket-property ListenStream=127.0.0.1:7444 \
         /lib/systemd/systemd-socket-proxyd 127.0.0.1:6443",
        "systemctl stop k3s-inside.socket k3s-inside.service; mv /root/elsewhere.yaml /etc/rancher/k3s/k3s.yaml; \
         rm -r /var/lib/rancher/k3s/server/cred",
    );
    let user = User::of(&guest);
    has_flavour(&user, "kubernetes", "k3s");
    kubectl_works(&user);
    user.types("service-manager env kubernetes --output json | grep --only-matching '\"via\":\"[a-z]*\"'")
        .stdout("\"via\":\"ssh\"\n")
        .succeeds();
    end(&user);
    report("kubernetes", "k3s", "write-kubeconfig elsewhere, another port: env, kubectl");
}

/// As `OpenRC` of Alpine, Rancher Desktop and WSL start it.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn docker_and_k3s_without_systemd_are_used() {
    let guest = Guest::own("k3s", "address");
    // sd_booted(3)
    guest.lays_out_docker("socket");
    guest.changes("mv /run/systemd/system /run/systemd/hidden", "mv /run/systemd/hidden /run/systemd/system");
    let user = User::of(&guest);
    has_flavour(&user, "kubernetes", "k3s");
    kubectl_works(&user);
    user.types("eval \"$(service-manager --quiet env docker)\"; docker info --format '{{.Name}}'")
        .stdout("[NAME]\n")
        .succeeds();
    end(&user);
    report("kubernetes", "k3s", "without systemd: status, env, kubectl");
    report("docker", "socket", "without systemd: env, docker");
}

/// `kubeadm init` writes it beside `admin.conf` since 1.29.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn super_admin_is_the_second_choice_of_kubeadm() {
    let guest = Guest::own("kubeadm", "address");
    guest.changes(
        "cd /etc/kubernetes; cp admin.conf super-admin.conf; cp admin.conf /root/admin.conf; echo 'no: [' >admin.conf",
        "cd /etc/kubernetes; mv /root/admin.conf admin.conf; rm super-admin.conf",
    );
    kubectl_works(&User::of(&guest));
    report("kubernetes", "kubeadm", "super-admin.conf: env, kubectl");
}

/// Until 1.20 each of its programs had a unit.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn microk8s_of_before_kubelite_is_found() {
    let guest = Guest::own("microk8s", "address");
    let (new, old) = ("snap.microk8s.daemon-kubelite", "snap.microk8s.daemon-apiserver");
    let rename = |from: &str, to: &str| {
        format!(
            "systemctl stop {from}; systemctl reset-failed {from} 2>/dev/null || true; cd /etc/systemd/system; \
             mv {from}.service {to}.service; sed -i 's/{from}/{to}/' guest-etcd.service; \
             systemctl daemon-reload; systemctl start {to}; {UNTIL_READY}"
        )
    };
    guest.changes(&rename(new, old), &rename(old, new));
    let user = User::of(&guest);
    has_flavour(&user, "kubernetes", "microk8s-apiserver");
    kubectl_works(&user);
    guest.stops(old);
    user.types("service-manager status kubernetes").stdout("kubernetes - stopped\n").succeeds();
    report("kubernetes", "microk8s-apiserver", "status, env, kubectl, stopped");
}
