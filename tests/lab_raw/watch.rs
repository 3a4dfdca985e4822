//! What a sniffer sees, and who may have one.

use std::time::Duration;

use idlescope::io::Clock;
use idlescope::io::privilege;
use idlescope::io::raw::{Craft, Filter, Immunity, Injector, Interface, RawError, Sniffer};
use idlescope::lab::Host;
use idlescope::model::sighting::Content;

use crate::ground::{Family, Ground, block_on};
use crate::support::clock;
use crate::support::harness;
use crate::support::talk::{hears, say};

pub(crate) fn a_sniffer_sees_the_ports_it_was_told_of_and_errors_about_them_and_nothing_else() {
    for family in [Family::V4, Family::V6] {
        let mut ground = Ground::new(&["router", "router"], family);
        let (one, other) = (ground.connect(), ground.connect());
        ground.look(Duration::from_millis(100));
        let (server, run) = (ground.server, Clock::start());
        let port = one.client.local_addr().unwrap().port();
        let open = move || {
            let interface = block_on(Interface::towards(server)).unwrap();
            assert_eq!(Interface::named(&interface.name).unwrap(), interface);
            let filter = Filter::towards(server).from_ports(port..=port);
            Sniffer::open(&interface, filter, run).unwrap()
        };
        let mut sniffer = ground.lab.run_in(Host::Client, open).join().unwrap();
        let began = run.now();
        for pair in [&one, &other] {
            say(&pair.client, b"a secret");
            hears(&pair.server, b"a secret");
            let line = ground.line(pair);
            ground.injector.send(&Craft::keepalive(&line).with_ttl(1)).unwrap();
        }
        clock::wait(Duration::from_millis(200));
        let ended = run.now();
        let (mut segments, mut errors) = (0, 0);
        while let Some(packet) = block_on(async { sniffer.try_next() }).unwrap() {
            let (source, destination) = packet.sighting.ends();
            assert!([source.port(), destination.port()].contains(&port), "{packet:?}");
            assert!((began..=ended).contains(&packet.sighting.at), "stamped when it passed");
            match packet.sighting.content {
                Content::Segment(_) => segments += 1,
                Content::Refusal(_) => errors += 1,
            }
        }
        // Data, its acknowledgement, the keepalive; and what the first hop says about that.
        assert_eq!((segments, errors), (3, 1), "{family:?}");
        // Awaited, it says what comes next.
        let heard = block_on(async {
            let wait = sniffer.next();
            say(&one.server, b"push");
            wait.await.unwrap().sighting.ends()
        });
        assert_eq!(heard.0, ground.server);
    }
}

pub(crate) fn sockets_outlive_the_privileges_that_they_were_opened_with() {
    let mut ground = Ground::new(&["router"], Family::V4);
    let pair = ground.connect();
    ground.look(Duration::from_millis(100));
    let (server, run, line) = (ground.server, Clock::start(), ground.line(&pair));
    let deprived = move || {
        let interface = block_on(Interface::towards(server)).unwrap();
        let mut sniffer = Sniffer::open(&interface, Filter::towards(server), run).unwrap();
        let mut injector = Injector::open(&interface, server, run).unwrap();
        let mut immune = Immunity::sockets(socket2::Domain::IPV4, 1).unwrap();
        privilege::drop_all().unwrap();
        injector.send(&Craft::keepalive(&line)).unwrap();
        let sent = sniffer.wait_next(Duration::from_secs(2)).unwrap().unwrap().sighting;
        assert!(injector.made(&sent));
        let answer = sniffer.wait_next(Duration::from_secs(2)).unwrap().unwrap().sighting;
        assert_eq!(answer.network.source, server.ip());
        sniffer.set_filter(Filter::everything()).unwrap();
        // An immune socket may still be connected.
        let immune = socket2::Socket::from(immune.pop().unwrap());
        immune.set_nonblocking(false).unwrap();
        immune.connect(&server.into()).unwrap();
        let refused = Sniffer::open(&interface, Filter::towards(server), run).unwrap_err();
        assert!(matches!(refused, RawError::NoRaw { .. }), "{refused}");
        assert!(refused.to_string().contains("setcap cap_net_raw+p"));
        assert!(matches!(Injector::open(&interface, server, run), Err(RawError::NoRaw { .. })));
    };
    ground.lab.run_in(Host::Client, deprived).join().unwrap();
}

pub(crate) fn an_ordinary_user_without_a_namespace_is_told_what_is_missing() {
    let (mut command, _binary) = harness::role_of_an_ordinary_user("nobody");
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

pub(crate) fn role_nobody() {
    let lo = Interface::named("lo").unwrap();
    let refused = Sniffer::open(&lo, Filter::everything(), Clock::start()).unwrap_err();
    assert!(refused.is_privilege() && refused.to_string().contains("setcap cap_net_raw+p"), "{refused}");
    // Kernels differ: some let everybody do it.
    match Immunity::available() {
        Ok(()) => {}
        Err(refused) => assert!(refused.to_string().contains("CAP_NET_ADMIN"), "{refused}"),
    }
}
