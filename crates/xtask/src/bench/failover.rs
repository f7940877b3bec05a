//! One instance: the master is killed with -9; how far beyond the protocol's limit the backup's
//! first advert, its address and its first announcement come.
//!
//! The limit is counted from the last advert that reached the backup: 3 intervals and the skew
//! time. What the kill itself adds (it falls anywhere within an interval) is not the program's.

use std::net::Ipv4Addr;
use std::slice::from_ref;
use std::time::Duration;

use lab::config::{self, Instance};
use lab::{Capture, Daemon, Frame, Host, PATIENCE, Stamp, Switch, Watch};
use serde_json::{Value, json};

use super::stats::Samples;
use super::{Candidate, Options, by_name};
use crate::run::Outcome;

const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);
const ADVERTS: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_millis(100), Duration::from_millis(10)];

/// Excess over the limit, in milliseconds.
#[derive(Default)]
struct Excess {
    advert: Samples,
    vip: Samples,
    announcement: Samples,
}

/// Measures all candidates at all intervals and prints the table.
pub fn run(candidates: &[Candidate], options: &Options) -> Outcome<Value> {
    println!(
        "\nkill -9 of the master of one instance: ms beyond the limit, median (range), n = {}",
        options.n
    );
    println!(
        "  {:<10} {:>9} {:>9}  {:<24} {:<24} {:<24}",
        "", "advert", "limit", "first advert", "address", "announcement"
    );
    let mut rows = Vec::new();
    for candidate in candidates {
        let mut figures = serde_json::Map::new();
        for advert in ADVERTS {
            let excess = measure(candidate, advert, options.n)?;
            println!(
                "  {:<10} {:>9} {:>9}  {:<24} {:<24} {:<24}",
                candidate.name,
                format!("{advert:?}"),
                format!("{:.1}", backup(advert).master_down().as_secs_f64() * 1e3),
                excess.advert.show(),
                excess.vip.show(),
                excess.announcement.show()
            );
            let value = json!({
                "advert": excess.advert.json(),
                "address": excess.vip.json(),
                "announcement": excess.announcement.json(),
            });
            figures.insert(format!("{advert:?}"), value);
        }
        rows.push((candidate.name, Value::Object(figures)));
    }
    Ok(by_name(rows))
}

/// The owner, which is master as soon as it starts.
fn owner(advert: Duration) -> Instance {
    Instance { advert, ..Instance::new(51, 255, &["192.0.2.100/24"]) }
}

fn backup(advert: Duration) -> Instance {
    Instance { priority: 100, ..owner(advert) }
}

fn measure(candidate: &Candidate, advert: Duration, n: usize) -> Outcome<Excess> {
    let switch = Switch::new()?;
    let (a, b) = (Host::new("a")?, Host::new("b")?);
    switch.attach(&a, "eth0", &["192.0.2.1/24"])?;
    switch.attach(&b, "eth0", &["192.0.2.2/24"])?;
    let config = |instance: &Instance| config::file(from_ref(instance));
    let mut second = Daemon::start(&b, &candidate.subject, &config(&backup(advert)))?;
    second.await_log("Entering BACKUP STATE")?;
    let mut excess = Excess::default();
    for _ in 0..n {
        let mut trial = Trial::begin(&b)?;
        let first = Daemon::start(&a, &candidate.subject, &config(&owner(advert)))?;
        trial.await_calm()?;
        first.crash();
        trial.measure(backup(advert).master_down(), &mut excess)?;
    }
    Ok(excess)
}

/// What the backup sees and does.
struct Trial {
    wire: Capture,
    watch: Watch,
}

impl Trial {
    fn begin(host: &Host) -> Outcome<Self> {
        let keep = |f: &Frame| f.advert().is_some() || (f.outgoing && f.announces(VIP.into()));
        let wire = Capture::keeping(host, "eth0", keep)?;
        Ok(Self { wire, watch: Watch::new(host)? })
    }

    /// Waits until the owner is master, and the backup has given up what it held before.
    fn await_calm(&mut self) -> Outcome {
        let of_owner = |f: &Frame| !f.outgoing && f.advert().is_some();
        self.wire.await_frame(PATIENCE, of_owner)?;
        self.watch.await_addr(PATIENCE, VIP, false)?;
        self.wire.clear()?;
        self.wire.await_frame(PATIENCE, of_owner)?;
        Ok(())
    }

    fn measure(&mut self, limit: Duration, excess: &mut Excess) -> Outcome {
        let vip = self.watch.await_addr(PATIENCE, VIP, true)?;
        let announced =
            self.wire.await_frame(PATIENCE, |f| f.outgoing && f.announces(VIP.into()))?;
        let adverts = self.wire.frames()?.iter().filter(|f| f.advert().is_some());
        let (own, heard): (Vec<&Frame>, Vec<&Frame>) = adverts.partition(|f| f.outgoing);
        let last = heard.last().ok_or("the master sent no advert")?.at;
        let taken = own.first().ok_or("the backup sent no advert")?.at;
        let due = last + limit;
        let ms = |at: Stamp| at.seconds_since(due) * 1e3;
        excess.advert.add(ms(taken));
        excess.vip.add(ms(vip));
        excess.announcement.add(ms(announced.at));
        Ok(())
    }
}
