//! The language beyond the observed cases: lines, definitions, generators,
//! conditions, limits.

mod common;

use common::{host, said, test_of, test_on};
use conf::{LoadOptions, load};

/// The router id that a text leads to.
fn router_id(text: &str) -> String {
    test_of(text).model.global.router_id.unwrap_or_default()
}

/// Wraps lines in `global_defs`.
fn global(lines: &str) -> String {
    format!("global_defs {{\n{lines}\n}}\n")
}

#[test]
fn after_a_missing_parameter_the_rest_is_checked_too() {
    let loaded = test_of(&global("vrrp_version\nbogus\nrouter_id x"));
    assert_eq!(loaded.exit_status_for_test(), 2);
    assert_eq!(loaded.refusal().map(|r| r.exit_status()), Some(2));
    let said = said(&loaded);
    assert_eq!(
        said[0],
        "(Line 2) *** Configuration line starting 'vrrp_version' is missing a parameter after \
         keyword 'vrrp_version' at word position 2"
    );
    assert_eq!(said[1], "(Line 3) Unknown keyword 'bogus'");
}

#[test]
fn a_line_too_long_is_ignored_whole() {
    let fits = "x".repeat(1022 - "router_id ".len());
    assert_eq!(router_id(&global(&format!("router_id {fits}"))), fits);
    let long = format!("router_id {fits}y bogus");
    let loaded = test_of(&global(&long));
    assert_eq!(said(&loaded), ["(Line 2) line too long - ignoring"]);
    assert_eq!(loaded.exit_status_for_test(), 5);
}

#[test]
fn nul_bytes_make_a_line_ignored() {
    let loaded = test_of(&global("router_id a\0b"));
    let text = "(Line 2) configuration appears to have embedded NULs - ignoring line";
    assert_eq!(said(&loaded), [text]);
}

#[test]
fn carriage_returns_and_blanks_at_the_ends_do_not_count() {
    assert_eq!(router_id("\t global_defs {  \r\n  router_id x \t\r\r\n}\r\n"), "x");
}

#[test]
fn a_trailing_backslash_does_not_continue_a_line() {
    assert_eq!(router_id(&global("router_id a\\\nrouter_id b \\")), "b\\");
    assert_eq!(router_id(&global("router_id a # b \\")), "a");
}

#[test]
fn blocks_may_share_lines() {
    assert_eq!(router_id("global_defs { router_id a } global_defs { router_id b }"), "b");
    assert_eq!(router_id("global_defs{router_id \"{a}\"}"), "{a}");
}

#[test]
fn definitions_work_within_words_quotes_and_each_other() {
    assert_eq!(router_id(&format!("$N=7\n$M=x${{N}}\n{}", global("router_id a${M}.b"))), "ax7.b");
    assert_eq!(router_id(&format!("$N=7\n{}", global("router_id \"a $N b\""))), "a 7 b");
    assert_eq!(router_id(&format!("$N=\n{}", global("router_id a${N}b"))), "ab");
    assert_eq!(router_id(&format!("$N=1\n$N=2\n{}", global("router_id $N"))), "2");
    assert_eq!(router_id(&format!("$A=$B\n$B=late\n{}", global("router_id $A"))), "late");
}

#[test]
fn a_multi_line_definition_keeps_the_text_before_it() {
    let text = "$M=a { \\\n  router_id inner \\\n }\n";
    let loaded = test_of(&format!("{text}global_defs ${{M}}\n"));
    assert_eq!(said(&loaded), Vec::<String>::new());
    assert_eq!(loaded.model.global.router_id.as_deref(), Some("inner"));
    let text = "$N=e \\\n f\n$M=a $N \\\n b\n$M\n";
    let words = [
        "(Line 5) Unknown keyword 'a'",
        "(Line 5) Unknown keyword 'f'",
        "(Line 5) Unknown keyword 'b'",
    ];
    assert_eq!(said(&test_of(text)), words);
    let text = "$M={ \\\n # comment \\\n\n";
    assert_eq!(router_id(&format!("{text}global_defs $M\nrouter_id x\n}}")), "x");
    let text = "$M=global_defs { # one \\\n   \n# two\n router_id x # three \\\n }\n$M\n";
    assert_eq!(router_id(text), "x");
    let text = "$M=global_defs { \\\n # a comment\n router_id x \\\n }\n$M\n";
    assert_eq!(router_id(text), "x");
}

