//! Loading a text and comparing what is said with what is expected.
#![allow(dead_code, unreachable_pub)]

use conf::testing::MapHost;
use conf::{LoadOptions, Loaded, load};

/// The host of the observed cases: an interface eth0, config id `host`.
pub fn host() -> MapHost {
    MapHost::new().interface("eth0")
}

/// Loads `text` as `f.conf` in a configuration test.
pub fn test_of(text: &str) -> Loaded {
    test_on(host(), text)
}

/// The same on a host of its own.
pub fn test_on(host: MapHost, text: &str) -> Loaded {
    let host = host.file("f.conf", text);
    load(&host, &LoadOptions::new("f.conf").test())
}

/// What is said, but that a keyword is not acted upon yet.
pub fn diags(loaded: &Loaded) -> impl Iterator<Item = &conf::Diag> {
    loaded.diags.iter().filter(|d| d.code != conf::Code::NotYet)
}

/// The same in the one-line form.
pub fn said(loaded: &Loaded) -> Vec<String> {
    diags(loaded).flat_map(|d| conf::diag::render::lines(d, &loaded.sources)).collect()
}

/// Checks exit status and that exactly these lines count (notes for the log
/// alone may be said besides). ⏎ in `text` is a line end.
#[track_caller]
pub fn observed(number: u32, text: &str, exit: u8, expected: &[&str]) {
    let text = text.replace(" ⏎ ", "\n");
    let loaded = test_of(&text);
    let all = said(&loaded);
    assert_eq!(loaded.exit_status_for_test(), exit, "case {number}: {all:#?}");
    for line in expected {
        assert!(all.iter().any(|s| s == line), "case {number}: no {line:?} in {all:#?}");
    }
    let counting = loaded.diags.iter().filter(|d| d.level != conf::Level::Note);
    for diag in counting {
        for line in conf::diag::render::lines(diag, &loaded.sources) {
            assert!(expected.contains(&line.as_str()), "case {number}: unexpected {line:?}");
        }
    }
}
