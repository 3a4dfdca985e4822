//! The loopback relay against real sockets: what it forwards, what it forgets, and what brings it back.

use std::future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use idlescope::lab::relay::{Relay, RelayConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// The relay's memory in these tests.
const MEMORY: Duration = Duration::from_millis(300);
/// Long enough for it to have forgotten.
const TOO_LONG: Duration = Duration::from_millis(500);
/// What arrives on loopback arrives within this time.
const SOON: Duration = Duration::from_secs(5);

async fn wait(time: Duration) {
    let _ = timeout(time, future::pending::<()>()).await;
}

/// A connection through a relay: the client's end and the server's.
async fn connection(revive: bool) -> (TcpStream, TcpStream) {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = RelayConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        target: server.local_addr().unwrap(),
        timeout: MEMORY,
        revive,
    };
    let relay = Relay::bind(config).await.unwrap();
    let address = relay.local_addr();
    tokio::spawn(relay.run(future::pending()));
    let client = TcpStream::connect(address).await.unwrap();
    let (server, _) = server.accept().await.unwrap();
    (client, server)
}

async fn hears(end: &mut TcpStream, what: &[u8]) {
    let mut heard = vec![0; what.len()];
    timeout(SOON, end.read_exact(&mut heard)).await.expect("nothing came").unwrap();
    assert_eq!(heard, what);
}

async fn hears_nothing(end: &mut TcpStream) {
    let mut byte = [0];
    let heard = timeout(TOO_LONG, end.read(&mut byte)).await;
    assert!(heard.is_err(), "expected silence: {heard:?}");
}

#[tokio::test]
async fn words_in_time_pass_in_both_directions_and_keep_the_connection_alive() {
    let (mut client, mut server) = connection(false).await;
    for _ in 0..4 {
        wait(MEMORY / 2).await;
        client.write_all(b"ping").await.unwrap();
        hears(&mut server, b"ping").await;
        wait(MEMORY / 2).await;
        server.write_all(b"pong").await.unwrap();
        hears(&mut client, b"pong").await;
    }
}

#[tokio::test]
async fn a_push_after_the_timeout_is_lost_and_nobody_is_told() {
    let (mut client, mut server) = connection(true).await;
    wait(TOO_LONG).await;
    server.write_all(b"push").await.unwrap();
    hears_nothing(&mut client).await;
    hears_nothing(&mut server).await;
}

#[tokio::test]
async fn the_client_revives_a_connection_unnoticed_and_late_words_come_through() {
    let (mut client, mut server) = connection(true).await;
    wait(TOO_LONG).await;
    server.write_all(b"push").await.unwrap();
    hears_nothing(&mut client).await;
    client.write_all(b"ping").await.unwrap();
    hears(&mut server, b"ping").await;
    hears(&mut client, b"push").await;
    server.write_all(b"pong").await.unwrap();
    hears(&mut client, b"pong").await;
}

#[tokio::test]
async fn without_revival_the_clients_words_are_lost_too() {
    let (mut client, mut server) = connection(false).await;
    wait(TOO_LONG).await;
    client.write_all(b"ping").await.unwrap();
    hears_nothing(&mut server).await;
    server.write_all(b"push").await.unwrap();
    hears_nothing(&mut client).await;
}

#[tokio::test]
async fn a_close_and_a_reset_pass_while_the_connection_is_remembered() {
    let (mut client, mut server) = connection(false).await;
    server.shutdown().await.unwrap();
    assert_eq!(timeout(SOON, client.read(&mut [0])).await.unwrap().unwrap(), 0);
    client.write_all(b"still open this way").await.unwrap();
    hears(&mut server, b"still open this way").await;

    let (mut client, server) = connection(false).await;
    server.set_zero_linger().unwrap();
    drop(server);
    let error = timeout(SOON, client.read(&mut [0])).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn the_end_of_a_forgotten_connection_reaches_the_client_only_when_it_speaks() {
    let (mut client, server) = connection(true).await;
    wait(TOO_LONG).await;
    server.set_zero_linger().unwrap();
    drop(server);
    hears_nothing(&mut client).await;
    client.write_all(b"anybody?").await.unwrap();
    let error = timeout(SOON, client.read(&mut [0])).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn two_ends_that_both_write_before_they_read_do_not_block_each_other() {
    const MUCH: usize = 8 << 20;
    let (mut client, mut server) = connection(false).await;
    let (mut from_server, mut to_server) = client.split();
    let (mut from_client, mut to_client) = server.split();
    let much = vec![7; MUCH];
    let (mut up, mut down) = (vec![0; MUCH], vec![0; MUCH]);
    let all = async {
        tokio::try_join!(
            to_server.write_all(&much),
            to_client.write_all(&much),
            async { from_client.read_exact(&mut up).await.map(drop) },
            async { from_server.read_exact(&mut down).await.map(drop) },
        )
    };
    timeout(Duration::from_secs(20), all).await.expect("blocked").unwrap();
    assert!(up == much && down == much);
}

#[tokio::test]
async fn where_nobody_listens_the_client_is_reset_and_a_taken_address_is_named() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let listen: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let config = RelayConfig { listen, target: nobody, timeout: MEMORY, revive: true };
    let relay = Relay::bind(config).await.unwrap();
    let address = relay.local_addr();
    let taken = Relay::bind(RelayConfig { listen: address, ..config }).await.unwrap_err();
    assert!(taken.to_string().contains(&address.to_string()), "{taken}");
    tokio::spawn(relay.run(future::pending()));
    let mut client = TcpStream::connect(address).await.unwrap();
    let error = timeout(SOON, client.read(&mut [0])).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_relay_that_is_shut_down_closes_what_is_left() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = server.local_addr().unwrap();
    let listen = "127.0.0.1:0".parse().unwrap();
    let relay = Relay::bind(RelayConfig { listen, target, timeout: MEMORY, revive: true }).await.unwrap();
    let address = relay.local_addr();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(relay.run(async { drop(stopped.await) }));
    let mut client = TcpStream::connect(address).await.unwrap();
    let _server = server.accept().await.unwrap();
    stop.send(()).unwrap();
    timeout(SOON, running).await.unwrap().unwrap();
    assert_eq!(timeout(SOON, client.read(&mut [0])).await.unwrap().unwrap(), 0);
    assert!(TcpStream::connect(address).await.is_err());
}
