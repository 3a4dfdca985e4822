//! The point of each box of the catalogue, as its name and parameters make it.

use super::super::{Acknowledges, Act, BoxSpec, Edit, Emission, IpId, Unreachable};
use super::{Direction, Emit, FIN, FLOW, Flags, FlowId, Inbound, Middlebox, Outbound, RESET, Segment, at};

/// A named box, and what it does with one segment after the other.
pub(super) struct Named {
    pub(super) machine: Box<dyn Middlebox>,
    out: Emit,
}

impl Named {
    pub(super) fn new(text: &str) -> Self {
        let spec: BoxSpec = text.parse().unwrap_or_else(|error| panic!("{error}"));
        Self { machine: spec.machine().expect("every box has a machine"), out: Emit::default() }
    }

    /// A box that has let a connection open at 0 s.
    pub(super) fn opened(text: &str) -> Self {
        let mut named = Self::new(text);
        assert_eq!(named.told(0.0, Outbound, Segment::bare(FLOW, Flags::SYN)), "> S");
        assert_eq!(named.told(0.0, Inbound, Segment::bare(FLOW, Flags::SYN | Flags::ACK)), "< S.");
        named
    }

    pub(super) fn emitted(&mut self, seconds: f64, direction: Direction, segment: Segment) -> Vec<Emission> {
        self.out.clear();
        self.machine.handle(at(seconds), direction, segment, &mut self.out);
        self.out.as_slice().to_vec()
    }

    pub(super) fn told(&mut self, seconds: f64, direction: Direction, segment: Segment) -> String {
        line(&self.emitted(seconds, direction, segment))
    }

    fn write(&mut self, seconds: f64) -> String {
        self.told(seconds, Outbound, Segment::data(FLOW, 5))
    }

    fn push(&mut self, seconds: f64) -> String {
        self.told(seconds, Inbound, Segment::data(FLOW, 5))
    }

    fn keepalive(&mut self, seconds: f64, bytes: u16) -> String {
        self.told(seconds, Outbound, Segment::probe(FLOW, bytes))
    }

    fn client(&mut self, seconds: f64, flags: Flags) -> String {
        self.told(seconds, Outbound, Segment::bare(FLOW, flags))
    }

    fn server(&mut self, seconds: f64, flags: Flags) -> String {
        self.told(seconds, Inbound, Segment::bare(FLOW, flags))
    }

    fn passes_time(&mut self, seconds: f64) -> String {
        self.out.clear();
        self.machine.handle_timeout(at(seconds), &mut self.out);
        line(self.out.as_slice())
    }
}

/// Like tcpdump, with the direction, and what is not let through but made.
fn line(emitted: &[Emission]) -> String {
    let lines = emitted.iter().map(|e| {
        let arrow = if e.direction == Outbound { '>' } else { '<' };
        match e.act {
            Act::Forward(_) => format!("{arrow} {:?}", e.segment.flags),
            Act::Make(_) => format!("{arrow} {:?} made", e.segment.flags),
            Act::Refuse(why) => format!("{arrow} icmp {why:?}"),
        }
    });
    lines.collect::<Vec<_>>().join(", ")
}

#[test]
fn a_nat_that_revives_keeps_its_port_and_one_that_remaps_takes_a_new_one() {
    let mapping = |text: &str| {
        let mut nat = Named::opened(text);
        let emitted = nat.emitted(3.0, Outbound, Segment::data(FLOW, 5));
        assert!(emitted[0].forwarded() && nat.machine.translates());
        emitted[0].segment.mapping
    };
    assert_eq!((mapping("reviving-nat,timeout=2s"), mapping("remapping-nat,timeout=2s")), (0, 1));
}

#[test]
fn what_comes_for_an_older_port_finds_the_nats_own_stack() {
    let mut nat = Named::opened("remapping-nat,timeout=2s");
    assert_eq!(nat.write(3.0), "> .");
    assert_eq!(nat.told(3.1, Inbound, Segment { mapping: 1, ..Segment::bare(FLOW, RESET) }), "< R.");
    let late = nat.emitted(3.2, Inbound, Segment { mapping: 0, ..Segment::data(FLOW, 5) });
    assert_eq!((line(&late).as_str(), late[0].segment.mapping), ("> R made", 0), "back to where it came from");
}

