//! Several services at once: one connection, one kubeconfig with a context for each.

use service_manager_test_support::{Guest, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn gives_each_orchestrator_a_context() {
    let guest = Guest::own("k3s", "address");
    // As if `oc cluster up` had been typed there too; the same server answers for both.
    let folder = "/home/vagrant/openshift.local.clusterup";
    guest.changes(
        &format!("install -D /etc/rancher/k3s/k3s.yaml {folder}/kube-apiserver/admin.kubeconfig"),
        &format!("rm -r {folder}"),
    );
    let user = User::of(&guest);
    user.types("service-manager env --script-readable")
        .stdout(
            "
            OPENSHIFT_URL=https://[ADDRESS]:6443
            OPENSHIFT_WEB_CONSOLE=https://[ADDRESS]:6443/console
            KUBECONFIG=[MACHINE]/kubeconfig
            KUBECONFIG=[MACHINE]/kubeconfig
            ",
        )
        .stderr(
            "note: left out: docker is stopped in `[NAME]`\nnote: OpenShift: the cluster has no route to its image registry\n",
        )
        .succeeds();
    let with = "eval \"$(service-manager --quiet env)\"";
    user.types(format!("{with}; kubectl config get-contexts -o name; kubectl config current-context"))
        .stdout("[NAME]-kubernetes\n[NAME]-openshift\n[NAME]-openshift\n")
        .succeeds();
    for service in ["kubernetes", "openshift"] {
        user.types(
            format!("{with}; kubectl --context [..]-{service} get namespace default -o name")
                .replace("[..]", guest.name()),
        )
        .stdout("namespace/default\n")
        .succeeds();
    }
    // Who asks for one of them gets a file of its own, so that no other shell's current context changes.
    user.types("service-manager env kubernetes --script-readable")
        .stdout("KUBECONFIG=[MACHINE]/kubernetes/kubeconfig\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn tells_each_service_that_fails() {
    let guest = Guest::own("k3s", "address");
    let folder = "/home/vagrant/openshift.local.clusterup";
    guest.changes(
        &format!("echo '{{' | install -D /dev/stdin {folder}/kube-apiserver/admin.kubeconfig"),
        &format!("rm -r {folder}"),
    );
    guest.replaces("/etc/rancher/k3s/k3s.yaml", "{");
    let user = User::of(&guest);
    user.types("service-manager -q env kubernetes openshift --script-readable 2>&1 | cut --delimiter=' ' --fields=1-6")
        .stdout(
            "
            warning: the kubeconfig `~/openshift.local.clusterup/kube-apiserver/admin.kubeconfig` in `[NAME]`
            caused by: it is not the
            error: the kubeconfig `/etc/rancher/k3s/k3s.yaml` in `[NAME]`
            caused by: it is not the
            ",
        )
        .succeeds();
    // What is not there is told before anything else is tried.
    user.types("service-manager -q env kubernetes bogus --script-readable")
        .stderr("error: there is no service `bogus`\n")
        .fails(1);
}
