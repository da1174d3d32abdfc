#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postroom_fuzz::mime::check(input));
