//! `HTTP_GET` and `SSL_GET`: one request for one url, the answer read to its
//! end (RFC 9112 as far as a health check needs it).
//!
//! The header is kept until it is complete, at most [`HEAD_MAX`] bytes; the
//! body is digested and searched as it comes. Chunked transfer coding is not
//! decoded and redirects are not followed: a digest covers the bytes as
//! received, as genhash makes it.

use super::body::{Found, Search};
use super::pattern::Pattern;
use super::{
    Action, Attempt, Endpoint, HttpTest, Input, Io, IoKind, Late, Note, Outcome, Pass, Reason,
};
use core::time::Duration;
use md5::{Digest, Md5};
use std::sync::Arc;
use types::Mono;

/// Largest response header that is read.
pub const HEAD_MAX: usize = 64 * 1024;

/// Everything about one url.
#[derive(Debug, Clone)]
pub struct Page {
    /// Where to connect.
    pub endpoint: Arc<Endpoint>,
    /// Path, for log lines.
    pub path: Arc<str>,
    /// Host header, for log lines; empty when it is the endpoint itself.
    pub host: Arc<str>,
    /// The request.
    pub request: Arc<[u8]>,
    /// Accepted statuses as inclusive ranges.
    pub status: Box<[(u16, u16)]>,
    /// MD5 that the body must have.
    pub digest: Option<[u8; 16]>,
    /// Pattern that the body must have, or must not.
    pub pattern: Option<Arc<Pattern>>,
    /// Time to connect, and to wait for each read; over TLS for all reads.
    pub timeout: Duration,
    /// Limit of the whole attempt.
    pub total: Option<Duration>,
}

/// The request for `path` of `host`.
pub fn request(protocol: model::lvs::HttpProtocol, path: &str, host: &str) -> Vec<u8> {
    use model::lvs::HttpProtocol::{V1_0, V1_0C, V1_1};
    let (minor, close) = match protocol {
        V1_0 => (0, ""),
        V1_0C => (0, "Connection: close\r\n"),
        V1_1 => (1, "Connection: close\r\n"),
    };
    format!(
        "GET {path} HTTP/1.{minor}\r\nUser-Agent: KeepAliveClient\r\n{close}Host: {host}\r\n\r\n"
    )
    .into_bytes()
}

/// What a response header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Status code; 0 when the status line has none.
    pub status: u16,
    /// `Content-Length`.
    pub length: Option<u64>,
}

/// Reads a complete response header, leniently: the status is the word after
/// the first blank, three digits; header names have any case; a malformed
/// length is none.
pub fn read_head(head: &[u8]) -> Head {
    let mut lines = head.split(|b| *b == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l));
    let status_line = lines.next().unwrap_or_default();
    let status = match status_line.split(|b| *b == b' ').nth(1) {
        Some(&[a, b, c]) if [a, b, c].iter().all(u8::is_ascii_digit) => {
            [a, b, c].iter().fold(0, |n, d| n * 10 + u16::from(d - b'0'))
        }
        _ => 0,
    };
    let length = lines.find_map(|line| {
        let colon = line.iter().position(|b| *b == b':')?;
        let (name, value) = line.split_at(colon);
        if !name.eq_ignore_ascii_case(b"content-length") {
            return None;
        }
        core::str::from_utf8(value.get(1..)?).ok()?.trim().parse().ok()
    });
    Head { status, length }
}

/// One attempt at one url.
#[derive(Debug)]
pub struct Http {
    pages: Arc<[Page]>,
    step: usize,
    attempt: Attempt,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Connect,
    Head(Vec<u8>),
    Body(Body),
}

#[derive(Debug)]
struct Body {
    head: Head,
    received: u64,
    md5: Option<Md5>,
    search: Option<Search>,
}

impl Body {
    fn take(&mut self, bytes: &[u8]) {
        // What comes beyond Content-Length is not part of the body.
        let room = self.head.length.map_or(u64::MAX, |n| n.saturating_sub(self.received));
        let count = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        self.received = self.received.saturating_add(bytes.len() as u64);
        let Some(bytes) = bytes.get(..count) else { return };
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        if let Some(search) = &mut self.search {
            search.feed(bytes);
        }
    }
}

impl Http {
    /// Starts on url number `step`; `None` when there is no such url.
    pub fn start(
        pages: &Arc<[Page]>,
        step: usize,
        now: Mono,
        out: &mut Vec<Action>,
    ) -> Option<Self> {
        let page = pages.get(step)?;
        out.push(Io::Connect(page.endpoint.clone()).into());
        Some(Http {
            pages: pages.clone(),
            step,
            attempt: Attempt::start(now, page.timeout, page.total),
            stage: Stage::Connect,
        })
    }

    /// When it wants a tick.
    pub fn deadline(&self) -> Option<Mono> {
        self.attempt.deadline()
    }

    /// Bytes of memory held for the answer.
    pub fn held(&self) -> usize {
        match &self.stage {
            Stage::Connect => 0,
            Stage::Head(head) => head.capacity(),
            Stage::Body(body) => body.search.as_ref().map_or(0, Search::held),
        }
    }

