//! Real proxies and servers that close idle connections: their timers, to 50 ms.

use std::time::Duration;

use idlescope::lab::{Lab, LabSpec};

use crate::support::boxes::Nginx;
use crate::support::probing::{Probed, probe, reflector};
use crate::support::programs::serve;
use crate::support::talk::echo_server;

/// What every proxy here is set to.
const TIMEOUT: Duration = Duration::from_secs(5);
const LIMIT: Duration = Duration::from_secs(60);

fn measure(lab: &Lab, target: &str) -> Probed {
    probe(lab, &[target, "--min", "1s", "--max", "12s", "--connections", "128"], LIMIT)
}

/// A close, timed by the FIN itself.
fn closed_on_time(probed: &Probed) {
    probed.exits(0);
    let exact: Vec<_> = probed.summary.iter().filter(|row| row.get("ended_by") == "closed").collect();
    assert!(!exact.is_empty(), "nothing was closed\n{}", probed.told());
    for row in exact {
        let (low, high) = (row.number("expiry_low_s").unwrap(), row.number("expiry_high_s").unwrap());
        let (early, late) = (TIMEOUT.as_secs_f64() - 0.05, TIMEOUT.as_secs_f64() + 0.05);
        assert!(early <= low && high <= late && low <= high, "({low}, {high}]\n{}", probed.told());
    }
    for row in probed.holds.iter().filter(|row| row.get("outcome") == "closed" && row.get("experiment") != "control") {
        let after = row.number("ended_after_s").unwrap();
        assert!((after - TIMEOUT.as_secs_f64()).abs() <= 0.05, "{row:?}");
    }
    assert!(probed.text().contains("closed between"), "{}", probed.told());
    probed.doubts(&["peer-timeout-hides-the-path"]);
}

fn through(one: &str) -> Lab {
    Lab::build(&LabSpec::through([format!("{one},timeout={}s", TIMEOUT.as_secs())]).unwrap()).unwrap()
}

pub(crate) fn haproxy_before_a_plain_server_is_timed_exactly() {
    let lab = through("haproxy");
    let (echo, _ends) = echo_server(&lab, 4005);
    let probed = measure(&lab, &format!("tcp://{echo}"));
    closed_on_time(&probed);
    assert!(probed.summary.iter().all(|row| row.get("first_speaker") == "client"), "{:?}", probed.summary);
}

pub(crate) fn haproxy_before_the_reflector_is_timed_exactly() {
    let lab = through("haproxy");
    let _server = serve(&lab, &[]);
    let probed = measure(&lab, &reflector(&lab));
    closed_on_time(&probed);
    assert_eq!(probed.found("server").get("ended_by"), "closed");
}

/// A connection that never sends a request does not meet `keepalive_timeout`, which counts from an answer, but
/// `client_header_timeout`; the lab's nginx has the same value for both, and `lab_paths` times `keepalive_timeout` with
/// a request. (`--send` speaks after the silence, not before it, so it does not bring a hold into keep-alive.)
pub(crate) fn nginx_as_a_web_server_is_timed_exactly() {
    let lab = Lab::build(&LabSpec::default()).unwrap();
    let nginx = Nginx { keepalive: TIMEOUT }.start(&lab);
    closed_on_time(&measure(&lab, &format!("tcp://{}", nginx.address)));
}

pub(crate) fn nginx_as_a_proxy_before_the_reflector_is_timed_exactly() {
    let lab = through("nginx-stream");
    let _server = serve(&lab, &[]);
    let probed = measure(&lab, &reflector(&lab));
    closed_on_time(&probed);
    assert_eq!(probed.found("server").get("ended_by"), "closed");
}
