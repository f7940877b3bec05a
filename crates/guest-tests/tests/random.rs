//! Random configurations one after the other: after each reload the table is what a start with
//! the new configuration makes, and nothing that stays was ever taken away.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use guest_tests::{await_table, host, saved};
use lab::{Daemon, Host, PATIENCE, Result, Subject};
use netlink::IpvsSocket;
use netlink::ipvs::{DestKey, Found, ServiceKey};

/// Names another start of the random numbers.
const SEED: &str = "GUEST_SEED";
/// Reloads of one run.
const STEPS: usize = 25;

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.below(from.len() as u64)).unwrap_or(0)]
    }
}

/// What virtual servers listen on; all but the last can be reached by a datagram.
const HEADS: [&str; 6] =
    ["10.0.0.1 80", "10.0.0.2 80", "10.0.0.3 0", "group web", "10.0.0.4 53", "fwmark 5"];

fn config(random: &mut Random) -> String {
    let last = random.below(4) + 20;
    let mut text = format!("virtual_server_group web {{\n10.0.0.20-{last} 80\n10.0.0.30 81\n}}\n");
    for head in HEADS {
        if random.one_in(3) {
            continue;
        }
        let _ = writeln!(text, "virtual_server {head} {{\nprotocol UDP");
        let _ = writeln!(text, "lb_algo {}", random.pick(&["rr", "wrr", "wlc", "lc", "sed"]));
        let _ = writeln!(text, "lb_kind {}", random.pick(&["NAT", "DR", "TUN"]));
        if random.one_in(4) || head.ends_with(" 0") {
            let _ = writeln!(text, "persistence_timeout {}", 30 + random.below(3));
        }
        if random.one_in(3) {
            let _ = writeln!(text, "sorry_server 10.2.0.{} 80", 1 + random.below(2));
        }
        if random.one_in(4) {
            let _ = writeln!(text, "quorum {}", 1 + random.below(6));
        }
        servers(random, &mut text);
        text.push_str("}\n");
    }
    // One that is always there, so that the role is.
    text.push_str("virtual_server 10.0.0.9 80 {\nprotocol UDP\nlb_kind NAT\n");
    text.push_str("real_server 10.1.0.1 80 {\nweight 1\n}\n}\n");
    text
}

fn servers(random: &mut Random, text: &mut String) {
    // In any order, so that one that comes again stands elsewhere.
    let mut numbers = [1, 2, 3, 4, 5];
    for at in (1..numbers.len()).rev() {
        numbers.swap(at, usize::try_from(random.below(at as u64 + 1)).unwrap_or(0));
    }
    let count = usize::try_from(random.below(5)).unwrap_or(0) + 1;
    for n in numbers.into_iter().take(count) {
        let _ = writeln!(text, "real_server 10.1.0.{n} 80 {{\nweight {}", random.below(4));
        if random.one_in(4) {
            let _ = writeln!(text, "uthreshold {}\nlthreshold 3", 10 + random.below(2));
        }
        if random.one_in(5) {
            text.push_str("inhibit_on_failure\n");
        }
        if random.one_in(4) {
            let _ = writeln!(text, "lvs_method {}", random.pick(&["NAT", "DR", "TUN"]));
        }
        if random.one_in(4) {
            // It does not run within this test, since a verdict would outlive the reload.
            text.push_str("TCP_CHECK {\nconnect_timeout 5\nwarmup 86400\ndelay_loop 86400\n}\n");
        }
        text.push_str("}\n");
    }
}

/// The table of a fresh start.
fn started(config: &str) -> Result<Vec<String>> {
    let host = host("fresh")?;
    let _daemon = Daemon::start(&host, &Subject::ours()?, config)?;
    let until = Instant::now() + PATIENCE;
    let (mut last, mut since) = (Vec::new(), Instant::now());
    while since.elapsed() < Duration::from_millis(300) || last.is_empty() {
        let now = saved(&host)?;
        if now != last {
            (last, since) = (now, Instant::now());
        }
        if Instant::now() > until {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(last)
}

/// What tells a service and its servers that stay from those that are taken away and come back:
/// its packets, which would be counted anew, and the order of its servers, whose first is the last
/// that came.
type Seen = BTreeMap<ServiceKey, (u64, Vec<DestKey>)>;

fn seen(ipvs: &mut IpvsSocket) -> Seen {
    let services = ipvs.services().expect("a dump");
    let one = |found: &Found| {
        let servers = ipvs.dests(&found.key).expect("a dump").iter().map(|e| e.key).collect();
        (found.key, (found.stats.in_packets, servers))
    };
    services.iter().map(one).collect()
}

/// How many services stayed with packets, and servers beside others.
fn stayed(before: &Seen, after: &Seen) -> Result<(usize, usize)> {
    let (mut services, mut servers) = (0, 0);
    for (key, (packets, order)) in before {
        let Some((now, new)) = after.get(key) else { continue };
        if now < packets {
            return Err(lab::Error::new(format!("{key:?} was taken away")));
        }
        services += usize::from(*packets > 0);
        let old: Vec<_> = order.iter().filter(|d| new.contains(d)).collect();
        let kept: Vec<_> = new.iter().filter(|d| order.contains(d)).collect();
        if old != kept {
            return Err(lab::Error::new(format!("{key:?}: {old:?} became {kept:?}")));
        }
        servers += kept.len().saturating_sub(1);
    }
    Ok((services, servers))
}

/// Sends datagrams of many sockets to every service that has an address.
fn load(host: &Host) -> Result<()> {
    host.run(|| {
        for _ in 0..12 {
            let Ok(socket) = UdpSocket::bind("127.0.0.1:0") else { return };
            for n in 1..=30 {
                let service = Ipv4Addr::new(10, 0, 0, n);
                // Where no service is the local host answers that the port is closed.
                let _ = socket.send_to(b"x", (service, if n == 30 { 81 } else { 80 }));
            }
        }
    })
}

#[test]
fn any_configuration_follows_any_other() -> Result<()> {
    let seed = std::env::var(SEED).ok().and_then(|s| s.parse().ok()).unwrap_or(20_261_126);
    println!("{SEED}={seed}");
    let mut random = Random(seed);
    let host = host("director")?;
    for n in 1..=30 {
        host.add_addr("lo", IpAddr::from([10, 0, 0, n]), 32)?;
    }
    let first = config(&mut random);
    let daemon = Daemon::start(&host, &Subject::ours()?, &first)?;
    let mut table = started(&first)?;
    await_table(&host, &table)?;
    let mut ipvs = host.run(IpvsSocket::open)?.expect("a socket needs no privilege");
    assert!(ipvs.connect().expect("the kernel answers"));
    let (mut services, mut servers) = (0, 0);
    for step in 0..STEPS {
        load(&host)?;
        let before = seen(&mut ipvs);
        let next = config(&mut random);
        daemon.reload(&next)?;
        let wanted = started(&next)?;
        let context = |e| lab::Error::new(format!("step {step}: {e}\nreloaded to:\n{next}"));
        await_table(&host, &wanted).map_err(context)?;
        let (more, beside) = stayed(&before, &seen(&mut ipvs)).map_err(context)?;
        (services, servers) = (services + more, servers + beside);
        table = wanted;
    }
    assert_ne!(table, [""; 0]);
    assert!(services > STEPS, "only {services} services with packets stayed");
    assert!(servers > STEPS, "only {servers} servers stayed");
    Ok(())
}
