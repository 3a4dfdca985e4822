//! The systems themselves accept what is emitted for them, and where they can be asked they read the very number.
//!
//! The programs come from Debian packages that `./test` installs; one that is missing fails its test by name.

use super::{EFFECTIVE, clock, path, udp};
use idlescope::measure::recommend::{PathEvidence, Settings, Wish, advise};
use idlescope::report::recipes;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The program, wherever Debian keeps it; its package is `package`.
fn program(name: &str, package: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/local/sbin", "/usr/sbin", "/sbin"]);
    let found = folders.map(|folder| Path::new(folder).join(name)).find(|file| file.is_file());
    let file = found.unwrap_or_else(|| panic!("{name} is missing: install the package {package} (./test does)"));
    let mut command = Command::new(file);
    command.stdin(Stdio::null());
    command
}

fn settings() -> (Vec<idlescope::measure::recommend::Advice>, Settings) {
    let effective = |path| PathEvidence { effects: EFFECTIVE, ..path };
    let advices = advise(&[path(299.1, Some(300.9)), udp(119.0, Some(121.0))].map(effective), Wish::default());
    let settings = advices[0].settings.clone().unwrap();
    (advices, settings)
}

/// The texts that are emitted for a target.
fn emitted(target: &str) -> Vec<String> {
    let (advices, _) = settings();
    let found = recipes::find(target).unwrap();
    let target = found.iter().find(|t| t.name == target).unwrap();
    let recipe = recipes::render(target, &advices).unwrap_or_else(|withheld| panic!("{}", withheld.why));
    recipe.files.iter().map(|file| file.text.clone()).collect()
}

fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    path
}

/// Everything that it printed; it must have succeeded.
fn accepts(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{text}");
    text
}

/// The number behind `name` in what was printed.
fn number(text: &str, name: &str) -> u64 {
    let line =
        text.lines().find_map(|line| line.trim().strip_prefix(name)).unwrap_or_else(|| panic!("{name} in {text}"));
    let digits: String = line.trim_start_matches([' ', '=', '\t']).chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("{name} in {text}"))
}

#[test]
fn haproxy_accepts_its_settings_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let lines: String = emitted("haproxy").concat();
    let config = format!(
        "defaults\n    mode tcp\n    timeout connect 5s\n{lines}\nlisten test\n    bind unix@{}\n    server one 127.0.0.1:9\n",
        folder.path().join("socket").display()
    );
    let file = write(&folder, "haproxy.cfg", &config);
    let said = accepts(program("haproxy", "haproxy").arg("-c").arg("-f").arg(&file));
    assert!(!said.contains("WARNING") && !said.contains("ALERT"), "{said}");
}

#[test]
fn nginx_accepts_its_settings_for_http_and_for_streams() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display();
    let [timeouts, listen] = emitted("nginx").try_into().unwrap();
    let [stream_timeouts, stream_listen] = emitted("nginx-stream").try_into().unwrap();
    let config = format!(
        "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n\
         user root;\npid {at}/pid;\nerror_log {at}/error.log;\nevents {{}}\n\
         http {{\n access_log off;\n client_body_temp_path {at}/a;\n proxy_temp_path {at}/b;\n fastcgi_temp_path {at}/c;\n \
         uwsgi_temp_path {at}/d;\n scgi_temp_path {at}/e;\n{timeouts}\n server {{\n{listen}\n }}\n}}\n\
         stream {{\n{stream_timeouts}\n server {{\n{stream_listen}\n proxy_pass 127.0.0.1:9;\n }}\n}}\n"
    );
    let file = write(&folder, "nginx.conf", &config);
    drop(program("nginx", "nginx-light"));
    // -t binds the ports: all of them are free in a network namespace
    let script = "PATH=$PATH:/usr/sbin; exec nginx -t -e \"$2\" -c \"$1\"";
    let mut nginx = program("unshare", "util-linux");
    nginx.args(["-rn", "sh", "-c", script, "sh"]).arg(&file).arg(folder.path().join("error.log"));
    accepts(&mut nginx);
}

#[test]
fn both_ends_of_openssh_read_the_heartbeat() {
    let folder = tempfile::tempdir().unwrap();
    let (_, settings) = settings();
    let [client, server] = emitted("openssh").try_into().unwrap();
    let key = folder.path().join("key");
    accepts(program("ssh-keygen", "openssh-client").args(["-q", "-t", "ed25519", "-N", ""]).arg("-f").arg(&key));
    let file = write(&folder, "sshd_config", &format!("HostKey {}\n{server}", key.display()));
    drop(program("sshd", "openssh-server"));
    // sshd wants an empty /run/sshd, which the service makes: one of its own, in a mount namespace
    let script = "PATH=$PATH:/usr/sbin; mount -t tmpfs none /run && mkdir -m 755 /run/sshd && \
                  exec \"$(command -v sshd)\" -T -f \"$1\"";
    let said = accepts(program("unshare", "util-linux").args(["-rm", "sh", "-c", script, "sh"]).arg(&file));
    assert_eq!(number(&said, "clientaliveinterval"), settings.heartbeat.as_secs());
    assert_eq!(number(&said, "clientalivecountmax"), u64::from(settings.tolerated) + 1);
    let file = write(&folder, "ssh_config", &client);
    let said = accepts(program("ssh", "openssh-client").arg("-G").arg("-F").arg(&file).arg("host.example.com"));
    assert_eq!(number(&said, "serveraliveinterval"), settings.heartbeat.as_secs());
}

