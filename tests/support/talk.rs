//! Two ends of a TCP connection through a lab, held by the test. A socket stays in the namespace it was made in, so
//! the test's own thread can speak for both ends.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use idlescope::lab::{Host, Lab};

/// What arrives at all arrives within this time; a retransmission or two included.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// A connection from the client to the server: the client's end and the server's.
pub(crate) fn connect(lab: &Lab) -> (TcpStream, TcpStream) {
    connect_to(lab, lab.address(Host::Server))
}

/// A connection from the client to this address of the server.
pub(crate) fn connect_to(lab: &Lab, server: IpAddr) -> (TcpStream, TcpStream) {
    let listener = lab
        .run_in(Host::Server, move || TcpListener::bind((server, 0)))
        .join()
        .unwrap()
        .unwrap();
    let address = listener.local_addr().unwrap();
    let client = lab
        .run_in(Host::Client, move || TcpStream::connect_timeout(&address, SOON))
        .join()
        .unwrap()
        .unwrap();
    let (server, _) = listener.accept().unwrap();
    for end in [&client, &server] {
        end.set_nodelay(true).unwrap();
        end.set_read_timeout(Some(SOON)).unwrap();
    }
    (client, server)
}

/// Connects from the client to any address.
pub(crate) fn dial(lab: &Lab, address: SocketAddr) -> io::Result<TcpStream> {
    let stream = lab
        .run_in(Host::Client, move || TcpStream::connect_timeout(&address, SOON))
        .join()
        .unwrap()?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SOON))?;
    Ok(stream)
}

/// An echo server on the lab's server; it ends with the test.
pub(crate) fn echo_server(lab: &Lab, port: u16) -> SocketAddr {
    let address = SocketAddr::from((lab.address(Host::Server), port));
    let listener = lab
        .run_in(Host::Server, move || TcpListener::bind(address))
        .join()
        .unwrap()
        .unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || io::copy(&mut &stream, &mut &stream));
        }
    });
    address
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
    let silent = heard
        .as_ref()
        .is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
    assert!(silent, "expected silence, got {heard:?}");
}

/// Expects a reset.
pub(crate) fn is_reset(mut end: &TcpStream) {
    let heard = end.read(&mut [0; 64]);
    let reset = heard
        .as_ref()
        .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset);
    assert!(reset, "expected a reset, got {heard:?}");
}
