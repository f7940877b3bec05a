//! The wording of events, as operators grep for it.

mod outcome;

use crate::event::{
    CheckEvent, CheckLabel, CheckName, CheckerChange, Event, Notify, QuorumChange, ServerChange,
};
use crate::ipvs::{DestKey, IpvsOp, ServiceKey, ServiceTo};
use crate::probe::{Exit, HttpTest, IoError, IoKind, Reason};
use core::net::{IpAddr, SocketAddr};
use model::lvs::{Protocol, Service, VirtualServer};
use std::io::ErrorKind;
use types::Family;

pub use outcome::outcome;

/// `[ADDR]:PROTO:PORT`.
pub fn endpoint(addr: IpAddr, protocol: Option<Protocol>, port: u16) -> String {
    let protocol = match protocol {
        Some(Protocol::Tcp) => "tcp",
        Some(Protocol::Udp) => "udp",
        Some(Protocol::Sctp) => "sctp",
        None => "none",
    };
    format!("[{addr}]:{protocol}:{port}")
}

/// The name of a virtual server.
pub fn virtual_server(vs: &VirtualServer) -> String {
    match &vs.service {
        Service::Addr(addr, port) => endpoint(*addr, vs.protocol, *port),
        Service::Fwmark(mark) => format!("FWM {mark}"),
        Service::Group(name, seq) => format!("[{name}]:{seq}"),
    }
}

/// The C library's text of an error number.
fn errno_text(e: IoError) -> String {
    let text = std::io::Error::from_raw_os_error(e.code).to_string();
    match text.rfind(" (os error") {
        Some(at) => text.get(..at).unwrap_or_default().to_owned(),
        None => text,
    }
}

fn retries(n: Option<u32>) -> String {
    n.map(|n| format!(" after {n} retries")).unwrap_or_default()
}

impl Notify {
    /// The line for FIFOs, without its line end; `None` when only traps are
    /// due.
    pub fn fifo_line(&self) -> Option<String> {
        let state = |up: bool| if up { "UP" } else { "DOWN" };
        match self {
            Notify::Server { quiet: true, .. } | Notify::Pool { quiet: true, .. } => None,
            Notify::Server { rs, vs, up, .. } => Some(format!("RS {rs} {vs} {}", state(*up))),
            Notify::Pool { vs, up, .. } => Some(format!("VS {vs} {}", state(*up))),
        }
    }
}

impl Event {
    /// The log line.
    pub fn text(&self) -> String {
        match self {
            Event::Checker { change, rs, vs } => {
                let word = match change {
                    CheckerChange::Activating => "Activating",
                    CheckerChange::Deactivating => "Deactivating",
                    CheckerChange::Suspending => "Suspending",
                };
                format!("{word} healthchecker for service {rs} for VS {vs}")
            }
            Event::Check(label, what) => check(label, what),
            Event::Server { change, rs, vs } => server(*change, rs, vs),
            Event::Weight { rs, vs, from, to, active } => {
                let state = if *active { "active" } else { "inactive" };
                format!("Changing weight from {from} to {to} for {state} service {rs} of VS {vs}")
            }
            Event::Quorum { change, numbers, vs } => {
                let (q, h, live) = (numbers.quorum, numbers.hysteresis, numbers.live);
                let (gain, loss) = (numbers.gained_at(), numbers.lost_below());
                match change {
                    QuorumChange::Gained => {
                        format!("Gained quorum {q}+{h}={gain} <= {live} for VS {vs}")
                    }
                    QuorumChange::Lost => {
                        format!("Lost quorum {q}-{h}={loss} > {live} for VS {vs}")
                    }
                    QuorumChange::StartedDown => {
                        format!("Starting with quorum down {q}+{h}={gain} > {live} for VS {vs}")
                    }
                }
            }
            Event::Sorry { added, inhibit, ss, vs } => match (added, inhibit) {
                (true, false) => format!("Adding sorry server {ss} to VS {vs}"),
                (true, true) => format!("Enabling sorry server {ss} to VS {vs}"),
                (false, false) => format!("Removing sorry server {ss} from VS {vs}"),
                (false, true) => format!("Disabling sorry server {ss} from VS {vs}"),
            },
            Event::Pool { added: true, vs } => {
                format!("Adding alive servers to the pool for VS {vs}")
            }
            Event::Pool { added: false, vs } => {
                format!("Removing alive servers from the pool for VS {vs}")
            }
            Event::Removed { group: Some(name), .. } => {
                format!("Removing Virtual Server Group [{name}]")
            }
            Event::Removed { group: None, vs } => format!("Removing Virtual Server {vs}"),
            Event::GroupEntry { added: true, entry, group } => {
                format!("VS [{entry}] added into group {group}")
            }
            Event::GroupEntry { added: false, entry, group } => {
                format!("VS [{entry}] in group {group} no longer exists")
            }
        }
    }
}

