//! An address as dumps write it.

use core::fmt::Write;
use core::net::IpAddr;
use model::net::Address;
use netlink::addr as ifa;

/// `ADDR[/LEN] [brd A] dev IF scope S [label L] ... [set]`; the length of a
/// host address is left out. `dev` is where it goes.
pub fn address(a: &Address, dev: &str, set: bool) -> String {
    let mut line = a.prefix.addr.to_string();
    let mut put = |text: core::fmt::Arguments<'_>| {
        let _ = line.write_fmt(text);
    };
    if a.prefix.len != a.prefix.family().bits() {
        put(format_args!("/{}", a.prefix.len));
    }
    if let Some(b) = a.broadcast {
        put(format_args!(" brd {b}"));
    }
    put(format_args!(" dev {dev}"));
    if a.use_vmac {
        put(format_args!(" use_vmac"));
    }
    match a.scope {
        0 => put(format_args!(" scope global")),
        253 => put(format_args!(" scope link")),
        254 => put(format_args!(" scope host")),
        n => put(format_args!(" scope {n}")),
    }
    if let Some(label) = &a.label {
        put(format_args!(" label {label}"));
    }
    if let Some(peer) = &a.peer {
        put(format_args!(" peer {peer}"));
    }
    for (bit, word) in [
        (ifa::F_HOMEADDRESS, " home"),
        (ifa::F_MANAGETEMPADDR, " mngtmpaddr"),
        (ifa::F_NOPREFIXROUTE, " noprefixroute"),
        (ifa::F_MCAUTOJOIN, " autojoin"),
    ] {
        if a.flags & bit != 0 {
            put(format_args!("{word}"));
        }
    }
    if a.no_track {
        put(format_args!(" no_track"));
    }
    match a.preferred_lft {
        Some(0) => put(format_args!(" deprecated")),
        Some(u32::MAX) => put(format_args!(" preferred_lft forever")),
        Some(n) => put(format_args!(" preferred_lft {n}")),
        None if matches!(a.prefix.addr, IpAddr::V6(_)) && a.prefix.len == 128 => {
            put(format_args!(" deprecated"));
        }
        None => {}
    }
    if set {
        put(format_args!(" set"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::Prefix;

    #[test]
    fn an_address_line_reads_as_the_reference_writes_it() {
        let prefix = Prefix { addr: "10.99.0.10".parse().unwrap(), len: 24 };
        let mut a = Address::plain(prefix);
        a.label = Some("eth1:1".to_owned());
        assert_eq!(
            address(&a, "eth1", true),
            "10.99.0.10/24 dev eth1 scope global label eth1:1 set"
        );
        let host = Address::plain(Prefix::host("2001:db8::1".parse().unwrap()));
        assert_eq!(address(&host, "eth1", false), "2001:db8::1 dev eth1 scope global deprecated");
    }
}
