//! What a lab leaves behind, were it to leave something: namespaces, processes, interfaces.

use std::fs;

use idlescope::lab::{Host, Lab};

/// The inode numbers of the namespaces of the lab's hosts, which is how the kernel names them.
pub(crate) fn inodes(lab: &Lab) -> Vec<String> {
    let read = || fs::read_link("/proc/thread-self/ns/net").unwrap().to_string_lossy().into_owned();
    let hosts = [Host::Client, Host::Server].into_iter().chain((0..lab.hops()).map(Host::Hop));
    hosts.map(|host| lab.run_in(host, read).join().unwrap()).collect()
}

/// Which of these namespaces some thread on this machine lives in.
pub(crate) fn inhabited(inodes: &[String]) -> Vec<String> {
    inhabited_by(inodes, u64::MAX)
}

/// The same, by threads that had started before `ticks`: the kernel gives the number of a namespace that is gone to the
/// next one, which may be that of another test's lab.
pub(crate) fn inhabited_by(inodes: &[String], ticks: u64) -> Vec<String> {
    let mut seen = Vec::new();
    for process in ids("/proc") {
        for thread in ids(&format!("/proc/{process}/task")) {
            let folder = format!("/proc/{process}/task/{thread}");
            if started(&folder).is_some_and(|start| start < ticks) {
                let kinds = ["net", "pid", "pid_for_children", "mnt", "user"];
                seen.extend(kinds.into_iter().flat_map(|kind| fs::read_link(format!("{folder}/ns/{kind}"))));
            }
        }
    }
    inodes.iter().filter(|inode| seen.iter().any(|link| link.to_str() == Some(inode))).cloned().collect()
}

/// The entries of a folder that are numbers.
pub(crate) fn ids(folder: &str) -> Vec<u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// When a thread that lives was started, in hundredths of a second since this machine was (proc(5), field 22 of `stat`).
fn started(folder: &str) -> Option<u64> {
    let stat = fs::read_to_string(format!("{folder}/stat")).ok()?;
    // Behind the name, which may hold anything; the state is field 3.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    fields.nth(18)?.parse().ok().filter(|_| state != "Z")
}

/// Now, in the same measure.
pub(crate) fn ticks() -> u64 {
    let uptime = fs::read_to_string("/proc/uptime").unwrap();
    let (seconds, rest) = uptime.split_once(' ').and_then(|(now, _)| now.split_once('.')).unwrap();
    format!("{seconds}{rest}").parse().unwrap()
}

/// Whether this process exists and has not ended.
pub(crate) fn exists(process: u32) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// The interfaces of the namespace the tests run in.
pub(crate) fn links() -> Vec<String> {
    let table = fs::read_to_string("/proc/net/dev").unwrap();
    table.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect()
}
