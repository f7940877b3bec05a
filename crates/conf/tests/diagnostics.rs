//! Diagnostics as they are drawn, and what they suggest.

mod common;

use common::{host, test_of, test_on};
use conf::Loaded;
use conf::diag::render;

fn drawn(loaded: &Loaded) -> String {
    common::diags(loaded).map(|d| render::draw(d, &loaded.sources, false)).collect()
}

#[test]
fn an_unknown_keyword_is_drawn_with_a_suggestion() {
    let loaded = test_of("global_defs {\n\trouter_idd x # y\n}\n");
    assert_eq!(
        drawn(&loaded),
        "error[E0401]: Unknown keyword 'router_idd'
 --> /etc/keepalived/f.conf:2:2
  |
2 |  router_idd x # y
  |  ^^^^^^^^^^
  = help: did you mean `router_id`?
"
    );
}

#[test]
fn a_bad_number_is_drawn_with_its_cause() {
    let loaded = test_of("global_defs {\n  vrrp_down_timer_adverts 101\n}\n");
    assert_eq!(
        drawn(&loaded),
        "error[E0502]: Invalid vrrp_down_timer_adverts [1:100] '101'
 --> /etc/keepalived/f.conf:2:27
  |
2 |   vrrp_down_timer_adverts 101
  |                           ^^^ number '101' outside range [1, 100]
"
    );
}

#[test]
fn includes_and_definitions_are_followed() {
    let host = host().file("inc.conf", "$V=$W\nglobal_defs {\n smtp_alert $V\n}\n");
    let loaded = test_on(host, "$W=perhaps\ninclude inc.conf\n");
    assert_eq!(
        drawn(&loaded),
        "error[E0503]: Invalid value 'perhaps' for global smtp_alert specified
 --> /etc/keepalived/inc.conf:3:13
  |
3 |  smtp_alert $V
  |             ^^
  = note: expanded from $W, set at /etc/keepalived/f.conf:1
  = note: expanded from $V, set at /etc/keepalived/inc.conf:1
  = note: included from /etc/keepalived/f.conf:2
  = help: use on, true or yes; or off, false or no
"
    );
}

#[test]
fn every_reading_of_a_file_can_be_drawn() {
    let host = host().file("inc.conf", "$X=1\nbogus $_PWD ${_ENV HOME}\n");
    let loaded = test_on(host, "include inc.conf\ninclude inc.conf\n");
    assert_eq!(drawn(&loaded).matches("2 | bogus $_PWD").count(), 2);
    assert_eq!(loaded.sources.files().iter().filter(|f| !f.text.is_empty()).count(), 2);
}

