//! What the reference says of the language, case by case. The cases of
//! `vrrp_instance` are in `observed_vrrp.rs`.

mod common;

use common::{host, observed, said, test_of, test_on};

const BRACES: &str = "global_defs { ⏎  router_id x";

#[test]
fn blocks_may_open_on_the_same_or_the_next_line() {
    observed(1, "global_defs { router_id r1 }", 0, &[]);
    observed(2, "global_defs ⏎ { ⏎  router_id r1 ⏎ }", 0, &[]);
    observed(3, "global_defs {router_id r1}", 0, &[]);
}

#[test]
fn comments_escapes_and_quotes() {
    observed(
        4,
        "global_defs { ⏎  smtp_alert on # c ⏎  smtp_alert off ! c ⏎  smtp_alert On ⏎ }",
        5,
        &["(Line 4) Invalid value 'On' for global smtp_alert specified"],
    );
    for (number, word, shown) in [
        (5, "a#b", "a"),
        (6, r"a\#b", "a#b"),
        (7, "\"a # b\"", "a # b"),
        (8, "'a b'", "'a"),
        (9, "a\"b c\"", "a"),
    ] {
        let text = format!("global_defs {{ ⏎  smtp_alert {word} ⏎ }}");
        let line = format!("(Line 2) Invalid value '{shown}' for global smtp_alert specified");
        observed(number, &text, 5, &[&line]);
    }
    observed(
        10,
        "global_defs { ⏎  smtp_alert \"a ⏎ }",
        5,
        &[
            "(Line 2) Unterminated quote 'smtp_alert \"a'",
            "(Line 2) Unmatched quote: 'smtp_alert \"a'",
        ],
    );
}

#[test]
fn unknown_keywords_are_reported_and_the_line_is_ignored() {
    observed(
        11,
        "global_defs { ⏎  unknown_kw 1 ⏎  router_id x ⏎ }",
        5,
        &["(Line 2) Unknown keyword 'unknown_kw'"],
    );
}

#[test]
fn an_unknown_block_is_passed_over_whole() {
    observed(12, "unknown_block { ⏎  a b ⏎ }", 5, &["(Line 1) Unknown keyword 'unknown_block'"]);
    let text = "global_defs { ⏎  unknown_block { ⏎   a ⏎  } ⏎  router_id x ⏎ }";
    observed(13, text, 5, &["(Line 2) Unknown keyword 'unknown_block'"]);
    let model = test_of(&text.replace(" ⏎ ", "\n")).model;
    assert_eq!(model.global.router_id.as_deref(), Some("x"));
}

#[test]
fn braces_that_do_not_match() {
    observed(14, BRACES, 5, &["There are 1 missing '}'s or extra '{'s"]);
    observed(15, "global_defs { ⏎  router_id x ⏎ } ⏎ }", 5, &["(Line 4) Extra '}' found"]);
    observed(
        16,
        "global_defs ⏎  router_id x ⏎ }",
        5,
        &["(Line 2) Missing '{' at beginning of configuration block"],
    );
    observed(
        16,
        "global_defs { ⏎  notification_email ⏎   a@x ⏎  } ⏎ }",
        5,
        &["(Line 3) '{' missing from beginning of block notification_email"],
    );
    observed(
        17,
        "global_defs { ⏎  { ⏎  router_id x ⏎ }",
        5,
        &["(Line 2) Unexpected '{' - ignoring", "There are 1 missing '}'s or extra '{'s"],
    );
}

#[test]
fn a_block_that_is_never_closed_is_named() {
    let loaded = test_of(&BRACES.replace(" ⏎ ", "\n"));
    let related: Vec<_> = loaded.diags.iter().flat_map(|d| &d.related).collect();
    assert_eq!(related[0].1, "block opened at line 1 never closed");
    assert_eq!(related[0].0.line, 1);
}

fn invalid(line: u32, value: &str) -> String {
    format!("(Line {line}) Invalid value '{value}' for global smtp_alert specified")
}

