//! Crafted segments on real paths: what each does to the kernel's connection tracking on its way and at the server, and
//! connections that survive resets or have no kernel behind them. As root, and in a user namespace of an ordinary user.

#[path = "../support/mod.rs"]
mod support;

mod alive;
mod ground;
mod owned;
mod refreshing;
mod table;
mod watch;

use std::process::ExitCode;

use support::harness::{self, Named};

fn main() -> ExitCode {
    let tests = support::tests![
        table::every_crafted_segment_does_over_ipv4_what_the_table_says,
        table::every_crafted_segment_does_over_ipv6_what_the_table_says,
        table::an_ordinary_user_sees_the_same_in_a_user_namespace,
        alive::an_immune_socket_survives_forged_resets_and_a_keepalive_tells_that_its_peer_lives,
        alive::an_ordinary_users_lab_has_immune_sockets_too,
        alive::the_smallest_ttl_that_keeps_a_connection_alive_is_the_hop_that_forgets,
        alive::what_may_do_harm_or_goes_elsewhere_is_refused,
        owned::a_connection_without_a_kernel_opens_speaks_and_closes_through_a_nat,
        owned::without_its_guard_the_kernel_resets_what_it_does_not_know,
        owned::a_closed_port_says_so_to_a_connection_without_a_kernel,
        refreshing::every_kind_leaves_is_answered_if_anybody_does_that_and_disturbs_nothing,
        refreshing::a_neighbour_is_too_near_for_packets_that_die_before_it,
        watch::a_sniffer_sees_the_ports_it_was_told_of_and_errors_about_them_and_nothing_else,
        watch::sockets_outlive_the_privileges_that_they_were_opened_with,
        watch::an_ordinary_user_without_a_namespace_is_told_what_is_missing,
    ];
    let roles: &[Named] = &[("table", table::role), ("immunity", alive::role_survives), ("nobody", watch::role_nobody)];
    harness::main(tests, roles)
}