#[test]
fn a_missing_brace_is_drawn_with_the_block() {
    let loaded = test_of("global_defs {\n router_id x\n");
    assert_eq!(
        drawn(&loaded),
        "error[E0405]: There are 1 missing '}'s or extra '{'s
  = note: block opened at line 1 never closed
 --> /etc/keepalived/f.conf:1:1
  |
1 | global_defs {
  | -----------
"
    );
}

#[test]
fn colours_are_only_there_when_asked_for() {
    let loaded = test_of("bogus\n");
    let colour = render::draw(&loaded.diags[0], &loaded.sources, true);
    assert!(colour.starts_with("\x1b[1;31merror[E0401]\x1b[0m"), "{colour:?}");
    assert!(!drawn(&loaded).contains('\x1b'));
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let loaded = test_of("bogus\u{1b}[31m\u{7f}\n");
    assert!(!drawn(&loaded).contains('\x1b'));
}

fn help(text: &str) -> Vec<String> {
    test_of(text).diags.into_iter().flat_map(|d| d.help).collect()
}

#[test]
fn keywords_of_other_blocks_are_named() {
    assert!(help("router_id x\n").contains(&"`router_id` is valid in global_defs".into()));
    let inside = test_of("global_defs {\n router_id x\nglobal_defs {\n}\n");
    let diag = &inside.diags[0];
    assert!(diag.help.contains(&"`global_defs` is valid at the top level".into()));
    assert_eq!(diag.related[0].1, "the block opened here is still open");
}

#[test]
fn names_near_an_undefined_one_are_suggested() {
    let text = "vrrp_track_process web {\n process x\n}\n\
                vrrp_instance north {\n interface eth0\n virtual_router_id 1\n \
                virtual_ipaddress {\n 10.0.0.1\n }\n track_process {\n wbe\n }\n}\n\
                vrrp_sync_group G {\n group {\n noth\n }\n}\n";
    let help = help(text);
    assert!(help.contains(&"did you mean `web`?".into()), "{help:?}");
    assert!(help.contains(&"did you mean `north`?".into()), "{help:?}");
    let group = "virtual_server_group front {\n 10.0.0.1 80\n}\n\
                 virtual_server group fornt {\n lvs_sched rr\n lvs_method NAT\n protocol TCP\n \
                 real_server 10.0.0.2 80 {\n }\n}\n";
    assert!(self::help(group).contains(&"did you mean `front`?".into()));
}

#[test]
fn words_near_an_unknown_one_are_suggested_in_entries_too() {
    let text = "vrrp_instance A {\n state MASTR\n interface ethO\n virtual_router_id 1\n \
                virtual_ipaddress {\n 10.0.0.1 lable x\n 10.0.0.${N}\n }\n \
                unicast_peer {\n 10.0.0.2 mn_ttl 1\n }\n}\n";
    let help = help(text).join("\n");
    for word in ["MASTER", "eth0", "label", "min_ttl"] {
        assert!(help.contains(&format!("did you mean `{word}`?")), "{word}: {help}");
    }
    assert!(help.contains("`$N` is not defined"), "{help}");
}

#[test]
fn an_open_quote_is_one_diagnostic_with_every_line_of_the_reference() {
    let loaded = test_of("vrrp_script a {\n script \"/bin/x\n}\n");
    assert_eq!(
        render::lines(&loaded.diags[0], &loaded.sources),
        [
            "(Line 2) Unterminated quote 'script \"/bin/x'",
            "(Line 2) Unmatched quote: 'script \"/bin/x'",
            "(Line 2) String '\"/bin/x': missing terminating \"",
        ]
    );
}

#[test]
fn look_alikes_are_named() {
    let text = help("global_defs {\n r\u{43e}uter_id x\n}\n").join("\n");
    assert!(text.contains("U+043E") && text.contains("did you mean `router_id`?"), "{text}");
    for odd in ["\u{201c}x\u{201d}", "a\u{a0}b", "p\u{430}ss"] {
        let loaded = test_of(&format!("global_defs {{\n router_id {odd}\n}}\n"));
        assert_eq!(loaded.exit_status_for_test(), 0);
        assert!(drawn(&loaded).contains("looks like"), "{odd}");
    }
    let fine = test_of("global_defs {\n router_id \"Москва Ελλάδα naïve\"\n}\n");
    assert_eq!(drawn(&fine), "");
}

#[test]
fn placeholders_are_named() {
    for odd in ["VRRP_VERSION", "<VERSION>", "$NONE", "@VERSION@"] {
        let text = help(&format!("global_defs {{\n vrrp_version {odd}\n}}\n")).join("\n");
        assert!(text.contains("placeholder") || text.contains("not defined"), "{odd}: {text}");
    }
    let loaded = test_of("global_defs {\n router_id {{ name }}\n vrrp_version 9\n}\n");
    let said = common::said(&loaded);
    assert_eq!(said[0], "(Line 2) placeholder `{{ name }}` not filled in");
    assert!(said.iter().any(|s| s.starts_with("(Line 3) VRRP Error")), "{said:?}");
    assert_eq!(loaded.exit_status_for_test(), 5);
}

#[test]
fn what_is_not_acted_upon_is_logged_once_and_is_no_error() {
    let loaded = test_of("global_defs {\n enable_traps\n enable_traps\n}\n");
    let notes: Vec<String> = loaded
        .diags
        .iter()
        .filter(|d| d.code == conf::Code::NotYet)
        .flat_map(|d| render::lines(d, &loaded.sources))
        .collect();
    if !notes.is_empty() {
        let text = "(Line 2) WARNING: 'enable_traps' is accepted but not acted upon yet";
        assert_eq!(notes, [text]);
    }
    assert_eq!(loaded.exit_status_for_test(), 0);
}
