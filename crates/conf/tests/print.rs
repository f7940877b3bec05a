//! A configuration printed after expansion, and read again.

mod common;

use common::host;
use conf::testing::MapHost;
use conf::{Code, LoadOptions, Loaded, load_and_print};
use proptest::prelude::*;

fn print(host: MapHost, text: &str) -> (Loaded, String) {
    load_and_print(&host.file("f.conf", text), &LoadOptions::new("f.conf").test())
}

#[test]
fn everything_is_expanded() {
    let host = host().file("inc.conf", "priority 150 ! from the include\n");
    let text = "$IF=eth0
$VIPS=10.0.0.1 \\
      10.0.0.2
# a comment
vrrp_instance A { interface $IF ; include ignored
@other state MASTER
@^other state BACKUP
include inc.conf
    virtual_router_id    7
authentication
{
auth_type PASS # why not
auth_pass \"a # b\"}
virtual_ipaddress {
 $VIPS
 }
}
~SEQ(I,2) static_ipaddress { 10.1.0.$I dev ${IF} }
";
    let text = text.replace(" ; include ignored", "");
    let (_, printed) = print(host, &text);
    let expected = "vrrp_instance A {
    interface eth0
    state BACKUP
    priority 150
    virtual_router_id    7
    authentication {
        auth_type PASS
        auth_pass \"a # b\"
    }
    virtual_ipaddress {
        10.0.0.1
        10.0.0.2
    }
}
static_ipaddress {
    10.1.0.1 dev eth0
}
static_ipaddress {
    10.1.0.2 dev eth0
}
";
    assert_eq!(printed, expected);
}

#[test]
fn signs_that_would_mean_something_are_kept_from_it() {
    for (text, expected) in [
        (r"router_id a\#b\!c", r"router_id a\#b\!c"),
        (r#"router_id "a # b" c"#, r#"router_id "a # b" c"#),
        ("$A=@host x\n$A", "\"@host\" x"),
        ("$A=~SEQ(I,3) x\n$A", "\"~SEQ(I,3)\" x"),
        ("$NONE x", "\"$NONE\" x"),
        ("x $NONE", "x $NONE"),
        ("{include x", "{\n    \"include\" x"),
    ] {
        let (_, printed) = print(host(), text);
        assert_eq!(printed, format!("{expected}\n"), "{text}");
        assert_eq!(print(host(), &printed).1, printed);
    }
}

/// Text made of the language's own pieces.
fn pieces() -> impl Strategy<Value = String> {
    let words = "global_defs router_id smtp_alert include inc.conf vrrp_instance virtual_server \
                 real_server TCP_CHECK A virtual_ipaddress 80 ::1 10.0.0.1/24 10.0.0.1 eth0 weight \
                 on notify ' \" { } $A ${A} $A= $B=$A $I ${_BANG} # ! \\# \\! \\\\ é interface \
                 virtual_router_id 5 group protocol TCP @ ~SEQ ~ $";
    let mut all: Vec<&str> = words.split_whitespace().collect();
    all.extend(["\n", "\n", "\n", "\n", " ", " ", "\t", "$M=x \\\n", "\"a b\""]);
    all.extend(["@host ", "@^host ", "~SEQ(I,3) ", "~LST({I,J},{a,b}) "]);
    all.extend(["vrrp_instance A {\n", "virtual_server 10.0.0.1 80 {\n", "real_server ::1 80 {\n"]);
    prop::collection::vec(prop::sample::select(all), 0..120).prop_map(|p| p.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_means_the_same(main in pieces(), other in pieces()) {
        let (loaded, printed) = print(host().file("inc.conf", other), &main);
        // A line that could not be expanded is kept as it is; a backslash of
        // its own at the end of a line joins the word before.
        prop_assume!(!printed.lines().any(|l| l.ends_with(" \\")));
        let unexpanded = [Code::Definition, Code::SubstitutionTooLong, Code::Sequence];
        prop_assume!(!printed.contains("${_BANG}"));
        prop_assume!(!loaded.diags.iter().any(|d| unexpanded.contains(&d.code)));
        let (again, reprinted) = print(host(), &printed);
        prop_assert_eq!(&printed, &reprinted, "not stable");
        prop_assert_eq!(&loaded.model, &again.model, "{}", printed);
    }
}
