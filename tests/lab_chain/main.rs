//! The lab's paths as chains: every mode of the kernel's netfilter, every program, and several of them in a row.

#[path = "../support/mod.rs"]
mod support;

mod machines;
mod netfilter;
mod paths;
mod programs;

use std::process::ExitCode;
use std::time::Duration;

use idlescope::lab::{Lab, LabSpec};

/// The memory of every box here.
pub(crate) const MEMORY: Duration = Duration::from_secs(2);
/// Long enough for it to have forgotten.
pub(crate) const TOO_LONG: Duration = Duration::from_millis(2600);
/// Tests at a time: they wait most of their time.
const AT_A_TIME: usize = 8;

/// A lab through these boxes.
pub(crate) fn lab(boxes: &[&str]) -> Lab {
    Lab::build(&LabSpec::through(boxes).unwrap()).unwrap_or_else(|error| panic!("{boxes:?}: {error}"))
}

fn main() -> ExitCode {
    let tests = support::tests![
        netfilter::a_nat_picks_up_what_it_forgot_and_answers_the_server_itself,
        netfilter::a_nat_without_loose_pick_up_lets_the_client_out_untranslated,
        netfilter::a_nat_that_drops_the_invalid_lets_nothing_out,
        netfilter::a_nat_with_random_ports_makes_the_server_reset_the_client,
        netfilter::a_nat_that_drops_inbound_recovers_as_soon_as_the_client_speaks,
        netfilter::a_nat_that_drops_inbound_without_loose_pick_up_is_silent_both_ways,
        netfilter::a_nat_that_opens_on_syn_only_drops_the_client_and_resets_the_server,
        netfilter::a_firewall_picks_up_what_it_forgot,
        netfilter::a_firewall_without_pick_up_is_silent_both_ways,
        netfilter::a_firewall_that_rejects_resets_both_ends,
        netfilter::a_firewall_that_rejects_by_icmp_says_so_to_both_ends,
        netfilter::every_mode_behaves_alike_over_ipv6,
        netfilter::udp_is_forgotten_too,
        programs::haproxy_closes_on_time_however_it_is_told_to,
        programs::haproxys_tunnel_timeout_takes_the_place_of_the_others,
        programs::haproxy_with_one_sided_timeouts_leaves_a_half_closed_black_hole,
        programs::haproxy_takes_every_port_and_counts_its_clients,
        programs::nginx_closes_an_upgraded_connection_on_time,
        programs::nginx_stream_closes_both_sides_on_time,
        programs::stunnel_ends_both_sides_on_time,
        programs::passt_carries_data_both_ways_and_forgets_nothing,
        programs::passt_carries_both_families_and_udp,
        programs::proxies_work_over_ipv6,
        programs::a_missing_program_is_named_with_its_package,
        programs::a_program_that_cannot_start_is_quoted,
        programs::five_hundred_connections_fit_through_every_proxy,
        machines::links_take_their_time_wherever_they_are,
        machines::a_machine_between_kernel_hops_forgets_as_its_kernel_brother_does,
        machines::machines_are_hops_and_take_one_off_the_ttl,
        machines::a_cut_before_the_server_works_behind_a_machine,
        machines::every_place_of_a_path_is_captured,
        machines::a_capture_that_cannot_be_written_is_refused,
        machines::data_of_any_size_passes_machines_and_kernels,
        paths::plain_hops_are_counted_by_ttl,
        paths::without_a_hop_client_and_server_are_neighbours,
        paths::nothing_left_of_a_nat_is_known_right_of_it,
        paths::the_shorter_of_two_nats_decides,
        paths::three_boxes_in_a_row_work_together,
        paths::a_cut_works_on_every_chain,
        paths::ten_labs_stand_side_by_side,
        paths::a_lab_is_built_in_time,
    ];
    let roles: &[support::harness::Named] = &[("build", programs::role_build)];
    support::harness::run(tests, roles, AT_A_TIME)
}
