//! Ports that containers and clusters publish in the guest, at the same ports of the host.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use service_manager_test_support::{Guest, User, until};

use super::clients::IMAGE;
use super::forward::{echo, echoes, free_ports};
use super::load::{TEST_SERVICE, memory, processor_time};
use super::{behind_a_nat, end, kill, processes, ssh_port_of, user_of};

/// Real containers, whose ports come and go with them.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn ports_of_containers_are_here_while_they_are_there() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    user.types(format!(
        "eval \"$(service-manager env docker --quiet)\"; {IMAGE} | docker import - publish-test >/dev/null"
    ))
    .patiently()
    .succeeds();
    guest.changes(
        "true",
        "docker rm --force web other low aside >/dev/null 2>&1; docker rmi --force publish-test >/dev/null",
    );
    user.types("service-manager tunnel --publish --quiet").succeeds();
    let docker = |line: &str| {
        user.types(format!("eval \"$(service-manager env docker --quiet)\"; docker {line} >/dev/null"))
            .patiently()
            .succeeds();
    };
    let [web, other, aside] = free_ports();
    let taken = TcpListener::bind(("127.0.0.1", other)).unwrap();
    let run = |name: &str, port: &dyn std::fmt::Display| {
        docker(&format!(
            "run --detach --name {name} --publish {port}:80 publish-test /bin/busybox httpd -f -p 80 -h /bin"
        ));
    };
    run("web", &web);
    until("the port is here", || serves(web));
    let file =
        user.types(format!("curl --silent http://127.0.0.1:{web}/busybox | cmp - /bin/busybox && echo same"));
    file.stdout("same\n").succeeds();

    // What cannot be here is told.
    run("other", &other);
    run("low", &81);
    // Somebody else may have its port at 127.0.0.1.
    run("aside", &format!("127.0.0.2:{aside}"));
    let list = || user.types("service-manager tunnel | grep published | cut --fields=2-4,8").run_freely();
    until("all are listed", || list().lines().count() == 4);
    assert_eq!(
        list(),
        format!(
            "docker (published)\t127.0.0.1:{web}\t127.0.0.1:{web}\t-\n\
             docker (published)\t-\t127.0.0.1:81\tonly root may listen at ports below 1024; `service-manager forward 8081:81`\n\
             docker (published)\t-\t127.0.0.1:{aside}\tthe machine has it at another address than 127.0.0.1\n\
             docker (published)\t-\t127.0.0.1:{other}\tanother program listens at 127.0.0.1:{other} here\n"
        )
    );
    drop(taken);
    until("a port that is free by now is here", || serves(other));

    // It restarts, the tunnel is killed, all of the engine ends.
    docker("restart --time 0 web");
    until("it is here again", || serves(web));
    kill(&user);
    assert!(!serves(web));
    user.types("service-manager env docker >/dev/null").succeeds();
    until("the next env brings it back", || serves(web));
    docker("kill web");
    until("it is gone with its container", || TcpStream::connect(("127.0.0.1", web)).is_err());
    assert!(serves(other));
    guest.run("systemctl stop docker.socket docker.service 2>/dev/null || systemctl stop docker");
    until("all are gone with the engine", || !serves(other));
    guest.run("systemctl start docker");
    docker("start web");
    until("it is here again", || serves(web));

    // Nothing is asked while nothing happens. What has just happened is still told, and a watch that has ended is begun anew
    // after a second, two, four.
    let process = processes(&user)[0];
    let rests = |_: i32| {
        let before = processor_time(process);
        thread::sleep(Duration::from_secs(10));
        processor_time(process) == before
    };
    assert!((0..5).any(rests), "it never comes to rest");
    let begin = memory(process);
    assert!(begin < 30_000, "{begin} KiB");

    end(&user);
    assert!(!serves(web));
    user.types("service-manager env docker >/dev/null").succeeds();
    assert!(!serves(web), "stopped is stopped");
    user.writes(".config/service-manager/config.yaml", "publish: true\n");
    user.types("service-manager env docker >/dev/null").succeeds();
    until("the settings publish too", || serves(web));
    fs::remove_dir_all(user.home().join(".local/state/service-manager")).unwrap();
    until("it ends with its folder", || TcpStream::connect(("127.0.0.1", web)).is_err());
}

/// Real Services at a real API server. There is no kube-proxy in the test guest, so something else listens at the port.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn ports_of_nodes_are_here_while_their_service_is_there() {
    let guest = behind_a_nat("none");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    user.types("service-manager tunnel --publish --quiet").succeeds();
    // One stream tells of all that happens: neither a new one each time, nor a second look at what has not changed.
    let stream = r#"service-manager tunnel | awk -F'\t' '$2 == "kubernetes" { print $7 }'"#;
    let mut seen = (String::new(), 0);
    until("a stream of events stays open", || {
        let now = user.types(stream).run_freely();
        seen = if now == seen.0 && !now.starts_with("0 ") { (now, seen.1 + 1) } else { (now, 0) };
        seen.1 == 20
    });
    echoes(&guest, 30_731);
    creates_service(&guest, &user, "echo", 30_731);
    until("the port is here", || echo(30_731, b"hello").as_deref() == Some(b"hello"));
    user.types("service-manager tunnel --output json | grep --only-matching '\"kind\":\"published\",\"service\":\"[a-z]*\"'")
        .stdout("\"kind\":\"published\",\"service\":\"kubernetes\"\n")
        .succeeds();

    // While the API server is away, the ports and what goes through them are there.
    let mut open = TcpStream::connect(("127.0.0.1", 30_731)).unwrap();
    let mut still_echoes = || {
        open.write_all(b"a").unwrap();
        open.read_exact(&mut [0]).unwrap();
    };
    still_echoes();
    let server = "static-pod-kube-apiserver";
    guest.changes(&format!("systemctl stop {server}"), &format!("systemctl start {server}"));
    let is_watched =
        || !user.types("service-manager tunnel").run_freely().contains("it does not answer where it was");
    until("nobody is there to ask", || !is_watched());
    assert_eq!(echo(30_731, b"hello").as_deref(), Some(&b"hello"[..]));
    still_echoes();
    guest.changes_last_back();
    until("it is watched again", is_watched);
    assert_eq!(echo(30_731, b"hello").as_deref(), Some(&b"hello"[..]));
    still_echoes();
    guest.changes_last_back();
    until("it is gone", || TcpStream::connect(("127.0.0.1", 30_731)).is_err());
    still_echoes();
    end(&user);
}

