//! From the configuration of a checker to its immutable parts: endpoints,
//! requests, compiled patterns, pacing and names.

use crate::event::{CheckLabel, CheckName, Label};
use crate::health::{Manners, Pacing};
use crate::probe::pattern::{PatternError, Patterns};
use crate::probe::{Endpoint, Plan, Tls, Transport, dns, http, misc, ping, smtp, tcp, udp};
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use model::lvs::{
    CheckKind, Checker, Connect, DnsCheck, HttpCheck, RealServer, SmtpCheck, UdpCheck, Url,
    VirtualServer,
};
use std::sync::Arc;

/// Bytes of a UDP check's default payload.
const PAYLOAD: usize = 32;
/// `max_reply_length` when not given; it binds only a reply with a pattern.
const MAX_REPLY: u16 = 255;

/// What cannot be done as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The pattern of a url; the url is checked without it.
    Pattern {
        /// Which checker.
        checker: String,
        /// What is wrong.
        error: PatternError,
    },
    /// The name of a DNS check; the root is asked for in its place.
    Name {
        /// Which checker.
        checker: String,
        /// As configured.
        name: String,
        /// What is wrong.
        error: dns::NameError,
    },
    /// The group of a virtual server; it is left out.
    Group(crate::group::GroupError),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Pattern { checker, error } => {
                write!(f, "{checker}: {error} - checking without it")
            }
            Problem::Name { checker, name, error } => write!(
                f,
                "{checker}: DNS_CHECK name {name} cannot be asked for ({error:?}) - \
                 asking for the root"
            ),
            Problem::Group(error) => write!(f, "{error} - virtual server left out"),
        }
    }
}

impl std::error::Error for Problem {}

/// What making plans needs and leaves.
#[derive(Debug, Default)]
pub(crate) struct Shop {
    patterns: Patterns,
    pub problems: Vec<Problem>,
}

/// A checker's surroundings.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub vs: &'a VirtualServer,
    pub rs: &'a RealServer,
    pub checker: &'a Checker,
}

