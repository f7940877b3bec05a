//! Main files and includes.

mod common;

use common::{host, said, test_on};
use conf::{LoadOptions, Refusal, load};

#[test]
fn a_missing_main_file_is_no_success() {
    let host = host();
    let loaded = load(&host, &LoadOptions::new("none.conf").test());
    assert_eq!(said(&loaded), ["Config files missing 'none.conf'."]);
    assert_eq!(loaded.exit_status_for_test(), 6);
    assert_eq!(loaded.refusal(), Some(Refusal::NoConfig));
}

#[test]
fn an_unreadable_main_file_exits_4() {
    let host = host().unreadable("f.conf").file("/d/x", "");
    assert_eq!(load(&host, &LoadOptions::new("f.conf").test()).exit_status_for_test(), 4);
    assert_eq!(load(&host, &LoadOptions::new("/d").test()).exit_status_for_test(), 4);
}

#[test]
fn several_main_files_are_read_in_order() {
    let host = host()
        .file("/d/b.conf", "global_defs { router_id b }")
        .file("/d/a.conf", "global_defs { router_id a }");
    let loaded = load(&host, &LoadOptions::new("/d/*.conf").test());
    assert_eq!(loaded.model.global.router_id.as_deref(), Some("b"));
    assert_eq!(loaded.exit_status_for_test(), 5);
    assert!(said(&loaded)[0].starts_with("WARNING, multiple configuration file matches"));
}

#[test]
fn names_are_relative_to_the_file_that_includes() {
    let host = host()
        .file("sub/one.conf", "include two.conf\nrouter_id $_PWD")
        .file("sub/two.conf", "$X=1");
    let loaded = test_on(host, "global_defs {\n include sub/one.conf\n}\n");
    assert_eq!(loaded.model.global.router_id.as_deref(), Some("/etc/keepalived/sub"));
    assert_eq!(loaded.exit_status_for_test(), 0, "{:?}", said(&loaded));
}

#[test]
fn messages_name_the_file_when_there_are_several() {
    let host = host().file("inc.conf", "\nbogus");
    let loaded = test_on(host, "include inc.conf\nbogus2");
    assert_eq!(
        said(&loaded),
        [
            "(/etc/keepalived/inc.conf: Line 2) Unknown keyword 'bogus'",
            "(/etc/keepalived/f.conf: Line 2) Unknown keyword 'bogus2'",
        ]
    );
}

#[test]
fn a_file_cannot_include_itself() {
    let host = host().file("a.conf", "include b.conf").file("b.conf", "include a.conf");
    let loaded = test_on(host, "include a.conf\n");
    assert!(said(&loaded)[0].contains("includes itself"), "{:?}", said(&loaded));
    assert_eq!(loaded.exit_status_for_test(), 6);
}

#[test]
fn the_same_file_may_be_included_twice() {
    let host = host().file("a.conf", "global_defs { router_id x }");
    assert_eq!(test_on(host, "include a.conf\ninclude a.conf\n").exit_status_for_test(), 0);
}

#[test]
fn only_plain_files_are_accepted() {
    let host = || {
        host().file("x.conf", "").mode("x.conf", 0o755).unreadable("u.conf").file("d/x.conf", "")
    };
    for (name, why) in
        [("x.conf", "not a regular non-executable"), ("u.conf", "Permission"), ("d", "a directory")]
    {
        let loaded = test_on(host(), &format!("include {name}\n"));
        assert!(said(&loaded)[0].contains(why), "{:?}", said(&loaded));
        assert_eq!(loaded.exit_status_for_test(), 0);
        let loaded = test_on(host(), &format!("includer {name}\n"));
        assert_eq!(loaded.exit_status_for_test(), 6);
    }
}

#[test]
fn every_flavour_has_its_errors() {
    // plain file missing, wildcard unmatched, alternative missing
    for (keyword, exits) in [
        ("include", [0, 0, 0]),
        ("includer", [0, 0, 0]),
        ("includem", [6, 0, 0]),
        ("includew", [6, 6, 0]),
        ("includeb", [0, 0, 6]),
        ("includea", [6, 6, 6]),
    ] {
        for (pattern, exit) in ["no.conf", "no*.conf", "{a,no}.conf"].into_iter().zip(exits) {
            let host = host().file("a.conf", "global_defs { router_id a }");
            let loaded = test_on(host, &format!("{keyword} {pattern}\n"));
            assert_eq!(loaded.exit_status_for_test(), exit, "{keyword} {pattern}");
            let included = loaded.model.global.router_id.is_some();
            assert_eq!(included, pattern.starts_with('{') && exit == 0, "{keyword} {pattern}");
        }
    }
}

#[test]
fn include_check_holds_to_the_end_of_its_file() {
    let inner = "global_defs {\n include_check match\n}\ninclude no1.conf\n";
    let h = || host().file("inner.conf", inner);
    let loaded = test_on(h(), "include inner.conf\n");
    assert_eq!(loaded.exit_status_for_test(), 6);
    let loaded =
        test_on(host().file("inner.conf", &inner[..36]), "include inner.conf\ninclude no\n");
    assert_eq!(loaded.exit_status_for_test(), 0, "{:?}", said(&loaded));
    let outer = "global_defs {\n include_check\n include_check -match\n}\ninclude no.conf\n";
    assert_eq!(test_on(host(), outer).exit_status_for_test(), 0);
    let odd = "global_defs {\n include_check read match foo\n}\n";
    let loaded = test_on(host(), odd);
    assert_eq!(
        said(&loaded),
        [
            "(Line 2) Duplicate include_check type 'match' - ignoring",
            "(Line 2) Unknown include_check type 'foo' - ignoring",
        ]
    );
}

#[test]
fn every_include_error_counts_when_all_are_checked() {
    let host = host().file("f.conf", "include no*.conf\n");
    let mut options = LoadOptions::new("f.conf").test();
    options.all_config_check = true;
    assert_eq!(load(&host, &options).exit_status_for_test(), 6);
}

#[test]
fn includes_may_stand_in_blocks_and_definitions() {
    let host = host().file("id.conf", "router_id x\n");
    let loaded = test_on(host, "$I=include id.conf\nglobal_defs {\n $I\n}\n");
    assert_eq!(loaded.model.global.router_id.as_deref(), Some("x"));
}

#[test]
fn text_that_is_not_utf8_is_read_as_latin1() {
    let host = host().file("f.conf", b"global_defs {\n router_id caf\xe9\n}\n".to_vec());
    let loaded = load(&host, &LoadOptions::new("f.conf").test());
    assert_eq!(loaded.model.global.router_id.as_deref(), Some("café"));
    assert_eq!(loaded.exit_status_for_test(), 0);
}
