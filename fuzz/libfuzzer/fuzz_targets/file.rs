#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    frisson_fuzz::file(data);
});
