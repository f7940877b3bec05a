//! Scenario scripts: one node, literal times, expected actions.
//!
//! Owns the language of `vrrp-proto`'s `tests/scenarios`. One command a line:
//!
//! | command | meaning |
//! |---|---|
//! | `object KIND NAME`, `instance ...`, `sync-group ...` | configuration, see [`crate::config`] |
//! | `global KEY VALUE`, `debounce DEV DOWN UP` | settings |
//! | `static ADDR [DEV [GROUP]]`, `track-group NAME INSTANCE...` | a static address, who tracks it |
//! | `link NAME INDEX up\|down\|cut [no-multicast] [noarp] [below INDEX]` | a fact, before or after `start`; `cut`: no carrier |
//! | `unlink INDEX`, `addr INDEX ADDR`, `unaddr INDEX ADDR` | facts |
//! | `start`, `shutdown` | |
//! | `at TIME` | runs the timers up to that time |
//! | `quiet TIME` | the same; nothing may happen |
//! | `sleep TIME` | the time passes with no timer served, then one tick |
//! | `clock TIME` | the wall clock steps: it reads this now |
//! | `suspend TIME` | the host was suspended for so long, and the clock stood still |
//! | `hear SRC prio N ...` | an advert arrives |
//! | `track NAME good\|bad\|pending\|N` | |
//! | `reload` | takes the configuration written since `config` |
//! | `config` | forgets the configuration, to write another |
//! | `expect TEXT` | a line of now that contains it, after the last one found |
//! | `refute TEXT` | no line of now contains it |
//! | `nothing` | nothing was done since the last command |
//! | `state NAME STATE`, `counter NAME FIELD N` | |
//!
//! | `kernel slow` | what the kernel did is told by `kernel tells N` only |
//!
//! The kernel obeys: an address that is asked for appears at once.

mod show;
mod words;

use crate::config::{self, Error, duration, next};
use crate::craft::Craft;
use core::net::IpAddr;
use core::time::Duration;
use model::net::Address;
use model::vrrp::Debounce;
use std::collections::{BTreeSet, VecDeque};
use types::{IfIndex, Mono, Prefix};
use vrrp_proto::{
    Action, AddrFact, FibEntry, FibFact, Input, LinkFact, Node, Out, Owner, RxMeta, Setup,
    SocketId, SocketKey, TrackValue,
};

use show::{describe, describe_advert, millis};
use words::craft_word;
pub use words::{link, link_of};

/// Runs a script; the error names line and cause and shows what happened.
pub fn run(text: &str) -> Result<(), Error> {
    let mut s = Script::default();
    for (n, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or("").trim();
        if line.is_empty() {
            continue;
        }
        s.command(line).map_err(|e| format!("line {}: `{line}`: {e}\n{}", n + 1, s.tail()))?;
    }
    Ok(())
}

#[derive(Default)]
struct Script {
    now: Mono,
    setup: Setup,
    node: Option<Node>,
    before: Vec<(LinkFact, Vec<AddrFact>)>,
    sockets: Vec<Option<SocketKey>>,
    /// Virtual links that were made.
    links: Vec<LinkFact>,
    /// IPv4 addresses that were set on them.
    set: BTreeSet<(IfIndex, Prefix)>,
    /// Answers of a slow kernel.
    answers: Option<VecDeque<(AddrFact, bool)>>,
    /// Routes and rules that were asked for, the latest last.
    fib: Vec<(Owner, FibEntry)>,
    /// Requests to add those that hold this text are refused.
    refuse: Option<String>,
    log: Vec<(Mono, String)>,
    /// Lines before this belong to earlier commands.
    mark: usize,
    /// Lines before this were expected already.
    seen: usize,
}

impl Script {
    fn tail(&self) -> String {
        let from = self.log.len().saturating_sub(40);
        let lines = self.log.iter().skip(from);
        lines.map(|(t, l)| format!("  {}  {l}\n", millis(*t))).collect()
    }

