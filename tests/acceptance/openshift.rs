//! `env openshift`: what its routes tell, and the names in its certificates.

use crate::doctor::agrees_with_env;
use crate::flavours::report;
use service_manager_test_support::{Guest, UNTIL_READY, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn origin_exports_its_four_variables() {
    let guest = Guest::own("origin", "address");
    User::of(&guest)
        .types("service-manager env openshift")
        .stdout(
            "
            # Set the following environment variables to enable access to the
            # openshift server running inside of the vagrant virtual machine:
            export OPENSHIFT_URL=https://[ADDRESS]:8443
            export OPENSHIFT_WEB_CONSOLE=https://[ADDRESS]:8443/console
            export DOCKER_REGISTRY=hub.openshift.[NAME].[ADDRESS].xip.io
            export KUBECONFIG=[MACHINE]/openshift/kubeconfig

            # run following command to configure your shell:
            # eval \"$(service-manager env openshift)\"
            ",
        )
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn exports_no_registry_without_a_route() {
    let guest = Guest::own("origin", "address");
    let kubectl = "kubectl --kubeconfig /etc/origin/master/admin.kubeconfig";
    guest.changes(
        &format!(
            "{kubectl} get route docker-registry -o json | sed '/resourceVersion\\|uid/d' >/run/route; {kubectl} delete route docker-registry"
        ),
        &format!("{kubectl} create -f /run/route"),
    );
    User::of(&guest)
        .types("service-manager env openshift --script-readable")
        .stdout(
            "
            OPENSHIFT_URL=https://[ADDRESS]:8443
            OPENSHIFT_WEB_CONSOLE=https://[ADDRESS]:8443/console
            KUBECONFIG=[MACHINE]/openshift/kubeconfig
            ",
        )
        .stderr("note: OpenShift: the cluster has no route to its image registry\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn finds_the_console_of_openshift_4() {
    let guest = Guest::own("crc", "address");
    User::of(&guest)
        .types("service-manager --quiet env openshift --script-readable")
        .stdout(
            "
            OPENSHIFT_URL=https://[ADDRESS]:6443
            OPENSHIFT_WEB_CONSOLE=https://console-openshift-console.apps-crc.testing
            DOCKER_REGISTRY=default-route-openshift-image-registry.apps-crc.testing
            KUBECONFIG=[MACHINE]/openshift/kubeconfig
            ",
        )
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn an_openshift_is_a_kubernetes_too() {
    let guest = Guest::own("microshift", "address");
    let user = User::of(&guest);
    let get = "kubectl get namespace default -o name";
    let by_name = format!("eval \"$(service-manager -q env kubernetes)\" && {get} && echo $KUBECONFIG");
    user.types(&by_name).stdout("namespace/default\n[MACHINE]/kubernetes/kubeconfig\n").succeeds();
    user.types("service-manager status kubernetes").stdout("kubernetes - running\n").succeeds();
    // Nobody else has found out more.
    user.types(format!("eval \"$(service-manager hook bash --now --timeout 5 2>/dev/null)\"; {get}"))
        .stdout("namespace/default\n")
        .succeeds();
    agrees_with_env(&user, "", "kubernetes");
    // With everything it is the OpenShift alone, whether the machine is asked or not.
    for options in ["", " --refresh", ""] {
        user.types(format!("service-manager -q env{options} --script-readable | cut -d= -f1"))
            .stdout("OPENSHIFT_URL\nKUBECONFIG\n")
            .succeeds();
        user.types(&by_name).stdout("namespace/default\n[MACHINE]/kubernetes/kubeconfig\n").succeeds();
    }
    user.types("service-manager status")
        .stdout("docker - stopped\nopenshift - running\nkubernetes - not installed\n")
        .succeeds();
    user.types("service-manager -q exec kubernetes -- sh -c 'basename $(dirname $KUBECONFIG)'")
        .stdout("kubernetes\n")
        .succeeds();
    guest.stops("microshift");
    user.types("service-manager env kubernetes --script-readable")
        .stderr("error: kubernetes is stopped in `[NAME]`\nhint: `service-manager start kubernetes`\n")
        .fails(126);
    user.types("service-manager -q start kubernetes")
        .stdout("Kubernetes service configured successfully...\n")
        .succeeds();
    user.types(&by_name).stdout("namespace/default\n[MACHINE]/kubernetes/kubeconfig\n").succeeds();
}

/// A name that leads to the machine needs no `tls-server-name`, which `oc` 3.x and others ignore.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn uses_a_host_name_that_resolves_to_the_guest() {
    let guest = Guest::own("crc", "address");
    let user = User::of(&guest);
    user.writes("hosts", &format!("127.0.0.1 localhost\n{} api.crc.testing\n", guest.address()));
    user.types(
        "unshare --mount bash -c 'mount --bind hosts /etc/hosts; eval \"$(service-manager env openshift)\"; \
         echo $OPENSHIFT_URL; kubectl get namespace default -o name'",
    )
    .stdout("https://api.crc.testing:6443\nnamespace/default\n")
    .succeeds();
    let kubeconfig = user.kubeconfig_of("openshift");
    let cluster = &kubeconfig["clusters"][0]["cluster"];
    assert_eq!(cluster["server"], "https://api.crc.testing:6443");
    assert!(cluster.get("tls-server-name").is_none());
}

/// Each file has an authority of its own, and the server chooses its certificate by the name that it is asked for.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn microshift_prefers_the_external_kubeconfig() {
    let guest = Guest::own("microshift", "address");
    let user = User::of(&guest);
    user.types("service-manager env openshift --script-readable")
        .stdout("OPENSHIFT_URL=https://[ADDRESS]:6443\nKUBECONFIG=[MACHINE]/openshift/kubeconfig\n")
        .stderr("note: OpenShift: the cluster has no route to its image registry\n")
        .succeeds();
    assert!(user.kubeconfig_of("openshift")["clusters"][0]["cluster"].get("tls-server-name").is_none());

    let outside = "/var/lib/microshift/resources/kubeadmin/$HOSTNAME";
    guest.changes(&format!("mv {outside} /run/outside"), &format!("mv /run/outside {outside}"));
    user.types(
        "eval \"$(service-manager --quiet env openshift --refresh)\"; kubectl get namespace default -o name",
    )
    .stdout("namespace/default\n")
    .succeeds();
    let kubeconfig = user.kubeconfig_of("openshift");
    assert_eq!(kubeconfig["clusters"][0]["cluster"]["tls-server-name"], "localhost");
}

/// One unit or two, by the names of Origin or of the enterprise's product; since 3.10 the node's unit holds pods.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn recognises_every_unit_name_of_an_origin_master() {
    let guest = Guest::own("origin", "address");
    guest.stops("origin-master");
    for units in [
        "origin-master-api origin-master-controllers",
        "atomic-openshift-master",
        "atomic-openshift-master-api atomic-openshift-master-controllers",
        "origin-node",
    ] {
        let (server, others) = units.split_once(' ').unwrap_or((units, ""));
        let folder = "/etc/systemd/system";
        guest.changes(
            &format!(
                "cd {folder}; mv origin-master.service {server}.service
                for unit in {others}; do
                    printf '[Service]\\nExecStart=/usr/bin/sleep infinity\\n' >$unit.service
                done
                systemctl daemon-reload; systemctl start {units}; {UNTIL_READY}"
            ),
            &format!(
                "systemctl stop {units}; cd {folder}; mv {server}.service origin-master.service
                for unit in {others}; do rm $unit.service; done
                systemctl daemon-reload"
            ),
        );
        let user = User::of(&guest);
        let status = "service-manager status openshift";
        user.types(status).stdout("openshift - running\n").succeeds();
        user.types(
            "eval \"$(service-manager --quiet env openshift)\"; kubectl get namespace default -o name",
        )
        .stdout("namespace/default\n")
        .succeeds();
        if !others.is_empty() {
            guest.run(&format!("systemctl stop {others}"));
            user.types(status)
                .stdout("openshift - degraded\n")
                .stderr(&format!(
                    "warning: openshift in `[NAME]` answers, but {others}.service is down\n\
                     hint: `service-manager start openshift`\n\
                     hint: `service-manager doctor openshift` says more\n"
                ))
                .succeeds();
        }
        guest.run(&format!("systemctl stop {server}"));
        user.types(status).stdout("openshift - stopped\n").succeeds();
        user.types("service-manager env openshift --script-readable")
            .stderr("error: openshift is stopped in `[NAME]`\nhint: `service-manager start openshift`\n")
            .fails(126);
        report("openshift", "origin", &format!("status, env, stopped in {units}"));
        guest.changes_last_back();
    }
}
