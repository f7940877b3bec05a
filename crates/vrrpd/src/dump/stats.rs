//! `keepalived.stats`: labels and indentation are parsed by monitoring.

use vrrp_proto::{Counters, Node};

/// One block per instance, in configuration order.
pub fn text(node: &Node) -> String {
    let mut text = String::new();
    for i in node.instances() {
        text.push_str(&format!("VRRP Instance: {}\n", i.config().name));
        text.push_str(&counters(i.counters()));
    }
    text
}

fn counters(c: &Counters) -> String {
    format!(
        "  Advertisements:\n    Received: {}\n    Sent: {}\n  Became master: {}\n  Released master: {}\n  \
         Packet Errors:\n    Length: {}\n    TTL: {}\n    Invalid Type: {}\n    \
         Advertisement Interval: {}\n    Address List: {}\n  \
         Authentication Errors:\n    Invalid Type: {}\n    Type Mismatch: {}\n    Failure: {}\n  \
         Authentication Extension Errors:\n    Missing: {}\n    Malformed: {}\n    Unknown Key: {}\n    \
         Invalid HMAC: {}\n    Stale: {}\n    Replay: {}\n  \
         Priority Zero:\n    Received: {}\n    Sent: {}\n",
        c.advert_rcvd,
        c.advert_sent,
        c.become_master,
        c.release_master,
        c.packet_len_err,
        c.ip_ttl_err,
        c.invalid_type_rcvd,
        c.advert_interval_err,
        c.addr_list_err,
        c.invalid_authtype,
        c.authtype_mismatch,
        c.auth_failure,
        c.auth_ext_missing,
        c.auth_ext_malformed,
        c.auth_ext_unknown_key,
        c.auth_ext_invalid_hmac,
        c.auth_ext_stale,
        c.auth_ext_replay,
        c.pri_zero_rcvd,
        c.pri_zero_sent,
    )
}
