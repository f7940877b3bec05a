//! What is said of wrong lines in the blocks of virtual servers.

mod common;

use common::{said, test_of};

/// Checks the exit status and that exactly these lines count, without their
/// places. ⏎ in `text` is a line end.
#[track_caller]
fn says(text: &str, exit: u8, expected: &[&str]) {
    let loaded = test_of(&text.replace(" ⏎ ", "\n"));
    assert_eq!(loaded.exit_status_for_test(), exit, "{text}\n{:#?}", said(&loaded));
    let counting = loaded.diags.iter().filter(|d| d.level != conf::Level::Note);
    let lines = counting.flat_map(|d| d.cause.clone().into_iter().chain([d.text.clone()]));
    let lines: Vec<String> =
        lines.flat_map(|l| l.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    assert_eq!(lines, expected, "{text}");
}

/// As [`says`], with what the log alone is told.
#[track_caller]
fn notes(text: &str, expected: &str) {
    let loaded = test_of(&text.replace(" ⏎ ", "\n"));
    assert_eq!(loaded.exit_status_for_test(), 0, "{text}\n{:#?}", said(&loaded));
    assert!(said(&loaded).iter().any(|l| l.ends_with(expected)), "{text}: {:#?}", said(&loaded));
}

fn server(lines: &str) -> String {
    format!(
        "virtual_server 10.0.0.1 80 {{\nlvs_sched rr\nlvs_method NAT\nprotocol TCP\n{lines}\nreal_server 10.0.0.2 80 {{\n}}\n}}\n"
    )
}

fn real(lines: &str) -> String {
    format!(
        "virtual_server 10.0.0.1 80 {{\nlvs_sched rr\nlvs_method NAT\nprotocol TCP\nreal_server 10.0.0.2 80 {{\n{lines}\n}}\n}}\n"
    )
}

fn checker(kind: &str, lines: &str) -> String {
    real(&format!("{kind} {{\n{lines}\n}}"))
}

fn url(lines: &str) -> String {
    checker("HTTP_GET", &format!("url {{\npath /\n{lines}\n}}"))
}

/// Each line in its frame is an error with these words.
#[track_caller]
fn errors(frame: impl Fn(&str) -> String, cases: &[(&str, &[&str])]) {
    for (line, expected) in cases {
        says(&frame(&line.replace(" ⏎ ", "\n")), 5, expected);
    }
}

/// Each line in its frame is well.
#[track_caller]
fn fine(frame: impl Fn(&str) -> String, lines: &[&str]) {
    for line in lines {
        says(&frame(&line.replace(" ⏎ ", "\n")), 0, &[]);
    }
}

const TIME: &str = "[0.000001, 18446744073709.551614]";

#[test]
fn opening_lines() {
    let frame = |head: &str| server("").replace("virtual_server 10.0.0.1 80", head);
    errors(
        frame,
        &[
            ("virtual_server x", &["virtual_server 'x' is no address - skipping the block"]),
            (
                "virtual_server 10.0.0.1 x",
                &[
                    "invalid number 'x'",
                    "port 'x' of virtual_server 10.0.0.1 is invalid - skipping the block",
                ],
            ),
            (
                "virtual_server 10.0.0.1 99999",
                &[
                    "number '99999' outside range [1, 65535]",
                    "port '99999' of virtual_server 10.0.0.1 is invalid - skipping the block",
                ],
            ),
            (
                "virtual_server fwmark 5x",
                &[
                    "invalid number '5x'",
                    "virtual_server fwmark '5x' is invalid - skipping the block",
                ],
            ),
            (
                "virtual_server fwmark -1",
                &[
                    "negative number '-1'",
                    "virtual_server fwmark '-1' is invalid - skipping the block",
                ],
            ),
        ],
    );
    fine(frame, &["virtual_server 10.0.0.1 80 90", "virtual_server 10.0.0.1/24 80"]);
    says(
        &frame("virtual_server"),
        2,
        &[
            "*** Configuration line starting 'virtual_server' is missing a parameter after keyword 'virtual_server' at word position 2",
        ],
    );
}

#[test]
fn a_mark_or_group_without_its_value_is_a_missing_parameter() {
    let frame = |head: &str| server("").replace("virtual_server 10.0.0.1 80", head);
    for kind in ["fwmark", "group"] {
        says(
            &frame(&format!("virtual_server {kind}")),
            2,
            &[&format!(
                "*** Configuration line starting 'virtual_server' is missing a parameter after keyword '{kind}' at word position 3"
            )],
        );
    }
    says(
        "virtual_server_group G {\nfwmark\n10.0.0.1 80\n}",
        2,
        &[
            "*** Configuration line starting 'fwmark' is missing a parameter after keyword 'fwmark' at word position 2",
        ],
    );
}

#[test]
fn a_mark_of_zero_is_refused() {
    let frame = |head: &str| server("").replace("virtual_server 10.0.0.1 80", head);
    says(
        &frame("virtual_server fwmark 0"),
        5,
        &["virtual_server fwmark 0 marks nothing - skipping the block"],
    );
    says(
        "virtual_server_group G {\nfwmark 0\n10.0.0.1 80\n}",
        5,
        &["(G) fwmark 0 marks nothing - ignoring"],
    );
}

#[test]
fn virtual_server_lines() {
    errors(
        server,
        &[
            ("ip_family foo", &["ip_family 'foo' is invalid - ignoring"]),
            (
                "ip_family inet6",
                &["ip_family inet6 is not the family of this virtual server - ignoring"],
            ),
            ("protocol foo", &["protocol 'foo' is invalid - ignoring"]),
            ("lvs_sched foo", &["lvs_sched 'foo' is invalid - ignoring"]),
            ("lb_algo foo", &["lb_algo 'foo' is invalid - ignoring"]),
            ("hashed", &["hashed only applies to sh scheduler - ignoring"]),
            ("sh-port", &["sh-port only applies to sh scheduler - ignoring"]),
            ("mh-fallback", &["mh-fallback only applies to mh scheduler - ignoring"]),
            ("lvs_method FOO", &["'FOO' is no lvs_method of a virtual server - ignoring"]),
            (
                "persistence_engine abcdefghijklmnopqrst",
                &["persistence_engine 'abcdefghijklmnopqrst' is longer than 16 bytes - cutting it"],
            ),
            (
                "persistence_timeout 0",
                &[
                    "number '0' outside range [1, 2678400]",
                    "persistence_timeout '0' is invalid - ignoring",
                ],
            ),
            (
                "persistence_timeout 5x",
                &["invalid number '5x'", "persistence_timeout '5x' is invalid - ignoring"],
            ),
            (
                "persistence_granularity 255.255.x",
                &["persistence_granularity '255.255.x' is no netmask - ignoring"],
            ),
            (
                "delay_loop 0",
                &[
                    &format!("number '0' outside range {TIME}"),
                    "delay_loop '0' is invalid - ignoring",
                ],
            ),
            ("delay_loop 1.2345678", &["number '1.2345678' has too many decimal places"]),
            (
                "connect_timeout 5000",
                &[
                    "number '5000' outside range [0.000001, 4294.967295]",
                    "connect_timeout '5000' is invalid - ignoring",
                ],
            ),
            (
                "retry 0",
                &["number '0' outside range [1, 4294967295]", "retry '0' is invalid - ignoring"],
            ),
            (
                "quorum 0",
                &["number '0' outside range [1, 4294967295]", "quorum '0' is invalid - using 1"],
            ),
            ("hysteresis -1", &["negative number '-1'", "hysteresis '-1' is invalid - ignoring"]),
            (
                "weight 0",
                &["number '0' outside range [1, 2147483647]", "weight '0' is invalid - ignoring"],
            ),
            ("virtualhost", &["virtualhost needs a name"]),
            ("smtp_alert foo", &["smtp_alert 'foo' is invalid - ignoring"]),
            ("snmp_name", &["snmp_name takes one name - ignoring"]),
            ("snmp_name a b", &["snmp_name takes one name - ignoring"]),
            ("sorry_server x", &["sorry_server 'x' or its port is invalid - ignoring"]),
            (
                "sorry_server 10.0.0.3 x",
                &[
                    "invalid number 'x'",
                    "sorry_server '10.0.0.3' or its port is invalid - ignoring",
                ],
            ),
            (
                "sorry_server_inhibit",
                &["sorry_server_inhibit needs a sorry_server above - ignoring"],
            ),
            (
                "sorry_server_lvs_method NAT",
                &["sorry_server_lvs_method needs a sorry_server above - ignoring"],
            ),
            (
                "sorry_server 10.0.0.3 80 ⏎ sorry_server_lvs_method FOO",
                &["'FOO' is no lvs_method of a sorry server - ignoring"],
            ),
            (
                "real_server x 80 { ⏎ }",
                &["real server 'x' port '80' is invalid - skipping the block"],
            ),
            (
                "real_server 10.0.0.3 99999 { ⏎ }",
                &[
                    "number '99999' outside range [1, 65535]",
                    "real server '10.0.0.3' port '99999' is invalid - skipping the block",
                ],
            ),
            ("foo", &["Unknown keyword 'foo'"]),
        ],
    );
    fine(
        server,
        &[
            "virtualhost a b",
            "lvs_method NAT",
            "sorry_server 10.0.0.3 0",
            "sorry_server 10.0.0.3 80 ⏎ sorry_server 10.0.0.4 80",
            "protocol tcp",
            "lvs_sched sh ⏎ sh-port ⏎ hashed",
        ],
    );
}

#[test]
fn tunnel_options() {
    let gue = "a gue tunnel needs a port, the others have none - ignoring the tunnel";
    errors(
        server,
        &[
            (
                "lvs_method TUN type foo",
                &["'foo' is no tunnel type of a virtual server - ignoring the tunnel"],
            ),
            (
                "lvs_method TUN type",
                &["type needs a tunnel type of a virtual server - ignoring the tunnel"],
            ),
            ("lvs_method TUN type gue", &[gue]),
            ("lvs_method TUN port 4", &[gue]),
            (
                "lvs_method TUN type gue port",
                &["port needs a number in the tunnel of a virtual server - ignoring the tunnel"],
            ),
            (
                "lvs_method TUN type gue port 0",
                &[
                    "number '0' outside range [1, 65535]",
                    "port '0' in the tunnel of a virtual server is invalid - ignoring the tunnel",
                ],
            ),
            (
                "lvs_method TUN type ipip csum",
                &["an ipip tunnel has no checksum - ignoring the tunnel"],
            ),
            (
                "lvs_method TUN type gre remcsum",
                &["a gre tunnel has no remcsum - ignoring the tunnel"],
            ),
            (
                "lvs_method NAT bar",
                &["'bar' is no tunnel option of a virtual server - ignoring the tunnel"],
            ),
        ],
    );
    fine(server, &["lvs_method TUN csum port 5 type gue", "lvs_method TUN type gre csum"]);
}

#[test]
fn words_that_mean_nothing_are_told_to_the_log() {
    notes(&server("alpha no"), "alpha takes no value here and is on - ignoring 'no'");
    notes(&server("lvs_sched mh ⏎ sh-port"), "sh-port only applies to sh scheduler - ignoring");
    let cut = checker("TCP_CHECK", "connect_ip 10.0.0.7/24");
    notes(&cut, "'/24' of '10.0.0.7/24' has no meaning here");
    let twice = server("sorry_server 10.0.0.3 80\nsorry_server 10.0.0.4 80");
    notes(&twice, "sorry_server 10.0.0.3 is replaced by 10.0.0.4");
}

#[test]
fn group_entries() {
    let frame = |line: &str| format!("virtual_server_group G {{\n{line}\n10.9.9.9 80\n}}\n");
    errors(
        frame,
        &[
            (
                "10.0.0.1 99999",
                &[
                    "number '99999' outside range [1, 65535]",
                    "port '99999' of group entry 10.0.0.1 is invalid - ignoring the entry",
                ],
            ),
            (
                "10.0.0.5-3 80",
                &["range '10.0.0.5-3' must end after it begins - ignoring the entry"],
            ),
            ("fwmark x", &["invalid number 'x'", "(G) fwmark 'x' is invalid - ignoring"]),
            ("fwmark 5 foo", &["(G) 'foo' is no family of fwmark 5, use inet or inet6 - ignoring"]),
        ],
    );
    says(
        "virtual_server_group A {\n}",
        5,
        &["virtual server group A has no entry that counts - dropping it"],
    );
    says(
        "virtual_server_group G {\nfwmark 5\n::1 80\n10.0.0.1 80\n}",
        5,
        &["virtual server group G has IPv4 and IPv6, so its marks need a family - dropping it"],
    );
    says(
        "virtual_server_group {\n10.0.0.1\n}",
        2,
        &[
            "*** Configuration line starting 'virtual_server_group' is missing a parameter after keyword 'virtual_server_group' at word position 2",
        ],
    );
    let twice = "virtual_server_group A {\n10.0.0.1 80\n}\n".repeat(2);
    says(&twice, 5, &["virtual server group A is defined twice - the first one counts"]);
}

#[test]
fn real_server_lines() {
    errors(
        real,
        &[
            ("weight -1", &["negative number '-1'", "weight '-1' is invalid - ignoring"]),
            ("lvs_method FOO", &["'FOO' is no lvs_method of a real server - ignoring"]),
            ("uthreshold x", &["invalid number 'x'", "uthreshold 'x' is invalid - ignoring"]),
            ("lthreshold -1", &["negative number '-1'", "lthreshold '-1' is invalid - ignoring"]),
            ("inhibit_on_failure foo", &["inhibit_on_failure 'foo' is invalid - ignoring"]),
            ("alpha foo", &["alpha 'foo' is invalid - ignoring"]),
            (
                "retry 0",
                &["number '0' outside range [1, 4294967295]", "retry '0' is invalid - ignoring"],
            ),
            (
                "delay_loop 0",
                &[
                    &format!("number '0' outside range {TIME}"),
                    "delay_loop '0' is invalid - ignoring",
                ],
            ),
            (
                "connect_timeout 0",
                &[
                    "number '0' outside range [0.000001, 4294.967295]",
                    "connect_timeout '0' is invalid - ignoring",
                ],
            ),
            ("smtp_alert foo", &["smtp_alert 'foo' is invalid - ignoring"]),
            ("virtualhost", &["virtualhost needs a name"]),
            ("snmp_name a b", &["snmp_name takes one name - ignoring"]),
            ("FOO_CHECK { ⏎ retry 1 ⏎ }", &["Unknown keyword 'FOO_CHECK'"]),
        ],
    );
    fine(real, &["uthreshold 5 ⏎ lthreshold 9", "inhibit_on_failure"]);
}

#[test]
fn options_of_connections() {
    errors(
        |line| checker("TCP_CHECK", line),
        &[
            ("connect_ip x", &["connect_ip 'x' is invalid - ignoring"]),
            (
                "connect_ip ::1 ⏎ bindto 10.0.0.1",
                &["bindto 10.0.0.1 is not of the family of the address to check - ignoring"],
            ),
            ("bindto ::1", &["bindto ::1 is not of the family of the address to check - ignoring"]),
            (
                "bindto 10.0.0.1 ⏎ connect_ip ::1",
                &["connect_ip ::1 is not of the family of bindto - ignoring"],
            ),
            ("bindto x", &["bindto 'x' is invalid - ignoring"]),
            (
                "connect_port 0",
                &["number '0' outside range [1, 65535]", "connect_port '0' is invalid - ignoring"],
            ),
            ("bind_port x", &["invalid number 'x'", "bind_port 'x' is invalid - ignoring"]),
            (
                "bind_if abcdefghijklmnopqrst",
                &["bind_if 'abcdefghijklmnopqrst' is invalid - ignoring"],
            ),
            (
                "connect_ip fe80::1",
                &["fe80::1 is link-local, so the checker needs bind_if - dropping it"],
            ),
            (
                "connect_timeout 5000",
                &[
                    "number '5000' outside range [0.000001, 4294.967295]",
                    "connect_timeout '5000' is invalid - ignoring",
                ],
            ),
            ("fwmark x", &["invalid number 'x'", "fwmark 'x' is invalid - ignoring"]),
            ("retry 5x", &["invalid number '5x'", "retry '5x' is invalid - ignoring"]),
            ("delay_loop x", &["invalid number 'x'", "delay_loop 'x' is invalid - ignoring"]),
            ("alpha foo", &["alpha 'foo' is invalid - ignoring"]),
            ("log_all_failures foo", &["log_all_failures 'foo' is invalid - ignoring"]),
        ],
    );
    fine(
        |line| checker("TCP_CHECK", line),
        &["connect_ip fe80::1 ⏎ bind_if eth0", "connect_ip ::1", "bind_if nosuch", "retry 0"],
    );
}

#[test]
fn times_with_a_unit_are_refused() {
    errors(
        |line| checker("TCP_CHECK", line),
        &[
            (
                "connect_timeout 5s",
                &["invalid number '5s'", "connect_timeout '5s' is invalid - ignoring"],
            ),
            (
                "delay_before_retry 5s",
                &["invalid number '5s'", "delay_before_retry '5s' is invalid - ignoring"],
            ),
            ("warmup 5s", &["invalid number '5s'", "warmup '5s' is invalid - ignoring"]),
        ],
    );
    let loaded = test_of(&checker("TCP_CHECK", "connect_timeout 5s"));
    let vs = &loaded.model.lvs.virtual_servers[0];
    let connect = vs.real_servers[0].checkers[0].kind.connect().unwrap();
    assert_eq!(connect.timeout.duration().as_secs(), 5, "the default, not 5 microseconds");
}

#[test]
fn pages() {
    errors(
        |line| checker("HTTP_GET", &format!("url {{\npath /\n}}\n{line}")),
        &[
            ("nb_get_retry 3", &["'nb_get_retry' is deprecated - use retry"]),
            ("virtualhost", &["virtualhost needs a name"]),
            ("http_protocol 1.2", &["http_protocol '1.2' is invalid - ignoring"]),
            ("http_protocol", &["http_protocol needs a version"]),
            ("enable_sni foo", &["enable_sni 'foo' is invalid - ignoring"]),
            ("sni_name a ⏎ sni_name", &["sni_name has no name - ignoring"]),
            ("fast_recovery foo", &["fast_recovery 'foo' is invalid - ignoring"]),
            ("tls_compliant", &["Unknown keyword 'tls_compliant'"]),
            ("url { ⏎ }", &["url without path - ignoring it"]),
        ],
    );
    says(&checker("HTTP_GET", ""), 5, &["the checker has no url - dropping it"]);
    let digest = "d41d8cd98f00b204e9800998ecf8427e";
    errors(
        url,
        &[
            ("path /b", &["path is given twice - using /b"]),
            ("digest 123", &["digest '123' has 3 characters in place of 32 - ignoring"]),
            (
                "digest d41d8cd98f00b204e9800998ecf842zz",
                &[
                    "digest 'd41d8cd98f00b204e9800998ecf842zz' has no hexadecimal digit at offset 30 - ignoring",
                ],
            ),
            (
                &format!("digest {digest} ⏎ digest {digest}"),
                &[&format!("digest is given twice - ignoring '{digest}'")],
            ),
            ("status_code 99", &["status_code '99' is invalid - ignoring it"]),
            ("status_code 200 abc", &["status_code 'abc' is invalid - ignoring it"]),
            ("status_code 300-200", &["status_code '300-200' is invalid - ignoring it"]),
            ("virtualhost", &["virtualhost needs a name"]),
            ("regex a b", &["regex takes one pattern; quote it if it has blanks - ignoring"]),
            ("regex", &["regex takes one pattern; quote it if it has blanks - ignoring"]),
            ("regex a ⏎ regex b", &["regex is given twice - the last one counts"]),
            (
                "regex a ⏎ regex_min_offset x",
                &["invalid number 'x'", "regex_min_offset 'x' is invalid - ignoring"],
            ),
            ("regex a ⏎ regex_max_offset", &["regex_max_offset needs an offset"]),
            ("regex a ⏎ regex_stack 1", &["regex_stack needs two sizes"]),
            (
                "regex a ⏎ regex_stack 5 2",
                &["regex_stack start 5 is greater than max 2 - ignoring"],
            ),
        ],
    );
    notes(&url("regex_no_match"), "this url has no regex - ignoring");
    notes(&url("regex a ⏎ regex_options foo"), "unknown regex option foo - ignoring");
    notes(
        &url("regex a ⏎ regex_min_offset 10 ⏎ regex_max_offset 5"),
        "regex_min_offset is beyond regex_max_offset - ignoring both",
    );
    fine(
        |line| checker("SSL_GET", line),
        &["tls_compliant ⏎ url { ⏎ path / ⏎ tls_compliant no ⏎ }"],
    );
}

#[test]
fn other_checkers() {
    says(&checker("SMTP_CHECK", "helo_name"), 5, &["helo_name needs a name"]);
    errors(
        |line| checker("DNS_CHECK", line),
        &[
            ("type FOO", &["type 'FOO' is invalid - ignoring"]),
            ("name .a", &["name '.a' has an empty label - ignoring"]),
            ("name a..b", &["name 'a..b' has an empty label - ignoring"]),
            ("name a ⏎ name b", &["name is given twice - the first one counts"]),
        ],
    );
    fine(|line| checker("DNS_CHECK", line), &["name .", "name example.org.", "type aaaa"]);
    errors(
        |line| checker("UDP_CHECK", line),
        &[
            ("payload", &["payload needs hexadecimal digits"]),
            ("payload xy", &["payload is not hexadecimal - ignoring"]),
            ("require_reply zz", &["require_reply is not hexadecimal - any reply will do"]),
            (
                "min_reply_length 65536",
                &[
                    "number '65536' outside range [0, 65535]",
                    "min_reply_length '65536' is invalid - ignoring",
                ],
            ),
            (
                "min_reply_length 10 ⏎ max_reply_length 5",
                &["min_reply_length 10 is beyond max_reply_length 5: the check can never succeed"],
            ),
        ],
    );
    fine(
        |line| checker("UDP_CHECK", line),
        &["payload 0a 0 1", "require_reply 4x 0a", "require_reply"],
    );
    says(
        &checker("FILE_CHECK", "weight 5"),
        5,
        &["FILE_CHECK without track_file - dropping the checker"],
    );
    errors(
        |line| checker("FILE_CHECK", &format!("{line}\ntrack_file none")),
        &[
            (
                "weight 5 foo",
                &[
                    "weight 'foo' is neither reverse nor noreverse - ignoring",
                    "track_file none is not defined - dropping the checker",
                ],
            ),
            (
                "weight",
                &["weight needs a number", "track_file none is not defined - dropping the checker"],
            ),
        ],
    );
    says(
        &checker("BFD_CHECK", "name"),
        5,
        &["([10.0.0.2]:tcp:80) name takes one name - dropping the checker"],
    );
    says(
        &checker("BFD_CHECK", ""),
        5,
        &["([10.0.0.2]:tcp:80) BFD_CHECK without name - dropping the checker"],
    );
    says(
        &checker("BFD_CHECK", "name nosuch"),
        5,
        &["([10.0.0.2]:tcp:80) bfd_instance nosuch is not defined - dropping the checker"],
    );
    let twice = "BFD_CHECK {\nname b\n}\nBFD_CHECK {\nname b\n}\n";
    says(
        &real(twice),
        5,
        &[
            "([10.0.0.2]:tcp:80) another checker follows b - dropping this one",
            "([10.0.0.2]:tcp:80) bfd_instance b is not defined - dropping the checker",
        ],
    );
    errors(
        |line| checker("MISC_CHECK", line),
        &[("misc_timeout 1", &["MISC_CHECK without misc_path - dropping the checker"])],
    );
}

#[test]
fn credentials() {
    let frame = |line: &str| format!("SSL {{\n{line}\n}}\n");
    errors(
        frame,
        &[
            ("password", &["password needs a value"]),
            ("ca", &["ca needs a value"]),
            ("certificate", &["certificate needs a value"]),
            ("key", &["key needs a value"]),
            ("password a ⏎ password b", &["password is given twice - the last one counts"]),
            ("ca a ⏎ ca b", &["ca is given twice - the last one counts"]),
        ],
    );
    says("SSL {\nca a\n}\nSSL {\nca b\n}", 5, &["SSL is given twice - the last one counts"]);
}
