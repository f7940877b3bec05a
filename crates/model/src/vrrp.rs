//! VRRP instances, sync groups and static objects.

use crate::net::{Address, GarpGroup, Route, Rule};
use crate::secret::Secret;
use core::net::IpAddr;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use types::{Family, Priority, ScriptId, TrackId, Vrid, Weight};

/// Everything the vrrp role works on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Vrrp {
    /// Instances, in configuration order.
    pub instances: Vec<VrrpInstance>,
    /// Sync groups, in configuration order.
    pub sync_groups: Vec<SyncGroup>,
    /// `static_ipaddress`.
    pub static_addresses: Vec<Address>,
    /// `static_routes`.
    pub static_routes: Vec<Route>,
    /// `static_rules`.
    pub static_rules: Vec<Rule>,
    /// Whether any `static_*` block was there, even an empty one: it starts
    /// the vrrp role.
    pub static_blocks: bool,
    /// `track_group`: (name, instances), for static objects.
    pub track_groups: Vec<(String, Vec<String>)>,
    /// `garp_group`.
    pub garp_groups: Vec<GarpGroup>,
    /// `interface_up_down_delays`.
    pub debounce: Vec<Debounce>,
    /// `linkbeat_interfaces`.
    pub linkbeat: Vec<Linkbeat>,
}

impl Vrrp {
    /// Takes out passwords and keys, which are overwritten.
    pub fn forget_secrets(&mut self) {
        for instance in &mut self.instances {
            (instance.auth, instance.auth_hmac) = (None, None);
        }
    }
}

/// An entry of `interface_up_down_delays`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debounce {
    /// Interface.
    pub interface: String,
    /// A down lasts this long before it counts.
    pub down: Duration,
    /// An up lasts this long before it counts.
    pub up: Duration,
}

/// An entry of `linkbeat_interfaces`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linkbeat {
    /// Interface.
    pub interface: String,
    /// How it is asked; `None` tries each.
    pub method: Option<LinkbeatMethod>,
}

/// How the link state is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinkbeatMethod {
    /// MII registers.
    Mii,
    /// ETHTOOL_GLINK.
    Ethtool,
    /// Interface flags by ioctl.
    Ioctl,
}

/// VRRP protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Version {
    /// RFC 3768.
    #[default]
    V2,
    /// RFC 9568.
    V3,
}

/// `vrrp_instance`, defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VrrpInstance {
    /// Name in configuration, logs and notifications.
    pub name: String,
    /// Virtual router identifier.
    pub vrid: Vrid,
    /// Family of the adverts.
    pub family: Family,
    /// Protocol version.
    pub version: Version,
    /// Interface; `None` for unicast without one.
    pub interface: Option<String>,
    /// VRF of interface-less unicast.
    pub vrf: Option<String>,
    /// Configured priority.
    pub priority: Priority,
    /// `state MASTER` was written (or implied by priority 255).
    pub wants_master: bool,
    /// Own advertisement interval.
    pub advert_int: Duration,
    /// `nopreempt`.
    pub nopreempt: bool,
    /// Time before a lower master is preempted.
    pub preempt_delay: Duration,
    /// Adverts missed before the master is down, usually 3.
    pub down_timer_adverts: u8,
    /// Source address, when given.
    pub source: Option<IpAddr>,
    /// FAULT while the given source address is not on the host.
    pub track_source: bool,
    /// Multicast group.
    pub mcast_group: IpAddr,
    /// Unicast settings; `None` is multicast.
    pub unicast: Option<Unicast>,
    /// A unicast keyword was used although there are no peers: FAULT when
    /// `unicast_fault_no_peer` was given, else multicast.
    pub fault_no_peer: bool,
    /// v3 checksum without pseudo header (`v3_checksum_as_v2`).
    pub v3_checksum_as_v2: bool,
    /// `use_vmac`.
    pub vmac: Option<Vmac>,
    /// `use_vmac_addr`: VMACs for addresses on other interfaces.
    pub vmac_addr: bool,
    /// `vmac_xmit_base`: adverts leave from the base interface.
    pub vmac_xmit_base: bool,
    /// `use_ipvlan`.
    pub ipvlan: Option<Ipvlan>,
    /// The own interface's state does not matter.
    pub dont_track_primary: bool,
    /// Tracked interfaces.
    pub track_interfaces: Vec<TrackInterface>,
    /// Tracked scripts, files, processes and BFD sessions.
    pub tracks: Vec<TrackRef>,
    /// Addresses that are advertised.
    pub vips: Vec<Address>,
    /// Addresses that are moved but not advertised.
    pub evips: Vec<Address>,
    /// `virtual_routes`.
    pub routes: Vec<Route>,
    /// `virtual_rules`.
    pub rules: Vec<Rule>,
    /// `no_virtual_ipaddress`.
    pub no_vips: bool,
    /// `promote_secondaries`.
    pub promote_secondaries: bool,
    /// Packets to the VIPs are accepted by a master that does not own them.
    pub accept: bool,
    /// Check the VIP list of a new master's first advert only.
    pub skip_check_adv_addr: bool,
    /// `strict_mode`.
    pub strict: bool,
    /// Gratuitous ARP and neighbour advertisement pacing.
    pub garp: Garp,
    /// A master that hears a lower priority stays silent.
    pub lower_prio_no_advert: bool,
    /// A master that hears a higher priority sends one more advert.
    pub higher_prio_send_advert: bool,
    /// An owner ignores all adverts.
    pub owner_ignore_adverts: bool,
    /// `timer_expired_backup`: step down when the own timer ran so late that
    /// a peer of this priority must have taken over.
    pub timer_expired_backup: Option<u8>,
    /// Receive buffer in bytes.
    pub kernel_rx_buf_size: Option<u32>,
    /// `debug`.
    pub debug: u8,
    /// Poll this instance's link.
    pub linkbeat_use_polling: bool,
    /// `authentication`.
    pub auth: Option<Auth>,
    /// `auth_hmac`.
    pub auth_hmac: Option<AuthHmac>,
    /// Scripts to run on transitions.
    pub notify: Notify,
    /// `smtp_alert`, resolved with the global defaults.
    pub smtp_alert: bool,
    /// Report priority changes to the FIFOs.
    pub notify_priority_changes: bool,
    /// Count of permanent configuration faults (`num config faults`): the
    /// instance stays in FAULT while it is not 0.
    pub config_faults: u8,
}

