//! Judging a received packet: every check, in the reference's order.
//!
//! Owns RFC 9568 section 7.1 and RFC 3768 section 7.1 with the reference's
//! additions. What fails is counted and named; nothing that fails reaches the
//! election, and nothing here touches a timer.

use crate::auth::{self, Signer, TRAILER_LEN};
use crate::event::{InstanceEvent, State};
use crate::fsm::Heard;
use crate::instance::{Env, Instance};
use crate::packet::{self, Flavour, Raw, version_number};
use crate::reject::{HmacReject, Reject, Summed};
use core::net::IpAddr;
use core::time::Duration;
use model::Counters;
use model::vrrp::{OldChecksum, Version};
use types::{Centisecs, Family, Priority};

/// Log-once kinds beside those of [`Reject`].
const VIP_COUNT: u32 = 24;
const VIP_MISSING: u32 = 25;
const INTERVAL: u32 = 26;
const CLOCK_SKEW: u32 = 27;

fn count(counters: &mut Counters, reject: Reject) {
    let counter = match reject {
        Reject::Truncated { .. } | Reject::Length { .. } | Reject::TotalLength { .. } => {
            &mut counters.packet_len_err
        }
        Reject::AhPresence { .. } | Reject::AuthType { .. } => &mut counters.authtype_mismatch,
        Reject::Ttl { .. } | Reject::PeerTtl { .. } => &mut counters.ip_ttl_err,
        Reject::Version { .. } => &mut counters.vers_err,
        Reject::Hmac(HmacReject::Missing) => &mut counters.auth_ext_missing,
        Reject::Hmac(HmacReject::Malformed) => &mut counters.auth_ext_malformed,
        Reject::Hmac(HmacReject::Stale { .. }) => &mut counters.auth_ext_stale,
        Reject::Hmac(HmacReject::UnknownKey { .. }) => &mut counters.auth_ext_unknown_key,
        Reject::Hmac(HmacReject::Invalid) => &mut counters.auth_ext_invalid_hmac,
        Reject::Hmac(HmacReject::Replay) => &mut counters.auth_ext_replay,
        Reject::AuthTypeUnknown { .. } => &mut counters.invalid_authtype,
        Reject::Password | Reject::AhIcv | Reject::AhSpi | Reject::AhReplay { .. } => {
            &mut counters.auth_failure
        }
        Reject::Interval { .. } => &mut counters.advert_interval_err,
        Reject::Type { .. } => &mut counters.invalid_type_rcvd,
        Reject::Checksum { .. } => &mut counters.chk_err,
        Reject::Casting { .. } => &mut counters.addr_list_err,
        Reject::OwnerIgnores | Reject::NotPeer => &mut counters.ignored,
    };
    *counter += 1;
}

impl Instance {
    /// Counts and reports a packet that was rejected.
    pub fn reject(&mut self, env: &mut Env<'_>, from: IpAddr, reject: Reject) {
        count(&mut self.counters, reject);
        let what = InstanceEvent::Rejected { from, reject };
        self.report_once(env.out, reject.kind(), what);
        self.notice(env, from, reject);
        self.diagnose_reject(env, from, reject);
    }

    /// Makes every check on a packet for our VRID.
    pub fn receive(&mut self, env: &mut Env<'_>, raw: &Raw<'_>) -> Result<Heard, Reject> {
        self.check_shape(raw)?;
        self.check_hmac(env, raw)?;
        if self.config.version == Version::V2 {
            self.check_auth(raw)?;
            self.check_interval(raw)?;
        }
        if raw.kind() != packet::ADVERTISEMENT {
            return Err(Reject::Type { got: raw.kind() });
        }
        self.check_total(raw)?;
        self.note_interval(env, raw);
        self.check_checksum(env, raw)?;
        let multicast = raw.dst.is_multicast();
        if multicast == self.is_unicast() {
            return Err(Reject::Casting { multicast });
        }
        if self.config.owner_ignore_adverts && self.advertised().is_owner() {
            return Err(Reject::OwnerIgnores);
        }
        self.counters.advert_rcvd += 1;
        self.note_addresses(env, raw);
        self.check_peer(raw)?;
        if raw.priority() == Priority::STOP {
            self.counters.pri_zero_rcvd += 1;
        }
        // An interval of 0 would make the master down interval 0 as well.
        let interval = raw.interval().max(Centisecs(1).duration());
        let heard = Heard { from: raw.src, priority: raw.priority(), interval };
        self.diagnose_rival(env, raw, &heard);
        Ok(heard)
    }

