//! Where on the bus an object is.

/// The name on the bus unless `dbus_service_name` gives another.
pub const SERVICE: &str = "org.keepalived.Vrrp1";
/// Stands for the interface of instances without one unless `dbus_no_interface_name` gives another.
pub const NONE: &str = "none";

/// What all object paths begin with: the namespace and the name of the daemon's instance follow
/// where they are set.
pub fn base(namespace: Option<&str>, instance: Option<&str>) -> String {
    let mut base = String::from("/org/keepalived/Vrrp1");
    for part in [namespace, instance].into_iter().flatten() {
        base.push('/');
        base.push_str(&element(part));
    }
    base
}

/// The path of the daemon's own object.
pub fn vrrp(base: &str) -> String {
    format!("{base}/Vrrp")
}

/// The path of an instance's object below `base`, by its interface (or what stands for none),
/// VRID and family.
pub fn instance(base: &str, interface: &str, vrid: u8, v6: bool) -> String {
    format!("{base}/Instance/{}", instance_key(interface, vrid, v6))
}

/// What tells an instance from others, as paths and errors have it.
fn instance_key(interface: &str, vrid: u8, v6: bool) -> String {
    format!("{}/{vrid}/{}", element(interface), if v6 { "IPv6" } else { "IPv4" })
}

/// `text` as an element of a path, which may hold letters and digits only.
fn element(text: &str) -> String {
    let legal = |b: u8| if b.is_ascii_alphanumeric() { char::from(b) } else { '_' };
    if text.is_empty() { "_".to_owned() } else { text.bytes().map(legal).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_no_letter_or_digit_becomes_an_underscore() {
        let base = base(Some("ns-1"), Some("i.2"));
        assert_eq!(base, "/org/keepalived/Vrrp1/ns_1/i_2");
        assert_eq!(vrrp(&base), "/org/keepalived/Vrrp1/ns_1/i_2/Vrrp");
        let base = super::base(None, None);
        assert_eq!(
            instance(&base, "eth-0.1@x", 51, false),
            "/org/keepalived/Vrrp1/Instance/eth_0_1_x/51/IPv4"
        );
        // One for each byte.
        assert_eq!(instance(&base, "ä", 1, true), "/org/keepalived/Vrrp1/Instance/__/1/IPv6");
        assert_eq!(element(""), "_");
    }
}
