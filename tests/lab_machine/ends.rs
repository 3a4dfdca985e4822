//! Ends that a box makes, as both kernels take them.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use idlescope::boxes::{Rules, Stateful, personas};
use idlescope::lab::machine::bench::{Bench, Part};

use crate::machines::{SOON, connect, open, talk};
use crate::support::clock;

const IDLE: Duration = Duration::from_millis(400);

fn stateful(rules: Rules) -> Part {
    Part::Box(Box::new(Stateful::new(rules)))
}

fn is_reset(mut end: &TcpStream) -> bool {
    end.read(&mut [0; 8]).is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
}

pub(crate) fn a_reset_that_was_made_is_obeyed_by_both_kernels() {
    // With another hop on each side of the box.
    let bench = Bench::build(vec![open(), stateful(personas::announcing_reset(IDLE)), open()], None).unwrap();
    for ipv6 in [false, true] {
        let (client, server) = connect(&bench, ipv6);
        talk(&client, &server);
        assert!(is_reset(&client) && is_reset(&server));
    }
}

pub(crate) fn a_fin_that_was_made_is_obeyed_by_both_kernels() {
    let bench = Bench::build(vec![stateful(personas::closing_balancer(IDLE))], None).unwrap();
    for ipv6 in [false, true] {
        let (mut client, mut server) = connect(&bench, ipv6);
        talk(&client, &server);
        for end in [&mut client, &mut server] {
            assert_eq!(end.read(&mut [0; 8]).unwrap(), 0);
        }
        // And what is said afterwards is reset: the numbers count the FIN.
        client.write_all(b"late").unwrap();
        let gone = || (&client).write(b"later").is_err();
        assert!(clock::wait_until(SOON, gone), "the box resets what it has closed");
    }
}

pub(crate) fn a_reset_on_the_next_segment_is_obeyed() {
    let bench = Bench::build(vec![stateful(personas::resetting_on_next(IDLE))], None).unwrap();
    for ipv6 in [false, true] {
        for client_first in [true, false] {
            let (client, server) = connect(&bench, ipv6);
            talk(&client, &server);
            clock::wait(IDLE + Duration::from_millis(100));
            let (mut first, mut other) = if client_first { (&client, &server) } else { (&server, &client) };
            first.write_all(b"hello").unwrap();
            assert!(is_reset(first));
            other.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            let silence = other.read(&mut [0; 8]).unwrap_err();
            assert_eq!(silence.kind(), ErrorKind::WouldBlock, "the other end is not told");
        }
    }
}

pub(crate) fn a_timeout_is_kept_to_a_few_milliseconds() {
    let bench = Bench::build(vec![stateful(personas::announcing_reset(IDLE))], None).unwrap();
    let mut late = Vec::new();
    for _ in 0..5 {
        let (client, server) = connect(&bench, false);
        talk(&client, &server);
        // The last segment is the acknowledgement of the answer, which may be delayed: 40 ms (`TCP_DELACK_MIN`).
        let start = clock::now();
        assert!(is_reset(&client));
        late.push(start.elapsed().checked_sub(IDLE).expect("never early by more than the delay"));
    }
    late.sort_unstable();
    assert!(late[2] < Duration::from_millis(60), "{late:?}");
}
