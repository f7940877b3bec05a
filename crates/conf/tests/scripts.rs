//! Users and safety of scripts.

mod common;

use common::{host, said, test_on};
use conf::Loaded;
use conf::testing::MapHost;

fn scripts() -> MapHost {
    host()
        .file("/opt/x", "")
        .mode("/opt/x", 0o755)
        .file("/opt/loose", "")
        .mode("/opt/loose", 0o777)
        .user("worker", 500)
}

fn run(host: MapHost, lines: &str) -> Loaded {
    test_on(host, &format!("global_defs {{\n{lines}\n}}\n"))
}

const SECURE: &str = "enable_script_security\nscript_user root\n";

#[test]
fn scripts_without_security_are_a_security_error() {
    let loaded = run(scripts(), "startup_script /opt/x");
    assert_eq!(loaded.exit_status_for_test(), 6);
    let text = "SECURITY VIOLATION - scripts are being executed but script_security not enabled.";
    assert_eq!(said(&loaded), [text]);
    let loaded = run(scripts(), "startup_script /opt/loose");
    assert!(said(&loaded).contains(&format!("{text} There are insecure scripts.")));
    assert_eq!(run(scripts(), &format!("{SECURE}startup_script /opt/x")).exit_status_for_test(), 0);
}

#[test]
fn readers_of_fifos_count_with_the_role_that_writes_them() {
    for keyword in ["notify_fifo_script", "vrrp_notify_fifo_script", "lvs_notify_fifo_script"] {
        let text = format!("global_defs {{\n{keyword} /opt/x\n}}\n");
        assert_eq!(test_on(scripts(), &text).exit_status_for_test(), 0, "{keyword}");
        let server = "virtual_server 10.0.0.1 80 {\nlvs_sched rr\nlvs_method NAT\nprotocol TCP\n\
                      real_server 10.0.0.2 80 {\n}\n}\n";
        let exit = test_on(scripts(), &format!("{text}{server}")).exit_status_for_test();
        assert_eq!(exit, if keyword.starts_with("vrrp") { 0 } else { 6 }, "{keyword}");
    }
}

#[test]
fn the_order_of_security_settings_does_not_matter() {
    let before = run(scripts(), &format!("{SECURE}startup_script /opt/loose"));
    let after = run(scripts(), &format!("startup_script /opt/loose\n{SECURE}"));
    assert_eq!(before.model, after.model);
    assert_eq!(before.exit_status_for_test(), after.exit_status_for_test());
}

#[test]
fn what_is_unsafe_is_named_with_its_remedy() {
    let loaded = run(scripts(), &format!("{SECURE}startup_script /opt/loose"));
    let diag = loaded.diags.iter().find(|d| d.text.starts_with("Unsafe permissions")).unwrap();
    assert_eq!(diag.text, "Unsafe permissions found for script '/opt/loose' - disabling.");
    assert_eq!(
        diag.help,
        ["'/opt/loose' has mode 0777 and owner 0:0; mend it by `chmod go-w /opt/loose`"]
    );
}

#[test]
fn users_and_groups_are_resolved() {
    let user = |lines: &str| {
        let loaded = run(scripts(), &format!("enable_script_security\n{lines}"));
        let script = loaded.model.scripts.first().cloned().unwrap();
        script.user.map(|u| (u.uid, u.gid, u.supplementary))
    };
    assert_eq!(user("script_user worker\nstartup_script /opt/x"), Some((500, 500, false)));
    assert_eq!(user("startup_script \"/opt/x a\" worker nogroup"), Some((500, 65534, false)));
    assert_eq!(user("startup_script /opt/x worker :nogroup"), Some((500, 65534, true)));
    assert_eq!(user("startup_script /opt/x worker :"), Some((500, 500, true)));
    assert_eq!(user("startup_script /opt/x 0"), None);
    let set = "set_supplementary_groups\nscript_user worker\nstartup_script /opt/x";
    assert_eq!(user(set), Some((500, 500, true)));
}

#[test]
fn without_a_default_user_security_drops_the_script() {
    let loaded = run(scripts(), "enable_script_security\nstartup_script /opt/x");
    let text = "(Line 3) Unable to set default user keepalived_script for script";
    assert!(said(&loaded).contains(&text.to_owned()), "{:?}", said(&loaded));
    assert_eq!(loaded.exit_status_for_test(), 5);
    let host = scripts().user("keepalived_script", 400);
    let loaded = run(host, "enable_script_security\nstartup_script /opt/x");
    assert_eq!(loaded.model.scripts[0].user.as_ref().unwrap().uid, 400);
    assert_eq!(loaded.exit_status_for_test(), 0);
}

#[test]
fn arguments_and_quotes_reach_the_model() {
    let loaded = run(scripts(), "startup_script \"/opt/x 'a b' c\" root");
    assert_eq!(loaded.model.scripts[0].args, ["a b", "c"]);
    let loaded = run(scripts(), "startup_script '/opt/x");
    assert!(said(&loaded)[0].contains("missing terminating '"), "{:?}", said(&loaded));
}