#[track_caller]
fn invalid_values(number: u32, text: &str, values: &[(u32, &str)]) {
    let lines: Vec<String> = values.iter().map(|(line, v)| invalid(*line, v)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    observed(number, text, 5, &lines);
}

#[test]
fn definitions_are_substituted_and_rescanned() {
    invalid_values(
        18,
        "$A=on ⏎ $B=$A ⏎ global_defs { ⏎  smtp_alert $B ⏎  smtp_alert ${B}x ⏎  smtp_alert $Bx ⏎  smtp_alert $NONE ⏎ }",
        &[(5, "$Ax"), (6, "$Bx"), (7, "$NONE")],
    );
    observed(19, "$A = on", 5, &["(Line 1) Unknown keyword '$A'"]);
}

#[test]
fn multi_line_definitions_are_replayed_as_lines() {
    observed(
        20,
        "$M=smtp_alert x1 \\ ⏎  smtp_alert x2 \\ ⏎  ⏎   smtp_alert x3 ⏎ global_defs { ⏎  $M ⏎ }",
        5,
        &["(Line 4) Unknown keyword 'smtp_alert'", &invalid(6, "x1"), &invalid(6, "x2")],
    );
    observed(
        21,
        "$M=a \\ ⏎   b ⏎ global_defs { ⏎  $M z ⏎  smtp_alert $M ⏎ }",
        5,
        &["(Line 4) Unknown keyword '$M'", &invalid(5, "a"), "(Line 5) Unknown keyword 'b'"],
    );
}

#[test]
fn generators_repeat_their_line() {
    invalid_values(
        22,
        "global_defs { ⏎  ~SEQ(I,3) smtp_alert v$I ⏎  ~SEQ(I,5,-2,1) smtp_alert w$I ⏎  ~SEQx(I,14,17) smtp_alert h$I ⏎ }",
        &[
            (2, "v1"),
            (2, "v2"),
            (2, "v3"),
            (3, "w5"),
            (3, "w3"),
            (3, "w1"),
            (4, "he"),
            (4, "hf"),
            (4, "h10"),
            (4, "h11"),
        ],
    );
    invalid_values(
        23,
        "global_defs { ⏎  ~LST({I,J},{a,b},{c}) smtp_alert ${I}-${J} ⏎ }",
        &[(2, "a-b"), (2, "c-")],
    );
    observed(
        24,
        "global_defs { ⏎  ~SEQ(I,1,0,3) smtp_alert v$I ⏎ }",
        5,
        &[
            "(Line 2) Invalid ~SEQ values '~SEQ(I,1,0,3) smtp_alert v$I'",
            "(Line 2) Invalid ~SEQ specification '~SEQ(I,1,0,3) smtp_alert v$I'",
        ],
    );
}

#[test]
fn conditions_and_predefined_names() {
    invalid_values(25, "global_defs { ⏎  @id1 smtp_alert x ⏎  @^id1 smtp_alert y ⏎ }", &[(3, "y")]);
    invalid_values(
        26,
        "global_defs { ⏎  smtp_alert ${_INSTANCE} ⏎  smtp_alert \"${_HASH}\" ⏎  smtp_alert q${_HASH}z ⏎ }",
        &[(2, "host"), (3, "#"), (4, "q")],
    );
}

#[test]
fn missing_includes_are_errors_only_when_asked_for() {
    for (number, text, exit, message) in [
        (27, "include nofile.conf", 0, "Config files missing 'nofile.conf'."),
        (28, "includer nofile.conf", 0, "Config files missing 'nofile.conf'."),
        (29, "includem nofile.conf", 6, "Config files missing 'nofile.conf'."),
        (30, "includew no*.conf", 6, "No config files matched 'no*.conf'."),
    ] {
        observed(number, text, exit, &[&format!("(Line 1) {message}")]);
    }
    observed(31, "includem no*.conf", 0, &[]);
    assert!(said(&test_on(host(), "includem no*.conf")).is_empty());
}
