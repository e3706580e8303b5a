//! `forward`: ports of the host that lead to applications in the guest.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use service_manager_test_support::{Guest, User};

use super::{end, kill, processes, sets_sshd};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn an_application_is_there_until_it_is_taken_back() {
    let guest = Guest::own("kubeadm", "address");
    echoes(&guest, 8091);
    let user = User::of(&guest);
    let [one, other] = free_ports();
    user.types(format!("service-manager forward {one}:8091 {other}:8092"))
        .stdout(&format!("127.0.0.1:{one}\n127.0.0.1:{other}\n"))
        .stderr(&format!(
            "note: 127.0.0.1:{one} leads to 127.0.0.1:8091 in `[NAME]`; `service-manager forward --stop {one}` ends that\n\
             note: 127.0.0.1:{other} leads to 127.0.0.1:8092 in `[NAME]`, where nobody listens yet; \
             `service-manager forward --stop {other}` ends that\n"
        ))
        .succeeds();
    assert_eq!(processes(&user).len(), 1);
    thread::scope(|scope| {
        for size in [0, 1, 5_000_000] {
            scope.spawn(move || assert!(echo(one, &bytes(size)) == Some(bytes(size)), "{size}"));
        }
    });
    // Nobody is there: it ends, and is told.
    assert_eq!(echo(other, b"hello").unwrap_or_default(), b"");
    user.types("service-manager tunnel | cut --fields=2-4,8")
        .stdout(&format!(
            "application\t127.0.0.1:{one}\t127.0.0.1:8091\t-\n\
             application\t127.0.0.1:{other}\t127.0.0.1:8092\tnobody listens at 127.0.0.1:8092 in the machine ([..])\n"
        ))
        .succeeds();
    echoes(&guest, 8092);
    assert_eq!(echo(other, b"hello").unwrap(), b"hello");
    // The same again is no news. JSON says the same.
    user.types(format!("service-manager forward {one}:8091 --output json"))
        .stdout(&format!(
            "{{\"version\":1,\"machine\":\"[NAME]\",\"forwards\":[{{\"local\":\"127.0.0.1:{one}\",\"target\":\"127.0.0.1:8091\",\
             \"listening\":true}}]}}\n"
        ))
        .succeeds();
    user.types("service-manager tunnel --output json | grep --only-matching '\"kind\":\"[a-z]*\",\"service\":[a-z]*'")
        .stdout("\"kind\":\"application\",\"service\":null\n\"kind\":\"application\",\"service\":null\n")
        .succeeds();

    // One that is taken back takes no other connection along.
    let mut open = TcpStream::connect(("127.0.0.1", other)).unwrap();
    let mut gone = TcpStream::connect(("127.0.0.1", one)).unwrap();
    for stream in [&mut open, &mut gone] {
        stream.write_all(b"a").unwrap();
        stream.read_exact(&mut [0]).unwrap();
    }
    user.types(format!("service-manager forward --stop {one}")).succeeds();
    assert_eq!(gone.read(&mut [0]).unwrap_or(0), 0);
    assert!(TcpStream::connect(("127.0.0.1", one)).is_err());
    open.write_all(b"b").unwrap();
    open.read_exact(&mut [0]).unwrap();
    drop(open);

    // Killed, it is there again with the next `env`, though that needs no tunnel for itself.
    kill(&user);
    user.types("service-manager env kubernetes >/dev/null").succeeds();
    assert_eq!(echo(other, b"hello").unwrap(), b"hello");
    kill(&user);
    user.types("service-manager env kubernetes >/dev/null").succeeds();
    assert_eq!(echo(other, b"hello").unwrap(), b"hello");
    assert!(TcpStream::connect(("127.0.0.1", one)).is_err());

    // Stopped for a while, it is too.
    user.types("service-manager tunnel stop --keep-ports").succeeds();
    assert!(TcpStream::connect(("127.0.0.1", other)).is_err());
    user.types("service-manager env kubernetes >/dev/null").succeeds();
    assert_eq!(echo(other, b"hello").unwrap(), b"hello");

    // Stopped for good, it is not.
    end(&user);
    user.types("service-manager env kubernetes >/dev/null").succeeds();
    assert!(TcpStream::connect(("127.0.0.1", other)).is_err());
    assert_eq!(processes(&user), Vec::<u32>::new());
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_port_that_cannot_be_had_is_refused_and_nothing_changes() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest);
    let [free, other] = free_ports();
    let fails = |line: &str, error: &str| {
        user.types(format!("service-manager forward {line}")).stdout("").stderr(error).fails(1);
    };
    fails(
        "80",
        "error: only root may listen at ports below 1024, such as 80\nhint: `service-manager forward 8080:80`\n",
    );
    fails(
        &format!("{free} 443:8443"),
        "error: only root may listen at ports below 1024, such as 443\nhint: `service-manager forward 8443:8443`\n",
    );
    fails(
        &format!("{free} {free}:80"),
        &format!(
            "error: 127.0.0.1:{free} is named twice\n\
             hint: name each port of this host once: `LOCAL:REMOTE` leads one to another port of the machine\n"
        ),
    );
    for odd in ["http", "0", "65536", "8080:", "127.0.0.1:80", "'8080;id'"] {
        fails(
            odd,
            "error: invalid value `[..]` for `<LOCAL[:REMOTE]>...`: a port is 1 to 65535; or `LOCAL:REMOTE`, the port here and \
             the one in the machine\n\nFor more information, try `--help`.\n",
        );
    }
    fails(
        &format!("--stop {free}"),
        &format!(
            "error: nothing in `[NAME]` is forwarded from 127.0.0.1:{free}\n\
             hint: `service-manager tunnel` lists what is forwarded\n"
        ),
    );
    assert_eq!(processes(&user), Vec::<u32>::new());

    // Whatever of `localhost` it is that another program has.
    for address in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0"] {
        let Ok(taken) = TcpListener::bind(address) else { continue };
        let port = taken.local_addr().unwrap().port();
        fails(
            &format!("{free}:22 {port}:22"),
            &format!(
                "error: another program listens at 127.0.0.1:{port} here\nhint: `service-manager forward [..]:22`\n"
            ),
        );
    }
    assert!(TcpStream::connect(("127.0.0.1", free)).is_err(), "all or none");
    user.types(format!("service-manager forward {free}:22 --quiet >/dev/null")).succeeds();
    fails(
        &format!("{other} {free}:80"),
        &format!(
            "error: 127.0.0.1:{free} leads to 127.0.0.1:22 in `[NAME]` already\n\
             hint: `service-manager forward [..]:80`, or `service-manager forward --stop {free}` first\n"
        ),
    );
    assert!(TcpStream::connect(("127.0.0.1", other)).is_err(), "all or none");
    end(&user);

    sets_sshd(&guest, "AllowTcpForwarding no");
    user.types(format!("service-manager forward {free}:80"))
        .stdout("")
        .stderr(
            "error: sshd in `[NAME]` may not connect to port 80 ([..])\n\
             hint: `AllowTcpForwarding`, `PermitOpen` or `DisableForwarding` forbids it; in the machine, \
             `sudo sshd -T | grep -i -e forwarding -e permitopen` shows which\n",
        )
        .fails(126);
    assert_eq!(processes(&user), Vec::<u32>::new());
    assert!(guest.run("sshd -T | grep -i -e forwarding -e permitopen").contains("allowtcpforwarding no"));
}

