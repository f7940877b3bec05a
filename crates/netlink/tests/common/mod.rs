//! A host with two interfaces, and iproute2 in it as the judge.

#![allow(dead_code, reason = "not every test file uses all of it")]

use lab::{Host, Port, Switch};
use netlink::{AddrSpec, Batch};
use std::process::Command;
use types::Prefix;

/// Enough room for every notification of a test.
pub const ROOM: usize = 16 * 1024 * 1024;

/// The host and what its interfaces are plugged into.
pub struct World {
    /// The host.
    pub host: Host,
    /// Index of eth0: 10.0.0.1/24 and 2001:db8::1/64.
    pub eth0: u32,
    /// Index of eth1: 10.0.1.1/24 and 2001:db8:0:1::1/64.
    pub eth1: u32,
    cables: (Switch, [Port; 2]),
}

/// Makes the host.
pub fn world(name: &str) -> World {
    let host = Host::new(name).unwrap();
    let switch = Switch::new().unwrap();
    let ports = ["eth0", "eth1"].map(|port| switch.attach(&host, port, &[]).unwrap());
    let [eth0, eth1] = ["eth0", "eth1"].map(|port| host.index(port).unwrap());
    host.run(|| {
        let mut batch = Batch::open().unwrap();
        for (index, v4, v6) in
            [(eth0, "10.0.0.1", "2001:db8::1"), (eth1, "10.0.1.1", "2001:db8:0:1::1")]
        {
            batch.add_addr(&AddrSpec::new(index, v4.parse().unwrap(), 24));
            let v6 = AddrSpec::new(index, v6.parse().unwrap(), 64);
            batch.add_addr(&AddrSpec { flags: netlink::addr::F_NODAD, ..v6 });
        }
        assert_eq!(batch.run().unwrap(), []);
    })
    .unwrap();
    World { host, eth0, eth1, cables: (switch, ports) }
}

impl World {
    /// The switch that both interfaces are plugged into.
    pub fn switch(&self) -> &Switch {
        &self.cables.0
    }

    /// Runs `ip` with blank-separated arguments.
    #[track_caller]
    pub fn ip(&self, args: &str) -> String {
        match self.host.output(Command::new("ip").args(args.split_whitespace())) {
            Ok(text) => text,
            Err(e) => panic!("ip {args}: {e}"),
        }
    }
}

/// `"10.0.0.0/8"` as a prefix.
pub fn prefix(text: &str) -> Prefix {
    let (addr, len) = text.split_once('/').unwrap();
    Prefix { addr: addr.parse().unwrap(), len: len.parse().unwrap() }
}

/// `text` with every number that follows `"key":` replaced: what runs down by itself.
pub fn without_number(text: &str, key: &str) -> String {
    let mut parts = text.split(key);
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        all += key;
        all += part.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    all
}