#[test]
fn expanded_comment_characters_start_comments() {
    assert_eq!(router_id(&format!("$C=x\\#y\n{}", global("router_id $C"))), "x");
    assert_eq!(router_id(&format!("$C=x\n{}", global("router_id a\\#$C"))), "a#x");
}

#[test]
fn definitions_without_end_are_named() {
    for text in ["$A=$A\n", "$A=$B\n$B=$A\n"] {
        let loaded = test_of(&format!("{text}{}", global("router_id $A")));
        assert!(said(&loaded)[0].contains("without end"), "{:?}", said(&loaded));
        assert_eq!(loaded.model.global.router_id.as_deref(), Some("$A"));
    }
    let loaded = test_of("$A=x \\\n$A\n$A\n");
    assert!(said(&loaded).iter().any(|s| s.contains("nested too deep")));
    let grows = test_of(&format!("$A=xxxxxxxxxxxxxxxx${{A}}\n{}", global("router_id $A")));
    assert!(said(&grows)[0].contains("would exceed maximum line length"));
}

#[test]
fn predefined_names_have_their_parameters() {
    let env = host().env("NAME", "value");
    let loaded = test_on(env, &global("router_id x${_ENV NAME}${_ENV NONE}${_BANG}y"));
    assert_eq!(loaded.model.global.router_id.as_deref(), Some("xvalue"));
    assert_eq!(router_id(&global("router_id \"${_HASH}${_BANG}\"")), "#!");
    assert_eq!(router_id(&global("router_id ${_PWD}")), "/etc/keepalived");
    assert_eq!(router_id(&global("router_id ${_INSTANCE}")), "host");
    assert_eq!(router_id(&format!("$_INSTANCE=mine\n{}", global("router_id $_INSTANCE"))), "mine");
    let loaded = test_of(&global("router_id ${_ENV}"));
    assert_eq!(
        said(&loaded),
        ["(Line 2) Definition _ENV requires between 1 and 1 parameters, 0 specified."]
    );
    let loaded = test_of(&global("router_id ${_RANDOM a}"));
    assert_eq!(said(&loaded), ["(Line 2) Definition _RANDOM requires numeric parameters only."]);
}

#[test]
fn an_undefined_name_in_braces_is_a_word() {
    let loaded = test_of(&global("vrrp_version ${NONE}\nrouter_id a${NONE}"));
    assert_eq!(
        said(&loaded),
        ["(Line 2) invalid number '${NONE}'", "(Line 2) VRRP Error: Version must be either 2 or 3"]
    );
    assert_eq!(loaded.model.global.router_id.as_deref(), Some("a${NONE}"));
}

#[test]
fn a_random_seed_makes_random_repeatable() {
    let text = global("random_seed 7\nrouter_id ${_RANDOM 1000000000 9999999999}");
    let first = router_id(&text);
    assert_eq!(first, router_id(&text));
    assert!((1_000_000_000..=9_999_999_999u64).contains(&first.parse().unwrap()));
    assert_ne!(first, router_id(&text.replace("seed 7", "seed 8")));
    let bounded = router_id(&global("router_id $_RANDOM"));
    assert!(bounded.parse::<u32>().unwrap() <= 32767);
    assert_eq!(router_id(&global("router_id ${_RANDOM 5 5}")), "5");
}

#[test]
fn conditions_compare_with_the_config_id() {
    let text = "@a $X=1\n@^a $X=2\n@^a @b $X=3\n@a\nglobal_defs {\n router_id $X\n}\n";
    let host = host().file("f.conf", text);
    let id = |id: &str| {
        let options = LoadOptions::new("f.conf").test().config_id(id);
        load(&host, &options).model.global.router_id.unwrap_or_default()
    };
    assert_eq!(id("a"), "1");
    assert_eq!(id("b"), "2");
}

