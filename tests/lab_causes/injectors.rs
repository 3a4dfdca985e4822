//! Forged resets of every family that there is: each looks for a word of its own.

use std::time::Duration;

use idlescope::lab::Host;

use crate::peer::spoken;
use crate::scene::{Judged, Scene};
use crate::support::clock;
use crate::support::talk::{is_reset, say};

/// Row, box, the word that it looks for.
const FAMILIES: [(&str, &str, &str); 6] = [
    ("injector of 2006", "injector-2006", "clayton"),
    ("injector type 1", "injector-type-1", "typeone"),
    ("injector type 2", "injector-type-2", "typetwo"),
    ("injector with equal sequence numbers", "injector-equal", "equals"),
    ("injector that copies the TTL", "injector-copy-ttl", "copied"),
    ("injector that knows short headers only", "injector-short-header", "shorts"),
];

pub(crate) fn somebody_forges() -> Vec<Judged> {
    let boxes: Vec<String> =
        FAMILIES.iter().map(|(_, name, word)| format!("{name},pattern={word},penalty=0s")).collect();
    let mut boxes: Vec<&str> = boxes.iter().map(String::as_str).collect();
    boxes.insert(0, "router");
    boxes.push("router");
    let mut scene = Scene::through(&boxes);
    let mut kept = Vec::new();
    for (row, name, word) in FAMILIES {
        let short = name == "injector-short-header";
        if short {
            scene.sysctl(Host::Client, "tcp_timestamps", "0");
        }
        let pair = scene.connect(scene.server());
        spoken(&pair);
        scene.row(row, &pair);
        say(&pair.client, word.as_bytes());
        is_reset(&pair.client);
        // Its answer, if it still has one, is on its way.
        clock::wait(Duration::from_millis(50));
        kept.push(pair);
    }
    scene.judged()
}

pub(crate) fn somebody_in_the_path_forges() -> Vec<Judged> {
    let mut scene = Scene::through(&["router", "injector-type-2,place=in-path,penalty=0s", "router"]);
    let pair = scene.connect(scene.server());
    spoken(&pair);
    scene.row("injector type 2 in the path", &pair);
    say(&pair.client, b"forbidden");
    is_reset(&pair.client);
    clock::wait(Duration::from_millis(50));
    scene.judged()
}
