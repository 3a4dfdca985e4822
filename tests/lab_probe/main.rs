//! The program on real paths: `idlescope serve` on the lab's server, `idlescope probe` on its client, and between them
//! the kernel's NAT, real proxies, cut cables and killed processes.

#[path = "../support/mod.rs"]
mod support;

mod demo;
mod disturbed;
mod engines;
mod expiry;
mod killed;
mod proxies;
mod refused;
mod scenarios;

use std::process::ExitCode;

use support::harness::{Job, Named};

/// Each test waits nearly all of its time, and each has a lab of its own.
const AT_A_TIME: usize = 16;

fn main() -> ExitCode {
    // The longest first: it waits until the planner's patience is at an end.
    let tests = support::tests![
        disturbed::a_path_cut_for_good_gives_no_verdict,
        expiry::a_nat_of_12_seconds_is_measured_to_a_second_and_client_first_is_told_apart,
        expiry::a_nat_of_7_seconds_is_measured_to_a_second_and_client_first_is_told_apart,
        expiry::a_nat_of_3_seconds_is_measured_to_a_second_and_client_first_is_told_apart,
        expiry::a_path_that_forgets_nothing_gives_a_lower_bound,
        expiry::a_firewall_that_rejects_what_it_forgot_is_found_by_its_icmp,
        expiry::the_reflector_is_reached_over_ipv6,
        expiry::the_address_family_of_a_name_is_chosen_with_4_and_6,
        disturbed::a_server_killed_in_the_middle_is_no_expiry,
        disturbed::a_server_restarted_in_the_middle_is_no_expiry,
        disturbed::a_server_restarted_behind_a_nat_does_not_hide_the_nats_timeout,
        disturbed::a_cut_before_the_timeout_is_no_expiry,
        disturbed::a_cut_around_the_timeout_is_no_expiry,
        disturbed::a_cut_on_a_path_that_forgets_nothing_is_no_expiry,
        killed::a_probe_killed_in_its_first_seconds_goes_on,
        killed::a_probe_killed_before_the_first_death_goes_on,
        killed::a_probe_killed_at_the_first_deaths_goes_on,
        killed::a_probe_killed_after_the_answer_goes_on,
        proxies::haproxy_before_a_plain_server_is_timed_exactly,
        proxies::haproxy_before_the_reflector_is_timed_exactly,
        proxies::nginx_as_a_web_server_is_timed_exactly,
        proxies::nginx_as_a_proxy_before_the_reflector_is_timed_exactly,
        engines::every_privilege_is_gone_before_anything_is_measured,
        engines::without_the_capability_raw_is_refused_with_the_remedy_and_auto_is_the_kernels,
        engines::whose_reset_it_was_is_told_with_its_distance,
        engines::a_forged_reset_ends_a_hold_for_both_engines_and_is_told_by_the_raw_one,
        engines::holds_without_a_kernel_find_what_sockets_find,
        engines::an_ordinary_user_sees_packets_inside_a_lab,
        refused::nothing_listening_is_told_in_one_line,
        refused::no_route_is_told_in_one_line,
        refused::a_path_that_answers_nothing_is_told_in_one_line,
        refused::a_name_that_does_not_exist_is_told_in_one_line,
        refused::a_wrong_secret_is_told_in_one_line,
        demo::an_ordinary_user_sees_the_demo_in_time,
        demo::root_sees_the_demo_in_time,
        demo::without_nft_the_demo_names_the_package_and_goes_on,
    ];
    let mut jobs: Vec<(String, Job)> =
        tests.iter().map(|&(name, test): &Named| (name.to_owned(), Box::new(test) as Job)).collect();
    jobs.extend(scenarios::jobs());
    support::harness::run_jobs(jobs, &[], AT_A_TIME)
}
