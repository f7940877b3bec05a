use super::*;
use crate::event::{Label, Numbers};
use std::sync::Arc;
use types::ScriptId;

const RS: &str = "[10.0.0.2]:tcp:80";
const VS: &str = "[10.0.0.1]:tcp:80";

fn label(kind: CheckName, retry: u32) -> Arc<CheckLabel> {
    Arc::new(CheckLabel { kind, rs: RS.into(), vs: VS.into(), retry })
}

fn said(kind: &CheckName, what: CheckEvent) -> String {
    Event::Check(label(kind.clone(), 3), what).text()
}

fn failed(reason: Reason, retries: Option<u32>) -> CheckEvent {
    CheckEvent::Failed { reason, retries }
}

fn io(kind: IoKind, code: i32) -> IoError {
    IoError { kind, code }
}

fn at() -> SocketAddr {
    "10.0.0.2:25".parse().unwrap()
}

#[test]
fn names_have_their_documented_forms() {
    let vs = |service, protocol| VirtualServer {
        service,
        protocol,
        ..crate::testing::virtual_server(&[])
    };
    let ip = crate::testing::ip;
    let tcp = Some(Protocol::Tcp);
    assert_eq!(virtual_server(&vs(Service::Addr(ip("10.0.0.1"), 80), tcp)), VS);
    assert_eq!(virtual_server(&vs(Service::Fwmark(5), None)), "FWM 5");
    assert_eq!(virtual_server(&vs(Service::Group("web".to_owned(), 0), tcp)), "[web]:0");
    assert_eq!(endpoint(ip("2001:db8::1"), Some(Protocol::Sctp), 1), "[2001:db8::1]:sctp:1");
    assert_eq!(endpoint(ip("10.0.0.1"), Some(Protocol::Udp), 53), "[10.0.0.1]:udp:53");
    assert_eq!(endpoint(ip("10.0.0.1"), None, 0), "[10.0.0.1]:none:0");
}