#[test]
fn without_a_machine_it_says_so() {
    let user = User::new();
    user.types("service-manager forward 8080")
        .stdout("")
        .stderr("error: [..]machine[..]\nhint: [..]\n")
        .fails(1);
    user.types("service-manager --host 127.0.0.1:1 forward 8080")
        .stdout("")
        .stderr(
            "error: could not connect to 127.0.0.1:1\ncaused by: [..]\nhint: [..]\n\
             hint: `service-manager doctor --host 127.0.0.1:1` says more\n",
        )
        .fails(3);
}

/// Two machines, each with its own process, and one port that only one can have.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn machines_do_not_take_ports_from_each_other() {
    let (one, other) = (Guest::own("kubeadm", "address"), Guest::own("kubeadm", "address"));
    echoes(&one, 8091);
    let (first, second) = (User::of(&one), User::of(&other));
    let [port] = free_ports();
    first.types(format!("service-manager forward {port}:8091 --quiet >/dev/null")).succeeds();
    second
        .types(format!("service-manager forward {port}:8091"))
        .stderr(&format!(
            "error: another program listens at 127.0.0.1:{port} here\nhint: `service-manager forward [..]:8091`\n"
        ))
        .fails(1);
    assert_eq!(echo(port, b"hello").unwrap(), b"hello");
    end(&first);
    end(&second);
}

/// Has something at `port` of the guest's loopback, and nowhere else, that sends back what it is sent.
pub(super) fn echoes(guest: &Guest, port: u16) {
    guest.run_with("cat >/run/echo.py", concat!(include_str!("echo.py"), "\n\n", include_str!("accept.py")));
    let unit = format!("test-echo-{port}");
    guest.changes(
        &format!("systemd-run --quiet --unit={unit} python3 /run/echo.py {port}; until ss --listening --tcp --numeric | \
                  grep --quiet 127.0.0.1:{port}; do sleep 0.1; done"),
        &format!("systemctl stop {unit}"),
    );
}

/// What comes back for `bytes`; none when nobody is there.
pub(super) fn echo(port: u16, bytes: &[u8]) -> Option<Vec<u8>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let mut received = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            // One that has gone takes nothing.
            let _ = (&stream).write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
        });
        (&stream).read_to_end(&mut received).ok()
    })?;
    Some(received)
}

pub(super) fn bytes(size: usize) -> Vec<u8> {
    (0..size).map(|index| u8::try_from((index * 7 + index / 251) % 256).unwrap()).collect()
}

/// Ports at which nothing listens.
pub(super) fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    // All at once, so that each is another one.
    let listeners = [(); COUNT].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
