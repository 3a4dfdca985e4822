//! What `idlescope recommend --for` emits, used for real: proxies on the far side of the path keep connections alive on
//! which no client ever speaks. The texts are pasted as they come.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use idlescope::lab::{Host, Lab};

use crate::advice::recommend;
use crate::support::boxes::{RealServer, haproxy, nginx_stream};
use crate::support::{clock, talk};

/// A client's connection through a proxy, idle from its start.
struct Idle {
    name: &'static str,
    lives: bool,
    client: TcpStream,
    service: TcpStream,
    since: Instant,
    _proxy: RealServer,
    _listener: TcpListener,
}

impl Idle {
    /// Starts a service, what stands before it, and a client. `start` is told where to listen and where the service is.
    fn start(
        lab: &Lab,
        (name, lives, port): (&'static str, bool, u16),
        start: impl FnOnce(SocketAddr, SocketAddr) -> RealServer,
    ) -> Self {
        let server = lab.address(Host::Server);
        let listener = lab.run_in(Host::Server, move || TcpListener::bind((server, 0))).join().unwrap().unwrap();
        let proxy = start((server, port).into(), listener.local_addr().unwrap());
        let (client, service) = talk::dial_through(lab, proxy.address, &listener);
        Self { name, lives, client, service, since: clock::now(), _proxy: proxy, _listener: listener }
    }

    fn pushes(self) {
        let idle = self.since.elapsed();
        talk::say(&self.service, b"push");
        if self.lives {
            talk::hears(&self.client, b"push");
            println!("{}: idle for {idle:.1?}, the push arrived", self.name);
            talk::say(&self.client, b"back");
            talk::hears(&self.service, b"back");
        } else {
            talk::hears_nothing(&self.client, Duration::from_secs(1));
            println!("{}: idle for {idle:.1?}, the push was lost", self.name);
        }
    }
}

/// Proxies with what was emitted for them, and without.
pub(crate) struct Deployed(Vec<Idle>);

impl Deployed {
    /// Starts them with the settings for this summary.
    pub(crate) fn start(lab: &Lab, summary: &Path) -> Self {
        let emitted = |target| {
            let (code, stdout, stderr) = recommend(summary, &["--for", target]);
            assert_eq!(code, 0, "{stderr}");
            stdout
        };
        let (for_haproxy, for_nginx) = (emitted("haproxy"), emitted("nginx-stream"));
        let pass = |lines: &str, service: SocketAddr| format!("{lines}\n  proxy_pass {service};");
        Self(vec![
            Idle::start(lab, ("HAProxy as emitted", true, 8200), |at, service| haproxy(lab, at, service, &for_haproxy)),
            // HAProxy asks for timeouts, and has no other defaults.
            Idle::start(lab, ("HAProxy without", false, 8201), |at, service| {
                haproxy(lab, at, service, "timeout client 1h\ntimeout server 1h")
            }),
            // The port is the one in the text.
            Idle::start(lab, ("nginx as emitted", true, 12345), |at, service| {
                nginx_stream(lab, at, &pass(&for_nginx, service))
            }),
            Idle::start(lab, ("nginx without", false, 8202), |at, service| {
                nginx_stream(lab, at, &pass(&format!("listen {at};"), service))
            }),
        ])
    }

    /// Everybody was silent for at least `long`: pushes arrive where the settings are those that were emitted, and only
    /// there.
    pub(crate) fn still_pushes(self, long: Duration) {
        for idle in self.0 {
            assert!(idle.since.elapsed() >= long, "{:?}", idle.since.elapsed());
            idle.pushes();
        }
    }
}
