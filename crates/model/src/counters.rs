//! Statistics of an instance, as `keepalived.stats` shows them.

use serde::{Deserialize, Serialize};

/// Counters of one instance; they survive a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Adverts accepted as such (each after the checks that discard).
    pub advert_rcvd: u64,
    /// Adverts sent, one for all unicast peers.
    pub advert_sent: u64,
    /// Transitions to MASTER.
    pub become_master: u64,
    /// Transitions from MASTER.
    pub release_master: u64,
    /// Wrong length.
    pub packet_len_err: u64,
    /// Wrong advertisement interval (version 2).
    pub advert_interval_err: u64,
    /// Wrong TTL or hop limit.
    pub ip_ttl_err: u64,
    /// Wrong packet type.
    pub invalid_type_rcvd: u64,
    /// Wrong casting, or an address list that differs.
    pub addr_list_err: u64,
    /// Unknown authentication type.
    pub invalid_authtype: u64,
    /// Authentication type differs from ours.
    pub authtype_mismatch: u64,
    /// Wrong password, ICV or AH sequence.
    pub auth_failure: u64,
    /// `auth_hmac` trailer missing.
    pub auth_ext_missing: u64,
    /// `auth_hmac` trailer malformed, or from nobody we know.
    pub auth_ext_malformed: u64,
    /// `auth_hmac` key unknown.
    pub auth_ext_unknown_key: u64,
    /// `auth_hmac` tag wrong.
    pub auth_ext_invalid_hmac: u64,
    /// `auth_hmac` time outside the window.
    pub auth_ext_stale: u64,
    /// `auth_hmac` sequence seen before.
    pub auth_ext_replay: u64,
    /// Adverts of priority 0 received.
    pub pri_zero_rcvd: u64,
    /// Adverts of priority 0 sent.
    pub pri_zero_sent: u64,
    /// Wrong VRRP version.
    pub vers_err: u64,
    /// Wrong checksum.
    pub chk_err: u64,
    /// Valid adverts that were discarded: from an unknown unicast source, or
    /// while the address owner ignores them.
    pub ignored: u64,
}