/// It is there again after a reboot. A second machine that publishes the same port has it when the first one's tunnel has ended.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_port_belongs_to_the_machine_that_was_first() {
    let (one, other) = (behind_a_nat("none"), Guest::own("kubeadm", "address"));
    let port = ssh_port_of(&one);
    let (first, second) = (user_of(&one, &port), User::of(&other));
    let publishes = |user: &User, guest: &Guest, answer: &str| {
        guest.changes(
            &format!(
                "mkdir /run/answer; echo {answer} >/run/answer/index.html; \
                 systemd-run --quiet --unit=test-answer python3 -m http.server 30732 --bind 127.0.0.1 --directory /run/answer; \
                 until ss --listening --tcp --numeric | grep --quiet 127.0.0.1:30732; do sleep 0.1; done"
            ),
            "systemctl stop test-answer; rm -r /run/answer",
        );
        user.types("service-manager tunnel --publish --quiet").succeeds();
        creates_service(guest, user, "answer", 30_732);
    };
    let answers = |answer: &str| {
        let end = format!("\r\n\r\n{answer}\n");
        echo(30_732, b"GET / HTTP/1.0\r\n\r\n").is_some_and(|all| all.ends_with(end.as_bytes()))
    };
    publishes(&first, &one, "one");
    until("the first has it", || answers("one"));
    one.changes(
        "systemctl stop ssh; pkill -KILL --uid vagrant --exact sshd || true",
        "systemctl reset-failed ssh 2>/dev/null || true; systemctl start ssh",
    );
    until("it is away", || !answers("one"));
    one.changes_last_back();
    until("it is there again", || answers("one"));
    // Who tries all the time is told once.
    first
        .types(
            "service-manager tunnel log >log; grep --invert-match --extended-regexp '^20..-..-..T..:..:..Z  ' log; \
             cut --delimiter=' ' --fields=3- log | sort | uniq --count | awk '$1 > 4'",
        )
        .succeeds();

    publishes(&second, &other, "other");
    until("the second is told", || {
        let list = second.types("service-manager tunnel").run_freely();
        list.contains("another program listens at 127.0.0.1:30732 here")
    });
    assert!(answers("one"));

    end(&first);
    until("it is free for the second", || answers("other"));
    end(&second);
}

/// A guest that claims thousands of ports has few of the host's, and what it tells all the time costs nothing.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_guest_that_claims_all_ports_has_few() {
    let guest = behind_a_nat("none");
    guest.run_with(
        "cat >/run/claims.py",
        concat!(include_str!("claims.py"), "\n\n", include_str!("accept.py")),
    );
    guest.changes(
        "systemd-run --quiet --unit=test-claims python3 /run/claims.py; until [ -S /run/test-engine.sock ]; do sleep 0.1; done",
        "systemctl stop test-claims; rm /run/claims.py",
    );
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    user.writes(".config/service-manager/services/test.yaml", TEST_SERVICE);
    user.writes(".config/service-manager/config.yaml", "publish: true\n");
    user.types("service-manager env test >/dev/null").succeeds();
    until("what is beyond the limit is told", || {
        user.types("service-manager tunnel").run_freely().contains("18936 more ports are beyond")
    });
    user.types(
        "service-manager tunnel --output json | grep --only-matching '\"kind\":\"published\"' | wc --lines; \
                service-manager tunnel log | grep --count 'is published by'",
    )
    .stdout("64\n64\n")
    .succeeds();
    let process = processes(&user)[0];
    assert!(memory(process) < 30_000, "{} KiB", memory(process));
    let before = processor_time(process);
    thread::sleep(Duration::from_secs(3));
    assert!(processor_time(process) - before <= 2, "health checks are not looked at");
    end(&user);
}

/// Has a Service at `port` of each node, until the test ends.
fn creates_service(guest: &Guest, user: &User, name: &str, port: u16) {
    user.types(format!(
        "eval \"$(service-manager env kubernetes --quiet)\"; kubectl create service nodeport {name} --tcp=80 --node-port={port}"
    ))
    .stdout(&format!("service/{name} created\n"))
    .succeeds();
    guest.changes(
        "for part in certificate key; do \
           sed --quiet \"s/.*client-$part-data: //p\" /etc/kubernetes/admin.conf | base64 --decode >/run/$part.pem; \
         done",
        &format!(
            "curl --silent --insecure --fail --output /dev/null --cert /run/certificate.pem --key /run/key.pem --request DELETE \
             https://127.0.0.1:6443/api/v1/namespaces/default/services/{name}; rm /run/certificate.pem /run/key.pem"
        ),
    );
}

/// True when somebody answers there, and not only the tunnel.
fn serves(port: u16) -> bool {
    let request = b"GET /busybox HTTP/1.0\r\n\r\n";
    echo(port, request)
        .is_some_and(|answer| answer.starts_with(b"HTTP/1.0 200") || answer.starts_with(b"HTTP/1.1 200"))
}
