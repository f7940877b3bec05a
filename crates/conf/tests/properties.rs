//! Whatever the input, reading it ends well: no panic, bounded time and
//! memory, the same result each time.

mod common;

use common::{host, said};
use conf::diag::render;
use conf::{Limits, LoadOptions, Loaded, load};
use proptest::prelude::*;

/// Bounds that keep one case short.
const LIMITS: Limits = Limits {
    file_bytes: 1 << 20,
    files: 50,
    include_depth: 8,
    generated_lines: 500,
    generated_bytes: 1 << 16,
};

fn read(main: &[u8], other: &[u8]) -> Loaded {
    let host = host().file("f.conf", main).file("inc.conf", other);
    let mut options = LoadOptions::new("f.conf").test();
    options.limits = LIMITS;
    load(&host, &options)
}

/// Text made of the language's own pieces, so that deep paths are reached.
fn pieces() -> impl Strategy<Value = String> {
    let words = "global_defs router_id smtp_alert include includea inc.conf *.conf {a,inc}.conf \
                 vrrp_instance virtual_server real_server TCP_CHECK A virtual_ipaddress 80 ::1 \
                 10.0.0.1/24 10.0.0.1 eth0 weight -1 99999999999999999999 1.2345678 on notify ' \" \
                 { } {{ }} $A ${A} $A= $B=$A $I ${_BANG} # ! \\ \\# é track_script vrrp_script \
                 script interval auth_hmac key";
    let mut all: Vec<&str> = words.split_whitespace().collect();
    all.extend(["\n", "\n", "\n", "\n", " ", " ", "\t", "\r", "\0", "\u{430}", "$M=x \\"]);
    all.extend(["${_RANDOM 1 2}", "${_ENV HOME}", "@host ", "@^host ", "\"/usr/bin/true a\""]);
    all.extend(["~SEQ(I,3) ", "~SEQ(J,1,-1,$A) ", "~LST({I,J},{a,b}) "]);
    let piece = prop::sample::select(all);
    prop::collection::vec(piece, 0..120).prop_map(|p| p.concat())
}

/// Every keyword of the tables with arbitrary words.
fn keyword_lines() -> impl Strategy<Value = String> {
    let names: Vec<&'static str> =
        conf::grammar::ROOT.keywords().map(|k| k.name).chain(inner_names()).collect();
    let words = "1 0 -5 x 10.0.0.1 eth0 on { } 1.5 group MASTER TCP weight dev via 255 fe80::1/64";
    let mut all: Vec<&str> = words.split(' ').collect();
    all.extend(["\n", "\"a b\"", ""]);
    let word = prop::sample::select(all);
    let line = (prop::sample::select(names), prop::collection::vec(word, 0..5))
        .prop_map(|(name, words)| format!("{name} {}", words.join(" ")));
    prop::collection::vec(line, 0..40).prop_map(|lines| lines.join("\n"))
}

fn inner_names() -> Vec<&'static str> {
    let mut names = Vec::new();
    let mut todo: Vec<_> = conf::grammar::ROOT.keywords().collect();
    while let Some(keyword) = todo.pop() {
        names.push(keyword.name);
        match keyword.body {
            conf::grammar::Body::Block(block) => todo.extend(block.keywords()),
            conf::grammar::Body::Entries(entries) => todo.extend(entries.options),
            conf::grammar::Body::Leaf => {}
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}

fn ends_well(main: &[u8], other: &[u8]) {
    let first = read(main, other);
    for diag in first.diags.iter().take(50) {
        let drawn = render::draw(diag, &first.sources, false);
        assert!(!drawn.contains('\x1b'));
    }
    assert!([0, 2, 4, 5, 6].contains(&first.exit_status_for_test()));
    let second = read(main, other);
    assert_eq!(first.model, second.model);
    assert_eq!(said(&first), said(&second));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_end_well(main in prop::collection::vec(any::<u8>(), 0..2000)) {
        ends_well(&main, b"router_id x");
    }

    #[test]
    fn pieces_of_the_language_end_well(main in pieces(), other in pieces()) {
        ends_well(main.as_bytes(), other.as_bytes());
    }

    #[test]
    fn keywords_with_any_words_end_well(main in keyword_lines()) {
        ends_well(main.as_bytes(), b"");
    }
}

#[test]
fn deep_and_wide_inputs_are_bounded() {
    let open = "global_defs {\n".repeat(20_000);
    assert_eq!(read(open.as_bytes(), b"").exit_status_for_test(), 5);
    let close = "}\n".repeat(100_000);
    assert_eq!(read(close.as_bytes(), b"").diags.len(), 1000);
    let unknown = "x\n".repeat(200_000);
    let loaded = read(unknown.as_bytes(), b"");
    assert_eq!((loaded.diags.len(), loaded.dropped), (1000, 199_000));
    let define = "$A=${A}${A}\n$A\n".repeat(1000);
    assert_eq!(read(define.as_bytes(), b"").exit_status_for_test(), 5);
}