impl Site<'_> {
    fn socket(&self, connect: &Connect) -> SocketAddr {
        let ip = connect.ip.unwrap_or(self.rs.addr);
        SocketAddr::new(ip, connect.port.unwrap_or(self.rs.port))
    }

    fn endpoint(&self, transport: Transport, connect: &Connect, tls: Option<Tls>) -> Arc<Endpoint> {
        Arc::new(Endpoint { transport, to: self.socket(connect), bind: connect.bind.clone(), tls })
    }

    fn name(&self) -> String {
        let rs = crate::text::endpoint(self.rs.addr, self.vs.protocol, self.rs.port);
        format!("Checker of {rs} in VS {}", crate::text::virtual_server(self.vs))
    }

    /// What its attempts need; `None` for checkers that are told their
    /// verdicts.
    pub fn plan(&self, shop: &mut Shop) -> Option<Plan> {
        let total = self.checker.total_timeout();
        Some(match &self.checker.kind {
            CheckKind::Tcp(c) => Plan::Tcp(Arc::new(tcp::Plan {
                endpoint: self.endpoint(Transport::Tcp, c, None),
                timeout: c.timeout.duration(),
                total,
            })),
            CheckKind::Ping(c) => Plan::Ping(Arc::new(ping::Plan {
                endpoint: self.endpoint(Transport::Icmp, c, None),
                timeout: c.timeout.duration(),
                total,
            })),
            CheckKind::Http(check) => self.http(check, shop),
            CheckKind::Smtp(check) => self.smtp(check),
            CheckKind::Dns(check) => self.dns(check, shop),
            CheckKind::Udp(check) => self.udp(check),
            CheckKind::Misc(check) => Plan::Misc(misc::Plan {
                script: check.script,
                timeout: match check.timeout.duration() {
                    Duration::ZERO => self.vs.delay_loop,
                    limit => limit,
                },
                dynamic: check.dynamic,
            }),
            CheckKind::File { .. } | CheckKind::Bfd { .. } => return None,
        })
    }

    fn smtp(&self, check: &SmtpCheck) -> Plan {
        Plan::Smtp(Arc::new(smtp::Plan {
            endpoint: self.endpoint(Transport::Tcp, &check.connect, None),
            timeout: check.connect.timeout.duration(),
            total: self.checker.total_timeout(),
            helo: format!("HELO {}\r\n", check.helo).into_bytes().into(),
        }))
    }

    fn dns(&self, check: &DnsCheck, shop: &mut Shop) -> Plan {
        let query = dns::query(&check.name, check.qtype).or_else(|error| {
            let (checker, name) = (self.name(), check.name.clone());
            shop.problems.push(Problem::Name { checker, name, error });
            dns::query("", check.qtype)
        });
        Plan::Dns(Arc::new(dns::Plan {
            endpoint: self.endpoint(Transport::Udp { errors: false }, &check.connect, None),
            timeout: check.connect.timeout.duration(),
            total: self.checker.total_timeout(),
            query: query.unwrap_or_default(),
        }))
    }

    fn udp(&self, check: &UdpCheck) -> Plan {
        let limited = !check.reply.is_empty() || check.max_reply != MAX_REPLY;
        Plan::Udp(Arc::new(udp::Plan {
            endpoint: self.endpoint(Transport::Udp { errors: true }, &check.connect, None),
            timeout: check.connect.timeout.duration(),
            total: self.checker.total_timeout(),
            payload: match &check.payload {
                Some(bytes) => bytes.as_slice().into(),
                None => udp::default_payload(PAYLOAD).into(),
            },
            reply: check.require_reply.then(|| udp::Reply {
                pattern: check.reply.as_slice().into(),
                min: usize::from(check.min_reply),
                max: limited.then_some(usize::from(check.max_reply)),
            }),
        }))
    }

    fn http(&self, check: &HttpCheck, shop: &mut Shop) -> Plan {
        Plan::Http(check.urls.iter().map(|url| self.page(check, url, shop)).collect())
    }

    fn page(&self, check: &HttpCheck, url: &Url, shop: &mut Shop) -> http::Page {
        let near = url.virtualhost.as_deref().or(check.virtualhost.as_deref());
        let far = self.vs.virtualhost.as_deref();
        let host = near.or(self.rs.virtualhost()).or(far);
        let sni = || check.sni_name.as_deref().or(near).or(far).map(Into::into);
        let tls = check.tls.then(|| Tls {
            sni: if check.enable_sni || check.sni_name.is_some() { sni() } else { None },
            close_notify: url.tls_compliant.unwrap_or(check.tls_compliant),
        });
        let endpoint = self.endpoint(Transport::Tcp, &check.connect, tls);
        let own = endpoint.to.to_string();
        let pattern = url.regex.as_ref().and_then(|regex| match shop.patterns.get(regex) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                shop.problems.push(Problem::Pattern { checker: self.name(), error });
                None
            }
        });
        let status = match url.status.as_slice() {
            [] => &[(200, 299)],
            given => given,
        };
        http::Page {
            request: http::request(check.protocol, &url.path, host.unwrap_or(&own)).into(),
            endpoint,
            path: url.path.as_str().into(),
            host: host.unwrap_or_default().into(),
            status: status.into(),
            digest: url.digest,
            pattern,
            timeout: check.connect.timeout.duration(),
            total: self.checker.total_timeout(),
        }
    }

    /// How its attempts are paced.
    pub fn pacing(&self, log_all: bool) -> Pacing {
        let c = self.checker;
        let manners = match &c.kind {
            CheckKind::Smtp(_) => Manners { always_retries: true, ..Manners::default() },
            CheckKind::Misc(_) => Manners { retry_from_start: true, ..Manners::default() },
            CheckKind::Http(h) => {
                Manners { http: true, fast_recovery: h.fast_recovery, ..Manners::default() }
            }
            _ => Manners::default(),
        };
        let steps = match &c.kind {
            CheckKind::Http(h) => h.urls.len().max(1),
            _ => 1,
        };
        Pacing {
            retry: c.retry,
            delay_before_retry: c.delay_before_retry.duration(),
            delay_loop: c.delay_loop.duration(),
            warmup: c.warmup.duration(),
            alpha: c.alpha,
            log_all: log_all || c.log_all_failures,
            steps,
            manners,
        }
    }

    /// Its names.
    pub fn label(&self, rs: Label, vs: Label, file: impl FnOnce() -> String) -> Arc<CheckLabel> {
        let kind = match &self.checker.kind {
            CheckKind::Tcp(_) => CheckName::Tcp,
            CheckKind::Ping(_) => CheckName::Ping,
            CheckKind::Http(h) if h.tls => CheckName::Ssl,
            CheckKind::Http(_) => CheckName::Http,
            CheckKind::Smtp(c) => CheckName::Smtp(self.socket(&c.connect)),
            CheckKind::Dns(c) => CheckName::Dns(self.socket(&c.connect)),
            CheckKind::Udp(_) => CheckName::Udp,
            CheckKind::Misc(m) => CheckName::Misc(m.path.as_str().into(), m.script),
            CheckKind::File { .. } => CheckName::File(file().into()),
            CheckKind::Bfd { name } => CheckName::Bfd((**name).into()),
        };
        Arc::new(CheckLabel { kind, rs, vs, retry: self.checker.retry })
    }
}