#[test]
fn the_kernel_of_a_namespace_takes_the_sysctls() {
    let folder = tempfile::tempdir().unwrap();
    let (_, settings) = settings();
    let keepalive = settings.keepalive.unwrap();
    let file = write(&folder, "60-keepalive.conf", &emitted("sysctl")[0]);
    let script = "PATH=$PATH:/usr/sbin:/sbin; sysctl -q -p \"$1\" && cd /proc/sys/net/ipv4 && \
                  echo time $(cat tcp_keepalive_time) && echo intvl $(cat tcp_keepalive_intvl) && \
                  echo probes $(cat tcp_keepalive_probes)";
    drop(program("sysctl", "procps"));
    let said = accepts(program("unshare", "util-linux").args(["-rn", "sh", "-c", script, "sh"]).arg(&file));
    assert_eq!(number(&said, "time"), u64::from(keepalive.time));
    assert_eq!(number(&said, "intvl"), u64::from(keepalive.interval));
    assert_eq!(number(&said, "probes"), u64::from(keepalive.probes));
}

#[test]
fn redis_reads_a_number_that_is_safe_with_its_thirds() {
    let folder = tempfile::tempdir().unwrap();
    let (_, settings) = settings();
    let file = write(&folder, "redis.conf", &emitted("redis")[0]);
    let socket = folder.path().join("redis.sock");
    let mut server = program("redis-server", "redis-server")
        .arg(&file)
        .args(["--port", "0", "--save", "", "--daemonize", "no", "--dir"])
        .arg(folder.path())
        .arg("--unixsocket")
        .arg(&socket)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let answered = clock::wait_until(Duration::from_secs(10), || {
        let mut cli = program("redis-cli", "redis-tools");
        let output = cli.arg("-s").arg(&socket).args(["CONFIG", "GET", "tcp-keepalive"]).output().unwrap();
        said = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success() && said.contains("tcp-keepalive")
    });
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(answered, "the server did not answer: {said}");
    let read: u64 = said.lines().nth(1).unwrap_or_default().parse().unwrap_or_else(|_| panic!("{said}"));
    // Redis sets TCP_KEEPIDLE to it, TCP_KEEPINTVL to a third, TCP_KEEPCNT to 3
    let silence = 1.125 * (read + u64::from(settings.tolerated) * (read / 3)) as f64;
    assert!(read > 0 && silence <= settings.safe.as_secs_f64(), "{read}: {silence}");
}

#[test]
fn wireguard_parses_the_peer() {
    let folder = tempfile::tempdir().unwrap();
    let wg = |text: &str| {
        let peer = "[Peer]\nPublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\n";
        let file = write(&folder, "wg.conf", &format!("{peer}{text}"));
        // the interface does not exist: what is wrong with the file is said before that
        let output =
            program("wg", "wireguard-tools").args(["setconf", "no-such-interface"]).arg(&file).output().unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let good = wg(&emitted("wireguard")[0]);
    assert!(!good.contains("parsing error") && !good.contains("nrecognized"), "{good}");
    let bad = wg("PersistentKeepalive = 70000\n");
    assert!(bad.contains("parsing error"), "the check would not notice: {bad}");
}

#[test]
fn mosquitto_starts_with_the_bridge() {
    let folder = tempfile::tempdir().unwrap();
    let bridge = emitted("mosquitto")[0].replace("broker.example.com:1883", "127.0.0.1:9");
    let start = |bridge: &str| {
        let file = write(
            &folder,
            "mosquitto.conf",
            &format!("user root\nlistener 0 {}/m.sock\n{bridge}", folder.path().display()),
        );
        // it runs until it is stopped (124): a configuration that it refuses ends it at once
        let mut command = program("timeout", "coreutils");
        drop(program("mosquitto", "mosquitto"));
        let script = "PATH=$PATH:/usr/sbin exec mosquitto -c \"$1\"";
        let output = command.args(["2", "sh", "-c", script, "sh"]).arg(&file).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = start(&bridge);
    assert_eq!(code, Some(124), "{said}");
    let (code, said) = start(&bridge.replace("keepalive_interval", "keepalive_intervall"));
    assert_ne!(code, Some(124), "the check would not notice: {said}");
}

#[test]
fn pythons_socket_has_the_options_and_its_syntax_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let (_, settings) = settings();
    let keepalive = settings.keepalive.unwrap();
    let file = write(&folder, "keep_alive.py", &emitted("python")[0]);
    let script = "
import socket, keep_alive
s = socket.socket()
keep_alive.keep_alive(s)
for name in ('TCP_KEEPIDLE', 'TCP_KEEPINTVL', 'TCP_KEEPCNT', 'TCP_USER_TIMEOUT'):
    print(name, s.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)))