#[test]
fn a_strict_nat_is_silence_for_the_client_and_a_reset_for_the_server() {
    let mut nat = Named::opened("strict-nat,timeout=2s");
    assert_eq!((nat.write(3.0).as_str(), nat.push(3.0).as_str()), ("", "> R made"));
}

#[test]
fn a_firewall_that_refuses_says_so_to_whoever_spoke() {
    let mut firewall = Named::opened("icmp-firewall,timeout=2s,code=host");
    assert_eq!(firewall.write(3.0), "< icmp Host");
    assert_eq!(firewall.push(3.0), "> icmp Host");
    assert_eq!(firewall.client(3.0, RESET), "");
}

#[test]
fn the_kernels_boxes_have_the_machine_of_their_mode() {
    let after_expiry = |text: &str| {
        let mut named = Named::opened(text);
        let pushed = named.push(3.0);
        (pushed, named.write(3.0))
    };
    let both = |pushed: &str, wrote: &str| (pushed.to_owned(), wrote.to_owned());
    assert_eq!(after_expiry("nat,timeout=2s"), both("> R made", "> ."));
    assert_eq!(after_expiry("nat,timeout=2s,inbound=drop"), both("", "> ."));
    assert_eq!(after_expiry("nat,timeout=2s,loose=no"), both("> R made", ""));
    assert_eq!(after_expiry("nat,timeout=2s,new=syn"), both("> R made", ""));
    assert_eq!(after_expiry("firewall,timeout=2s"), both("", "> ."));
    assert_eq!(after_expiry("firewall,timeout=2s,reject=reset"), both("> R made", "> ."));
    assert_eq!(after_expiry("firewall,timeout=2s,loose=no,reject=reset"), both("> R made", "< R made"));
}

#[test]
fn a_proxy_that_said_fin_goes_on_like_a_kernel_whose_program_has_closed() {
    let mut proxy = Named::opened("closing-balancer,timeout=2s");
    assert_eq!(proxy.passes_time(2.0), "< F. made, > F. made");
    assert_eq!(proxy.client(2.1, Flags::ACK), "", "the acknowledgement of its FIN");
    assert_eq!(proxy.keepalive(3.0, 0), "< . made");
    assert_eq!(proxy.keepalive(3.0, 1), "< . made");
    assert_eq!(proxy.client(4.0, FIN), "< . made", "a polite end is not reset");
    assert_eq!(proxy.push(5.0), "> R made");
    assert_eq!(proxy.told(5.1, Inbound, Segment::probe(FLOW, 0)), "> R made", "after a reset there is no socket");
    assert_eq!(proxy.keepalive(61.0, 0), "< . made");
    assert_eq!(proxy.keepalive(62.5, 0), "< R made", "and after a minute neither");
    assert_eq!(proxy.client(63.0, Flags::SYN), "> S");
}

#[test]
fn what_a_proxy_says_on_a_socket_has_a_window() {
    let window = |emitted: &[Emission]| match emitted[0].act {
        Act::Make(look) => look.window,
        other => panic!("{other:?}"),
    };
    for text in ["closing-balancer,timeout=2s", "half-closing-balancer,timeout=2s"] {
        let mut proxy = Named::opened(text);
        assert!(!proxy.passes_time(2.0).is_empty() && window(proxy.out.as_slice()) > 0, "the FIN of {text}");
        assert!(window(&proxy.emitted(3.0, Outbound, Segment::probe(FLOW, 0))) > 0, "the answer of {text}");
    }
}

#[test]
fn haproxy_closes_the_clients_side_and_is_rid_of_the_servers_at_once() {
    let mut proxy = Named::opened("haproxy,timeout=2s");
    assert_eq!(proxy.passes_time(2.0), "< F. made, > F. made, > R. made");
    assert_eq!((proxy.keepalive(3.0, 0).as_str(), proxy.push(3.0).as_str()), ("< . made", "> R made"));
    let mut proxy = Named::opened("haproxy,tunnel=2s");
    assert_eq!((proxy.write(0.0).as_str(), proxy.passes_time(2.0).as_str()), ("> .", "< F. made, > R. made"));
    let mut proxy = Named::opened("haproxy,tunnel=2s");
    assert_eq!((proxy.push(0.0).as_str(), proxy.passes_time(2.0).as_str()), ("< .", "< F. made, > F. made, > R. made"));
    let mut proxy = Named::opened("haproxy,timeout=2s,ending=nolinger");
    assert_eq!(proxy.passes_time(2.0), "< F. made, < R. made, > R. made");
    let mut proxy = Named::opened("haproxy,timeout=2s,ending=silent-drop");
    assert_eq!((proxy.passes_time(2.0).as_str(), proxy.write(3.0).as_str()), ("> F. made, > R. made", "< R made"));
}

