#![no_main]

#[path = "../../tests/captures/follow.rs"]
mod follow;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| follow::tracker(bytes));