fn server(change: ServerChange, rs: &str, vs: &str) -> String {
    match change {
        ServerChange::Adding => format!("Adding service {rs} to VS {vs}"),
        ServerChange::Enabling => format!("Enabling service {rs} of VS {vs}"),
        ServerChange::Removing => format!("Removing service {rs} from VS {vs}"),
        ServerChange::Disabling => format!("Disabling service {rs} of VS {vs}"),
        ServerChange::RemovingInhibited => {
            format!("Removing (inhibited) service {rs} from VS {vs}")
        }
        ServerChange::ShuttingDown => format!("Shutting down service {rs} from VS {vs}"),
        ServerChange::ShuttingDownInhibited => {
            format!("Shutting down (inhibited) service {rs} from VS {vs}")
        }
        ServerChange::NoLongerExists => format!("service {rs} no longer exist"),
    }
}

fn check(label: &CheckLabel, what: &CheckEvent) -> String {
    let rs = &label.rs;
    match (what, &label.kind) {
        (CheckEvent::Passed { exit }, kind) => passed(label, kind, *exit),
        (CheckEvent::UrlPassed { test, path }, _) => {
            let test = match test {
                HttpTest::Status => "HTTP status code",
                HttpTest::Digest => "MD5 digest",
                HttpTest::Regex => "Regex match",
            };
            format!("{test} success to {rs} url({path})")
        }
        (CheckEvent::Retrying { reason, failure }, _) => attempt(label, *reason, *failure),
        (CheckEvent::Failed { reason, retries }, _) => failed(label, *reason, *retries),
        (CheckEvent::Skipped(e), kind) => skipped(label, kind, *e),
        (CheckEvent::Length { announced, received, path, host }, _) => format!(
            "http_check for RS {rs} VS {} url {host}{path}: \
             content_length ({announced}) does not match received bytes ({received})",
            label.vs
        ),
        (CheckEvent::Fault(fault), CheckName::File(name)) => {
            let word = if *fault { "now" } else { "leaving" };
            format!("({rs}): tracked file {name} {word} FAULT state")
        }
        (CheckEvent::Session(up), CheckName::Bfd(name)) => {
            let word = if *up { "UP" } else { "DOWN" };
            format!("BFD check of [{name}] RS({rs}) is {word}")
        }
        (CheckEvent::Fault(bad), _) | (CheckEvent::Session(bad), _) => format!("({rs}): {bad}"),
    }
}

