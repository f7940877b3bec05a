//! Every keyword of virtual servers lands in its field of the model.

mod common;

use common::{host, said, test_on};
use model::lvs::*;
use types::{Family, Micros};

fn model(text: &str) -> model::Config {
    let safe = "global_defs {\nenable_script_security\nscript_user root\n}\n";
    let host = host().file("/usr/bin/true", "").mode("/usr/bin/true", 0o755).file("/tmp/other", "");
    let loaded = test_on(host, &format!("{safe}{text}"));
    assert_eq!(loaded.exit_status_for_test(), 0, "{:#?}", said(&loaded));
    loaded.model
}

fn addr(text: &str) -> std::net::IpAddr {
    text.parse().unwrap()
}

/// The command of a script with its arguments.
fn command(config: &model::Config, id: Option<types::ScriptId>) -> String {
    let script = &config.scripts[id.unwrap().index()];
    format!("{} {}", script.path, script.args.join(" "))
}

#[test]
fn virtual_server() {
    let config = model(
        "virtual_server 10.0.0.1 443 {
            ip_family inet
            protocol SCTP
            lvs_sched mh
            mh-port
            mh-fallback
            flag-3
            lvs_method TUN type gue port 6080 remcsum
            persistence_engine sip
            persistence_timeout 600
            persistence_granularity 255.255.0.0
            delay_loop 7.5
            ha_suspend
            omega
            quorum 3
            hysteresis 2
            quorum_up \"/usr/bin/true up\"
            quorum_down \"/usr/bin/true down\"
            virtualhost www.example.com
            smtp_alert
            snmp_name vs1
            weight 4
            sorry_server 10.0.0.250 80
            sorry_server_inhibit
            sorry_server_lvs_method NAT
            real_server 10.1.0.1 443 {
            }
        }",
    );
    let vs = &config.lvs.virtual_servers[0];
    let gue = Forwarding::Tun(Tunnel::Gue { port: 6080, csum: TunnelCsum::RemCsum });
    assert_eq!(vs.service, Service::Addr(addr("10.0.0.1"), 443));
    assert_eq!((vs.family, vs.protocol), (Some(Family::V4), Some(Protocol::Sctp)));
    assert_eq!((vs.scheduler, vs.sched_flags, vs.ops), (Scheduler::Mh, 0b111, false));
    assert_eq!((vs.forwarding, vs.real_servers[0].forwarding), (gue, gue));
    assert_eq!(vs.persistence_engine.as_deref(), Some("sip"));
    assert_eq!((vs.persistence_timeout, vs.persistence_granularity), (600, 0xffff_0000));
    assert_eq!(vs.delay_loop, std::time::Duration::from_millis(7500));
    assert!(vs.ha_suspend && vs.omega && vs.smtp_alert);
    assert_eq!((vs.quorum, vs.hysteresis, vs.real_servers[0].weight), (3, 2, 4));
    assert_eq!(command(&config, vs.quorum_up), "/usr/bin/true up");
    assert_eq!(command(&config, vs.quorum_down), "/usr/bin/true down");
    assert_eq!(vs.virtualhost.as_deref(), Some("www.example.com"));
    assert_eq!(vs.snmp_name.as_deref(), Some("vs1"));
    let sorry = SorryServer {
        addr: addr("10.0.0.250"),
        port: 80,
        forwarding: Forwarding::Nat,
        inhibit: true,
        same_as: None,
    };
    assert_eq!(vs.sorry_server, Some(sorry));
    assert!(config.lvs.blocks && config.has_lvs());
}

#[test]
fn real_server() {
    let config = model(
        "virtual_server 10.0.0.1 80 {
            lb_algo rr
            lb_kind NAT
            protocol UDP
            ops
            real_server 10.1.0.1 80 {
                weight 100
                lvs_method DR
                uthreshold 1000
                lthreshold 900
                inhibit_on_failure
                notify_up \"/usr/bin/true up\"
                notify_down /usr/bin/true
                smtp_alert off
                virtualhost rs.example.com
                snmp_name rs1
            }
            real_server 10.1.0.2 80 {
            }
        }",
    );
    let [first, second] = &config.lvs.virtual_servers[0].real_servers[..] else { panic!() };
    assert!(config.lvs.virtual_servers[0].ops);
    assert_eq!((first.addr, first.port, first.weight), (addr("10.1.0.1"), 80, 100));
    assert_eq!(first.forwarding, Forwarding::Dr);
    assert_eq!((first.uthreshold(), first.lthreshold()), (1000, 900));
    assert!(first.inhibit_on_failure && !first.smtp_alert);
    assert_eq!(command(&config, first.notify_up()), "/usr/bin/true up");
    assert_eq!(command(&config, first.notify_down()), "/usr/bin/true ");
    assert_eq!((first.virtualhost(), first.snmp_name()), (Some("rs.example.com"), Some("rs1")));
    let plain = RealServer {
        addr: addr("10.1.0.2"),
        port: 80,
        weight: 1,
        forwarding: Forwarding::Nat,
        inhibit_on_failure: false,
        smtp_alert: true,
        checkers: vec![],
        rare: None,
    };
    assert_eq!(*second, plain);
}

