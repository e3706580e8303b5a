//! A delay between this host and a guest. The kernel's own (`tc netem`) is not in every kernel, and would be left behind by a
//! run that is killed; two TUN devices between which this process hands the packets on go with it.

use std::io;
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tappers::Tun;

use crate::place::{Guest, docker, said};

/// Everything to and from the guest's address takes so much longer, there and back, until this process ends.
pub(crate) fn add(guest: &Guest, round_trip: Duration) -> io::Result<()> {
    let (here, there) = (Arc::new(Tun::new()?), Arc::new(Tun::new()?));
    let name = |tun: &Tun| tun.name().map(|name| name.name().to_string_lossy().into_owned());
    let (near, far) = (name(&here)?, name(&there)?);
    let process = docker(&["inspect", "--format", "{{.State.Pid}}", &guest.container()]);
    let address = guest.address();
    let host = address_towards(&address);
    ip(&["link", "set", &far, "netns", &process]);
    ip(&["link", "set", &near, "up"]);
    guest.run(&format!("ip link set {far} up; ip route add {host}/32 dev {far} src {address}"));
    ip(&["route", "add", &format!("{address}/32"), "dev", &near, "src", &host]);
    hand_on(Arc::clone(&here), Arc::clone(&there), round_trip / 2);
    hand_on(there, here, round_trip / 2);
    Ok(())
}

/// Hands packets on after a while, in threads of its own.
fn hand_on(from: Arc<Tun>, to: Arc<Tun>, after: Duration) {
    let (sender, packets) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut packet = vec![0; 1 << 16];
        while let Ok(length) = from.recv(&mut packet) {
            if sender.send((Instant::now() + after, packet[..length].to_vec())).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (due, packet) in packets {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            // As on any network, what cannot be delivered is lost.
            let _ = to.send(&packet);
        }
    });
}

/// This host's address as seen from `address`.
fn address_towards(address: &str) -> String {
    let route = ip(&["route", "get", address]);
    let (_, source) = route.split_once(" src ").expect("a route to the guest");
    source.split_whitespace().next().unwrap_or_default().to_owned()
}

fn ip(arguments: &[&str]) -> String {
    said(Command::new("ip").args(arguments))
}