fn passed(label: &CheckLabel, kind: &CheckName, exit: Option<u8>) -> String {
    let rs = &label.rs;
    match kind {
        CheckName::Tcp => format!("TCP connection to {rs} success."),
        CheckName::Udp => format!("UDP connection to {rs} success."),
        CheckName::Ping => format!("ICMP connection to {rs} success."),
        CheckName::Http | CheckName::Ssl => format!("Remote Web server {rs} succeed on service."),
        CheckName::Smtp(_) => format!("Remote SMTP server {rs} succeed on service."),
        CheckName::Misc(command, _) => {
            let exit = exit.filter(|n| *n != 0);
            let exit = exit.map(|n| format!(" (exited with status {n})")).unwrap_or_default();
            format!("Misc check for [{rs} VS {}] by [{command}] succeeded{exit}.", label.vs)
        }
        CheckName::Dns(_) => format!("DNS_CHECK ({rs}) success"),
        CheckName::File(name) | CheckName::Bfd(name) => format!("({rs}): {name} is up"),
    }
}

/// A failed attempt that will be retried.
fn attempt(label: &CheckLabel, reason: Reason, failure: u32) -> String {
    let (rs, vs) = (&label.rs, &label.vs);
    match (&label.kind, reason) {
        (CheckName::Tcp, Reason::ConnectTimeout | Reason::TotalTimeout) => {
            format!("TCP connection to {rs} timeout.")
        }
        (CheckName::Tcp, _) => format!("TCP connection to {rs} failed."),
        (CheckName::Udp, Reason::Mismatch) => {
            format!("UDP check to {rs} reply data mismatch.")
        }
        (CheckName::Udp, _) => format!("UDP connection to {rs} failed."),
        (CheckName::Ping, Reason::ReadTimeout | Reason::TotalTimeout) => {
            format!("ICMP connection to address {rs} timeout.")
        }
        (CheckName::Ping, _) => format!("ICMP connection to {rs} of {vs} failed."),
        (CheckName::Http | CheckName::Ssl, _) => {
            let why = http_reason(reason, label.kind == CheckName::Ssl);
            format!("{why} server {rs}.")
        }
        (CheckName::Smtp(to), _) => format!("SMTP_CHECK {}", smtp_reason(reason, *to)),
        (CheckName::Dns(to), _) => format!("DNS_CHECK ({rs}) {}", dns_reason(reason, *to)),
        (CheckName::Misc(command, _), _) => {
            let retry = label.retry;
            let said = match failure {
                1 => format!(", will do {retry} {}", retry_word(retry)),
                n => format!(" on retry {}/{retry}", n - 1),
            };
            misc(label, command, reason, &said)
        }
        (CheckName::File(name) | CheckName::Bfd(name), _) => format!("({rs}): {name} failed"),
    }
}

/// The deciding failure.
fn failed(label: &CheckLabel, reason: Reason, after: Option<u32>) -> String {
    let rs = &label.rs;
    let tail = retries(after);
    match &label.kind {
        CheckName::Tcp => format!("TCP_CHECK on service {rs} failed{tail}."),
        CheckName::Udp => format!("UDP_CHECK on service {rs} failed{tail}."),
        CheckName::Ping if after.is_some() => {
            format!("ICMP CHECK on service {rs} of {} failed{tail}.", label.vs)
        }
        CheckName::Ping => format!("ICMP CHECK on service {rs} failed."),
        CheckName::Http => format!("HTTP_CHECK on service {rs} failed{tail}."),
        CheckName::Ssl => format!("SSL_CHECK on service {rs} failed{tail}."),
        CheckName::Smtp(to) => format!("SMTP_CHECK {}", smtp_reason(reason, *to)),
        CheckName::Dns(to) => format!("DNS_CHECK ({rs}) {}{tail}", dns_reason(reason, *to)),
        CheckName::Misc(command, _) => {
            let said = match (label.retry, after) {
                (0, _) => " with retry disabled".to_owned(),
                (_, Some(n)) => format!(" after {n} {}", retry_word(n)),
                // The first run decides as if the retries had been made.
                (n, None) => format!(" after {n} {}", retry_word(n)),
            };
            misc(label, command, reason, &said)
        }
        CheckName::File(name) | CheckName::Bfd(name) => format!("({rs}): {name} failed"),
    }
}

fn retry_word(n: u32) -> &'static str {
    if n == 1 { "retry" } else { "retries" }
}

