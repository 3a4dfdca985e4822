//! The table: which layer a module is in, and what it may not name beside what stands above it.

/// Layers, lowest first. Modules in one layer may name each other.
const LAYERS: &[&[&str]] = &[
    &["time", "model"],
    &["wire"],
    &["measure"],
    &["boxes"],
    &["sim"],
    &["io"],
    &["lab"],
    &["report", "journal", "profile"],
    &["run"],
    &["cli"],
    &["main"],
];

/// Modules below that must not be named all the same: the pure middle and the IO around it meet in `run` only.
const BANS: &[(&str, &[&str])] = &[
    ("measure", &["wire"]),
    ("boxes", &["measure"]),
    ("io", &["measure"]),
    ("lab", &["measure"]),
    ("report", &["io", "lab"]),
    ("journal", &["io", "lab"]),
    ("profile", &["io", "lab"]),
];

/// Layers without sockets and clocks.
const PURE: &[&str] = &["time", "model", "wire", "measure", "boxes", "sim", "report", "journal", "profile"];

/// Crates that bring sockets, clocks or system calls.
const IMPURE_CRATES: &[&str] = &["tokio", "socket2", "rustix", "libc", "rtnetlink"];

/// The sockets of the standard library.
const SOCKETS: &[&str] = &["TcpStream", "TcpListener", "UdpSocket"];

/// The place of a module of the crate, from below.
pub(crate) fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Why `module` may not name `path`; `None` if it may.
pub(crate) fn offence(module: &[String], path: &[String]) -> Option<String> {
    let first = path.first()?.as_str();
    if first == "extern crate self" {
        return Some("`extern crate self` hides what is named: write crate::…".to_owned());
    }
    // src/lib.rs only declares the modules; nothing else is in it to be checked.
    let own = module.first()?.as_str();
    if first != "crate" {
        return impure(own, path);
    }
    let Some(named) = path.get(1).map(String::as_str).filter(|&named| named != "*") else {
        return Some(format!("`{own}` names the whole crate: name the module it needs"));
    };
    let Some(theirs) = layer(named) else {
        return Some(format!("`{own}` names `{named}`, which has no layer: give it one in tests/layers/table.rs"));
    };
    let above = layer(own).is_none_or(|ours| theirs > ours);
    let banned = BANS.iter().any(|(who, what)| *who == own && what.contains(&named));
    (above || banned).then(|| format!("`{own}` may not name `{named}` (crate::{})", path[1..].join("::")))
}

/// Why a pure module may not name something of another crate.
fn impure(own: &str, path: &[String]) -> Option<String> {
    let first = path[0].as_str();
    if own == "measure" && matches!(first, "rand" | "rand_chacha") {
        return Some(format!("`measure` may not name `{first}`: it has no randomness of its own"));
    }
    if !PURE.contains(&own) {
        return None;
    }
    if IMPURE_CRATES.contains(&first) {
        return Some(format!("`{own}` may not name `{first}`: it is pure"));
    }
    let socket = path.iter().find(|s| SOCKETS.contains(&s.as_str()));
    socket.filter(|_| first == "std").map(|socket| format!("`{own}` may not name std::net::{socket}: it is pure"))
}
