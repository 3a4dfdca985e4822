//! Layers: a module names only modules below it. This test reads every file under `src/` and fails on an upward import.
//!
//! It works on tokens, not on lines: comments and strings are dropped first, then `use` trees (groups over several
//! lines, nested braces, aliases, globs) and paths in the middle of code (`crate::io::…`, `super::super::io::…`,
//! `$crate::…`) are resolved against the module they stand in. `cfg(test)` modules are no exception: a test that needs an
//! upper layer belongs into that layer, or under `tests/`.

#[path = "layers/paths.rs"]
mod paths;
#[path = "layers/table.rs"]
mod table;
#[path = "layers/tokens.rs"]
mod tokens;

use std::fs;
use std::path::{Path, PathBuf};

/// Every Rust file under `folder`, sorted.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("read {}: {e}", folder.display())) {
            let path = entry.expect("a readable folder entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The module path of a file: `src/io/clock.rs` is `["io", "clock"]`, `src/io/mod.rs` is `["io"]`.
fn module_of(file: &Path, src: &Path) -> Vec<String> {
    let inside = file.strip_prefix(src).expect("a file under src").with_extension("");
    let mut module: Vec<String> = inside.iter().map(|p| p.to_string_lossy().into_owned()).collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    if module == ["lib"] {
        module.clear();
    }
    module
}

/// What `source`, standing in `module`, names and must not.
fn offences(source: &str, module: &[&str]) -> Vec<String> {
    let module: Vec<String> = module.iter().map(|&m| m.to_owned()).collect();
    paths::named(&tokens::tokens(source), &module)
        .into_iter()
        .filter_map(|path| table::offence(&module, &path.segments).map(|why| format!("line {}: {why}", path.line)))
        .collect()
}

#[test]
fn no_module_names_a_module_above_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&src);
    assert!(files.len() > 20, "only {} files found under {}", files.len(), src.display());
    let mut found = Vec::new();
    for file in files {
        let source = fs::read_to_string(&file).expect("a readable source file");
        let module = module_of(&file, &src);
        let module: Vec<&str> = module.iter().map(String::as_str).collect();
        let shown = file.strip_prefix(&src).expect("a file under src").display().to_string();
        found.extend(offences(&source, &module).into_iter().map(|o| format!("src/{shown} {o}")));
    }
    assert!(found.is_empty(), "imports against the layers:\n{}", found.join("\n"));
}

#[test]
fn every_module_of_the_crate_has_a_layer() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in rust_files(&src) {
        let module = module_of(&file, &src);
        let Some(top) = module.first() else { continue };
        assert!(table::layer(top).is_some(), "{}: give `{top}` a place in tests/layers/table.rs", file.display());
    }
}

/// Asserts that `source` in `module` is caught, and that the message names what was caught.
fn caught(module: &[&str], source: &str, naming: &str) {
    let found = offences(source, module);
    assert!(found.iter().any(|o| o.contains(naming)), "not caught in {module:?}: {source}\nfound: {found:?}");
}

/// Asserts that nothing in `source` is held against `module`.
fn passes(module: &[&str], source: &str) {
    let found = offences(source, module);
    assert!(found.is_empty(), "wrongly caught in {module:?}: {source}\nfound: {found:?}");
}

#[test]
fn a_plain_upward_import_is_caught() {
    caught(&["measure", "plan"], "use crate::io::Clock;", "`io`");
    caught(&["io"], "pub use crate::cli::Args;", "`cli`");
    passes(&["io", "kernel"], "use crate::model::{Action, Target};\nuse super::clock::Clock;");
}

#[test]
fn a_group_over_several_lines_is_caught() {
    let source = "use crate::{\n    model::{\n        Action,\n        Target,\n    },\n    // a comment between\n    run::probe,\n};";
    caught(&["measure"], source, "line 7: `measure` may not name `run`");
    caught(&["measure"], "use {std::fmt, crate::{time::Instant, io::{clock::{Clock}}}};", "`io`");
}