#[test]
fn checks_speak_as_operators_know_them() {
    use CheckName::{Dns, Http, Misc, Ping, Smtp, Ssl, Tcp, Udp};
    let refused = Reason::ConnectFailed(io(IoKind::Refused, 111));
    let unreachable = Reason::ConnectFailed(io(IoKind::NetUnreachable, 101));
    let script = |status| Reason::Script(Exit::Status(status));
    let misc = Misc("/bin/check 'a b'".into(), ScriptId(0));
    let retrying = |reason, failure| CheckEvent::Retrying { reason, failure };
    let passed = CheckEvent::Passed { exit: None };
    for (kind, what, want) in [
        (Tcp, passed.clone(), "TCP connection to {rs} success."),
        (Tcp, retrying(Reason::ConnectTimeout, 1), "TCP connection to {rs} timeout."),
        (Tcp, retrying(refused, 1), "TCP connection to {rs} failed."),
        (Tcp, failed(refused, Some(3)), "TCP_CHECK on service {rs} failed after 3 retries."),
        (Tcp, failed(refused, None), "TCP_CHECK on service {rs} failed."),
        (
            Tcp,
            CheckEvent::Skipped(io(IoKind::Local, 24)),
            "TCP connect fail to create socket. Rescheduling.",
        ),
        (Tcp, CheckEvent::Skipped(io(IoKind::Bind, 99)), "TCP socket bind failed. Rescheduling."),
        (Http, passed.clone(), "Remote Web server {rs} succeed on service."),
        (Http, failed(refused, Some(3)), "HTTP_CHECK on service {rs} failed after 3 retries."),
        (Ssl, failed(refused, None), "SSL_CHECK on service {rs} failed."),
        (Http, retrying(Reason::Status(500), 1), "HTTP status code error to server {rs}."),
        (Http, retrying(Reason::Digest, 1), "MD5 digest error to server {rs}."),
        (Http, retrying(Reason::Regex, 1), "Regex match failed server {rs}."),
        (Http, retrying(Reason::EarlyClose, 1), "Read, no data received from  server {rs}."),
        (Http, retrying(refused, 1), "Connection failed server {rs}."),
        (Http, retrying(Reason::ConnectTimeout, 1), "Timeout connecting server {rs}."),
        (Http, retrying(Reason::NoAnswer, 1), "Timeout WEB read server {rs}."),
        (Http, retrying(Reason::ReadTimeout, 1), "Timeout HTTP read server {rs}."),
        (Ssl, retrying(Reason::ReadTimeout, 1), "Timeout SSL read server {rs}."),
        (Http, retrying(unreachable, 1), "HTTP/SSL_CHECK - network unreachable server {rs}."),
        (
            Ssl,
            retrying(Reason::ConnectFailed(io(IoKind::Tls, 40)), 1),
            "SSL handshake/communication error connecting to server {rs}.",
        ),
        (
            Http,
            CheckEvent::UrlPassed { test: HttpTest::Digest, path: "/x".into() },
            "MD5 digest success to {rs} url(/x)",
        ),
        (
            Http,
            CheckEvent::Length { announced: 5, received: 6, path: "/x".into(), host: "h".into() },
            "http_check for RS {rs} VS {vs} url h/x: content_length (5) does not match received bytes (6)",
        ),
        (Smtp(at()), passed.clone(), "Remote SMTP server {rs} succeed on service."),
        (
            Smtp(at()),
            failed(Reason::BadGreeting, Some(3)),
            "SMTP_CHECK Bad greeting banner from server [10.0.0.2]:25",
        ),
        (
            Smtp(at()),
            retrying(Reason::BadHelo, 1),
            "SMTP_CHECK Bad HELO response from server [10.0.0.2]:25",
        ),
        (
            Smtp(at()),
            failed(unreachable, None),
            "SMTP_CHECK Network unreachable for server 10.0.0.2 - real server [10.0.0.2]:25",
        ),
        (
            Dns(at()),
            failed(Reason::Rcode(2), Some(3)),
            "DNS_CHECK ({rs}) read error occurred. (rcode = 2) after 3 retries",
        ),
        (
            Dns(at()),
            retrying(Reason::ReadFailed(io(IoKind::Refused, 111)), 1),
            "DNS_CHECK ({rs}) failed to read socket; errno 111 (Connection refused)",
        ),
        (Dns(at()), failed(Reason::ReadTimeout, None), "DNS_CHECK ({rs}) read timeout from socket"),
        (Udp, passed.clone(), "UDP connection to {rs} success."),
        (
            Udp,
            failed(Reason::Unreachable, Some(3)),
            "UDP_CHECK on service {rs} failed after 3 retries.",
        ),
        (Udp, retrying(Reason::Mismatch, 1), "UDP check to {rs} reply data mismatch."),
        (Udp, retrying(Reason::Unreachable, 1), "UDP connection to {rs} failed."),
        (Ping, passed.clone(), "ICMP connection to {rs} success."),
        (
            Ping,
            failed(Reason::ReadTimeout, Some(3)),
            "ICMP CHECK on service {rs} of {vs} failed after 3 retries.",
        ),
        (Ping, failed(Reason::ReadTimeout, None), "ICMP CHECK on service {rs} failed."),
        (Ping, retrying(Reason::ReadTimeout, 1), "ICMP connection to address {rs} timeout."),
        (Ping, retrying(refused, 1), "ICMP connection to {rs} of {vs} failed."),
        (
            misc.clone(),
            CheckEvent::Passed { exit: Some(0) },
            "Misc check for [{rs} VS {vs}] by [/bin/check 'a b'] succeeded.",
        ),
        (
            misc.clone(),
            CheckEvent::Passed { exit: Some(7) },
            "Misc check for [{rs} VS {vs}] by [/bin/check 'a b'] succeeded (exited with status 7).",
        ),
        (
            misc.clone(),
            retrying(script(1), 1),
            "Misc check for [{rs} VS {vs}] by [/bin/check 'a b'] failed, will do 3 retries (exited with status 1).",
        ),
        (
            misc.clone(),
            retrying(Reason::Script(Exit::Signal(9)), 3),
            "Misc check for [{rs} VS {vs}] by [/bin/check 'a b'] failed on retry 2/3 (due to signal 9).",
        ),
        (
            misc.clone(),
            failed(Reason::Script(Exit::TimedOut), Some(3)),
            "Misc check for [{rs} VS {vs}] by [/bin/check 'a b'] timed out after 3 retries.",
        ),
        (CheckName::Bfd("b".into()), CheckEvent::Session(true), "BFD check of [b] RS({rs}) is UP"),
        (
            CheckName::File("f".into()),
            CheckEvent::Fault(true),
            "({rs}): tracked file f now FAULT state",
        ),
    ] {
        let want = want.replace("{rs}", RS).replace("{vs}", VS);
        assert_eq!(said(&kind, what), want);
    }
}