#[test]
fn groups_and_credentials() {
    let config = model(
        "virtual_server_group web {
            10.0.0.1 80
            10.0.0.16-31 443
            10.1.0.0/24
            fwmark 7
            fwmark 8 inet
        }
        SSL {
            password secret
            ca /etc/ssl/ca.pem
            certificate /etc/ssl/cert.pem
            key /etc/ssl/key.pem
        }",
    );
    let range =
        |first, last, port| GroupEntry::Range { first: addr(first), last: addr(last), port };
    let entries = vec![
        range("10.0.0.1", "10.0.0.1", 80),
        range("10.0.0.16", "10.0.0.31", 443),
        range("10.1.0.0", "10.1.0.255", 0),
        GroupEntry::Fwmark { mark: 7, family: None },
        GroupEntry::Fwmark { mark: 8, family: Some(Family::V4) },
    ];
    assert_eq!(config.lvs.groups, [VirtualServerGroup { name: "web".into(), entries }]);
    let ssl = config.lvs.ssl.unwrap();
    assert_eq!(ssl.password.unwrap().expose(), b"secret");
    let file = |name: &str| Some(format!("/etc/ssl/{name}.pem"));
    assert_eq!((ssl.ca, ssl.certificate, ssl.key), (file("ca"), file("cert"), file("key")));
}

fn checkers(text: &str) -> Vec<Checker> {
    let mut config = model(&format!(
        "track_file tf {{\nfile /tmp/x\n}}\nbfd_instance b1 {{\nneighbor_ip 192.0.2.2\n}}\n\
         virtual_server 10.0.0.1 80 {{\nlvs_sched rr\nlvs_method NAT\nprotocol TCP\n\
         real_server 10.1.0.1 80 {{\n{text}\n}}\n}}\n"
    ));
    config.lvs.virtual_servers.remove(0).real_servers.remove(0).checkers
}

fn kind(text: &str) -> CheckKind {
    let mut all = checkers(text);
    assert_eq!(all.len(), 1);
    all.remove(0).kind
}

/// The connection of a checker that says nothing of it.
fn plain() -> Connect {
    Connect { timeout: Micros::from_secs(5), ..Connect::default() }
}

#[test]
fn connection_and_pacing() {
    let all = "connect_ip 10.9.0.1
        connect_port 8081
        bindto 10.9.0.2
        bind_port 4000
        bind_if eth0
        connect_timeout 2.5
        fwmark 9
        retry 6
        delay_before_retry 0.25
        warmup 3
        delay_loop 12
        alpha
        log_all_failures";
    let bind = Bind {
        ip: Some(addr("10.9.0.2")),
        port: 4000,
        interface: Some("eth0".into()),
        fwmark: 9,
        total: Micros::ZERO,
    };
    let connect = Connect {
        ip: Some(addr("10.9.0.1")),
        port: Some(8081),
        timeout: Micros(2_500_000),
        bind: Some(Box::new(bind)),
    };
    for (block, more) in [
        ("TCP_CHECK", ""),
        ("PING_CHECK", ""),
        ("HTTP_GET", "url {\npath /\n}"),
        ("SSL_GET", "url {\npath /\n}"),
        ("SMTP_CHECK", ""),
        ("DNS_CHECK", ""),
        ("UDP_CHECK", ""),
    ] {
        let checker = checkers(&format!("{block} {{\n{all}\n{more}\n}}")).remove(0);
        assert_eq!(checker.kind.connect(), Some(&connect), "{block}");
        assert!(checker.alpha && checker.log_all_failures, "{block}");
        assert_eq!((checker.retry, checker.delay_before_retry), (6, Micros(250_000)), "{block}");
        let times = (checker.warmup, checker.delay_loop);
        assert_eq!(times, (Micros::from_secs(3), Micros::from_secs(12)), "{block}");
    }
    assert_eq!(kind("TCP_CHECK {\n}"), CheckKind::Tcp(plain()));
    assert_eq!(kind("PING_CHECK {\n}"), CheckKind::Ping(Box::new(plain())));
}

