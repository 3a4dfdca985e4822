//! The programmable middlebox on real packets: what it forwards, what it makes, and what both kernels think of it.

#[path = "../support/mod.rs"]
mod support;

mod captures;
mod ends;
mod hops;
mod links;
mod machines;
mod passing;
mod translating;

use std::process::ExitCode;

use support::harness;

fn main() -> ExitCode {
    harness::main(
        support::tests![
            passing::bulk_data_arrives_unharmed_in_both_families,
            passing::datagrams_arrive_unharmed_in_both_families,
            passing::twenty_thousand_packets_a_second_lose_none,
            passing::a_shift_of_sequence_numbers_goes_unnoticed,
            passing::stripped_timestamps_are_used_by_neither_end,
            passing::every_machine_of_the_catalogue_carries_a_conversation,
            passing::keepalives_and_patterns_are_told_to_the_box,
            hops::a_ttl_of_one_is_answered_with_the_packet_quoted,
            hops::each_hop_takes_one_off_the_ttl,
            hops::a_hop_answers_for_its_own_addresses,
            hops::a_refusal_reaches_the_socket,
            ends::a_reset_that_was_made_is_obeyed_by_both_kernels,
            ends::a_fin_that_was_made_is_obeyed_by_both_kernels,
            ends::a_reset_on_the_next_segment_is_obeyed,
            ends::a_timeout_is_kept_to_a_few_milliseconds,
            translating::a_nat_shows_its_own_address_and_the_same_port,
            translating::a_push_for_a_forgotten_flow_is_reset_by_the_nat,
            translating::a_new_mapping_has_another_port_and_the_old_one_still_leads_home,
            translating::errors_about_translated_packets_find_their_socket,
            translating::what_nobody_asked_for_ends_at_the_nat,
            links::a_delay_delays_and_jitter_spreads,
            links::a_loss_loses_its_share,
            links::a_rate_holds_back,
            captures::captures_are_readable_while_the_lab_runs_and_after_it,
        ],
        &[],
    )
}
