//! What a connection meets at each mode of the kernel's netfilter after it has been forgotten: when the client speaks
//! first, and when the server does.

use std::net::{IpAddr, TcpStream, UdpSocket};
use std::time::Duration;

use idlescope::lab::{Host, Lab, LabSpec};

use crate::support::clock;
use crate::support::talk::{SOON, connect_to, hears, hears_nothing, is_reset, say};
use crate::{MEMORY, TOO_LONG};

/// Longer than the answer of any box takes, with a retransmission or two.
const SILENCE: Duration = Duration::from_millis(800);

/// Two connections that were forgotten: one on which the client speaks first, and one for the server.
struct Forgotten {
    _lab: Lab,
    client_first: (TcpStream, TcpStream),
    server_first: (TcpStream, TcpStream),
}

fn forgotten(one: &str) -> Forgotten {
    forgotten_by(one, false)
}

fn forgotten_by(one: &str, ipv6: bool) -> Forgotten {
    let (name, modes) = one.split_once(',').unwrap_or((one, ""));
    let text = format!("{name},timeout={}s,{modes}", MEMORY.as_secs());
    let spec = LabSpec::through([text.trim_end_matches(',')]).unwrap();
    let lab = Lab::build(&if ipv6 { spec.with_ipv6() } else { spec }).unwrap();
    let server: IpAddr = if ipv6 { lab.address6(Host::Server).unwrap() } else { lab.address(Host::Server) };
    let (client_first, server_first) = (connect_to(&lab, server), connect_to(&lab, server));
    for (client, server) in [&client_first, &server_first] {
        say(client, b"hello");
        hears(server, b"hello");
        say(server, b"welcome");
        hears(client, b"welcome");
    }
    clock::wait(TOO_LONG);
    Forgotten { _lab: lab, client_first, server_first }
}

/// What somebody says arrives, and so does the answer.
fn survives((speaker, listener): (&TcpStream, &TcpStream)) {
    say(speaker, b"ping");
    hears(listener, b"ping");
    say(listener, b"pong");
    hears(speaker, b"pong");
}

/// What somebody says is lost, and nobody is told.
fn is_lost((speaker, listener): (&TcpStream, &TcpStream)) {
    say(speaker, b"ping");
    hears_nothing(listener, SILENCE);
    hears_nothing(speaker, Duration::from_millis(10));
}

/// Whoever speaks is reset, and the other end hears nothing.
fn resets_the_speaker((speaker, listener): (&TcpStream, &TcpStream)) {
    say(speaker, b"ping");
    is_reset(speaker);
    hears_nothing(listener, Duration::from_millis(300));
}

impl Forgotten {
    fn client(&self) -> (&TcpStream, &TcpStream) {
        (&self.client_first.0, &self.client_first.1)
    }

    fn server(&self) -> (&TcpStream, &TcpStream) {
        (&self.server_first.1, &self.server_first.0)
    }

    /// What the server said is lost until the client speaks; then both are heard.
    fn recovers_when_the_client_speaks(&self) {
        let (server, client) = self.server();
        is_lost((server, client));
        say(client, b"word");
        hears(server, b"word");
        hears(client, b"ping");
    }
}

pub(crate) fn a_nat_picks_up_what_it_forgot_and_answers_the_server_itself() {
    let forgotten = forgotten("nat");
    survives(forgotten.client());
    resets_the_speaker(forgotten.server());
}

pub(crate) fn a_nat_without_loose_pick_up_lets_the_client_out_untranslated() {
    let forgotten = forgotten("nat,loose=no");
    is_lost(forgotten.client());
    resets_the_speaker(forgotten.server());
}

pub(crate) fn a_nat_that_drops_the_invalid_lets_nothing_out() {
    let forgotten = forgotten("nat,loose=no,invalid=drop");
    is_lost(forgotten.client());
    resets_the_speaker(forgotten.server());
}

pub(crate) fn a_nat_with_random_ports_makes_the_server_reset_the_client() {
    let forgotten = forgotten("nat,random=yes");
    resets_the_speaker(forgotten.client());
    resets_the_speaker(forgotten.server());
}

