//! Every keyword on record, in its block, gives the exit status on record.
//!
//! The tables are those of the specification, `keywords-*.tsv`, found in
//! `../shared/spec` beside the checkout or in `$KEYWORD_TABLES`; without them
//! the test says so and has nothing to do.
#![allow(clippy::disallowed_methods)] // the tables are files

mod common;

use std::path::PathBuf;

use common::{said, test_on};
use conf::testing::MapHost;

fn host() -> MapHost {
    common::host()
        .interface("eth1")
        .file("/usr/bin/true", "")
        .mode("/usr/bin/true", 0o755)
        .file("/tmp/other", "")
        .file("/etc/ssl/none", "")
        .file("/run/other", "")
}

fn table(name: &str) -> Option<String> {
    let dir = std::env::var_os("KEYWORD_TABLES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/spec"),
        PathBuf::from,
    );
    let text = std::fs::read_to_string(dir.join(name)).ok();
    if text.is_none() {
        println!("no {name} in {}: nothing to compare with", dir.display());
    }
    text
}

/// Runs all rows and tells of all that fail.
fn compare(rows: Vec<(String, String, Vec<u8>)>) {
    let mut failed = Vec::new();
    let count = rows.len();
    for (keyword, text, exits) in rows {
        let loaded = test_on(host(), &text);
        let exit = loaded.exit_status_for_test();
        if !exits.contains(&exit) {
            let said = said(&loaded).join("\n      ");
            failed.push(format!("{keyword}: exit {exit}, on record {exits:?}\n      {said}"));
        }
    }
    let list = failed.join("\n");
    assert!(failed.is_empty(), "{} of {count} differ:\n{list}", failed.len());
}

const SECURE: &str = "enable_script_security\nscript_user root";
const TRACKED: &str = "\
vrrp_script chk {\nscript /usr/bin/true\n}
vrrp_track_process tp {\nprocess httpd\n}
track_file tf {\nfile /tmp/x\n}
bfd_instance b1 {\nneighbor_ip 192.0.2.2\n}\n";

fn globals(more: &str) -> String {
    format!("global_defs {{\n{SECURE}\n{more}\n}}\n")
}

fn instance(name: &str, vrid: u8, vip: &str, more: &str) -> String {
    format!(
        "vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id {vrid}\n\
         virtual_ipaddress {{\n{vip}\n}}\n{more}\n}}\n"
    )
}

fn two_instances() -> String {
    instance("VI_1", 51, "192.0.2.100/24", "") + &instance("VI_2", 52, "192.0.2.101/24", "")
}

/// An instance with one keyword, and what the keyword needs beside it.
fn in_instance(keyword: &str, example: &str) -> String {
    let beside = match keyword {
        "vmac_xmit_base" => "use_vmac",
        "unicast_ttl"
        | "unicast_fault_no_peer"
        | "check_unicast_src"
        | "old_unicast_checksum"
        | "unicast_src_ip" => "unicast_peer {\n192.0.2.9\n}",
        "timer_expired_backup" | "thread_timer_expired" => "nopreempt",
        "owner_ignore_adverts" => "priority 255",
        "track_src_ip" => "mcast_src_ip 192.0.2.1",
        _ => "",
    };
    let vip = match keyword {
        "native_ipv6" => "fe80::1\n2001:db8::1/64",
        "virtual_ipaddress" => "192.0.2.99/24",
        _ => "192.0.2.100/24",
    };
    instance("VI_1", 51, vip, &format!("{beside}\n{example}"))
}

/// A configuration with `example` in its block.
fn vrrp_frame(block: &str, keyword: &str, example: &str) -> String {
    let unless = |own: &[&str], other: &str| {
        if own.contains(&keyword) { String::new() } else { other.to_owned() }
    };
    let body = match block {
        "root" if keyword == "vrrp_instance" => example.to_owned(),
        "root" if example.contains("VI_") => two_instances() + example,
        "root" => format!("{}{example}", instance("VI_9", 9, "192.0.2.109/24", "")),
        "global_defs" if example.contains("VI_1") => return globals(example) + &two_instances(),
        "global_defs" => return globals(example),
        "track_group" => two_instances() + &format!("track_group tg {{\n{example}\n}}\n"),
        "vrrp_sync_group" => {
            let group = unless(&["group"], "group {\nVI_1\nVI_2\n}");
            two_instances() + &format!("vrrp_sync_group G {{\n{group}\n{example}\n}}\n")
        }
        "garp_group" => {
            let time = unless(&["garp_interval", "gna_interval"], "garp_interval 0.01");
            format!("garp_group {{\n{time}\n{example}\n}}\n")
        }
        "vrrp_instance" => in_instance(keyword, example),
        "vrrp_instance/authentication" => {
            let other = if keyword == "auth_type" { "auth_pass x" } else { "auth_type PASS" };
            in_instance("", &format!("authentication {{\n{other}\n{example}\n}}"))
        }
        "vrrp_instance/auth_hmac" => {
            let key = unless(&["key"], "key 1 0123456789abcdef0123456789abcdef");
            let active = unless(&["active_key"], "active_key 1");
            in_instance("", &format!("auth_hmac {{\n{key}\n{example}\n{active}\n}}"))
        }
        "vrrp_script" => {
            let script = unless(&["script"], "script /usr/bin/true");
            let tracked = format!("vrrp_script own {{\n{script}\n{example}\n}}\n");
            tracked + &in_instance("", "track_script {\nown\n}")
        }
        "vrrp_track_process" => {
            let process = unless(&["process"], "process httpd");
            format!("vrrp_track_process own {{\n{process}\n{example}\n}}\n")
        }
        "track_file" | "vrrp_track_file" => {
            let file = unless(&["file"], "file /tmp/x");
            format!("{block} own {{\n{file}\n{example}\n}}\n")
        }
        "bfd_instance" => {
            let peer = unless(&["neighbor_ip", "neighbour_ip"], "neighbor_ip 192.0.2.3");
            format!("bfd_instance own {{\n{peer}\n{example}\n}}\n")
        }
        "virtual_ipaddress/ENTRY" => instance("VI_1", 51, example, ""),
        entry => {
            let name = entry.trim_end_matches("/ENTRY");
            let lines = format!("{name} {{\n{example}\n}}\n");
            if name.starts_with("static") {
                two_instances() + "track_group tg1 {\ngroup {\nVI_1\n}\n}\n" + &lines
            } else {
                in_instance("", &lines)
            }
        }
    };
    let defines = matches!(
        keyword,
        "bfd_instance" | "track_file" | "vrrp_track_file" | "vrrp_track_process" | "vrrp_script"
    );
    let needs_tracked = body.contains("track_") && !(block == "root" && defines);
    let tracked = if needs_tracked { TRACKED } else { "" };
    format!("{}{tracked}{body}", globals(""))
}