impl VrrpInstance {
    /// An instance without an interface, with every option at the default of the language.
    pub fn plain(name: &str, vrid: Vrid) -> Self {
        VrrpInstance {
            name: name.to_owned(),
            vrid,
            family: Family::V4,
            version: Version::V2,
            interface: None,
            vrf: None,
            priority: Priority::DEFAULT,
            wants_master: false,
            advert_int: Duration::from_secs(1),
            nopreempt: false,
            preempt_delay: Duration::ZERO,
            down_timer_adverts: 3,
            source: None,
            track_source: false,
            mcast_group: IpAddr::from([224, 0, 0, 18]),
            unicast: None,
            fault_no_peer: false,
            v3_checksum_as_v2: false,
            vmac: None,
            vmac_addr: false,
            vmac_xmit_base: false,
            ipvlan: None,
            dont_track_primary: false,
            track_interfaces: Vec::new(),
            tracks: Vec::new(),
            vips: Vec::new(),
            evips: Vec::new(),
            routes: Vec::new(),
            rules: Vec::new(),
            no_vips: false,
            promote_secondaries: false,
            accept: true,
            skip_check_adv_addr: false,
            strict: false,
            garp: Garp::default(),
            lower_prio_no_advert: false,
            higher_prio_send_advert: false,
            owner_ignore_adverts: false,
            timer_expired_backup: None,
            kernel_rx_buf_size: None,
            debug: 0,
            linkbeat_use_polling: false,
            auth: None,
            auth_hmac: None,
            notify: Notify::default(),
            smtp_alert: false,
            notify_priority_changes: false,
            config_faults: 0,
        }
    }
}

/// Unicast peers and checks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Unicast {
    /// Peers, in configuration order.
    pub peers: Vec<Peer>,
    /// Drop adverts whose source is not a peer.
    pub check_source: bool,
    /// TTL or hop limit; `None` is 255 for IPv4, the kernel's for IPv6.
    pub ttl: Option<u8>,
    /// Which pseudo header v3 adverts are summed with.
    pub old_checksum: OldChecksum,
}

/// A unicast peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its address.
    pub addr: IpAddr,
    /// Least TTL accepted from it.
    pub min_ttl: u8,
    /// Largest TTL accepted from it.
    pub max_ttl: u8,
}

/// `old_unicast_checksum`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OldChecksum {
    /// Correct; switches when a peer uses the old form.
    #[default]
    Auto,
    /// Always the multicast group in the pseudo header.
    Always,
    /// Never switch.
    Never,
}

/// `use_vmac`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Vmac {
    /// Interface name; `None` is generated.
    pub name: Option<String>,
    /// MAC; `None` is the protocol's.
    pub mac: Option<[u8; 6]>,
    /// Interface group.
    pub group: Option<u32>,
}

