//! Thousands of connections that say anything at all.

use crate::bench::Served;
use crate::client::{self, Run};
use crate::{MS, push};
use idlescope::io::Limits;
use idlescope::wire::auth::Token;
use idlescope::wire::frame::{Frame, Role};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

/// What a connection begins with before it says anything at all.
#[derive(Clone, Copy, Debug)]
enum Opening {
    Nothing,
    /// A hello of a service channel: it is challenged.
    Service,
    /// A hello of a hold of the honest run.
    Hold,
    /// The whole opening of a service channel: it has a run.
    Run,
}

/// Random bytes; and random bytes that begin as a frame does, with a length and a kind that are known.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let framed = (prop::sample::select(&[0x01u8, 0x03, 0x10, 0x12, 0x15, 0x20, 0x21, 0x30][..]), 0usize..64)
        .prop_flat_map(|(kind, length)| {
            prop::collection::vec(any::<u8>(), length).prop_map(move |body| {
                let mut frame = vec![0, body.len() as u8 + 1, kind];
                frame.extend(body);
                frame
            })
        });
    let random = prop::collection::vec(any::<u8>(), 0..300);
    prop::collection::vec(prop_oneof![framed, random], 0..6).prop_map(|parts| parts.concat())
}

/// Writes all of it, reads all that comes, and returns how much of each there was.
fn talk(mut stream: TcpStream, bytes: &[u8]) -> (u64, u64) {
    stream.set_read_timeout(Some(5000 * MS)).unwrap();
    // It may end the connection in the middle of this.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut received = 0;
    let mut part = [0; 1024];
    loop {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(n) => received += n as u64,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
                break;
            }
        }
    }
    (bytes.len() as u64, received)
}

/// Resident memory of this process, in which the reflector is, in KiB (`proc_pid_status(5)`).
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn whatever_is_said_harms_nobody_and_is_not_kept() {
    let served =
        Served::with("127.0.0.1:0", None, Limits { hello: 300 * MS, run: 300 * MS, runs: 4096, ..Limits::default() });
    let mut honest = Run::open(&served);
    honest.join(1);
    let mut hold = 1;
    let mut runner = TestRunner::new(Config { cases: 2000, failure_persistence: None, ..Config::default() });
    let opening = prop::sample::select(&[Opening::Nothing, Opening::Service, Opening::Hold, Opening::Run][..]);
    let cases: Vec<_> = (0..2000)
        .map(|_| (opening.new_tree(&mut runner).unwrap().current(), noise().new_tree(&mut runner).unwrap().current()))
        .collect();
    let mut before = 0;
    for (nth, (opening, noise)) in cases.into_iter().enumerate() {
        if nth == 500 {
            before = resident();
        }
        if let Opening::Run = opening {
            let mut run = Run::open(&served);
            run.service.send_bytes(&noise);
            continue;
        }
        let mut bytes = match opening {
            Opening::Nothing | Opening::Run => Vec::new(),
            Opening::Service => client::hello_bytes(Role::Service, Token([9; 16]), 0).to_vec(),
            Opening::Hold => {
                hold += 1;
                client::hello_bytes(Role::Hold, honest.token, hold).to_vec()
            }
        };
        bytes.extend(&noise);
        let (sent, received) = talk(TcpStream::connect(served.address).unwrap(), &bytes);
        assert!(received <= sent, "{received} bytes for {sent}: {opening:?} {noise:?}");
        // The honest run is kept alive, and says that it has seen what was reported.
        honest.service.send(Frame::Beat { seq: nth as u32, seen: u32::MAX });
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 8 << 10, "{grown} KiB more after 1500 connections");
    honest.service.send(Frame::Command { hold: 1, order: push(1) });
    assert_eq!(honest.holds[0].receive(), Some(Frame::Push { nth: 0 }));
}

#[test]
fn a_flood_is_cut_off_at_its_first_bytes() {
    let served = Served::with("127.0.0.1:0", None, Limits::default());
    let before = resident();
    let flood = vec![0xff; 64 << 20];
    let (_, received) = talk(TcpStream::connect(served.address).unwrap(), &flood);
    assert_eq!(received, 0);
    let with_flood = resident().saturating_sub(before);
    assert!(with_flood < (64 + 8) << 10, "{with_flood} KiB, of them 65536 our own");
    let mut honest = Run::open(&served);
    honest.join(1);
}