#[test]
fn a_one_sided_timeout_leaves_a_black_hole_that_acknowledges() {
    let mut proxy = Named::opened("half-closing-balancer,timeout=2s,side=client");
    assert_eq!(proxy.passes_time(2.0), "> F. made", "only the other side is told");
    assert_eq!(proxy.write(3.0), "< . made", "acknowledged and thrown away");
    let pushed = proxy.emitted(4.0, Inbound, Segment::data(FLOW, 5));
    assert_eq!(pushed[0].act, Act::Forward(Edit { shift: 1, ..Edit::NONE }), "delivered, and the FIN not acknowledged");
    assert_eq!(proxy.client(4.1, Flags::ACK), "> .");
    assert_eq!(proxy.told(5.0, Inbound, Segment::probe(FLOW, 0)), "> . made");

    let mut proxy = Named::opened("half-closing-balancer,timeout=2s,side=server");
    assert_eq!(proxy.passes_time(2.0), "< F. made");
    assert_eq!(proxy.push(3.0), "> . made");
    let wrote = proxy.emitted(4.0, Outbound, Segment::data(FLOW, 5));
    assert_eq!(wrote[0].act, Act::Forward(Edit { shift_back: 1, ..Edit::NONE }));
}

#[test]
fn a_black_hole_ends_with_the_longer_timeout_or_with_either_end() {
    let half_closed = || {
        let mut proxy = Named::opened("half-closing-balancer,timeout=2s,other=9s");
        assert_eq!(proxy.passes_time(2.0), "> F. made");
        proxy
    };
    let mut proxy = half_closed();
    assert_eq!(proxy.passes_time(8.9), "");
    assert_eq!(proxy.passes_time(9.0), "< F. made");
    assert_eq!((proxy.write(9.5).as_str(), proxy.push(9.5).as_str()), ("< R made", "> R made"));
    let mut proxy = half_closed();
    assert_eq!(proxy.server(3.0, FIN), "> . made, < F. made", "a server that closes when it is told");
    assert_eq!(proxy.client(3.1, FIN), "< . made");
    let mut proxy = half_closed();
    assert_eq!(proxy.server(3.0, RESET), "< R. made");
}

#[test]
fn a_proxy_with_two_timeouts_lets_a_polite_end_pass() {
    let mut proxy = Named::opened("half-closing-balancer,timeout=2s");
    assert_eq!(proxy.client(1.0, FIN), "> F.");
    assert_eq!(proxy.server(1.0, FIN), "< F.");
    assert_eq!(proxy.client(1.0, Flags::ACK), "> .");
    assert_eq!(proxy.passes_time(9.0), "");
}

#[test]
fn a_box_that_counts_one_direction_forgets_what_talks_the_other_way() {
    let mut firewall = Named::opened("inbound-only,timeout=2s");
    assert_eq!(firewall.write(1.5), "> .");
    assert_eq!(firewall.push(2.5), "");
    let mut firewall = Named::opened("outbound-only,timeout=2s");
    assert_eq!(firewall.push(1.5), "< .");
    assert_eq!(firewall.push(2.5), "");
}

#[test]
fn a_byte_of_garbage_is_no_data() {
    let mut firewall = Named::opened("data-only,timeout=2s");
    assert_eq!((firewall.keepalive(1.5, 1).as_str(), firewall.push(2.5).as_str()), ("> .", ""));
    let mut firewall = Named::opened("data-only,timeout=2s");
    assert_eq!((firewall.write(1.5).as_str(), firewall.push(2.5).as_str()), ("> .", "< ."));
}