/// Whether a reload may take `new` for `old`, both of one real server: they
/// ask the same thing of the same place.
pub fn same_check(old: &CheckKind, new: &CheckKind) -> bool {
    match (old, new) {
        (CheckKind::Tcp(a), CheckKind::Tcp(b)) => a == b,
        (CheckKind::Ping(a), CheckKind::Ping(b)) => a == b,
        (CheckKind::Udp(a), CheckKind::Udp(b)) => a.connect == b.connect,
        (CheckKind::Smtp(a), CheckKind::Smtp(b)) => a == b,
        (CheckKind::Dns(a), CheckKind::Dns(b)) => a == b,
        // The id is its place in one configuration; the command is what runs.
        (CheckKind::Misc(a), CheckKind::Misc(b)) => {
            a.command == b.command && a.dynamic == b.dynamic
        }
        (CheckKind::Bfd { name: a }, CheckKind::Bfd { name: b }) => a == b,
        (CheckKind::Http(a), CheckKind::Http(b)) => {
            let url = |u: &Url| Url { tls_compliant: None, ..u.clone() };
            a.connect == b.connect
                && a.tls == b.tls
                && a.virtualhost == b.virtualhost
                && a.sni_name == b.sni_name
                && a.urls.iter().map(url).eq(b.urls.iter().map(url))
        }
        // A file is read anew: its state is its value.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{checker, connect, ip, real_server, virtual_server};
    use model::lvs::{HttpProtocol, Regex};

    fn http_check() -> HttpCheck {
        let url = Url { path: "/".to_owned(), ..Url::default() };
        HttpCheck { connect: connect(), urls: vec![url], ..HttpCheck::default() }
    }

    fn page(vs: &VirtualServer, rs: &RealServer, check: HttpCheck) -> (http::Page, Vec<Problem>) {
        let checker = checker(CheckKind::Http(Box::new(check)));
        let mut shop = Shop::default();
        let site = Site { vs, rs, checker: &checker };
        let Some(Plan::Http(pages)) = site.plan(&mut shop) else { panic!() };
        (pages[0].clone(), shop.problems)
    }

    #[test]
    fn the_nearest_virtualhost_is_the_host_header() {
        let mut vs = virtual_server(&[1]);
        let mut rs = real_server(1, 1);
        let mut check = http_check();
        let request = |vs: &VirtualServer, rs: &RealServer, check: &HttpCheck| {
            String::from_utf8(page(vs, rs, check.clone()).0.request.to_vec()).unwrap()
        };
        assert_eq!(
            request(&vs, &rs, &check),
            "GET / HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: 10.1.0.1:80\r\n\r\n"
        );
        check.connect.ip = Some(ip("2001:db8::1"));
        assert!(request(&vs, &rs, &check).ends_with("\r\nHost: [2001:db8::1]:80\r\n\r\n"));
        vs.virtualhost = Some("vs".to_owned());
        assert!(request(&vs, &rs, &check).ends_with("\r\nHost: vs\r\n\r\n"));
        let rare =
            model::lvs::RareReal { virtualhost: Some("rs".to_owned()), ..Default::default() };
        rs.rare = Some(Box::new(rare));
        assert!(request(&vs, &rs, &check).ends_with("\r\nHost: rs\r\n\r\n"));
        check.virtualhost = Some("check".to_owned());
        assert!(request(&vs, &rs, &check).ends_with("\r\nHost: check\r\n\r\n"));
        check.urls[0].virtualhost = Some("url".to_owned());
        check.protocol = HttpProtocol::V1_1;
        assert_eq!(
            request(&vs, &rs, &check),
            "GET / HTTP/1.1\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\n\
             Host: url\r\n\r\n"
        );
        check.protocol = HttpProtocol::V1_0C;
        assert!(request(&vs, &rs, &check).contains("HTTP/1.0\r\n"));
        assert!(request(&vs, &rs, &check).contains("\r\nConnection: close\r\n"));
    }

    #[test]
    fn a_long_request_is_sent_whole() {
        let mut check = http_check();
        check.urls[0].path = format!("/{}", "x".repeat(3000));
        let (page, _) = page(&virtual_server(&[1]), &real_server(1, 1), check);
        assert!(page.request.ends_with(b"\r\n\r\n"));
    }

    #[test]
    fn sni_is_sent_when_asked_and_never_the_real_servers_name() {
        let mut vs = virtual_server(&[1]);
        let rare =
            model::lvs::RareReal { virtualhost: Some("rs".to_owned()), ..Default::default() };
        let mut rs = real_server(1, 1);
        rs.rare = Some(Box::new(rare));
        let mut check = HttpCheck { tls: true, ..http_check() };
        let sni = |vs: &VirtualServer, check: &HttpCheck| {
            let page = page(vs, &rs, check.clone()).0;
            page.endpoint.tls.clone().unwrap().sni.map(String::from)
        };
        assert_eq!(sni(&vs, &check), None);
        check.enable_sni = true;
        assert_eq!(sni(&vs, &check), None);
        vs.virtualhost = Some("vs".to_owned());
        assert_eq!(sni(&vs, &check).as_deref(), Some("vs"));
        check.urls[0].virtualhost = Some("url".to_owned());
        assert_eq!(sni(&vs, &check).as_deref(), Some("url"));
        check.enable_sni = false;
        assert_eq!(sni(&vs, &check), None);
        check.sni_name = Some("sni".to_owned());
        assert_eq!(sni(&vs, &check).as_deref(), Some("sni"));
    }

    #[test]
    fn a_broken_pattern_is_told_and_left_out() {
        let mut check = http_check();
        check.urls[0].regex = Some(Regex { pattern: "a(".to_owned(), ..Regex::default() });
        let (page, problems) = page(&virtual_server(&[1]), &real_server(1, 1), check);
        assert!(page.pattern.is_none());
        assert!(problems[0].to_string().starts_with(
            "Checker of [10.1.0.1]:tcp:80 in VS [10.0.0.1]:tcp:80: Invalid regex \"a(\": "
        ));
    }

    #[test]
    fn lengths_of_a_reply_bind_without_a_pattern_when_they_are_given() {
        let (vs, rs) = (virtual_server(&[1]), real_server(1, 1));
        let accepts = |min_reply, max_reply, reply: Vec<(u8, u8)>, len| {
            let check = UdpCheck {
                connect: connect(),
                require_reply: true,
                reply,
                min_reply,
                max_reply,
                payload: None,
            };
            let checker = checker(CheckKind::Udp(Box::new(check)));
            let site = Site { vs: &vs, rs: &rs, checker: &checker };
            let Some(Plan::Udp(plan)) = site.plan(&mut Shop::default()) else { panic!() };
            assert_eq!(&*plan.payload, b"keepalived check - keepalived ch");
            plan.reply.as_ref().unwrap().accepts(&vec![0; len])
        };
        assert!(accepts(0, 255, vec![], 300));
        assert!(!accepts(10, 255, vec![], 9));
        assert!(!accepts(0, 20, vec![], 21));
        assert!(!accepts(0, 255, vec![(0, 0xff)], 300));
        assert!(accepts(0, 255, vec![(0, 0xff)], 0));
        assert!(accepts(0, 255, vec![(0x5a, 0)], 1));
        assert!(!accepts(0, 255, vec![(0x5a, 0xf0)], 1));
    }

    #[test]
    fn a_checker_is_the_same_when_it_asks_the_same_of_the_same_place() {
        let http = |f: fn(&mut HttpCheck)| {
            let mut check = http_check();
            f(&mut check);
            CheckKind::Http(Box::new(check))
        };
        let base = http(|_| {});
        assert!(same_check(&base, &http(|c| c.fast_recovery = true)));
        assert!(same_check(&base, &http(|c| c.urls[0].tls_compliant = Some(true))));
        assert!(!same_check(&base, &http(|c| c.tls = true)));
        assert!(!same_check(&base, &http(|c| c.urls[0].path.push('x'))));
        assert!(!same_check(&base, &http(|c| c.urls[0].digest = Some([0; 16]))));
        assert!(!same_check(&base, &CheckKind::Tcp(connect())));
        let file = CheckKind::File { track: types::TrackId(0), weight: 1, reverse: false };
        assert!(!same_check(&file, &file));
    }
}
