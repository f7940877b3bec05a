//! The result of an attempt in a few words, for reports.

use super::errno_text;
use crate::probe::{Exit, HttpTest, IoError, IoKind, Outcome, Pass, Reason};

/// What came out of an attempt.
pub fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Pass(Pass::Plain) => "passed".to_owned(),
        Outcome::Pass(Pass::Http(HttpTest::Status)) => "passed (HTTP status)".to_owned(),
        Outcome::Pass(Pass::Http(HttpTest::Digest)) => "passed (MD5 digest)".to_owned(),
        Outcome::Pass(Pass::Http(HttpTest::Regex)) => "passed (regular expression)".to_owned(),
        Outcome::Pass(Pass::Exit(status)) => format!("passed (exit status {status})"),
        Outcome::Fail(why) => format!("failed: {}", reason(why)),
        Outcome::Skip(e) => format!("could not check: {}", cause(e)),
    }
}

fn cause(e: IoError) -> String {
    match e.kind {
        IoKind::Tls => format!("TLS error (alert {})", e.code),
        _ => errno_text(e),
    }
}

fn reason(reason: Reason) -> String {
    match reason {
        Reason::ConnectTimeout => "no connection in time".to_owned(),
        Reason::ConnectFailed(e) => format!("cannot connect: {}", cause(e)),
        Reason::ReadTimeout => "no answer in time".to_owned(),
        Reason::ReadFailed(e) => format!("cannot read: {}", cause(e)),
        Reason::WriteFailed(e) => format!("cannot write: {}", cause(e)),
        Reason::TotalTimeout => "the total time was used up".to_owned(),
        Reason::EarlyClose => "closed before it answered".to_owned(),
        Reason::HeadTooLong => "HTTP header too long".to_owned(),
        Reason::Status(status) => format!("HTTP status {status}"),
        Reason::Digest => "another MD5 digest".to_owned(),
        Reason::Regex => "the regular expression's verdict".to_owned(),
        Reason::RegexLimit => "the regular expression needs too many steps".to_owned(),
        Reason::BadGreeting => "a greeting other than 220".to_owned(),
        Reason::BadHelo => "HELO answered other than by 250".to_owned(),
        Reason::Rcode(code) => format!("DNS response code {code}"),
        Reason::NoAnswer => "no answer".to_owned(),
        Reason::Unreachable => "unreachable".to_owned(),
        Reason::Mismatch => "another reply than required".to_owned(),
        Reason::Script(Exit::Status(status)) => format!("exit status {status}"),
        Reason::Script(Exit::Signal(signal)) => format!("ended by signal {signal}"),
        Reason::Script(Exit::TimedOut) => "the script ran too long".to_owned(),
        Reason::Script(Exit::CannotRun) => "the script cannot be executed".to_owned(),
        Reason::Script(Exit::NotStarted) => "the script could not be started".to_owned(),
        Reason::File(number) => format!("the file holds {number}"),
        Reason::Session => "the BFD session is down".to_owned(),
    }
}
