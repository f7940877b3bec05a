//! Every form of an address is in the kernel as the reference would have it.
//!
//! Both programs put all of them up, and what ip(8) shows of it is compared.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use conformance::fib::ip;
use conformance::{Lan, reference};
use lab::{Daemon, Error, Host, PATIENCE, Result, Subject};

/// Entries of IPv4; `@` is an address of the entry's own.
const FOUR: &[&str] = &[
    "@/24",
    "@",
    "@/24 dev eth1",
    "@/32 scope link",
    "@/32 scope host",
    "@/24 brd +",
    "@/24 brd -",
    "@/24 broadcast 203.0.113.254",
    "@/24 label eth0:forms",
    "@ peer 192.0.2.99",
    "@ peer 192.0.2.98/24", // the peer is left out
    "@/24 noprefixroute",
    "@/24 home",
    "@/24 no_track",
    "@/24 preferred_lft forever",
    "239.1.1.1/32 autojoin",
];

/// Entries of IPv6.
const SIX: &[&str] = &[
    "@/64",
    "@/128",
    "@",
    "@/64 dev eth1",
    "@/64 home",
    "@/64 -nodad",
    "@/64 mngtmpaddr",
    "@/64 noprefixroute",
    "@/64 preferred_lft 30000",
    "@/128 preferred_lft forever",
    "@ peer 2001:db8::77",
    "@/64 no_track",
];

/// Which program does not matter: its own entries, the last of them `done`.
fn lines(block: &str, base: usize, done: &str) -> String {
    let four = FOUR.iter().enumerate();
    let four = four.map(|(n, text)| text.replace('@', &format!("203.0.{base}.{}", n + 1)));
    let six = SIX.iter().enumerate();
    let six = six.map(|(n, text)| text.replace('@', &format!("2001:db8:{base}::{}", n + 1)));
    let all: Vec<_> = four.chain(six).chain([done.to_owned()]).collect();
    format!("{block} {{\n{}\n}}\n", all.join("\n"))
}

/// The addresses of a host, but for what differs from run to run.
fn addresses(host: &Host) -> Result<BTreeSet<String>> {
    let shown = ip(host, "addr show")?.into_iter().filter(|line| line.contains(" inet"));
    let shown = shown.filter(|line| !line.contains("fe80:")).map(|line| {
        let words = line.split_whitespace().skip(1).filter(|word| *word != "tentative");
        let words = words.map(|word| if word.ends_with("sec") { "soon" } else { word });
        words.collect::<Vec<_>>().join(" ")
    });
    Ok(shown.collect())
}

fn shown(subject: &Subject, config: &str, done: &str) -> Result<BTreeSet<String>> {
    let lan = Lan::new()?;
    lan.switch.attach(&lan.a, "eth1", &["198.18.0.1/24"])?;
    let _daemon = Daemon::start(&lan.a, subject, config)?;
    let until = Instant::now() + PATIENCE;
    loop {
        let lines = addresses(&lan.a)?;
        if lines.iter().any(|line| line.contains(done)) {
            return Ok(lines);
        }
        if Instant::now() > until {
            return Err(Error::new(format!("no {done} in {lines:#?}")));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Compares what both make of the configuration: of `count` entries, and of what was there before.
fn compare(config: &str, done: &str, count: usize) -> Result<()> {
    let Some(reference) = reference()? else { return Ok(()) };
    let theirs = shown(&reference, config, done)?;
    let ours = shown(&Subject::ours()?, config, done)?;
    let differ: Vec<_> = theirs.symmetric_difference(&ours).collect();
    assert!(differ.is_empty(), "{differ:#?}\nof\n{theirs:#?}");
    // lo has two addresses, eth0 two and eth1 one.
    assert_eq!(ours.len(), count + 5, "{ours:#?}");
    Ok(())
}

#[test]
fn virtual_ones() -> Result<()> {
    let config = format!(
        "vrrp_instance VI_1 {{\n state MASTER\n interface eth0\n virtual_router_id 51\n \
         priority 255\n virtual_ipaddress {{\n 192.0.2.100/24\n }}\n{}}}\n",
        lines("virtual_ipaddress_excluded", 1, "203.0.1.250/32")
    );
    compare(&config, "203.0.1.250/32", FOUR.len() + SIX.len() + 2)
}

#[test]
fn static_ones() -> Result<()> {
    let config = format!(
        "global_defs {{\n default_interface eth0\n}}\n{}",
        lines("static_ipaddress", 2, "203.0.2.250/32")
    );
    compare(&config, "203.0.2.250/32", FOUR.len() + SIX.len() + 1)
}