#[test]
fn expanded_text_is_not_a_condition_or_a_generator() {
    let loaded = test_of("$A=~SEQ(I,2) router_id $I\n$A\n");
    assert_eq!(said(&loaded), ["(Line 2) Unknown keyword '~SEQ(I,2)'"]);
    let lines = test_of("$A= \\\n~SEQ(I,2) bogus$I\n$A\n");
    assert_eq!(
        said(&lines),
        ["(Line 3) Unknown keyword 'bogus1'", "(Line 3) Unknown keyword 'bogus2'"]
    );
}

#[test]
fn generators_nest_and_keep_their_last_value() {
    let loaded = test_of("~SEQ(A,2) ~SEQ(B,$A) b${A}$B\nc${A}$B\n");
    let words: Vec<String> =
        said(&loaded).iter().map(|s| s.split('\'').nth(1).unwrap().to_owned()).collect();
    assert_eq!(words, ["b11", "b21", "b22", "c22"]);
    let hex = test_of("~SEQ(A, 0x10, 010) b$A\n");
    assert_eq!(said(&hex).len(), 9);
}

#[test]
fn generators_can_fill_multi_line_definitions() {
    let text = "$ID=router_id r$I \\\n bogus$I\nglobal_defs {\n~SEQ(I,2) $ID\n}\n";
    let loaded = test_of(text);
    assert_eq!(
        said(&loaded),
        ["(Line 4) Unknown keyword 'bogus1'", "(Line 4) Unknown keyword 'bogus2'"]
    );
    assert_eq!(loaded.model.global.router_id.as_deref(), Some("r2"));
}

#[test]
fn bad_generators_are_reported_and_ignored() {
    for text in [
        "~SEQ(I) x",
        "~SEQ(I,a) x",
        "~SEQ(I,1,2,3,4) x",
        "~SEQ(1,2) x",
        "~SEQ(I,2",
        "~SEQx(I,-1) x",
        "~LST(I) x",
        "~LST({I,a) x",
        "~LST(9,a) x",
    ] {
        let all = said(&test_of(text));
        assert!(!all.is_empty(), "{text}");
        assert!(all.iter().all(|s| s.starts_with("(Line 1) Invalid ~")), "{text}: {all:?}");
    }
    assert_eq!(
        said(&test_of("~LST({A,B},{1,2,3}) x")),
        [
            "(Line 1) ~LST specification has too many values '~LST({A,B},{1,2,3}) x'",
            "(Line 1) Invalid ~LST specification '~LST({A,B},{1,2,3}) x'",
        ]
    );
}

#[test]
fn generators_are_bounded() {
    let text = "~SEQ(A,100000) ~SEQ(B,100000) $C=1\nglobal_defs {\nrouter_id x\n}\n";
    let host = host().file("f.conf", text);
    let mut options = LoadOptions::new("f.conf").test();
    assert_eq!(options.limits.generated_lines, 1_000_000);
    options.limits.generated_lines = 10_000;
    let loaded = load(&host, &options);
    assert_eq!(said(&loaded), ["(Line 1) more than 10000 lines generated - ignoring the rest"]);
    assert_eq!(loaded.exit_status_for_test(), 5);
    assert!(loaded.refusal().is_some());
}

#[test]
fn value_blocks_take_words_in_any_layout() {
    let text = "notification_email {\n a@x b@x\n c@x }";
    let loaded = test_of(&global(text));
    assert_eq!(loaded.model.global.smtp.to, ["a@x", "b@x", "c@x"]);
    let loaded = test_of(&global("notification_email a@x {\n b@x\n}"));
    assert_eq!(
        said(&loaded).first().map(String::as_str),
        Some("(Line 2) Block notification_email has extra parameters a@x ...")
    );
    let loaded = test_of(&global("notification_email\n b@x\n}\nrouter_id x"));
    assert_eq!(loaded.model.global.smtp.to, ["b@x"]);
    assert_eq!(loaded.model.global.router_id.as_deref(), Some("x"));
}
