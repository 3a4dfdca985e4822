//! A real server from Debian's packages, started inside a lab. The real boxes on the way are the lab's own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use idlescope::lab::{self, Host, Lab};
use tempfile::TempDir;

use super::programs::{self, Running};

/// A server that runs. It ends, and its folder goes, when this is dropped.
pub(crate) struct RealServer {
    /// Where clients of the lab connect.
    pub(crate) address: SocketAddr,
    running: Running,
    folder: TempDir,
}

impl RealServer {
    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.running.id()
    }
}

fn program(name: &str, package: &str) -> PathBuf {
    lab::find(name).unwrap_or_else(|| panic!("{name} is missing: sudo apt-get install {package}, or run ./test"))
}

/// nginx as an HTTP server on the lab's server.
pub(crate) struct Nginx {
    /// How long an idle connection is kept: `keepalive_timeout` after an answer, and `client_header_timeout` before the
    /// first request (`ngx_http_init_connection` in nginx's `ngx_http_request.c` starts that timer at the accept).
    pub(crate) keepalive: Duration,
}

impl Nginx {
    /// Starts it and waits until it listens.
    pub(crate) fn start(&self, lab: &Lab) -> RealServer {
        let address = SocketAddr::from((lab.address(Host::Server), 8081));
        let http = format!(
            "http {{\n  access_log off;\n  keepalive_timeout {idle};\n  client_header_timeout {idle};\n  \
             client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n  \
             server {{ listen {address}; location / {{ return 200 \"ok\\n\"; }} }}\n}}\n",
            idle = format_args!("{}ms", self.keepalive.as_millis())
        );
        start_nginx(lab, address, "", &http)
    }
}

/// nginx in front of TCP services on the lab's server: with what stands in a `server` of its section `stream`, which must
/// make it listen at `address`.
pub(crate) fn nginx_stream(lab: &Lab, address: SocketAddr, server: &str) -> RealServer {
    let module = Path::new("/usr/lib/nginx/modules/ngx_stream_module.so");
    assert!(module.exists(), "{} is missing: install libnginx-mod-stream, or run ./test", module.display());
    let module = format!("load_module {};\n", module.display());
    start_nginx(lab, address, &module, &format!("stream {{\n  server {{\n{server}\n  }}\n}}\n"))
}

/// `HAProxy` in front of a TCP service on the lab's server: with these lines in its section `defaults`.
pub(crate) fn haproxy(lab: &Lab, address: SocketAddr, service: SocketAddr, defaults: &str) -> RealServer {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("haproxy.cfg");
    let config = format!(
        "global\n  nbthread 1\ndefaults\n  mode tcp\n  timeout connect 5s\n{defaults}\n\
         listen one\n  bind {address}\n  server service {service}\n"
    );
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(program("haproxy", "haproxy"));
    // -db: stay in the foreground, one process.
    command.arg("-db").arg("-f").arg(file);
    let mut running = programs::start(lab, Host::Server, command);
    running.listens(lab, Host::Server, address);
    RealServer { address, running, folder }
}

fn start_nginx(lab: &Lab, address: SocketAddr, modules: &str, body: &str) -> RealServer {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nginx.conf");
    // One process, for a worker would outlive a master that is killed. The user is root, who is the ordinary user in a
    // user namespace: nginx gives its folders to it, and there is no other.
    let config = format!(
        "{modules}user root;\ndaemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr warn;\n\
         events {{ worker_connections 4096; }}\n{body}"
    );
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(program("nginx", "nginx-light"));
    command.arg("-p").arg(folder.path()).arg("-e").arg("stderr").arg("-c").arg(file);
    let mut running = programs::start(lab, Host::Server, command);
    running.listens(lab, Host::Server, address);
    RealServer { address, running, folder }
}
