//! Real boxes from Debian's packages, started inside a lab.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use idlescope::lab::{self, Host, Lab};
use tempfile::TempDir;

use super::programs::{self, Running};

/// A box that runs. It ends, and its folder goes, when this is dropped.
pub(crate) struct RealBox {
    /// Where clients of the lab connect.
    pub(crate) address: SocketAddr,
    running: Running,
    folder: TempDir,
}

impl RealBox {
    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.running.id()
    }
}

fn program(name: &str, package: &str) -> PathBuf {
    lab::find(name).unwrap_or_else(|| panic!("{name} is missing: sudo apt-get install {package}, or run ./test"))
}

fn milliseconds(time: Duration) -> String {
    format!("{}ms", time.as_millis())
}

/// `HAProxy` in TCP mode, on the lab's router.
pub(crate) struct HaProxy {
    /// Where it forwards to.
    pub(crate) to: SocketAddr,
    /// `timeout client`.
    pub(crate) client: Duration,
    /// `timeout server`.
    pub(crate) server: Duration,
    /// More lines for its `defaults` section, such as `option nolinger` or `timeout tunnel 5s`.
    pub(crate) options: &'static [&'static str],
}

impl HaProxy {
    /// The same timeout on both sides, which is the usual setting.
    pub(crate) fn both(to: SocketAddr, timeout: Duration) -> Self {
        Self { to, client: timeout, server: timeout, options: &[] }
    }

    /// Starts it and waits until it listens.
    pub(crate) fn start(&self, lab: &Lab) -> RealBox {
        let address = SocketAddr::from((lab.address(Host::Router), 8080));
        let Self { to, client, server, options } = self;
        // A proxied connection takes two descriptors, and HAProxy refuses to start where it could not have them all.
        let mut config = format!(
            "global\n  maxconn 1500\ndefaults\n  mode tcp\n  timeout connect 2s\n  timeout client {}\n  \
             timeout server {}\n",
            milliseconds(*client),
            milliseconds(*server)
        );
        for option in *options {
            let _ = writeln!(config, "  {option}");
        }
        let _ = write!(config, "listen box\n  bind {address}\n  server far {to}\n");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new(program("haproxy", "haproxy"));
        // -db: stay in the foreground, one process.
        command.arg("-db").arg("-f").arg(file);
        listening(lab, Host::Router, command, address, folder)
    }
}

/// nginx as an HTTP server on the lab's server.
pub(crate) struct Nginx {
    /// How long an idle connection is kept: `keepalive_timeout` after an answer, and `client_header_timeout` before the
    /// first request (`ngx_http_init_connection` in nginx's `ngx_http_request.c` starts that timer at the accept).
    pub(crate) keepalive: Duration,
}

impl Nginx {
    /// Starts it and waits until it listens.
    pub(crate) fn start(&self, lab: &Lab) -> RealBox {
        let address = SocketAddr::from((lab.address(Host::Server), 8081));
        let http = format!(
            "http {{\n  access_log off;\n  keepalive_timeout {idle};\n  client_header_timeout {idle};\n  \
             client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n  \
             server {{ listen {address}; location / {{ return 200 \"ok\\n\"; }} }}\n}}\n",
            idle = milliseconds(self.keepalive)
        );
        start_nginx(lab, Host::Server, address, &http)
    }
}

/// nginx as a TCP proxy on the lab's router.
pub(crate) struct NginxStream {
    /// Where it forwards to.
    pub(crate) to: SocketAddr,
    /// `proxy_timeout`.
    pub(crate) timeout: Duration,
}

impl NginxStream {
    /// Starts it and waits until it listens.
    pub(crate) fn start(&self, lab: &Lab) -> RealBox {
        let address = SocketAddr::from((lab.address(Host::Router), 8082));
        let stream = format!(
            "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\nstream {{\n  proxy_timeout {};\n  \
             server {{ listen {address}; proxy_pass {}; }}\n}}\n",
            milliseconds(self.timeout),
            self.to
        );
        start_nginx(lab, Host::Router, address, &stream)
    }
}

fn start_nginx(lab: &Lab, host: Host, address: SocketAddr, body: &str) -> RealBox {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nginx.conf");
    // A module is loaded before everything else. One process, for a worker would outlive a master that is killed. The
    // user is root, who is the ordinary user in a user namespace: nginx gives its folders to it, and there is no other.
    let (modules, rest) = match body.split_once('\n') {
        Some((load, rest)) if load.starts_with("load_module") => (load, rest),
        _ => ("", body),
    };
    let config = format!(
        "{modules}\nuser root;\ndaemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr warn;\n\
         events {{ worker_connections 4096; }}\n{rest}"
    );
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(program("nginx", "nginx-light libnginx-mod-stream"));
    command.arg("-p").arg(folder.path()).arg("-e").arg("stderr").arg("-c").arg(file);
    listening(lab, host, command, address, folder)
}

fn listening(lab: &Lab, host: Host, command: Command, address: SocketAddr, folder: TempDir) -> RealBox {
    let mut running = programs::start(lab, host, command);
    running.listens(lab, host, address);
    RealBox { address, running, folder }
}
