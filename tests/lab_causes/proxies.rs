//! What `HAProxy` and nginx do, on the server's host.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use idlescope::lab::{self, Host};
use tempfile::TempDir;

use crate::scene::{Judged, Nth, Scene};
use crate::support::clock;
use crate::support::programs::{self, Running};
use crate::support::talk::{hears_nothing, is_closed, is_reset, say};

/// Starts a program with this file as its configuration, which listens on all these ports of the server.
fn start(scene: &Scene, program: &str, arguments: &[&str], config: &str, ports: &[u16]) -> (Running, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(&file, config).unwrap();
    let path = lab::find(program).unwrap_or_else(|| panic!("{program} is missing: run ./test"));
    let mut command = Command::new(path);
    command.current_dir(folder.path()).args(arguments).arg(&file);
    if program == "nginx" {
        command.arg("-p").arg(folder.path());
    }
    let mut running = programs::start(&scene.lab, Host::Server, command);
    for port in ports {
        running.listens(&scene.lab, Host::Server, (scene.server(), *port).into());
    }
    (running, folder)
}

/// A connection of the client's to this port, which is a row.
fn connect(scene: &mut Scene, row: &'static str, port: u16) -> (TcpStream, Nth) {
    let to = SocketAddr::from((scene.server(), port));
    let socket = scene.socket(to);
    let nth = scene.row_to(row, &socket, to);
    socket.connect(&to.into()).unwrap();
    (socket.into(), nth)
}

pub(crate) fn haproxy_ends_it() -> Vec<Judged> {
    let mut scene = Scene::plain();
    let server = scene.server();
    // What it forwards to takes everything in and never closes.
    let backend = scene.listener(server, 64);
    let back = backend.local_addr().unwrap();
    let swallow = std::thread::spawn(move || swallow(&backend));
    let mut config = String::from("global\n  maxconn 64\n  nbthread 1\ndefaults\n  mode tcp\n  timeout connect 1s\n");
    for (port, front, behind) in [
        (8101, "timeout client 10s", "timeout server 1s"),
        (8102, "timeout client 1s\n  option nolinger", "timeout server 1s\n  option nolinger"),
        (8103, "timeout client 10s\n  tcp-request connection reject", "timeout server 10s"),
        (
            8104,
            "timeout client 10s\n  tcp-request inspect-delay 5s\n  tcp-request content reject if { req.len gt 0 }",
            "timeout server 10s",
        ),
        (
            8105,
            "timeout client 10s\n  tcp-request inspect-delay 5s\n  tcp-request content silent-drop if { req.len gt 0 }",
            "timeout server 10s",
        ),
    ] {
        let _ = writeln!(
            config,
            "frontend f{port}\n  bind {server}:{port}\n  {front}\n  default_backend b{port}\nbackend b{port}\n  {behind}\n  server s {back}"
        );
    }
    let running = start(&scene, "haproxy", &["-db", "-f"], &config, &[8101, 8102, 8104, 8105]);
    let (timed, _) = connect(&mut scene, "HAProxy timeout", 8101);
    let (reset, _) = connect(&mut scene, "HAProxy nolinger", 8102);
    let (rejected, _) = connect(&mut scene, "HAProxy connection reject", 8103);
    is_reset(&rejected);
    let (content, _) = connect(&mut scene, "HAProxy content reject", 8104);
    let (dropped, _) = connect(&mut scene, "HAProxy silent-drop", 8105);
    for stream in [&timed, &reset, &content, &dropped] {
        say(stream, b"hello");
    }
    is_closed(&content);
    hears_nothing(&dropped, Duration::from_millis(300));
    say(&dropped, b"anybody there?");
    is_reset(&dropped);
    is_closed(&timed);
    // The reset follows at once and may be read in the FIN's place.
    let _ = std::io::Read::read(&mut &reset, &mut [0; 8]);
    clock::wait(Duration::from_millis(100));
    let judged = scene.judged();
    drop((running, swallow));
    judged
}

/// Keeps whatever connects.
fn swallow(listener: &TcpListener) {
    let mut kept: Vec<TcpStream> = Vec::new();
    listener.set_nonblocking(false).unwrap();
    kept.extend(listener.incoming().map_while(Result::ok).take(64));
}

pub(crate) fn nginx_ends_it() -> Vec<Judged> {
    let mut scene = Scene::plain();
    let server = scene.server();
    let config = format!(
        "user root;\ndaemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr warn;\n\
         events {{ worker_connections 64; }}\nhttp {{\n  access_log off;\n  client_body_temp_path body; proxy_temp_path proxy; \
         fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n  \
         server {{ listen {server}:8201; keepalive_timeout 1s; client_header_timeout 1s; location / {{ return 200 \"ok\"; }} location /none {{ return 444; }} }}\n  \
         server {{ listen {server}:8202; keepalive_timeout 1s; client_header_timeout 1s; reset_timedout_connection on; \
         location / {{ return 200 \"ok\"; }} }}\n}}\n"
    );
    let running = start(&scene, "nginx", &["-e", "stderr", "-c"], &config, &[8201, 8202]);
    let request = b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n";
    let (idle, _) = connect(&mut scene, "nginx keepalive_timeout", 8201);
    say(&idle, request);
    let (silent, _) = connect(&mut scene, "nginx client_header_timeout", 8201);
    say(&silent, b"GET");
    let (reset, _) = connect(&mut scene, "nginx reset_timedout_connection", 8202);
    say(&reset, b"GET");
    let (closed, _) = connect(&mut scene, "nginx return 444", 8201);
    say(&closed, b"GET /none HTTP/1.1\r\nHost: lab\r\n\r\n");
    is_closed(&closed);
    is_reset(&reset);
    clock::wait(Duration::from_millis(300));
    let judged = scene.judged();
    drop(running);
    judged
}
