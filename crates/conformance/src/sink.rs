//! A mail server that takes everything, tells what it got, and can be rude on request.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use lab::{Context, Error, Host, PATIENCE, Result};

/// A mail as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Argument of HELO.
    pub helo: String,
    /// Argument of MAIL FROM.
    pub from: String,
    /// Arguments of RCPT TO.
    pub to: Vec<String>,
    /// Its header but for the date, folded lines made one.
    pub header: Vec<String>,
    /// The value of the date.
    pub date: String,
    /// What follows the header, its empty end included.
    pub body: Vec<String>,
}

impl Mail {
    /// Its subject.
    pub fn subject(&self) -> &str {
        self.header.iter().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default()
    }
}

/// A running server.
pub struct Sink {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    mails: Vec<Mail>,
    /// What it says to a command instead of the usual; an empty text is silence.
    replies: BTreeMap<&'static str, &'static str>,
    connections: usize,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Sink {
    /// Listens in a host.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn new(host: &Host, addr: &str) -> Result<Self> {
        let addr: SocketAddr = addr.parse().context(|| format!("{addr} is no address"))?;
        let listener =
            host.run(|| TcpListener::bind(addr))?.context(|| format!("cannot listen on {addr}"))?;
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = theirs.clone();
                shared.state().connections += 1;
                // A client that goes away in the middle is its own business.
                thread::spawn(move || drop(serve(client, &shared)));
            }
        });
        Ok(Self { shared })
    }

    /// What it says to `step` (`CONNECT`, `HELO`, `MAIL`, `RCPT`, `DATA`, `BODY`, `QUIT`) from now
    /// on, in place of all that was set before; an empty text is silence.
    pub fn say_only(&self, step: &'static str, reply: &'static str) {
        self.shared.state().replies = BTreeMap::from([(step, reply)]);
    }

    /// It is polite again.
    pub fn say_as_usual(&self) {
        self.shared.state().replies.clear();
    }

    /// How many clients it has had.
    pub fn connections(&self) -> usize {
        self.shared.state().connections
    }

    /// The subjects of all mails that have come and were not taken.
    pub fn subjects(&self) -> Vec<String> {
        self.shared.state().mails.iter().map(|m| m.subject().to_string()).collect()
    }

    /// Takes all that has come away.
    pub fn clear(&self) {
        self.shared.state().mails.clear();
    }

    /// Waits for a mail with this subject, takes it away and returns it. Mails come in any order.
    ///
    /// # Errors
    /// When none comes within [`PATIENCE`].
    pub fn await_mail(&self, subject: &str) -> Result<Mail> {
        let until = Instant::now() + PATIENCE;
        let mut state = self.shared.state();
        loop {
            if let Some(at) = state.mails.iter().position(|m| m.subject() == subject) {
                return Ok(state.mails.remove(at));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                let came: Vec<&str> = state.mails.iter().map(Mail::subject).collect();
                return Err(Error::new(format!("no mail '{subject}' came, but {came:?}")));
            }
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
    }
}

fn serve(client: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut lines = BufReader::new(client.try_clone()?).lines();
    let mut client = client;
    let mut say = |step: &str, usual: &str| -> std::io::Result<bool> {
        let reply = shared.state().replies.get(step).copied().unwrap_or(usual);
        client.write_all(reply.as_bytes())?;
        Ok(reply == usual)
    };
    let mut mail = Mail {
        helo: String::new(),
        from: String::new(),
        to: Vec::new(),
        header: Vec::new(),
        date: String::new(),
        body: Vec::new(),
    };
    say("CONNECT", "220 sink\r\n")?;
    while let Some(line) = lines.next() {
        let line = line?;
        if let Some(name) = line.strip_prefix("HELO ") {
            mail.helo = name.to_string();
            say("HELO", "250 sink\r\n")?;
        } else if let Some(from) = line.strip_prefix("MAIL FROM:") {
            mail.from = from.to_string();
            say("MAIL", "250 ok\r\n")?;
        } else if let Some(to) = line.strip_prefix("RCPT TO:") {
            mail.to.push(to.to_string());
            say("RCPT", "250 ok\r\n")?;
        } else if line == "DATA" {
            if !say("DATA", "354 go\r\n")? {
                continue;
            }
            take(&mut mail, &mut lines)?;
            if say("BODY", "250 taken\r\n")? {
                shared.state().mails.push(mail.clone());
                shared.changed.notify_all();
            }
        } else if line == "QUIT" {
            say("QUIT", "221 bye\r\n")?;
            return Ok(());
        } else {
            say("OTHER", "500 what?\r\n")?;
        }
    }
    Ok(())
}

/// Reads a message up to the line of one dot.
fn take(
    mail: &mut Mail,
    lines: &mut impl Iterator<Item = std::io::Result<String>>,
) -> std::io::Result<()> {
    let mut in_header = true;
    for line in lines {
        let line = line?;
        if line == "." {
            return Ok(());
        }
        let line = line.strip_prefix('.').map_or(line.clone(), str::to_string);
        match (in_header, mail.header.last_mut()) {
            (true, _) if line.is_empty() => in_header = false,
            (true, Some(last)) if line.starts_with(' ') => last.push_str(&line),
            (true, _) => match line.strip_prefix("Date: ") {
                Some(date) => mail.date = date.to_string(),
                None => mail.header.push(line),
            },
            (false, _) => mail.body.push(line),
        }
    }
    Ok(())
}
