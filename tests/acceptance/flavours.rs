//! Every flavour of every service, each in a guest laid out like it: it is found, it is used by a real client through
//! what `env` printed, and it is seen to be stopped. Each test leaves a line for `tools/test` to show.

use std::fs::OpenOptions;
use std::io::Write;

use crate::doctor::agrees_with_env;
use crate::eval::on_a_terminal;
use service_manager_test_support::{Guest, User};

/// A flavour: `NAME: SERVICE "FLAVOUR" in "LAYOUT" stopped with "UNITS" [and started with "HINT"]`.
macro_rules! flavours {
    ($($name:ident: $service:ident $flavour:literal in $layout:literal stopped with $units:literal $(and started with $hint:literal)?;)*) => {$(
        #[test]
        #[cfg_attr(no_guest, ignore = "needs the test guest")]
        fn $name() {
            let check = Check { service: stringify!($service), flavour: $flavour, layout: $layout };
            let guest = check.works();
            let hint = concat!("`service-manager start ", stringify!($service), "`");
            $(let hint = { let _ = hint; $hint };)?
            check.stops(&guest, $units, hint);
            check.starts(&guest, hint);
        }
    )*};
}

flavours! {
    kubeadm: kubernetes "kubeadm" in "kubeadm" stopped with "kubelet";
    k3s: kubernetes "k3s" in "k3s" stopped with "k3s";
    rke2: kubernetes "rke2" in "rke2" stopped with "rke2-server";
    k0s: kubernetes "k0s" in "k0s" stopped with "k0scontroller";
    microk8s: kubernetes "microk8s" in "microk8s" stopped with "snap.microk8s.daemon-kubelite";
    minikube: kubernetes "minikube" in "minikube" stopped with "kubelet";
    plain: kubernetes "plain" in "plain" stopped with "etcd kube-apiserver";
    kind: kubernetes "kind" in "kind" stopped with "guest-api" and started with "in the machine: `docker start $(docker ps --all --quiet --filter label=io.x-k8s.kind.cluster=dev)`";
    adb_kubernetes: kubernetes "adb" in "adb" stopped with "etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet";
    microshift: openshift "microshift" in "microshift" stopped with "microshift";
    crc: openshift "crc" in "crc" stopped with "kubelet";
    node: openshift "node" in "okd" stopped with "kubelet";
    origin: openshift "origin" in "origin" stopped with "origin-master";
    cluster_up: openshift "cluster-up" in "cluster-up" stopped with "guest-api" and started with "in the machine: `oc cluster up`";
    cluster_up_old: openshift "cluster-up-old" in "cluster-up-old" stopped with "guest-api" and started with "in the machine: `oc cluster up`";
    minishift: openshift "minishift" in "minishift" stopped with "guest-api" and started with "on the host: `minishift start`";
    adb_openshift: openshift "adb" in "adb-openshift" stopped with "openshift";
}

struct Check {
    service: &'static str,
    flavour: &'static str,
    layout: &'static str,
}

impl Check {
    fn works(&self) -> Guest {
        let guest = Guest::own(self.layout, "address");
        let (service, user) = (self.service, User::of(&guest));
        user.types(format!("service-manager status {service}"))
            .stdout(&format!("{service} - running\n"))
            .succeeds();
        // Nothing else leads to the guest's loopback.
        let (through, endpoint) = if self.layout == "kind" {
            (", services through SSH", "through SSH")
        } else {
            ("", "https://[..]")
        };
        user.with("NO_COLOR", "1")
            .types(on_a_terminal(&format!("service-manager status {service}")))
            .stdout(&format!(
                "[NAME]  vagrant@[ADDRESS]:22{through}\nSERVICE[..]\n{service}[..]running[..]{}[..]{endpoint}\n",
                self.flavour
            ))
            .succeeds();
        self.report("status");

        let user = User::of(&guest);
        user.types(format!(
            "eval \"$(service-manager --quiet env {service})\" && kubectl get namespace default -o name"
        ))
        .stdout("namespace/default\n")
        .succeeds();
        self.report("env, kubectl");
        user.types(format!(
            "service-manager --quiet kubeconfig {service} --print >text && \
             kubectl --kubeconfig text get namespace default -o name"
        ))
        .stdout("namespace/default\n")
        .succeeds();
        self.report("kubeconfig --print");
        user.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
        user.types("service-manager box version").stdout("[..] [..]\n").succeeds();
        self.report("box");
        agrees_with_env(&user, "", service);
        self.report("doctor");
        guest
    }

    fn stops(&self, guest: &Guest, units: &str, hint: &str) {
        let (service, user) = (self.service, User::of(guest));
        guest.stops(units);
        user.types(format!("service-manager status {service}"))
            .stdout(&format!("{service} - stopped\n"))
            .succeeds();
        user.types(format!("service-manager env {service} --script-readable"))
            .stderr(&format!("error: {service} is stopped in `[NAME]`\nhint: {hint}\n"))
            .fails(126);
        agrees_with_env(&user, "", service);
        self.report("stopped");
    }

    /// Where the program can: it starts it, and stops and restarts it too.
    fn starts(&self, guest: &Guest, hint: &str) {
        let (service, user) = (self.service, User::of(guest));
        if !hint.starts_with("`service-manager start") {
            user.types(format!("service-manager start {service}"))
                .stderr(&format!(
                    "error: nothing in `[NAME]` can start {service}, as {} has it\nhint: {hint}\n",
                    self.flavour
                ))
                .fails(126);
            return;
        }
        let title = if service == "openshift" { "OpenShift" } else { "Kubernetes" };
        for (verb, done) in
            [("start", "configured"), ("restart", "restarted"), ("stop", "stopped"), ("start", "configured")]
        {
            user.types(format!("service-manager -q {verb} {service}"))
                .stdout(&format!("{title} service {done} successfully...\n"))
                .succeeds();
        }
        user.types(format!(
            "eval \"$(service-manager --quiet env {service})\" && kubectl get namespace default -o name"
        ))
        .stdout("namespace/default\n")
        .succeeds();
        self.report("start, stop, restart");
    }

    fn report(&self, command: &str) {
        report(self.service, self.flavour, command);
    }
}

/// Leaves a line that says what was done with a flavour.
pub(crate) fn report(service: &str, flavour: &str, command: &str) {
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/flavours");
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(format!("{service:<10}  {flavour:<16}  {command}\n").as_bytes()).unwrap();
}
