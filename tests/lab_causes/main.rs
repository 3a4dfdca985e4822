//! Who ended it? For every cause that there is: it is produced on real packets, and what attribution says of it, from the
//! packets at the client alone and with the reflector's word, is compared with the truth and with the committed table
//! (`tests/causes.table`). No verdict may be wrong; one may be undetermined only where a client cannot know, with the
//! reason beside it (`rows`).
//!
//! A test is a scene: a lab in which several connections come to an end. `CAUSES_CAPTURE=folder` keeps what passed at every
//! interface in folders below that one, for a row that is not as it should be.

#[path = "../support/mod.rs"]
mod support;

mod asker;
mod injectors;
mod numbers;
mod opening;
mod path;
mod peer;
mod proxies;
mod restart;
mod rows;
mod scene;
mod sys;
mod table;

use std::process::ExitCode;

use scene::Judged;
use support::harness::{self, Job};

/// Scenes at a time: they wait most of their time.
const AT_A_TIME: usize = 12;

/// A scene, and its name.
macro_rules! scenes {
    ($($name:path),+ $(,)?) => { [$((stringify!($name), $name as fn() -> Vec<Judged>)),+] };
}

/// Fails where anything is wrong with what was said.
fn compare(scene: fn() -> Vec<Judged>) {
    let complaints: String = scene().iter().map(table::complaints).collect();
    assert!(complaints.is_empty(), "\n{complaints}");
}

fn main() -> ExitCode {
    idlescope::io::raise_file_limit();
    let scenes = scenes![
        // Those that take longest first.
        peer::the_kernel_ends_it,
        opening::the_backlog_is_full_at_the_last_moment,
        opening::nobody_answers,
        peer::the_program_ends_it,
        opening::somebody_refuses,
        opening::the_answer_comes_late,
        peer::we_end_it,
        numbers::a_connection_meets_the_remains_of_another,
        numbers::a_connection_has_the_wrong_numbers,
        restart::the_server_is_another_one,
        proxies::haproxy_ends_it,
        proxies::nginx_ends_it,
        path::keepalives_are_eaten,
        path::a_nat_forgets,
        path::a_nat_gives_a_new_port,
        path::a_nat_drops_what_it_forgot,
        path::a_nat_lets_out_what_it_does_not_translate,
        path::a_firewall_rejects,
        path::a_firewall_next_to_the_server_rejects,
        path::a_firewall_says_so_by_icmp,
        path::a_balancer_resets_the_next_packet,
        path::a_balancer_tells_both_ends,
        path::a_balancer_closes_both_ends,
        path::a_balancer_forgets_silently,
        path::a_firewall_mirrors_our_header,
        injectors::somebody_forges,
        injectors::somebody_in_the_path_forges,
    ];
    let mut tests: Vec<(String, Job)> =
        scenes.into_iter().map(|(name, scene)| (name.to_owned(), Box::new(move || compare(scene)) as Job)).collect();
    let reasons = "rows::where_the_client_cannot_know_the_reason_is_said".to_owned();
    tests.push((reasons, Box::new(rows::where_the_client_cannot_know_the_reason_is_said)));
    let done = harness::run_jobs(tests, &[], AT_A_TIME);
    table::write();
    done
}
