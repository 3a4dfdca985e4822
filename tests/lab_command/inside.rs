//! What a command finds inside.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::process::Stdio;
use std::time::Duration;

use super::behind::lab;
use crate::support::{clock, harness};

/// Plenty for a packet and its answer.
const SOON: Duration = Duration::from_secs(5);

/// Runs it to its end: exit code, stdout and stderr.
pub(super) fn ran(arguments: &[&str]) -> (i32, String, String) {
    let done = lab(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (done.status.code().expect("an exit code"), text(&done.stdout), text(&done.stderr))
}

pub(crate) fn output_input_and_exit_code_are_the_commands() {
    let script = "cat; echo to stderr >&2; exit 7";
    let mut command = lab(&["--box", "nat,timeout=5s", "--", "sh", "-c", script]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"through and through\n").unwrap();
    let done = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&done.stdout), "through and through\n");
    assert_eq!(String::from_utf8_lossy(&done.stderr), "to stderr\n");
    assert_eq!(done.status.code(), Some(7));
}

pub(crate) fn the_environment_says_who_is_where() {
    let script = "env | grep ^IDLESCOPE_; command -v idlescope; ip -o -4 addr show eth0 | grep -o 'inet [^ ]*'";
    let way = ["-6", "--hop", "--link", "delay=0s", "--box", "nat,timeout=5s"];
    let (code, out, said) = ran(&[&way[..], &["--", "sh", "-c", script]].concat());
    assert_eq!(code, 0, "{said}");
    let all: BTreeMap<&str, &str> = out.lines().filter_map(|line| line.split_once('=')).collect();
    for (name, value) in [
        ("IDLESCOPE_LAB", "router → link delay=0s → nat,timeout=5s"),
        ("IDLESCOPE_CLIENT", "10.77.1.2"),
        ("IDLESCOPE_SERVER", "10.77.2.2"),
        ("IDLESCOPE_TARGET", "reflector://10.77.2.2:7133"),
        ("IDLESCOPE_ECHO", "10.77.2.2:7"),
        ("IDLESCOPE_CLIENT6", "fd1d:1e5c:77:1::2"),
        ("IDLESCOPE_SERVER6", "fd1d:1e5c:77:2::2"),
        ("IDLESCOPE_TARGET6", "reflector://[fd1d:1e5c:77:2::2]:7133"),
        ("IDLESCOPE_ECHO6", "[fd1d:1e5c:77:2::2]:7"),
    ] {
        assert_eq!(all.get(name), Some(&value), "{name} in {out}");
    }
    assert!(out.lines().any(|line| line.ends_with("/idlescope")), "idlescope is not found: {out}");
    assert!(out.contains("inet 10.77.1.2/24"), "{out}");
}

/// This test's own binary in a role, on the client's side of such a path; what it says.
fn plays(name: &str, way: &[&str]) -> String {
    let binary = std::env::current_exe().unwrap();
    let role = harness::role(name);
    let mut command = lab(&[way, &["--", binary.to_str().unwrap()]].concat());
    command.envs(role.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

pub(crate) fn the_server_echoes_tcp_and_udp() {
    for way in [&["-6"][..], &["-6", "--hop", "--box", "nat,timeout=5s", "--hop"]] {
        assert_eq!(plays("talk", way), "echoed twice, over both families\n");
    }
}

/// Inside a lab: speaks with the echo services.
pub(super) fn role_talk() {
    for variable in ["IDLESCOPE_ECHO", "IDLESCOPE_ECHO6"] {
        let echo = std::env::var(variable).unwrap();
        let mut stream = TcpStream::connect(&echo).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.write_all(b"a stream").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "a stream");

        let socket = UdpSocket::bind(if echo.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" }).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        socket.send_to(b"a datagram", &echo).unwrap();
        let mut heard = [0; 64];
        let (length, _) = socket.recv_from(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"a datagram");
    }
    println!("echoed twice, over both families");
}

pub(crate) fn a_link_takes_its_time() {
    let said = plays("time", &["--link", "delay=60ms", "--hop"]);
    let times: Vec<f64> = said.split_whitespace().map(|time| time.parse().unwrap()).collect();
    // No packet is faster than the link; the machine may be slow.
    assert!(times.len() == 5 && times.iter().all(|time| (0.120..0.5).contains(time)), "{said}");
}

/// Inside a lab: how long datagrams take to the server and back.
pub(super) fn role_time() {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    for n in 0..5_u8 {
        let start = clock::now();
        socket.send_to(&[n], std::env::var("IDLESCOPE_ECHO").unwrap()).unwrap();
        let mut heard = [0; 64];
        let (length, _) = socket.recv_from(&mut heard).unwrap();
        assert_eq!(&heard[..length], [n]);
        println!("{}", start.elapsed().as_secs_f64());
    }
}

pub(crate) fn captures_are_left_at_every_hop() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    let way = ["--hop", "--link", "delay=1ms", "--box", "strict-firewall,timeout=5s", "--pcap", seen.to_str().unwrap()];
    let script = "exec 3<>/dev/tcp/$IDLESCOPE_SERVER/7; echo hello >&3; head -n 1 <&3";
    let (code, out, said) = ran(&[&way[..], &["--", "bash", "-c", script]].concat());
    assert_eq!((code, out.as_str()), (0, "hello\n"), "{said}");
    let files: Vec<_> = std::fs::read_dir(&seen).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 4, "a file for each interface of each hop: {files:?}");
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        let magic: [u8; 4] = bytes[..4].try_into().unwrap();
        // Microseconds or nanoseconds, in the machine's own order.
        assert!([0xa1b2_c3d4, 0xa1b2_3c4d].contains(&u32::from_ne_bytes(magic)), "{}", file.display());
        let hello = bytes.windows(6).filter(|window| window == b"hello\n").count();
        assert_eq!(hello, 2, "the word and its echo in {}", file.display());
    }
}

pub(crate) fn a_path_file_is_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    std::fs::write(&file, "ipv6 = true\npath = [{ hops = 2 }, { box = \"nat,timeout=5s\" }]\n").unwrap();
    let script = "echo $IDLESCOPE_LAB $IDLESCOPE_SERVER6";
    let (code, out, said) = ran(&["--path", file.to_str().unwrap(), "--", "sh", "-c", script]);
    assert_eq!((code, out.as_str()), (0, "router → router → nat,timeout=5s fd1d:1e5c:77:2::2\n"), "{said}");
}

pub(crate) fn a_secret_keeps_strangers_out_and_is_handed_to_the_probe() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "open sesame\n").unwrap();
    let probe = "idlescope probe $IDLESCOPE_TARGET --max 1 --min 200ms --connections 8 --no-recheck -q";
    let with = |before: &str| {
        let script = format!("cd /; {before} {probe}");
        ran(&["--secret-file", file.to_str().unwrap(), "--", "sh", "-c", &script])
    };
    let start = clock::now();
    let (code, out, said) = with("");
    assert_eq!(code, 0, "{out}{said}");
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    let (code, _, said) = with("env -u IDLESCOPE_SECRET_FILE");
    assert!(code != 0 && said.contains("secret"), "{code}: {said}");
}
