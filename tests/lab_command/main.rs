//! `idlescope lab` as its users have it: the command's output and exit code, signals, refusals, and that nothing is left.

#[path = "../support/mod.rs"]
mod support;

mod behind;
mod ends;
mod inside;
mod left;
mod refused;
mod watched;

use std::process::ExitCode;

/// Most of them wait for a timeout of a box.
const AT_A_TIME: usize = 4;

fn main() -> ExitCode {
    let tests = support::tests![
        behind::ten_labs_run_side_by_side,
        behind::a_probe_inside_measures_the_nat,
        behind::a_probe_inside_measures_the_nat_over_ipv6,
        behind::a_box_that_is_a_program_is_measured,
        behind::every_built_in_path_can_be_built,
        inside::output_input_and_exit_code_are_the_commands,
        inside::the_environment_says_who_is_where,
        inside::the_server_echoes_tcp_and_udp,
        inside::a_link_takes_its_time,
        inside::captures_are_left_at_every_hop,
        inside::a_path_file_is_the_path,
        inside::a_secret_keeps_strangers_out_and_is_handed_to_the_probe,
        ends::a_command_ended_by_a_signal_is_128_more,
        ends::ctrl_c_is_the_commands_own,
        ends::a_command_that_ignores_ctrl_c_is_killed_by_the_second,
        ends::ctrl_c_at_the_prompt_of_a_shell_ends_nothing,
        ends::a_request_to_end_is_passed_on_once,
        ends::a_command_that_does_not_end_is_killed_in_the_end,
        left::nothing_outlives_the_command,
        left::nothing_outlives_a_killed_lab_of_root,
        left::nothing_outlives_a_killed_lab_of_an_ordinary_user,
        left::programs_that_are_boxes_do_not_outlive_a_killed_lab,
        watched::connections_are_explained_as_they_end,
        refused::what_cannot_be_read_is_told_with_what_would_be_right,
        refused::a_command_that_does_not_exist_is_told,
        refused::forbidden_namespaces_are_told_with_their_remedy,
        refused::a_missing_nft_is_told_with_its_package,
        refused::every_box_is_listed_and_explained,
    ];
    support::harness::run(tests, &[("talk", inside::role_talk), ("time", inside::role_time)], AT_A_TIME)
}
