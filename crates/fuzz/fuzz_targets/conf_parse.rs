//! Any bytes as a configuration, with a second file that can be included:
//! reading, checking and drawing the diagnostics must end without a panic.
#![no_main]

use conf::testing::MapHost;
use conf::{Limits, LoadOptions, diag::render, load};
use libfuzzer_sys::fuzz_target;

/// Bounds that keep one run short.
const LIMITS: Limits = Limits {
    file_bytes: 1 << 20,
    files: 64,
    include_depth: 8,
    generated_lines: 2_000,
    generated_bytes: 1 << 18,
};

fuzz_target!(|data: &[u8]| {
    let cut = data.iter().position(|b| *b == 0xff).unwrap_or(data.len());
    let (main, other) = data.split_at(cut);
    let host = MapHost::new()
        .interface("eth0")
        .file("/usr/bin/true", "")
        .mode("/usr/bin/true", 0o755)
        .file("k.conf", main)
        .file("inc.conf", other.get(1..).unwrap_or(&[]));
    for test in [false, true] {
        let mut options = LoadOptions::new("k.conf");
        (options.test, options.limits) = (test, LIMITS);
        let loaded = load(&host, &options);
        let _ = loaded.exit_status_for_test();
        for diag in loaded.diags.iter().take(20) {
            let _ = render::lines(diag, &loaded.sources);
            let _ = render::draw(diag, &loaded.sources, true);
        }
    }
});