print('on', s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
";
    let said = accepts(
        program("python3", "python3")
            .arg("-c")
            .arg(script)
            .env("PYTHONPATH", folder.path())
            .current_dir(file.parent().unwrap()),
    );
    assert_eq!(number(&said, "TCP_KEEPIDLE"), u64::from(keepalive.time));
    assert_eq!(number(&said, "TCP_KEEPINTVL"), u64::from(keepalive.interval));
    assert_eq!(number(&said, "TCP_KEEPCNT"), u64::from(keepalive.probes));
    assert_eq!(number(&said, "TCP_USER_TIMEOUT"), keepalive.user_timeout.as_millis() as u64);
    assert_eq!(number(&said, "on"), 1);
    for target in ["grpc", "mqtt", "websockets"] {
        for (nth, text) in emitted(target).iter().enumerate() {
            let file = write(&folder, &format!("{target}_{nth}.py"), text);
            accepts(program("python3", "python3").args(["-m", "py_compile"]).arg(&file));
        }
    }
}

#[test]
fn cs_socket_has_the_options() {
    let folder = tempfile::tempdir().unwrap();
    let (_, settings) = settings();
    let keepalive = settings.keepalive.unwrap();
    let main = r#"
#include <stdio.h>
int main(void)
{
    int s = socket(AF_INET, SOCK_STREAM, 0), value;
    socklen_t size = sizeof value;
    if (s < 0 || keep_alive(s) < 0) return 1;
    if (getsockopt(s, IPPROTO_TCP, TCP_KEEPIDLE, &value, &size) < 0) return 1;
    printf("idle %d\n", value);
    if (getsockopt(s, IPPROTO_TCP, TCP_KEEPINTVL, &value, &size) < 0) return 1;
    printf("interval %d\n", value);
    if (getsockopt(s, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size) < 0) return 1;
    printf("user %d\n", value);
    return 0;
}
"#;
    let file = write(&folder, "keep_alive.c", &format!("{}{main}", emitted("c")[0]));
    let out = folder.path().join("keep_alive");
    accepts(program("cc", "gcc").args(["-Wall", "-Wextra", "-Werror", "-o"]).arg(&out).arg(&file));
    let said = accepts(&mut Command::new(&out));
    assert_eq!(number(&said, "idle"), u64::from(keepalive.time));
    assert_eq!(number(&said, "interval"), u64::from(keepalive.interval));
    assert_eq!(number(&said, "user"), keepalive.user_timeout.as_millis() as u64);
}

#[test]
fn rusts_socket_has_the_options_because_the_text_compiles() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = "[package]\nname = \"kept-alive\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[lib]\npath = \"keep_alive.rs\"\n\n\
                    [dependencies]\nsocket2 = { version = \"0.6\", features = [\"all\"] }\n\n[workspace]\n";
    write(&folder, "Cargo.toml", manifest);
    let text = emitted("rust")[0].clone();
    write(&folder, "keep_alive.rs", &text);
    // the versions that idlescope itself was built with are there, so no network is needed
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
    fs::copy(lock, folder.path().join("Cargo.lock")).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["check", "--quiet", "--offline"]).current_dir(folder.path());
    accepts(cargo.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("recipes")));
}

#[test]
fn node_reads_the_scripts_and_passes_the_number_on() {
    let folder = tempfile::tempdir().unwrap();
    let (_, settings) = settings();
    for (target, name) in [("node", "keep-alive.js"), ("ws-node", "heartbeat.js"), ("socket-io", "options.js")] {
        let file = write(&folder, name, &emitted(target)[0]);
        accepts(program("node", "nodejs").arg("--check").arg(&file));
    }
    let script = "require('./keep-alive.js')({ setKeepAlive: (on, delay) => console.log('delay', delay) });\
                  console.log('ping', require('./options.js').pingInterval);";
    let said = accepts(program("node", "nodejs").arg("-e").arg(script).current_dir(folder.path()));
    assert_eq!(number(&said, "delay"), u64::from(settings.keepalive.unwrap().time) * 1000);
    assert_eq!(number(&said, "ping"), settings.heartbeat.as_millis() as u64);
}
