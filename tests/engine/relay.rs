//! A relay between an engine and a reflector that can break what passes through it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// Passes bytes between its clients and one server, a thread for each direction.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    /// Both ends of every connection, in the order in which they were accepted.
    connections: Arc<Mutex<Vec<(TcpStream, TcpStream)>>>,
    /// While set, what clients of connections after the first send is lost.
    pub(crate) swallow: Arc<AtomicBool>,
    /// While set, whatever is sent on the first connection is lost, in both directions.
    pub(crate) stall: Arc<AtomicBool>,
}

impl Relay {
    pub(crate) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(Mutex::new(Vec::new()));
        let swallow = Arc::new(AtomicBool::new(false));
        let stall = Arc::new(AtomicBool::new(false));
        let stalled = Arc::clone(&stall);
        let (known, lossy) = (Arc::clone(&connections), Arc::clone(&swallow));
        std::thread::spawn(move || {
            for (nth, client) in listener.incoming().enumerate() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(server)) else {
                    return;
                };
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                let never = Arc::new(AtomicBool::new(false));
                let (out, back) =
                    if nth == 0 { (Arc::clone(&stalled), Arc::clone(&stalled)) } else { (Arc::clone(&lossy), never) };
                pass(&client, &server, out);
                pass(&server, &client, back);
                known.lock().unwrap().push((client, server));
            }
        });
        Self { address, connections, swallow, stall }
    }

    /// Ends connection `nth` towards both ends.
    pub(crate) fn cut(&self, nth: usize) {
        let connections = self.connections.lock().unwrap();
        let (client, server) = &connections[nth];
        for end in [client, server] {
            // The end of the first may have ended the second already.
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

fn pass(from: &TcpStream, to: &TcpStream, lossy: Arc<AtomicBool>) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    std::thread::spawn(move || {
        let mut part = [0; 4096];
        while let Ok(n) = from.read(&mut part) {
            if n == 0 || (!lossy.load(Relaxed) && to.write_all(&part[..n]).is_err()) {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}