#[test]
fn pages() {
    let url = "url {
            path /index.html
            digest D41D8CD98F00b204e9800998ecf8427e
            status_code 200 301-302
            status_code 404
            virtualhost v.example.com
            regex_options caseless
            regex \"a\\\\.b c\"
            regex_options dotall
            regex_no_match
            regex_min_offset 10
            regex_max_offset 500
            regex_stack 32768 65536
            tls_compliant off
        }
        url {
            path /second
        }";
    let text = format!(
        "SSL_GET {{
            virtualhost www.example.com
            http_protocol 1.0c
            sni_name sni.example.com
            fast_recovery
            tls_compliant
            {url}
        }}"
    );
    let regex = Regex {
        pattern: "a\\.b c".into(),
        options: vec!["caseless".into(), "dotall".into()],
        no_match: true,
        min_offset: 10,
        max_offset: Some(500),
        stack: Some((32768, 65536)),
    };
    let first = Url {
        path: "/index.html".into(),
        digest: Some(0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e_u128.to_be_bytes()),
        status: vec![(200, 200), (301, 302), (404, 404)],
        virtualhost: Some("v.example.com".into()),
        regex: Some(regex),
        tls_compliant: Some(false),
    };
    let check = HttpCheck {
        connect: plain(),
        tls: true,
        virtualhost: Some("www.example.com".into()),
        protocol: HttpProtocol::V1_0C,
        enable_sni: true,
        sni_name: Some("sni.example.com".into()),
        fast_recovery: true,
        tls_compliant: true,
        urls: vec![first, Url { path: "/second".into(), ..Url::default() }],
    };
    assert_eq!(kind(&text), CheckKind::Http(Box::new(check)));
    let CheckKind::Http(plain) = kind("HTTP_GET {\nhttp_protocol 1.1\nurl {\npath /\n}\n}") else {
        panic!()
    };
    assert_eq!((plain.tls, plain.protocol, plain.enable_sni), (false, HttpProtocol::V1_1, false));
}

#[test]
fn other_checkers() {
    let smtp =
        |helo: &str| CheckKind::Smtp(Box::new(SmtpCheck { connect: plain(), helo: helo.into() }));
    assert_eq!(kind("SMTP_CHECK {\nhelo_name lb.example.com\n}"), smtp("lb.example.com"));
    assert_eq!(kind("SMTP_CHECK {\n}"), smtp("smtpchecker.keepalived.org"));
    let dns = |qtype, name: &str| {
        CheckKind::Dns(Box::new(DnsCheck { connect: plain(), qtype, name: name.into() }))
    };
    assert_eq!(kind("DNS_CHECK {\n}"), dns(6, ""));
    assert_eq!(kind("DNS_CHECK {\ntype aaaa\nname example.org.\n}"), dns(28, "example.org"));
    assert_eq!(kind("DNS_CHECK {\ntype DNSKEY\nname .\n}"), dns(48, ""));
    let udp = UdpCheck {
        connect: plain(),
        payload: Some(vec![0x0a, 0x0b, 0x0c]),
        require_reply: true,
        reply: vec![(0x40, 0xf0), (0x0a, 0xff)],
        min_reply: 1,
        max_reply: 512,
    };
    let text = "UDP_CHECK {\npayload 0a0B 0c\nrequire_reply 4x 0a\nmin_reply_length 1\nmax_reply_length 512\n}";
    assert_eq!(kind(text), CheckKind::Udp(Box::new(udp)));
    let text = "MISC_CHECK {\nmisc_path \"/usr/bin/true a\"\nmisc_timeout 5\nmisc_dynamic\nuser root root\n}";
    let misc = MiscCheck {
        script: types::ScriptId(0),
        command: "/usr/bin/true a".into(),
        path: "/usr/bin/true".into(),
        timeout: Micros::from_secs(5),
        dynamic: true,
    };
    assert_eq!(kind(text), CheckKind::Misc(Box::new(misc)));
    let file = |weight, reverse| CheckKind::File { track: types::TrackId(0), weight, reverse };
    assert_eq!(kind("FILE_CHECK {\ntrack_file tf\n}"), file(1, false));
    assert_eq!(kind("FILE_CHECK {\nweight -5 reverse\ntrack_file tf\n}"), file(-5, true));
    let bfd = checkers("BFD_CHECK {\nalpha\nname b1\n}").remove(0);
    assert_eq!((bfd.alpha, bfd.kind), (true, CheckKind::Bfd { name: "b1".into() }));
}