pub(crate) fn a_nat_that_drops_inbound_recovers_as_soon_as_the_client_speaks() {
    let forgotten = forgotten("nat,inbound=drop");
    survives(forgotten.client());
    forgotten.recovers_when_the_client_speaks();
}

pub(crate) fn a_nat_that_drops_inbound_without_loose_pick_up_is_silent_both_ways() {
    let forgotten = forgotten("nat,inbound=drop,loose=no");
    is_lost(forgotten.client());
    is_lost(forgotten.server());
}

pub(crate) fn a_nat_that_opens_on_syn_only_drops_the_client_and_resets_the_server() {
    let forgotten = forgotten("nat,new=syn");
    is_lost(forgotten.client());
    resets_the_speaker(forgotten.server());
}

pub(crate) fn a_firewall_picks_up_what_it_forgot() {
    let forgotten = forgotten("firewall");
    survives(forgotten.client());
    forgotten.recovers_when_the_client_speaks();
}

pub(crate) fn a_firewall_without_pick_up_is_silent_both_ways() {
    for mode in ["firewall,loose=no", "firewall,new=syn", "firewall,loose=no,new=syn"] {
        let forgotten = forgotten(mode);
        is_lost(forgotten.client());
        is_lost(forgotten.server());
    }
}

pub(crate) fn a_firewall_that_rejects_resets_both_ends() {
    for mode in ["firewall,reject=reset,loose=no", "firewall,reject=reset,new=syn"] {
        let forgotten = forgotten(mode);
        resets_the_speaker(forgotten.client());
        resets_the_speaker(forgotten.server());
    }
}

pub(crate) fn a_firewall_that_rejects_by_icmp_says_so_to_both_ends() {
    let forgotten = forgotten("firewall,reject=icmp,loose=no");
    for (speaker, listener) in [forgotten.client(), forgotten.server()] {
        is_lost((speaker, listener));
        // A soft error: the connection goes on, and only who asks is told (tcp(7)).
        let told = speaker.take_error().unwrap().and_then(|error| error.raw_os_error());
        assert_eq!(told, Some(libc::EHOSTUNREACH));
    }
}

pub(crate) fn every_mode_behaves_alike_over_ipv6() {
    let plain = forgotten_by("nat", true);
    survives(plain.client());
    resets_the_speaker(plain.server());
    let random = forgotten_by("nat,random=yes", true);
    resets_the_speaker(random.client());
    let inbound = forgotten_by("nat,inbound=drop", true);
    survives(inbound.client());
    inbound.recovers_when_the_client_speaks();
    let firewall = forgotten_by("firewall,new=syn", true);
    is_lost(firewall.client());
    is_lost(firewall.server());
    let rejecting = forgotten_by("firewall,loose=no,reject=reset", true);
    resets_the_speaker(rejecting.client());
    resets_the_speaker(rejecting.server());
    let telling = forgotten_by("firewall,loose=no,reject=icmp", true);
    is_lost(telling.server());
    assert!(telling.server().0.take_error().unwrap().is_some());
}

pub(crate) fn udp_is_forgotten_too() {
    let lab = crate::lab(&["nat,timeout=2s,inbound=drop"]);
    let address = (lab.address(Host::Server), 4000);
    let server = lab.run_in(Host::Server, move || UdpSocket::bind(address)).join().unwrap().unwrap();
    let client = lab.run_in(Host::Client, || UdpSocket::bind("0.0.0.0:0")).join().unwrap().unwrap();
    for socket in [&server, &client] {
        socket.set_read_timeout(Some(SOON)).unwrap();
    }
    client.send_to(b"hello", address).unwrap();
    let mut heard = [0; 16];
    let (_, seen) = server.recv_from(&mut heard).unwrap();
    assert_eq!(seen.ip(), lab.outside());
    server.send_to(b"in time", seen).unwrap();
    client.recv_from(&mut heard).unwrap();
    clock::wait(TOO_LONG);
    server.send_to(b"too late", seen).unwrap();
    client.set_read_timeout(Some(SILENCE)).unwrap();
    assert!(client.recv_from(&mut heard).is_err());
}