/// `use_ipvlan`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Ipvlan {
    /// Interface name; `None` is generated.
    pub name: Option<String>,
    /// Its address.
    pub addr: Option<types::Prefix>,
    /// Mode flags.
    pub mode: IpvlanMode,
    /// Interface group.
    pub group: Option<u32>,
}

/// ipvlan mode flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum IpvlanMode {
    /// Bridge.
    #[default]
    Bridge,
    /// Private.
    Private,
    /// VEPA.
    Vepa,
}

/// An entry of `track_interface`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackInterface {
    /// Interface.
    pub interface: String,
    /// Weight; 0 faults.
    pub weight: Weight,
    /// Good and bad exchanged.
    pub reverse: bool,
}

/// An entry of `track_script`, `track_file`, `track_process` or `track_bfd`,
/// weight resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackRef {
    /// The object.
    pub id: TrackId,
    /// Weight; 0 faults.
    pub weight: Weight,
    /// Good and bad exchanged.
    pub reverse: bool,
}

/// Gratuitous ARP and unsolicited neighbour advertisement pacing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Garp {
    /// Time to the second batch; zero is none.
    pub master_delay: Duration,
    /// Packets per address and batch.
    pub master_repeat: u32,
    /// Time between refreshes; zero is none.
    pub master_refresh: Duration,
    /// Packets per address and refresh.
    pub master_refresh_repeat: u32,
    /// Time to the second batch after a lower advert.
    pub lower_prio_delay: Duration,
    /// Packets per address and batch after a lower advert.
    pub lower_prio_repeat: u32,
    /// Periodic packets on other interfaces.
    pub extra_if: Option<GarpExtraIf>,
}

impl Default for Garp {
    fn default() -> Self {
        Garp {
            master_delay: Duration::from_secs(5),
            master_repeat: 5,
            master_refresh: Duration::ZERO,
            master_refresh_repeat: 1,
            lower_prio_delay: Duration::from_secs(5),
            lower_prio_repeat: 5,
            extra_if: None,
        }
    }
}

/// `garp_extra_if`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GarpExtraIf {
    /// Interval.
    pub interval: Duration,
    /// Also on interfaces that are no VMACs.
    pub all: bool,
}

/// Legacy authentication (RFC 2338).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Auth {
    /// Simple password, at most 8 bytes.
    Pass(Secret),
    /// Authentication Header, key of at most 8 bytes.
    Ah(Secret),
}

/// `auth_hmac`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthHmac {
    /// Keys by id.
    pub keys: Vec<(u8, Secret)>,
    /// Key that signs.
    pub active_key: u8,
    /// Largest clock difference in seconds.
    pub time_window: u16,
    /// Sequences follow a counter only, not the clock.
    pub monotonic: bool,
    /// What happens to adverts without trailer, and whether we send one.
    pub mode: HmacMode,
}

/// `auth_hmac { mode }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum HmacMode {
    /// Adverts without trailer are dropped.
    #[default]
    Enforce,
    /// They are accepted.
    Permissive,
    /// They are accepted and none is sent.
    ReceiveOnly,
}

/// Scripts run on transitions of an instance or group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Notify {
    /// Entering MASTER.
    pub master: Option<ScriptId>,
    /// Entering BACKUP.
    pub backup: Option<ScriptId>,
    /// Entering FAULT.
    pub fault: Option<ScriptId>,
    /// At stop.
    pub stop: Option<ScriptId>,
    /// Removed by a reload.
    pub deleted: Option<ScriptId>,
    /// Report DELETED rather than FAULT for a removed instance.
    pub report_deleted: bool,
    /// A master heard a lower priority.
    pub master_rx_lower_pri: Option<ScriptId>,
    /// Every transition, with arguments.
    pub any: Option<ScriptId>,
}

/// `vrrp_sync_group`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SyncGroup {
    /// Name.
    pub name: String,
    /// Names of its members, each of which exists.
    pub members: Vec<String>,
    /// Group-level tracked interfaces.
    pub track_interfaces: Vec<TrackInterface>,
    /// Group-level tracked objects.
    pub tracks: Vec<TrackRef>,
    /// Members may have weights.
    pub tracking_weight: bool,
    /// Scripts to run on transitions.
    pub notify: Notify,
    /// `smtp_alert`, resolved with the global defaults.
    pub smtp_alert: bool,
    /// Report priority changes to the FIFOs.
    pub notify_priority_changes: bool,
}