fn misc(label: &CheckLabel, command: &str, reason: Reason, said: &str) -> String {
    let (result, why) = match reason {
        Reason::Script(Exit::TimedOut) => ("timed out", String::new()),
        Reason::Script(Exit::Status(n)) => ("failed", format!(" (exited with status {n})")),
        Reason::Script(Exit::Signal(n)) => ("failed", format!(" (due to signal {n})")),
        Reason::Script(Exit::CannotRun) => ("failed", " (it cannot be run)".to_owned()),
        _ => ("failed", String::new()),
    };
    format!("Misc check for [{} VS {}] by [{command}] {result}{said}{why}.", label.rs, label.vs)
}

fn skipped(label: &CheckLabel, kind: &CheckName, e: IoError) -> String {
    let rs = &label.rs;
    match (kind, e.kind) {
        (CheckName::Tcp, IoKind::Bind) => "TCP socket bind failed. Rescheduling.".to_owned(),
        (CheckName::Tcp, _) => "TCP connect fail to create socket. Rescheduling.".to_owned(),
        (CheckName::Misc(command, _), _) => {
            format!(
                "Misc check for [{rs} VS {}] by [{command}] could not run. Rescheduling.",
                label.vs
            )
        }
        (_, IoKind::Bind) => {
            format!("Check of {rs}: socket bind failed: {}. Rescheduling.", errno_text(e))
        }
        _ => format!("Check of {rs}: fail to create socket: {}. Rescheduling.", errno_text(e)),
    }
}

/// What begins the line of a failed HTTP attempt.
fn http_reason(reason: Reason, tls: bool) -> &'static str {
    match reason {
        Reason::ConnectTimeout => "Timeout connecting",
        Reason::ConnectFailed(IoError { kind: IoKind::Tls, .. }) => {
            "SSL handshake/communication error connecting to"
        }
        Reason::ConnectFailed(IoError { kind: IoKind::NetUnreachable, .. }) => {
            "HTTP/SSL_CHECK - network unreachable"
        }
        Reason::ConnectFailed(_) => "Connection failed",
        Reason::NoAnswer => "Timeout WEB read",
        Reason::ReadTimeout if tls => "Timeout SSL read",
        Reason::ReadTimeout => "Timeout HTTP read",
        Reason::TotalTimeout => "Total timeout of",
        Reason::ReadFailed(_) if tls => "SSL read error from",
        Reason::ReadFailed(_) => "Read error with",
        Reason::WriteFailed(_) => "Cannot send get request to",
        // With two blanks before the next word, as ever.
        Reason::EarlyClose => "Read, no data received from ",
        Reason::HeadTooLong => "Response header too long from",
        Reason::Status(_) => "HTTP status code error to",
        Reason::Digest => "MD5 digest error to",
        Reason::Regex => "Regex match failed",
        Reason::RegexLimit => "Regex needs too many steps on the answer of",
        _ => "Connection failed",
    }
}

/// Why an SMTP check failed.
pub fn smtp_reason(reason: Reason, to: SocketAddr) -> String {
    let at = format!("[{}]:{}", to.ip(), to.port());
    match reason {
        Reason::BadGreeting => format!("Bad greeting banner from server {at}"),
        Reason::BadHelo => format!("Bad HELO response from server {at}"),
        Reason::ReadTimeout => format!("Read timeout from server {at}"),
        Reason::TotalTimeout => format!("Total timeout of server {at}"),
        Reason::EarlyClose | Reason::ReadFailed(_) => format!("Read failure from server {at}"),
        Reason::WriteFailed(_) => format!("Write failure to server {at}"),
        Reason::ConnectTimeout => format!("Connection timeout to server {at}"),
        Reason::ConnectFailed(IoError { kind: IoKind::NetUnreachable, .. }) => {
            format!("Network unreachable for server {} - real server {at}", to.ip())
        }
        _ => format!("Could not connect to server {at}"),
    }
}

