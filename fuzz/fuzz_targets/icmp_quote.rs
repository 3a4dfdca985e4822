#![no_main]

#[path = "../../tests/captures/drive.rs"]
mod drive;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drive::icmp_quote(bytes));