#[test]
fn global_vrrp_and_bfd_keywords() {
    let Some(text) = table("keywords-global-vrrp-bfd.tsv") else { return };
    let mut rows = Vec::new();
    for row in text.lines().skip(1) {
        let fields: Vec<&str> = row.split('\t').collect();
        let [block, keyword, _, example, _, exit, ..] = fields[..] else { continue };
        let Ok(exit) = exit.parse::<u8>() else { continue };
        let example = example.replace("\\n", "\n");
        let frame = vrrp_frame(block, keyword, &example);
        rows.push((format!("{block}: {example}"), frame, vec![exit]));
    }
    assert!(rows.len() > 380);
    compare(rows);
}

/// What a block that `example` opens must hold.
fn contents(example: &str) -> &'static str {
    match example.trim_end_matches('{').split_whitespace().next().unwrap_or("") {
        "virtual_server_group" => "10.1.1.1 80",
        "virtual_server" => {
            "lvs_sched rr\nlvs_method NAT\nprotocol TCP\nreal_server 10.0.0.2 80 {\n}"
        }
        "MISC_CHECK" => "misc_path /usr/bin/true",
        "FILE_CHECK" => "track_file tf",
        "BFD_CHECK" => "name b1",
        "HTTP_GET" | "SSL_GET" => "url {\npath /\n}",
        "url" => "path /",
        "track_file" | "vrrp_track_file" => "file /tmp/x",
        _ => "",
    }
}

fn virtual_server(keyword: &str, example: &str, real: &str) -> String {
    let scheduler = match keyword {
        "sh-port" | "sh-fallback" | "hashed" => "sh",
        "mh-port" | "mh-fallback" => "mh",
        _ => "rr",
    };
    let protocol = if keyword == "ops" { "UDP" } else { "TCP" };
    let beside = match keyword {
        "sorry_server_inhibit" | "sorry_server_lvs_method" => "sorry_server 10.0.0.250 80",
        _ => "",
    };
    format!(
        "virtual_server 10.0.0.1 80 {{\nlvs_sched {scheduler}\nlvs_method NAT\n\
         protocol {protocol}\n{beside}\n{example}\nreal_server 10.0.0.2 80 {{\n{real}\n}}\n}}\n"
    )
}

fn lvs_frame(block: &str, keyword: &str, example: &str) -> String {
    let example = if example.ends_with('{') {
        format!("{example}\n{}\n}}", contents(example))
    } else {
        example.to_owned()
    };
    let server = |real: &str| virtual_server("", "", real);
    let body = match block {
        "/" => example,
        "SSL" => format!("SSL {{\n{example}\n}}\n"),
        "global_defs" => return vrrp_frame(block, keyword, &example),
        "vrrp_instance" => in_instance(keyword, &example),
        "track_file" | "vrrp_track_file" | "vrrp_script" | "vrrp_sync_group" => {
            return vrrp_frame(block, keyword, &example);
        }
        "virtual_server_group" => format!("virtual_server_group web {{\n{example}\n}}\n"),
        "virtual_server" if keyword == "real_server" => {
            virtual_server("", &example.replace("10.0.0.2", "10.0.0.9"), "")
        }
        "virtual_server" => virtual_server(keyword, &example, ""),
        "virtual_server/real_server" => server(&example),
        inner => {
            let path = inner.trim_start_matches("virtual_server/real_server/");
            let (checker, inside) = path.split_once('/').unwrap_or((path, ""));
            let needed = |name: &str| {
                let own = contents(name);
                if own.split(' ').next() == Some(keyword) { "" } else { own }
            };
            let text = match inside {
                "" => format!("{}\n{example}", needed(checker)),
                other => format!("{other} {{\n{}\n{example}\n}}", needed(other)),
            };
            server(&format!("{checker} {{\n{text}\n}}"))
        }
    };
    let named = "track_file tf1 {\nfile /tmp/x\n}\nbfd_instance bfd1 {\nneighbor_ip 192.0.2.8\n}\n";
    format!("{}{TRACKED}{named}{body}", globals(""))
}

#[test]
fn virtual_server_keywords() {
    let Some(text) = table("keywords-lvs.tsv") else { return };
    let mut rows = Vec::new();
    for row in text.lines().filter(|r| !r.starts_with('#')) {
        let fields: Vec<&str> = row.split('\t').collect();
        let [block, keyword, syntax, example] = fields[..] else { continue };
        let exits = if syntax.contains("deprecated") { vec![0, 5] } else { vec![0] };
        rows.push((format!("{block}: {example}"), lvs_frame(block, keyword, example), exits));
    }
    assert!(rows.len() > 250);
    compare(rows);
}
