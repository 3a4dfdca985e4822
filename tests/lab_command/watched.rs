//! `idlescope explain -i`, on the client's side of a path that forgets.

use super::inside::ran;
use serde_json::Value;

/// Speaks with a closed port, and with an echo server through a firewall that forgets in a second.
const SPEAK: &str = r#"
import os, socket, time
host, port = os.environ["IDLESCOPE_ECHO"].rsplit(":", 1)
try:
    socket.create_connection((host, 9), 3)
except ConnectionRefusedError:
    pass
silent = socket.create_connection((host, int(port)), 3)
silent.sendall(b"hello")
silent.recv(100)
time.sleep(1.5)
silent.sendall(b"still there?")
try:
    silent.recv(100)
except ConnectionResetError:
    pass
"#;

/// Watches, and ends the watch when both endings were told.
const WATCH: &str = r#"
cd "$0"
idlescope explain -i eth0 --ndjson > told 2> said &
watching=$!
until grep -q watching said; do sleep 0.05; done
python3 speak.py
until [ "$(grep -c '"type":"connection"' told)" = 2 ]; do sleep 0.1; done
kill -TERM $watching
wait $watching
echo "exit $?"
cat told
"#;

pub(crate) fn connections_are_explained_as_they_end() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    std::fs::write(folder.path().join("speak.py"), SPEAK).unwrap();
    let way = ["--hop", "--link", "delay=5ms", "--box", "rejecting-firewall,timeout=1s", "--hop"];
    let (code, out, err) = ran(&[&way[..], &["--", "timeout", "30", "sh", "-c", WATCH, place]].concat());
    let said = std::fs::read_to_string(folder.path().join("said")).unwrap_or_default();
    assert_eq!(code, 0, "{out}{err}{said}");
    let (exit, lines) = out.split_once('\n').unwrap();
    assert_eq!(exit, "exit 0", "{out}{said}");
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let [first, second, whole] = lines.as_slice() else { panic!("{out}") };
    assert_eq!(first["server_port"], 9, "{out}");
    assert!(matches!(first["cause"].as_str(), Some("closed-port" | "refused")), "{out}");
    assert_eq!((&second["cause"], &second["class"]), (&"path-reset".into(), &"path".into()), "{out}");
    let idle = second["idle_s"].as_f64().unwrap();
    assert!((1.4..2.5).contains(&idle), "{out}");
    // The box that answered is the second of the machines on the way.
    assert_eq!((&second["hop_low"], &second["hop_high"]), (&2.into(), &2.into()), "{out}");
    assert_eq!((&whole["type"], &whole["ended"]), (&"summary".into(), &2.into()), "{out}");
    assert_eq!(said.trim_end(), "watching eth0: each connection is told as it ends; Ctrl-C for the table");
}
