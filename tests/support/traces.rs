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
    let numbers = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    };
    let mut seen = Vec::new();
    for process in numbers("/proc").iter().filter(|name| name.bytes().all(|b| b.is_ascii_digit())) {
        let folder = format!("/proc/{process}/task");
        for thread in numbers(&folder) {
            seen.extend(fs::read_link(format!("{folder}/{thread}/ns/net")));
        }
    }
    inodes.iter().filter(|inode| seen.iter().any(|link| link.to_str() == Some(inode))).cloned().collect()
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