fn dns_reason(reason: Reason, to: SocketAddr) -> String {
    match reason {
        Reason::Rcode(n) => format!("read error occurred. (rcode = {n})"),
        Reason::ReadTimeout => "read timeout from socket".to_owned(),
        Reason::TotalTimeout => "total timeout".to_owned(),
        Reason::ConnectFailed(IoError { kind: IoKind::NetUnreachable, .. }) => {
            format!("network unreachable for [{}]:{}", to.ip(), to.port())
        }
        Reason::ReadFailed(e) => {
            format!("failed to read socket; errno {} ({})", e.code, errno_text(e))
        }
        Reason::WriteFailed(e) | Reason::ConnectFailed(e) => {
            format!("failed to write socket; errno {} ({})", e.code, errno_text(e))
        }
        _ => "failed".to_owned(),
    }
}

/// A service as IPVS messages name it.
fn service_text(key: ServiceKey) -> String {
    match key.to {
        ServiceTo::Mark(mark) if key.family == Family::V6 => format!("Fwm {mark} inet6"),
        ServiceTo::Mark(mark) => format!("Fwm {mark}"),
        ServiceTo::Addr(protocol, addr, port) => {
            let protocol = match protocol {
                6 => "tcp".to_owned(),
                17 => "udp".to_owned(),
                132 => "sctp".to_owned(),
                n => n.to_string(),
            };
            format!("{addr}:{protocol}:{port}")
        }
    }
}

/// The line of an operation that the kernel refused with error number `code`.
pub fn ipvs_error(op: &IpvsOp, code: i32) -> String {
    // Named and numbered as the socket options that came before netlink
    // (linux/ip_vs.h, IP_VS_SO_SET_*).
    let (name, number, object) = match op {
        IpvsOp::AddService(key, _) => ("ADD", 1154, service_text(*key)),
        IpvsOp::EditService(key, _) => ("EDIT", 1155, service_text(*key)),
        IpvsOp::DelService(key) => ("DEL", 1156, service_text(*key)),
        IpvsOp::Flush => ("FLUSH", 1157, String::new()),
        IpvsOp::AddDest(key, dest, _) => ("ADDDEST", 1159, dest_text(*key, *dest)),
        IpvsOp::DelDest(key, dest) => ("DELDEST", 1160, dest_text(*key, *dest)),
        IpvsOp::EditDest(key, dest, _) => ("EDITDEST", 1161, dest_text(*key, *dest)),
    };
    let object = if object.is_empty() { object } else { format!(" ({object})") };
    let text = ipvs_cause(op, code);
    format!("IPVS cmd IP_VS_SO_SET_{name}({number}) error: {text}({code}){object}")
}

fn dest_text(service: ServiceKey, dest: DestKey) -> String {
    format!("{} -> {}:{}", service_text(service), dest.addr, dest.port)
}

/// What the kernel means by an error number here.
fn ipvs_cause(op: &IpvsOp, code: i32) -> String {
    let errno = IoError { kind: IoKind::Local, code };
    let kind = std::io::Error::from_raw_os_error(code).kind();
    match (op, kind) {
        (IpvsOp::AddService(..), ErrorKind::AlreadyExists) => "Service already exists".to_owned(),
        (IpvsOp::AddDest(..), ErrorKind::AlreadyExists) => "Destination already exists".to_owned(),
        (IpvsOp::AddService(..) | IpvsOp::EditService(..), ErrorKind::NotFound) => {
            "Scheduler or persistence engine not found".to_owned()
        }
        (IpvsOp::EditDest(..) | IpvsOp::DelDest(..), ErrorKind::NotFound) => {
            "No such destination".to_owned()
        }
        _ if errno_text(errno) == "No such process" => "No such service".to_owned(),
        _ => errno_text(errno),
    }
}

#[cfg(test)]
mod tests;