    /// Checks 1 to 4: AH, length, TTL, version.
    fn check_shape(&self, raw: &Raw<'_>) -> Result<(), Reject> {
        if raw.ah.is_some() != self.auth.ah.is_some() {
            return Err(Reject::AhPresence { present: raw.ah.is_some() });
        }
        let want = raw.at + raw.message_len();
        let trailer = self.auth.hmac.is_some() && raw.all.len() == want + TRAILER_LEN;
        if !trailer && !raw.length_fits(0) {
            return Err(Reject::Length { got: raw.all.len(), want });
        }
        if let Some(got) = raw.ttl
            && got != 255
            && raw.dst.is_multicast()
        {
            return Err(Reject::Ttl { got });
        }
        let want = version_number(self.config.version);
        if raw.version() != want {
            return Err(Reject::Version { got: raw.version(), want });
        }
        Ok(())
    }

    /// Check 5: the `auth_hmac` trailer, before anything depends on contents.
    fn check_hmac(&mut self, env: &mut Env<'_>, raw: &Raw<'_>) -> Result<(), Reject> {
        let peer = self.is_unicast().then(|| self.has_peer(raw.src));
        let Some(hmac) = &mut self.auth.hmac else { return Ok(()) };
        let who = Signer { version: self.config.version, vrid: self.config.vrid, src: raw.src };
        let skew = hmac.check(raw, who, peer, env.unix).map_err(Reject::Hmac)?;
        if let Some(skew) = skew {
            let what = InstanceEvent::ClockSkew { from: raw.src, skew };
            self.report_once(env.out, CLOCK_SKEW, what);
        }
        Ok(())
    }

    /// Check 6: version 2's authentication (RFC 2338 section 5.3.6).
    fn check_auth(&mut self, raw: &Raw<'_>) -> Result<(), Reject> {
        let got = raw.auth_type();
        if got > 2 {
            return Err(Reject::AuthTypeUnknown { got });
        }
        let want = match &self.auth {
            a if a.pass.is_some() => 1,
            a if a.ah.is_some() => 2,
            _ => 0,
        };
        if got != want {
            return Err(Reject::AuthType { got, want });
        }
        if let Some(pass) = &self.auth.pass
            && !auth::same(pass.expose(), raw.auth_data())
        {
            return Err(Reject::Password);
        }
        if let Some(key) = &self.auth.ah {
            self.auth.ah_seen = auth::check_ah(key, self.is_unicast(), self.auth.ah_seen, raw)?;
        }
        Ok(())
    }

    /// Check 7: version 2 has one interval for all (RFC 3768 section 7.1).
    fn check_interval(&self, raw: &Raw<'_>) -> Result<(), Reject> {
        if raw.interval() == self.config.advert_int {
            return Ok(());
        }
        let secs = |d: Duration| u32::try_from(d.as_secs()).unwrap_or(u32::MAX);
        Err(Reject::Interval { ours: secs(self.config.advert_int), theirs: secs(raw.interval()) })
    }

    /// Check 9: IPv4's total length is what arrived, or it was padded.
    fn check_total(&self, raw: &Raw<'_>) -> Result<(), Reject> {
        let got = raw.all.len();
        match raw.total {
            Some(header) if header != got && !(got > header && got <= 46) => {
                Err(Reject::TotalLength { header, got })
            }
            _ => Ok(()),
        }
    }

    /// Check 10: version 3 follows its master's interval; one line tells.
    fn note_interval(&mut self, env: &mut Env<'_>, raw: &Raw<'_>) {
        let (ours, theirs) = (self.config.advert_int, raw.interval());
        if self.config.version == Version::V3 && ours != theirs {
            self.report_once(env.out, INTERVAL, InstanceEvent::IntervalDiffers { ours, theirs });
        }
    }

