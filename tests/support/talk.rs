//! Two ends of a TCP connection through a lab, held by the test. A socket stays in the namespace it was made in, so
//! the test's own thread can speak for both ends.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use idlescope::lab::{Host, Lab};

use super::clock;

/// What arrives at all arrives within this time; a retransmission or two included.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// A connection from the client to the server: the client's end and the server's.
pub(crate) fn connect(lab: &Lab) -> (TcpStream, TcpStream) {
    connect_to(lab, lab.address(Host::Server))
}

/// A connection from the client to this address of the server.
pub(crate) fn connect_to(lab: &Lab, server: IpAddr) -> (TcpStream, TcpStream) {
    let listener = lab.run_in(Host::Server, move || TcpListener::bind((server, 0))).join().unwrap().unwrap();
    let address = listener.local_addr().unwrap();
    let client = lab.run_in(Host::Client, move || TcpStream::connect_timeout(&address, SOON)).join().unwrap().unwrap();
    let (server, _) = listener.accept().unwrap();
    for end in [&client, &server] {
        end.set_nodelay(true).unwrap();
        end.set_read_timeout(Some(SOON)).unwrap();
    }
    (client, server)
}

/// Connects from the client to any address.
pub(crate) fn dial(lab: &Lab, address: SocketAddr) -> io::Result<TcpStream> {
    let stream = lab.run_in(Host::Client, move || TcpStream::connect_timeout(&address, SOON)).join().unwrap()?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SOON))?;
    Ok(stream)
}

/// Connects from the client through a proxy at `address` to a service that listens behind it: the client's end and the
/// service's, over which both have spoken.
pub(crate) fn dial_through(lab: &Lab, address: SocketAddr, service: &TcpListener) -> (TcpStream, TcpStream) {
    let client = dial(lab, address).unwrap();
    say(&client, b"hello");
    loop {
        let (mut end, _) = service.accept().unwrap();
        end.set_nodelay(true).unwrap();
        end.set_read_timeout(Some(SOON)).unwrap();
        let mut heard = [0; 5];
        // Somebody else has tried whether the proxy listens, and closed.
        if end.read_exact(&mut heard).is_err() {
            continue;
        }
        assert_eq!(&heard, b"hello");
        say(&end, b"welcome");
        hears(&client, b"welcome");
        return (client, end);
    }
}

/// How a connection to the echo server ended, as seen there.
#[derive(Debug)]
pub(crate) struct EchoEnd {
    /// Bytes that were echoed; none of a connection that was only tried.
    pub(crate) echoed: u64,
    /// How it ended: a close, or the error.
    pub(crate) how: io::Result<()>,
    /// When.
    pub(crate) at: Instant,
}

/// An echo server on the lab's server: its address, and the ends of its connections as they come.
pub(crate) fn echo_server(lab: &Lab, port: u16) -> (SocketAddr, Receiver<EchoEnd>) {
    let address = SocketAddr::from((lab.address(Host::Server), port));
    let listener = lab.run_in(Host::Server, move || TcpListener::bind(address)).join().unwrap().unwrap();
    let (report, ends) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let report = report.clone();
            // Nobody listens any more where the test has ended.
            std::thread::spawn(move || report.send(echo(&stream)));
        }
    });
    (address, ends)
}

fn echo(mut stream: &TcpStream) -> EchoEnd {
    let (mut bytes, mut echoed) = ([0; 4096], 0);
    loop {
        let how = match stream.read(&mut bytes) {
            Ok(0) => Ok(()),
            Ok(n) => match stream.write_all(&bytes[..n]) {
                Ok(()) => {
                    echoed += n as u64;
                    continue;
                }
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        return EchoEnd { echoed, how, at: clock::now() };
    }
}

/// Says something.
pub(crate) fn say(mut end: &TcpStream, what: &[u8]) {
    end.write_all(what).unwrap();
}

/// Expects exactly this.
pub(crate) fn hears(mut end: &TcpStream, what: &[u8]) {
    let mut heard = vec![0; what.len()];
    end.read_exact(&mut heard).unwrap();
    assert_eq!(heard, what);
}

/// Expects silence for this long.
pub(crate) fn hears_nothing(mut end: &TcpStream, long: Duration) {
    end.set_read_timeout(Some(long)).unwrap();
    let heard = end.read(&mut [0; 64]);
    end.set_read_timeout(Some(SOON)).unwrap();
    let silent = heard.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
    assert!(silent, "expected silence, got {heard:?}");
}

/// Expects an orderly end.
pub(crate) fn is_closed(mut end: &TcpStream) {
    let heard = end.read(&mut [0; 8]);
    assert!(matches!(heard, Ok(0)), "expected an end, got {heard:?}");
}

/// Expects a reset.
pub(crate) fn is_reset(mut end: &TcpStream) {
    let heard = end.read(&mut [0; 64]);
    let reset = heard.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset);
    assert!(reset, "expected a reset, got {heard:?}");
}