    /// Takes a fact.
    pub fn handle(&mut self, now: Mono, input: Input<'_>, out: &mut Vec<Action>) {
        let pages = self.pages.clone();
        let Some(page) = pages.get(self.step) else { return };
        if self.attempt.is_done() {
            return;
        }
        match (&self.stage, input) {
            (Stage::Connect, Input::Connected) => {
                out.push(Io::Write(page.request.clone()).into());
                self.stage = Stage::Head(Vec::new());
                self.attempt.stage(now, page.timeout);
            }
            (Stage::Connect, Input::ConnectFailed(e)) => {
                return self.attempt.connect_failed(now, e, out);
            }
            (Stage::Connect, _) => {}
            (_, Input::Bytes(bytes)) => {
                if page.endpoint.tls.is_none() {
                    self.attempt.stage(now, page.timeout);
                }
                if !self.read(page, bytes) {
                    return self.attempt.fail(now, Reason::HeadTooLong, out);
                }
            }
            (_, Input::Eof) => return self.evaluate(page, now, None, out),
            (_, Input::ReadFailed(e)) => return self.evaluate(page, now, Some(e), out),
            (_, Input::WriteFailed(e)) => {
                return self.attempt.fail(now, Reason::WriteFailed(e), out);
            }
            _ => {}
        }
        match (self.attempt.late(now), &self.stage) {
            (None, _) => {}
            (Some(Late::Total), _) => self.attempt.fail(now, Reason::TotalTimeout, out),
            (_, Stage::Connect) => self.attempt.fail(now, Reason::ConnectTimeout, out),
            (_, Stage::Head(head)) if head.is_empty() => {
                self.attempt.fail(now, Reason::NoAnswer, out);
            }
            _ => self.attempt.fail(now, Reason::ReadTimeout, out),
        }
    }

    /// Reads on; false when the header is too long.
    fn read(&mut self, page: &Page, bytes: &[u8]) -> bool {
        match &mut self.stage {
            Stage::Connect => true,
            Stage::Body(body) => {
                body.take(bytes);
                true
            }
            Stage::Head(head) => {
                let seen = head.len();
                let room = HEAD_MAX.saturating_sub(seen).min(bytes.len());
                let (now, later) = bytes.split_at(room);
                head.extend_from_slice(now);
                let from = seen.saturating_sub(3);
                let end = head.get(from..).and_then(|new| {
                    new.windows(4).position(|w| w == b"\r\n\r\n").map(|at| from + at + 4)
                });
                let Some(end) = end else { return later.is_empty() && head.len() < HEAD_MAX };
                let (fields, first) = head.split_at(end);
                let mut body = Body {
                    head: read_head(fields),
                    received: 0,
                    md5: page.digest.map(|_| Md5::new()),
                    search: page.pattern.clone().map(Search::new),
                };
                body.take(first);
                body.take(later);
                self.stage = Stage::Body(body);
                true
            }
        }
    }

    /// The answer is over: its tests in the documented order.
    fn evaluate(
        &mut self,
        page: &Page,
        now: Mono,
        error: Option<super::IoError>,
        out: &mut Vec<Action>,
    ) {
        // A TLS peer may leave without close_notify: what it sent counts.
        let cut = error.filter(|e| e.kind != IoKind::Tls);
        let Stage::Body(body) = &mut self.stage else {
            let reason = error.map_or(Reason::EarlyClose, Reason::ReadFailed);
            return self.attempt.fail(now, reason, out);
        };
        if let Some(e) = cut {
            return self.attempt.fail(now, Reason::ReadFailed(e), out);
        }
        let outcome = body.judge(page, out);
        self.attempt.finish(now, outcome, out);
    }
}

impl Body {
    fn judge(&mut self, page: &Page, out: &mut Vec<Action>) -> Outcome {
        let status = self.head.status;
        if !page.status.iter().any(|(min, max)| (*min..=*max).contains(&status)) {
            return Outcome::Fail(Reason::Status(status));
        }
        let mut test = HttpTest::Status;
        if let Some(announced) = self.head.length.filter(|n| *n != self.received) {
            out.push(Action::Note(Note::Length { announced, received: self.received }));
        }
        if let (Some(md5), Some(want)) = (self.md5.take(), page.digest) {
            if md5.finalize().as_slice() != want {
                return Outcome::Fail(Reason::Digest);
            }
            test = HttpTest::Digest;
        }
        if let (Some(search), Some(pattern)) = (&mut self.search, &page.pattern) {
            match search.finish() {
                Found::TooManySteps => return Outcome::Fail(Reason::RegexLimit),
                found => {
                    if matches!(found, Found::At(_)) == pattern.no_match {
                        return Outcome::Fail(Reason::Regex);
                    }
                }
            }
            test = HttpTest::Regex;
        }
        Outcome::Pass(Pass::Http(test))
    }
}