    /// Check 11: the checksum over IPv4; the kernel checks that over IPv6.
    fn check_checksum(&mut self, env: &mut Env<'_>, raw: &Raw<'_>) -> Result<(), Reject> {
        let (IpAddr::V4(src), IpAddr::V4(dst)) = (raw.src, raw.dst) else { return Ok(()) };
        let version = self.config.version;
        let ok = |f| packet::sum_v4(version, f, src, dst, raw.message()) == 0;
        let old = Flavour::OldUnicast(env.group4);
        let bad = || {
            let ways = [
                (Flavour::Pseudo, Summed::Pseudo),
                (old, Summed::OldUnicast),
                (Flavour::Plain, Summed::Plain),
            ];
            let found = ways.into_iter().find(|(f, _)| version == Version::V3 && ok(*f));
            let flavour = found.map(|(_, summed)| summed);
            Err(Reject::Checksum { version: version_number(version), flavour })
        };
        if version == Version::V2 {
            return if ok(Flavour::Pseudo) { Ok(()) } else { bad() };
        }
        if self.config.v3_checksum_as_v2 {
            return Ok(());
        }
        let Some(unicast) = &self.config.unicast else {
            return if ok(Flavour::Pseudo) { Ok(()) } else { bad() };
        };
        match unicast.old_checksum {
            OldChecksum::Always if ok(old) => Ok(()),
            OldChecksum::Never if ok(Flavour::Pseudo) => Ok(()),
            OldChecksum::Auto if ok(self.flavour(env.group4)) => Ok(()),
            OldChecksum::Auto if !self.old_checksum && ok(old) => {
                self.old_checksum = true;
                self.report(env.out, InstanceEvent::OldChecksum);
                Ok(())
            }
            _ => bad(),
        }
    }

    /// Check 14: the address lists should agree; one line tells if not.
    fn note_addresses(&mut self, env: &mut Env<'_>, raw: &Raw<'_>) {
        let theirs = raw.vips();
        let new_master = self.master.is_none_or(|m| m.addr != raw.src);
        let compare = self.state == State::Master || new_master || !self.config.skip_check_adv_addr;
        if !compare || theirs == self.packed {
            return;
        }
        let (ours, count) = (usize::from(self.count), raw.count());
        if ours != count {
            self.counters.addr_list_err += 1;
            let what = InstanceEvent::VipCount { ours, theirs: count };
            self.report_once(env.out, VIP_COUNT, what);
        } else if let Some(addr) = self.missing_vip(theirs) {
            self.counters.addr_list_err += 1;
            let what =
                InstanceEvent::VipMissing { vrid: self.config.vrid.get(), from: raw.src, addr };
            self.report_once(env.out, VIP_MISSING, what);
        }
    }

    /// The first of our addresses that is not in `theirs`; order is free.
    fn missing_vip(&self, theirs: &[u8]) -> Option<IpAddr> {
        let size = self.family().bytes();
        let mut ours = self.packed.chunks_exact(size);
        let i = ours.position(|o| !theirs.chunks_exact(size).any(|t| t == o))?;
        Some(self.config.vips.get(i)?.prefix.addr)
    }

    /// Check 15: unicast comes from a peer, from as far as that peer is.
    fn check_peer(&self, raw: &Raw<'_>) -> Result<(), Reject> {
        let Some(unicast) = self.config.unicast.as_ref().filter(|u| u.check_source) else {
            return Ok(());
        };
        let peer = unicast.peers.iter().find(|p| p.addr == raw.src).ok_or(Reject::NotPeer)?;
        match raw.ttl {
            Some(got) if got < peer.min_ttl || got > peer.max_ttl => {
                Err(Reject::PeerTtl { got, min: peer.min_ttl, max: peer.max_ttl })
            }
            _ => Ok(()),
        }
    }
}

/// Whether the packet's casting is not ours, which IPv6 ignores silently.
pub fn foreign_casting(instance: &Instance, raw: &Raw<'_>) -> bool {
    instance.family() == Family::V6 && raw.dst.is_multicast() == instance.is_unicast()
}