#[test]
fn aliases_and_globs_are_caught() {
    caught(&["boxes", "nat"], "use crate::io as quietly;", "`io`");
    caught(&["boxes", "nat"], "use crate::sim::*;", "`sim`");
    caught(&["boxes", "nat"], "use crate as root;\nfn f() { root::io::x() }", "the whole crate");
    caught(&["boxes", "nat"], "use crate::{self as root};", "the whole crate");
    caught(&["boxes", "nat"], "use crate::*;", "the whole crate");
    caught(&["boxes", "nat"], "use super::super::*;", "the whole crate");
    caught(&["boxes", "nat"], "extern crate self as idle;", "extern crate self");
}

#[test]
fn paths_in_the_middle_of_code_are_caught() {
    caught(&["measure"], "fn f() -> u32 { crate::io::count() + 1 }", "`io`");
    caught(&["measure"], "macro_rules! m { () => { $crate::run::go() } }", "`run`");
    caught(&["measure"], "struct S<T: crate::lab::Box>(T);", "`lab`");
    caught(&["measure"], "fn f() { <crate::io::Clock as Clone>::clone(&c) }", "`io`");
    caught(&["measure"], "#[serde(with = \"x\")]\nfn f() { ::idlescope::io::x() }", "`io`");
    caught(&["measure"], "macro_rules! m { () => { crate :: run :: go() } }", "`run`");
    passes(&["measure"], "pub(crate) fn f() {}\npub(in crate::measure) struct S;");
}

#[test]
fn super_is_followed_through_files_and_inline_modules() {
    caught(&["measure", "plan"], "use super::super::io::Clock;", "`io`");
    caught(&["measure"], "use super::io::Clock;", "`io`");
    caught(&["measure", "plan"], "mod deep { mod deeper { use super::super::super::super::io::X; } }", "`io`");
    passes(&["measure", "plan"], "mod deep { use super::super::io::X; }"); // that is measure::io
    passes(&["measure", "plan"], "use self::io::Clock; mod io {}");
}

#[test]
fn test_modules_are_no_exception() {
    let source = "fn f() {}\n#[cfg(test)]\nmod tests {\n    use super::*;\n    use crate::lab::Lab;\n}";
    caught(&["boxes"], source, "line 5: `boxes` may not name `lab`");
}

#[test]
fn comments_and_strings_name_nothing() {
    let source = r##"
        //! [`crate::run`] drains the planner.
        /* use crate::io::X; /* nested */ use crate::cli::Y; */
        const A: &str = "use crate::io::X;\"";
        const B: &str = r#"crate::cli::Y"#;
        const C: &[u8] = b"crate::cli::Y";
        const D: char = '"';
        fn f<'a>(x: &'a str) -> char { let _ = '\''; 'c' }
    "##;
    passes(&["model"], source);
    caught(&["model"], &format!("{source}\nuse crate::io::X;"), "`io`");
}

#[test]
fn the_extra_bans_are_kept() {
    caught(&["io", "kernel"], "use crate::measure::Plan;", "`measure`");
    caught(&["lab"], "use crate::{measure::Plan};", "`measure`");
    caught(&["boxes"], "use crate::measure::Plan;", "`measure`");
    caught(&["measure"], "use crate::wire::Frame;", "`wire`");
    caught(&["report"], "use crate::io::Clock;", "`io`");
    caught(&["journal"], "use crate::lab::Lab;", "`lab`");
    passes(&["report"], "use crate::journal::RunInfo;\nuse crate::measure::Plan;");
}

#[test]
fn the_pure_layers_know_no_sockets() {
    caught(&["measure"], "use tokio::time::Instant;", "`tokio`");
    caught(&["boxes"], "fn f() { let _ = socket2::Socket::new(); }", "`socket2`");
    caught(&["sim"], "use std::{fmt, net::{IpAddr, TcpStream}};", "TcpStream");
    caught(&["journal"], "fn f() { std::net::UdpSocket::bind(a); }", "UdpSocket");
    caught(&["measure", "planner"], "use rand::Rng;", "`rand`");
    passes(&["wire"], "use std::net::{IpAddr, SocketAddr};\nuse tokio_util::codec::Decoder;");
}

#[test]
fn a_name_that_is_no_module_of_the_table_is_caught() {
    caught(&["cli"], "use crate::helpers::x;", "`helpers`");
}