#[test]
fn keepalives_are_eaten_by_their_length() {
    let mut firewall = Named::opened("eats-zero-byte,timeout=2s");
    assert_eq!((firewall.keepalive(1.0, 0).as_str(), firewall.keepalive(1.0, 1).as_str()), ("", "> ."));
    let mut firewall = Named::opened("eats-one-byte,timeout=2s");
    assert_eq!((firewall.keepalive(1.0, 0).as_str(), firewall.keepalive(1.0, 1).as_str()), ("> .", ""));
    assert_eq!(firewall.client(1.0, Flags::ACK), "> .", "an acknowledgement is no keepalive");
}

#[test]
fn a_full_table_forgets_what_was_silent_for_longest() {
    let mut firewall = Named::new("evicting,timeout=1h,table=2");
    let open = |firewall: &mut Named, seconds: f64, flow: u32| {
        assert_eq!(firewall.told(seconds, Outbound, Segment::bare(FlowId(flow), Flags::SYN)), "> S");
    };
    open(&mut firewall, 0.0, 1);
    open(&mut firewall, 1.0, 2);
    assert_eq!(firewall.told(2.0, Inbound, Segment::data(FlowId(1), 5)), "< .");
    open(&mut firewall, 3.0, 3);
    assert_eq!(firewall.told(4.0, Inbound, Segment::data(FlowId(2), 5)), "");
    assert_eq!(firewall.told(4.0, Inbound, Segment::data(FlowId(1), 5)), "< .");
}

#[test]
fn a_quota_refuses_one_connection_more_until_there_is_room() {
    let mut nat = Named::new("quota-nat,timeout=10s,ports=1");
    let mut open = |seconds: f64, flow: u32| nat.told(seconds, Outbound, Segment::bare(FlowId(flow), Flags::SYN));
    assert_eq!(open(0.0, 1), "> S");
    assert_eq!(open(1.0, 1), "> S", "the same connection again");
    assert_eq!(open(5.0, 2), "< icmp Host");
    assert_eq!(open(11.0, 2), "> S");
}

#[test]
fn a_stripper_takes_timestamps_out_of_everything_and_forgets_nothing() {
    let mut stripper = Named::opened("timestamp-stripper");
    let emitted = stripper.emitted(1e6, Inbound, Segment::data(FLOW, 5));
    assert_eq!(emitted[0].act, Act::Forward(Edit { strip_timestamps: true, ..Edit::NONE }));
}

#[test]
fn a_mirror_firewall_sends_back_our_own_header() {
    let mut firewall = Named::opened("mirror-firewall,timeout=2s");
    let emitted = firewall.emitted(3.0, Outbound, Segment::data(FLOW, 5));
    let Act::Make(look) = emitted[0].act else { panic!("{emitted:?}") };
    assert_eq!((look.acknowledges, look.ip_id), (Acknowledges::Mirrored, IpId::Mirrored));
    assert!(look.mirrors_window && look.mirrors_tos && emitted[0].segment.flags == RESET);
}

#[test]
fn sequence_numbers_are_shifted_alike_for_the_whole_life_of_a_connection() {
    let mut nat = Named::opened("sequence-nat,timeout=2s");
    let shift = |emitted: Vec<Emission>| match emitted[0].act {
        Act::Forward(edit) => edit.shift,
        other => panic!("{other:?}"),
    };
    let there = shift(nat.emitted(1.0, Outbound, Segment::data(FLOW, 5)));
    assert!(there != 0 && there == shift(nat.emitted(2.0, Inbound, Segment::data(FLOW, 5))));
    let mut other = Named::new("sequence-nat");
    assert_ne!(there, shift(other.emitted(0.0, Outbound, Segment::bare(FlowId(9), Flags::SYN))));
}

#[test]
fn a_user_space_nat_forgets_nothing_that_soon() {
    let mut nat = Named::opened("passt");
    assert_eq!((nat.push(7000.0).as_str(), nat.machine.translates()), ("< .", true));
}

#[test]
fn codes_of_unreachable_are_the_users_choice() {
    let why = |text: &str| Named::new(text).emitted(0.0, Outbound, Segment::data(FLOW, 5))[0].act;
    assert_eq!(why("icmp-firewall"), Act::Refuse(Unreachable::Prohibited));
    assert_eq!(why("icmp-firewall,code=port"), Act::Refuse(Unreachable::Port));
}