#[test]
fn pools_speak_as_operators_know_them() {
    let (rs, vs): (Label, Label) = (RS.into(), VS.into());
    let server = |change| Event::Server { change, rs: rs.clone(), vs: vs.clone() };
    let numbers = Numbers { quorum: 3, hysteresis: 1, live: 2 };
    let quorum = |change| Event::Quorum { change, numbers, vs: vs.clone() };
    let sorry = |added, inhibit| Event::Sorry { added, inhibit, ss: rs.clone(), vs: vs.clone() };
    let checker = |change| Event::Checker { change, rs: rs.clone(), vs: vs.clone() };
    let entry = |added| Event::GroupEntry { added, entry: "FWM 5".into(), group: "web".into() };
    for (event, want) in [
        (
            checker(CheckerChange::Activating),
            "Activating healthchecker for service {rs} for VS {vs}",
        ),
        (
            checker(CheckerChange::Deactivating),
            "Deactivating healthchecker for service {rs} for VS {vs}",
        ),
        (
            checker(CheckerChange::Suspending),
            "Suspending healthchecker for service {rs} for VS {vs}",
        ),
        (server(ServerChange::Adding), "Adding service {rs} to VS {vs}"),
        (server(ServerChange::Removing), "Removing service {rs} from VS {vs}"),
        (server(ServerChange::Enabling), "Enabling service {rs} of VS {vs}"),
        (server(ServerChange::Disabling), "Disabling service {rs} of VS {vs}"),
        (server(ServerChange::RemovingInhibited), "Removing (inhibited) service {rs} from VS {vs}"),
        (server(ServerChange::ShuttingDown), "Shutting down service {rs} from VS {vs}"),
        (
            server(ServerChange::ShuttingDownInhibited),
            "Shutting down (inhibited) service {rs} from VS {vs}",
        ),
        (server(ServerChange::NoLongerExists), "service {rs} no longer exist"),
        (quorum(QuorumChange::Gained), "Gained quorum 3+1=4 <= 2 for VS {vs}"),
        (quorum(QuorumChange::Lost), "Lost quorum 3-1=2 > 2 for VS {vs}"),
        (quorum(QuorumChange::StartedDown), "Starting with quorum down 3+1=4 > 2 for VS {vs}"),
        (sorry(true, false), "Adding sorry server {rs} to VS {vs}"),
        (sorry(true, true), "Enabling sorry server {rs} to VS {vs}"),
        (sorry(false, false), "Removing sorry server {rs} from VS {vs}"),
        (sorry(false, true), "Disabling sorry server {rs} from VS {vs}"),
        (
            Event::Pool { added: true, vs: vs.clone() },
            "Adding alive servers to the pool for VS {vs}",
        ),
        (
            Event::Pool { added: false, vs: vs.clone() },
            "Removing alive servers from the pool for VS {vs}",
        ),
        (
            Event::Weight { rs: rs.clone(), vs: vs.clone(), from: 1, to: 2, active: false },
            "Changing weight from 1 to 2 for inactive service {rs} of VS {vs}",
        ),
        (Event::Removed { group: None, vs: vs.clone() }, "Removing Virtual Server {vs}"),
        (
            Event::Removed { group: Some("web".into()), vs: vs.clone() },
            "Removing Virtual Server Group [web]",
        ),
        (entry(true), "VS [FWM 5] added into group web"),
        (entry(false), "VS [FWM 5] in group web no longer exists"),
    ] {
        assert_eq!(event.text(), want.replace("{rs}", RS).replace("{vs}", VS));
    }
}

#[test]
fn fifo_lines_end_where_they_end() {
    let (rs, vs): (Label, Label) = (RS.into(), VS.into());
    let pool = |up, quiet| Notify::Pool { vs: vs.clone(), up, script: None, quiet, removed: false };
    let server = |up| Notify::Server {
        rs: rs.clone(),
        vs: vs.clone(),
        up,
        script: None,
        quiet: false,
        removed: false,
    };
    assert_eq!(pool(true, false).fifo_line(), Some(format!("VS {VS} UP")));
    assert_eq!(pool(false, false).fifo_line(), Some(format!("VS {VS} DOWN")));
    assert_eq!(server(true).fifo_line(), Some(format!("RS {RS} {VS} UP")));
    assert_eq!(server(false).fifo_line(), Some(format!("RS {RS} {VS} DOWN")));
    assert_eq!(pool(false, true).fifo_line(), None);
}

#[test]
fn ipvs_errors_name_command_cause_and_object() {
    let ip = crate::testing::ip;
    let v4 = ServiceTo::Addr(6, ip("10.0.0.1"), 80);
    let web = ServiceKey { family: Family::V4, to: v4 };
    let mark = ServiceKey { family: Family::V6, to: ServiceTo::Mark(5) };
    let dest = DestKey { addr: ip("10.1.0.1"), port: 8080 };
    for (op, code, want) in [
        (
            IpvsOp::DelService(web),
            3,
            "IPVS cmd IP_VS_SO_SET_DEL(1156) error: No such service(3) (10.0.0.1:tcp:80)",
        ),
        (
            IpvsOp::DelDest(web, dest),
            2,
            "IPVS cmd IP_VS_SO_SET_DELDEST(1160) error: No such destination(2) \
             (10.0.0.1:tcp:80 -> 10.1.0.1:8080)",
        ),
        (
            IpvsOp::DelService(mark),
            1,
            "IPVS cmd IP_VS_SO_SET_DEL(1156) error: Operation not permitted(1) (Fwm 5 inet6)",
        ),
        (IpvsOp::Flush, 12, "IPVS cmd IP_VS_SO_SET_FLUSH(1157) error: Cannot allocate memory(12)"),
    ] {
        assert_eq!(ipvs_error(&op, code), want);
    }
}