    fn command(&mut self, line: &str) -> Result<(), Error> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "expect" => return self.expect(rest),
            "refute" => return self.refute(rest),
            "nothing" => return self.nothing(),
            "state" | "counter" => return self.inspect(word, rest),
            _ => {}
        }
        self.mark = self.log.len();
        self.seen = self.mark;
        let mut words = rest.split_whitespace();
        let words: &mut dyn Iterator<Item = &str> = &mut words;
        match word {
            "at" => self.run_to(duration(rest)?, |_| Ok(())),
            "quiet" => self.run_to(duration(rest)?, |l| Err(format!("happened: {l}"))),
            "sleep" => {
                self.now = Mono::ZERO + duration(rest)?;
                self.handle(Input::Tick)
            }
            "suspend" => self.handle(Input::Slept { time: duration(rest)? }),
            "clock" => self.handle(Input::Clock { unix: duration(rest)? }),
            "start" => self.start(),
            "announce" => self.handle(Input::Announce { name: rest }),
            "shutdown" => self.handle(Input::Shutdown),
            "reload" => self.handle(Input::Reload(Box::new(self.setup.clone()))),
            "hear" => self.hear(words),
            "track" => self.track(words),
            "kernel" => self.kernel(words),
            "lose" | "refuse" => self.deny(word, rest),
            "list" => self.list(rest),
            "link" | "unlink" | "addr" | "unaddr" => self.fact(word, words),
            _ => self.configure(word, words),
        }
    }

    fn configure(
        &mut self,
        word: &str,
        words: &mut dyn Iterator<Item = &str>,
    ) -> Result<(), Error> {
        let s = &mut self.setup;
        match word {
            "config" => *s = Setup::default(),
            "object" => s.tracks.push(config::object(words)?),
            "instance" => s.vrrp.instances.push(config::instance(words, &s.tracks)?),
            "sync-group" => s.vrrp.sync_groups.push(config::group(words, &s.tracks)?),
            "static" => {
                let mut a = Address::plain(config::prefix(&next::<String>(words, word)?)?);
                a.dev = words.next().map(str::to_owned);
                a.track_group = words.next().map(str::to_owned);
                s.vrrp.static_addresses.push(a);
            }
            "static-route" => {
                let dst = config::prefix(&next::<String>(words, word)?)?;
                let mut route = config::route(dst, words.next());
                route.track_group = words.next().map(str::to_owned);
                s.vrrp.static_routes.push(route);
            }
            "static-rule" => s.vrrp.static_rules.push(config::rule(next(words, word)?)),
            "track-group" => {
                let name = next(words, word)?;
                s.vrrp.track_groups.push((name, words.map(str::to_owned).collect()));
            }
            "debounce" => {
                let interface = next(words, word)?;
                let down = duration(&next::<String>(words, word)?)?;
                let up = duration(&next::<String>(words, word)?)?;
                s.vrrp.debounce.push(Debounce { interface, down, up });
            }
            "global" => {
                let key: String = next(words, word)?;
                let value: String = next(words, word)?;
                match key.as_str() {
                    "startup-delay" => s.global.startup_delay = duration(&value)?,
                    "delay-after-boot" => s.global.delay_after_boot = duration(&value)?,
                    "garp-interval" => s.global.garp_interval = duration(&value)?,
                    "vmac_prefix" => s.global.vmac_prefix = value,
                    "log-unknown-vrids" => s.global.log_unknown_vrids = value == "on",
                    _ => return Err(format!("no global is called {key}")),
                }
            }
            _ => return Err("no such command".to_owned()),
        }
        Ok(())
    }

    fn start(&mut self) -> Result<(), Error> {
        self.node = Some(Node::new(self.setup.clone()));
        let (links, addrs): (Vec<_>, Vec<_>) =
            core::mem::take(&mut self.before).into_iter().unzip();
        let addrs: Vec<AddrFact> = addrs.into_iter().flatten().collect();
        self.handle(Input::Links(&links))?;
        self.handle(Input::Addrs(&addrs))?;
        self.handle(Input::Clock { unix: Duration::from_secs(1_000_000) })?;
        self.handle(Input::Start { uptime: Duration::from_secs(2) })
    }

    fn handle(&mut self, input: Input<'_>) -> Result<(), Error> {
        let node = self.node.as_mut().ok_or("before `start`")?;
        let mut out = Out::default();
        node.handle(self.now, input, &mut out);
        node.check_invariants()?;
        for advert in &out.adverts {
            self.log.push((self.now, describe_advert(node, advert, out.packet(advert))));
        }
        let (mut echoes, mut fib, mut made) = (Vec::new(), Vec::new(), Vec::new());
        for action in &out.actions {
            self.log.push((self.now, describe(action)));
            match action {
                Action::OpenSocket { id, key, .. } => {
                    if self.sockets.len() <= id.index() {
                        self.sockets.resize(id.index() + 1, None);
                    }
                    self.sockets[id.index()] = Some(*key);
                }
                Action::CloseSocket { id } => self.sockets[id.index()] = None,
                Action::AddAddr { ifindex, addr, .. } => echoes.push((*ifindex, addr.prefix, true)),
                Action::DelAddr { ifindex, addr, .. } => {
                    echoes.push((*ifindex, addr.prefix, false));
                }
                Action::AddFib { owner, entry, .. } => fib.push((*owner, entry.clone(), true)),
                Action::DelFib { owner, entry, .. } => fib.push((*owner, entry.clone(), false)),
                Action::MakeLink(spec) => made.push(spec.clone()),
                _ => {}
            }
        }
        for (owner, entry, added) in fib {
            self.answer_fib(owner, entry, added)?;
        }
        for spec in made {
            let index = spec.existing.map_or(100 + self.links.len() as u32, |i| i.0);
            let fact = link_of(&spec, index);
            let renamed = self.links.iter().any(|l| l.index == fact.index && l.name != fact.name);
            self.links.retain(|l| l.index != fact.index);
            self.links.push(fact.clone());
            self.handle(Input::Link(fact))?;
            if renamed {
                self.tell_labels(IfIndex(index))?;
            }
            self.handle(Input::LinkDone { name: &spec.name, made: true })?;
        }
        for (ifindex, prefix, there) in echoes {
            match there && prefix.addr.is_ipv4() {
                true => _ = self.set.insert((ifindex, prefix)),
                false => _ = self.set.remove(&(ifindex, prefix)),
            }
            let fact = AddrFact { ifindex, prefix, tentative: false };
            match &mut self.answers {
                Some(answers) => answers.push_back((fact, there)),
                None => self.tell(fact, there)?,
            }
        }
        Ok(())
    }

    /// The kernel tells of the IPv4 addresses of a link that is renamed: their labels are others.
    fn tell_labels(&mut self, ifindex: IfIndex) -> Result<(), Error> {
        let on_it: Vec<_> = self.set.iter().filter(|(on, _)| *on == ifindex).copied().collect();
        for (ifindex, prefix) in on_it {
            self.tell(AddrFact { ifindex, prefix, tentative: false }, true)?;
        }
        Ok(())
    }

    fn tell(&mut self, fact: AddrFact, there: bool) -> Result<(), Error> {
        self.handle(if there { Input::AddrAdded(fact) } else { Input::AddrRemoved(fact) })
    }

    /// The kernel does what it is asked for, unless it is to refuse.
    fn answer_fib(&mut self, owner: Owner, entry: FibEntry, added: bool) -> Result<(), Error> {
        const ENETDOWN: i32 = 100;
        let name = entry.to_string();
        self.fib.retain(|(o, e)| (*o, e) != (owner, &entry));
        let fact = match (added, &self.refuse) {
            (true, Some(text)) if name.contains(text.as_str()) => {
                FibFact::Refused { adding: true, errno: ENETDOWN }
            }
            (true, _) => FibFact::Added,
            (false, _) => FibFact::Removed { by: None },
        };
        if added {
            self.fib.push((owner, entry.clone()));
        }
        self.handle(Input::Fib { owner, entry: &entry, fact })
    }

    /// `lose TEXT`: somebody removes a route or rule. `refuse TEXT`: the kernel
    /// adds none like it from now on; `refuse` alone ends that.
    fn deny(&mut self, word: &str, text: &str) -> Result<(), Error> {
        if word == "refuse" {
            self.refuse = Some(text.to_owned()).filter(|t| !t.is_empty());
            return Ok(());
        }
        let at = self.fib.iter().position(|(_, e)| e.to_string().contains(text));
        let (owner, entry) = self.fib.remove(at.ok_or("there is none")?);
        self.handle(Input::Fib { owner, entry: &entry, fact: FibFact::Removed { by: None } })
    }

    /// `list without TEXT`: the kernel's whole list, in which one is missing.
    fn list(&mut self, rest: &str) -> Result<(), Error> {
        let text = rest.strip_prefix("without ").ok_or("list without what?")?;
        let there: Vec<_> =
            self.fib.iter().filter(|(_, e)| !e.to_string().contains(text)).cloned().collect();
        self.handle(Input::Fibs(&there))
    }

    fn kernel(&mut self, words: &mut dyn Iterator<Item = &str>) -> Result<(), Error> {
        if next::<String>(words, "kernel")? == "slow" {
            self.answers = Some(VecDeque::new());
            return Ok(());
        }
        for _ in 0..next::<u32>(words, "kernel tells")? {
            let answer = self.answers.as_mut().and_then(VecDeque::pop_front);
            let (fact, there) = answer.ok_or("it has nothing to tell")?;
            self.tell(fact, there)?;
        }
        Ok(())
    }

    fn run_to(
        &mut self,
        end: Duration,
        check: impl Fn(&str) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let end = Mono::ZERO + end;
        if end < self.now {
            return Err(format!("that is past: it is {}", millis(self.now)));
        }
        let mut ticks = 0;
        while let Some(due) = self.node.as_ref().and_then(Node::deadline).filter(|d| *d <= end) {
            self.now = self.now.max(due);
            self.handle(Input::Tick)?;
            for (_, line) in self.log.iter().skip(self.mark) {
                check(line)?;
            }
            ticks += 1;
            if ticks > 100_000 {
                return Err("timers without end".to_owned());
            }
        }
        self.now = end;
        Ok(())
    }

    fn hear(&mut self, words: &mut dyn Iterator<Item = &str>) -> Result<(), Error> {
        let src: IpAddr = next(words, "hear")?;
        let mut c = Craft::advert(2, 51, 100, src);
        c.vips = vec![IpAddr::from([10, 0, 0, 100])];
        let mut chosen = None;
        while let Some(word) = words.next() {
            match word {
                "socket" => chosen = Some(SocketId(next(words, word)?)),
                "vip" => {
                    c.vips = next::<String>(words, word)?
                        .split(',')
                        .map(|a| a.parse().map_err(|_| format!("`{a}` is no address")))
                        .collect::<Result<_, _>>()?
                }
                _ => craft_word(&mut c, word, words)?,
            }
        }
        let socket = match chosen {
            Some(s) => s,
            None => SocketId(self.sockets.iter().position(Option::is_some).unwrap_or(0) as u32),
        };
        let meta = RxMeta { src, dst: c.dst, hop_limit: Some(c.ttl), ifindex: IfIndex(2) };
        self.handle(Input::Packet { socket, meta, bytes: &c.bytes() })
    }

    fn track(&mut self, words: &mut dyn Iterator<Item = &str>) -> Result<(), Error> {
        let name: String = next(words, "track")?;
        let at = self.setup.tracks.iter().position(|t| t.name == name).ok_or("no such object")?;
        let value = match next::<String>(words, "track")?.as_str() {
            "good" => TrackValue::Good,
            "bad" => TrackValue::Bad,
            "pending" => TrackValue::Pending,
            n => TrackValue::Number(n.parse().map_err(|_| "no number")?),
        };
        self.handle(Input::Track { id: types::TrackId(at as u32), value })
    }

    fn fact(&mut self, word: &str, words: &mut dyn Iterator<Item = &str>) -> Result<(), Error> {
        if word == "link" {
            let mut fact = link(words)?;
            if let Some(made) = self.links.iter().find(|l| l.index == fact.index) {
                let LinkFact { up, set_up, flags, name, .. } = fact;
                fact = LinkFact { up, set_up, flags, name, ..made.clone() };
            }
            if self.node.is_none() {
                self.before.push((fact, Vec::new()));
                return Ok(());
            }
            return self.handle(Input::Link(fact));
        }
        let ifindex = IfIndex(next(words, word)?);
        if word == "unlink" {
            return self.handle(Input::LinkGone { index: ifindex });
        }
        let prefix = config::prefix(&next::<String>(words, word)?)?;
        let fact = AddrFact { ifindex, prefix, tentative: false };
        match (word, &self.node) {
            ("addr", None) => {
                let known = self.before.iter_mut().find(|b| b.0.index == ifindex);
                known.ok_or("no such link")?.1.push(fact);
                Ok(())
            }
            ("addr", Some(_)) => self.handle(Input::AddrAdded(fact)),
            _ => self.handle(Input::AddrRemoved(fact)),
        }
    }

    fn expect(&mut self, text: &str) -> Result<(), Error> {
        let lines = self.log.iter().enumerate().skip(self.seen);
        let mut now = lines.filter(|(_, (t, _))| *t == self.now);
        match now.find(|(_, (_, line))| line.contains(text)) {
            Some((at, _)) => {
                self.seen = at + 1;
                Ok(())
            }
            None => Err(format!("not at {}", millis(self.now))),
        }
    }

    fn refute(&mut self, text: &str) -> Result<(), Error> {
        match self.log.iter().skip(self.mark).find(|(_, line)| line.contains(text)) {
            Some((t, line)) => Err(format!("at {}: {line}", millis(*t))),
            None => Ok(()),
        }
    }

    fn nothing(&mut self) -> Result<(), Error> {
        match self.log.get(self.mark) {
            Some((_, line)) => Err(format!("happened: {line}")),
            None => Ok(()),
        }
    }

    fn inspect(&mut self, word: &str, rest: &str) -> Result<(), Error> {
        let mut words = rest.split_whitespace();
        let name: String = next(&mut words, word)?;
        let node = self.node.as_ref().ok_or("before `start`")?;
        let i = node.instances().find(|i| i.config().name == name).ok_or("no such instance")?;
        let (is, want) = if word == "state" {
            (i.state().to_string(), next(&mut words, word)?)
        } else {
            let field: String = next(&mut words, word)?;
            let all = format!("{:?}", i.counters());
            let value = all.split(&format!(" {field}: ")).nth(1).ok_or("no such counter")?;
            let digits = value.split(|c: char| !c.is_ascii_digit()).next().unwrap_or("");
            (digits.to_owned(), next::<String>(&mut words, word)?)
        };
        if is == want { Ok(()) } else { Err(format!("it is {is}")) }
    }
}
