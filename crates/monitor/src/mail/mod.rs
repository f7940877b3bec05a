//! Alerts by mail.
//!
//! - [`alerts`]: which news is mailed, and in which words;
//! - [`message`]: the text of a mail;
//! - [`dialogue`]: one mail handed to the server, as arithmetic;
//! - [`post`]: the connections, and what waits for one.

pub mod alerts;
pub mod dialogue;
pub mod message;
pub mod post;

use crate::subsystem::{Cx, Subsystem};
use alerts::{Alert, Alerts};
use chrono::Local;
use core::net::SocketAddr;
use core::time::Duration;
use dialogue::Letter;
use ipc::msg::monitor::{Event, MonitorSetup};
use message::Message;
use post::{Outgoing, Post};
use rt::poll::Ready;
use std::rc::Rc;
use types::Mono;

/// The name of a host that has none.
const NO_NAME: &str = "localhost";

/// Mails of alerts.
#[derive(Debug, Default)]
pub struct Mail {
    alerts: Alerts,
    /// Where mails go; `None` without server or recipients.
    route: Option<Route>,
    post: Post,
}

/// From whom to whom, by which server.
#[derive(Debug)]
struct Route {
    server: SocketAddr,
    patience: Duration,
    helo: String,
    from: String,
    to: Vec<String>,
}

impl Route {
    fn new(setup: &MonitorSetup) -> Option<Self> {
        let smtp = &setup.global.smtp;
        let server = SocketAddr::new(smtp.address?, smtp.port);
        if smtp.to.is_empty() {
            return None;
        }
        let host = match setup.identity.host.as_str() {
            "" => NO_NAME,
            host => host,
        };
        let from = smtp.from.clone().unwrap_or_else(|| format!("{}@{host}", setup.identity.user));
        Some(Route {
            server,
            patience: smtp.connect_timeout,
            helo: smtp.helo.clone().unwrap_or_else(|| host.to_owned()),
            from,
            to: smtp.to.clone(),
        })
    }

    /// The mail that tells an alert, with this date.
    fn outgoing(&self, alert: Alert, date: &str) -> Outgoing {
        let Alert { subject, body } = alert;
        let (from, to) = (self.from.as_str(), self.to.as_slice());
        let letter = Letter {
            helo: self.helo.clone(),
            from: message::address(from),
            to: to.iter().map(|to| message::address(to)).collect(),
            data: Message { date, from, to, subject: &subject, body: &body }.data(),
        };
        let (server, patience) = (self.server, self.patience);
        Outgoing { subject, letter: Rc::new(letter), server, patience }
    }
}

impl Subsystem for Mail {
    fn configure(&mut self, _: &mut Cx<'_>, setup: &MonitorSetup) {
        self.alerts.configure(setup);
        self.route = Route::new(setup);
    }

    fn event(&mut self, cx: &mut Cx<'_>, event: &Event) {
        let Some(alert) = self.alerts.event(event) else { return };
        let Some(route) = &self.route else { return };
        // Local time, as RFC 5322 (3.3) wants it.
        let date = Local::now().format("%a, %d %b %Y %H:%M:%S %z").to_string();
        self.post.send(cx, route.outgoing(alert, &date));
    }

    fn lost(&mut self, _: &mut Cx<'_>, _: u64) {}

    fn ready(&mut self, cx: &mut Cx<'_>, number: usize, ready: Ready) {
        self.post.ready(cx, number, ready);
    }

    fn deadline(&self) -> Option<Mono> {
        self.post.deadline()
    }

    fn tick(&mut self, cx: &mut Cx<'_>) {
        self.post.tick(cx);
    }

    fn leave(&mut self, _: &mut Cx<'_>, until: Mono) {
        self.post.leave(until);
    }

    fn is_done(&self) -> bool {
        self.post.is_idle()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup() -> MonitorSetup {
        let mut setup = MonitorSetup::default();
        setup.identity.host = "host".into();
        setup.identity.user = "root".into();
        let smtp = &mut setup.global.smtp;
        smtp.address = Some([192, 0, 2, 9].into());
        smtp.to = vec!["Joe B. <a@x>".into(), "b@x".into()];
        setup
    }

    #[test]
    fn what_is_not_configured_is_the_hosts() {
        let route = Route::new(&setup()).unwrap();
        assert_eq!((route.helo.as_str(), route.from.as_str()), ("host", "root@host"));
        assert_eq!(route.server, "192.0.2.9:25".parse().unwrap());
        let mut nameless = setup();
        nameless.identity.host.clear();
        assert_eq!(Route::new(&nameless).unwrap().helo, NO_NAME);
    }

    #[test]
    fn without_recipients_or_server_there_is_no_mail() {
        let mut no_server = setup();
        no_server.global.smtp.address = None;
        assert!(Route::new(&no_server).is_none());
        let mut nobody = setup();
        nobody.global.smtp.to.clear();
        assert!(Route::new(&nobody).is_none());
    }

    #[test]
    fn the_envelope_has_addresses_and_the_header_names() {
        let route = Route::new(&setup()).unwrap();
        let alert = Alert { subject: "[host] s".into(), body: "=> b <=".into() };
        let out = route.outgoing(alert, "today");
        assert_eq!(out.letter.to, ["a@x", "b@x"]);
        let text = String::from_utf8(out.letter.data.clone()).unwrap();
        assert!(text.contains("\r\nTo: \"Joe B.\" <a@x>,\r\n b@x\r\n"), "{text}");
        assert!(text.starts_with("Date: today\r\nFrom: root@host\r\n"), "{text}");
    }
}
