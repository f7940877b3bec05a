//! Alert mails as messages to be sent by somebody else: subject and body.

use crate::event::{CheckLabel, CheckName, Label, Numbers, QuorumChange};
use crate::probe::{Exit, Reason};
use crate::text;

/// A mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Without the router id, which the sender puts before it.
    pub subject: String,
    /// One line.
    pub body: String,
}

fn state(up: bool) -> &'static str {
    if up { "UP" } else { "DOWN" }
}

fn server(rs: &Label, vs: &Label, up: bool, body: String) -> Mail {
    let subject = format!("Realserver {rs} of virtual server {vs} - {}", state(up));
    Mail { subject, body }
}

/// A checker's verdict changed; `alive` is its server's state now, `failed`
/// why it fails, if it does.
pub fn checked(label: &CheckLabel, alive: bool, failed: Option<Reason>) -> Mail {
    let ok = failed.is_none();
    let said =
        |name: &str| format!("=> {name} {} on service <=", if ok { "succeed" } else { "failed" });
    let body = match (&label.kind, failed) {
        (CheckName::Tcp, _) => said("TCP CHECK"),
        (CheckName::Udp, _) => said("UDP CHECK"),
        (CheckName::Ping, _) => said("ICMP CHECK"),
        (CheckName::Dns(_), _) => said("DNS_CHECK:"),
        (CheckName::Http | CheckName::Ssl | CheckName::Smtp(_), None) => said("CHECK"),
        (CheckName::Http | CheckName::Ssl, Some(_)) => {
            "=> CHECK failed on service : HTTP request failed <=".to_owned()
        }
        (CheckName::Smtp(to), Some(reason)) => {
            format!("=> CHECK failed on service : {} <=", text::smtp_reason(reason, *to))
        }
        (CheckName::Misc(..), Some(Reason::Script(Exit::TimedOut))) => {
            "=> MISC CHECK timed out on service <=".to_owned()
        }
        (CheckName::Misc(..), Some(_)) => "=> MISC CHECK failed on service <=".to_owned(),
        (CheckName::Misc(..), None) => "=> MISC CHECK succeeded on service <=".to_owned(),
        (CheckName::Bfd(name) | CheckName::File(name), _) => {
            let word = if ok { "succeeded" } else { "failed" };
            format!("=> BFD CHECK {name} {word} on service <=")
        }
    };
    server(&label.rs, &label.vs, alive, body)
}

/// A server that was up is gone from the configuration.
pub fn removed(rs: &Label, vs: &Label) -> Mail {
    server(rs, vs, false, "=> Removing <=".to_owned())
}

/// A server that was up goes down with the daemon.
pub fn server_stopped(rs: &Label, vs: &Label) -> Mail {
    server(rs, vs, false, "=> Shutting down <=".to_owned())
}

fn pool(vs: &Label, up: bool, body: String) -> Mail {
    Mail { subject: format!("Virtualserver {vs} - {}", state(up)), body }
}

/// A quorum changed; `starting` when this is the first word of it.
pub fn quorum(vs: &Label, change: QuorumChange, numbers: Numbers, starting: bool) -> Mail {
    let Numbers { quorum: q, hysteresis: h, live } = numbers;
    let (gain, loss) = (numbers.gained_at(), numbers.lost_below());
    let (up, body) = match (change, starting) {
        (QuorumChange::Gained, true) => {
            (true, format!("=> Starting with quorum up {q}+{h}={gain} <= {live} <="))
        }
        (QuorumChange::Gained, false) => {
            (true, format!("=> Gained quorum {q}+{h}={gain} <= {live} <="))
        }
        (QuorumChange::StartedDown, _) => {
            (false, format!("=> Starting with quorum down {q}+{h}={gain} > {live} <="))
        }
        (QuorumChange::Lost, _) => (false, format!("=> Lost quorum {q}-{h}={loss} > {live} <=")),
    };
    pool(vs, up, body)
}

/// A virtual server goes down with the daemon.
pub fn pool_stopped(vs: &Label) -> Mail {
    pool(vs, false, "=> Shutting down <=".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::ScriptId;

    #[test]
    fn mails_of_checks_have_their_documented_bodies() {
        use CheckName::{Bfd, Dns, Http, Misc, Ping, Smtp, Ssl, Tcp, Udp};
        let at = || "10.0.0.2:25".parse().unwrap();
        let misc = || Misc("/bin/check".into(), ScriptId(0));
        let timed_out = Some(Reason::Script(Exit::TimedOut));
        let refused = Some(Reason::ReadTimeout);
        for (kind, failed, want) in [
            (Tcp, None, "=> TCP CHECK succeed on service <="),
            (Tcp, refused, "=> TCP CHECK failed on service <="),
            (Udp, refused, "=> UDP CHECK failed on service <="),
            (Ping, None, "=> ICMP CHECK succeed on service <="),
            (Http, None, "=> CHECK succeed on service <="),
            (Ssl, refused, "=> CHECK failed on service : HTTP request failed <="),
            (Smtp(at()), None, "=> CHECK succeed on service <="),
            (
                Smtp(at()),
                Some(Reason::BadHelo),
                "=> CHECK failed on service : Bad HELO response from server [10.0.0.2]:25 <=",
            ),
            (Dns(at()), None, "=> DNS_CHECK: succeed on service <="),
            (Dns(at()), refused, "=> DNS_CHECK: failed on service <="),
            (misc(), None, "=> MISC CHECK succeeded on service <="),
            (misc(), refused, "=> MISC CHECK failed on service <="),
            (misc(), timed_out, "=> MISC CHECK timed out on service <="),
            (Bfd("b".into()), None, "=> BFD CHECK b succeeded on service <="),
            (Bfd("b".into()), Some(Reason::Session), "=> BFD CHECK b failed on service <="),
        ] {
            let label = CheckLabel { kind, rs: "RS".into(), vs: "VS".into(), retry: 0 };
            let mail = checked(&label, failed.is_none(), failed);
            assert_eq!(mail.body, want);
            let state = if failed.is_none() { "UP" } else { "DOWN" };
            assert_eq!(mail.subject, format!("Realserver RS of virtual server VS - {state}"));
        }
    }
}
