//! `global_defs` and root-level settings.

use crate::process::ProcessSettings;
use crate::script::ScriptUser;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use types::ScriptId;

/// Settings of the whole daemon. Defaults of instances (`vrrp_*` pacing and
/// flags) are not here: lowering puts them into each instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Global {
    /// `net_namespace`.
    pub net_namespace: Option<String>,
    /// `net_namespace_ipvs`; `Some("")` is the namespace of pid 1.
    pub net_namespace_ipvs: Option<String>,
    /// `namespace_with_ipsets`.
    pub namespace_with_ipsets: bool,
    /// `instance`.
    pub instance: Option<String>,
    /// `use_pid_dir`.
    pub use_pid_dir: bool,
    /// `child_wait_time`.
    pub child_wait_time: Duration,
    /// `linkbeat_use_polling` (root level).
    pub linkbeat_use_polling: bool,
    /// Name of the core process (`process_name`).
    pub process_name: Option<String>,
    /// The vrrp role's process.
    pub vrrp_process: ProcessSettings,
    /// The checker role's process.
    pub checker_process: ProcessSettings,
    /// The bfd role's process.
    pub bfd_process: ProcessSettings,
    /// `max_auto_priority`: -1 disabled, 0 off.
    pub max_auto_priority: i8,
    /// `min_auto_priority_delay`.
    pub min_auto_priority_delay: Duration,
    /// `use_symlink_paths`.
    pub use_symlink_paths: bool,
    /// `set_supplementary_groups`.
    pub set_supplementary_groups: bool,
    /// `router_id`.
    pub router_id: Option<String>,
    /// Mail.
    pub smtp: Smtp,
    /// `startup_script`.
    pub startup_script: Option<ScriptId>,
    /// `startup_script_timeout`.
    pub startup_script_timeout: Duration,
    /// `shutdown_script`.
    pub shutdown_script: Option<ScriptId>,
    /// `shutdown_script_timeout`.
    pub shutdown_script_timeout: Duration,
    /// `dynamic_interfaces`.
    pub dynamic_interfaces: bool,
    /// `dynamic_interfaces allow_if_changes`.
    pub allow_if_changes: bool,
    /// `default_interface`.
    pub default_interface: Option<String>,
    /// `disable_local_igmp`.
    pub disable_local_igmp: bool,
    /// `vrrp_mcast_group4`.
    pub mcast_group4: Ipv4Addr,
    /// `vrrp_mcast_group6`.
    pub mcast_group6: Ipv6Addr,
    /// `vrrp_garp_interval`.
    pub garp_interval: Duration,
    /// `vrrp_gna_interval`.
    pub gna_interval: Duration,
    /// `log_unknown_vrids`.
    pub log_unknown_vrids: bool,
    /// `vrrp_startup_delay`.
    pub startup_delay: Duration,
    /// `vrrp_delay_after_boot`.
    pub delay_after_boot: Duration,
    /// `vmac_prefix`.
    pub vmac_prefix: String,
    /// `vmac_addr_prefix`; `None` is [`Global::vmac_prefix`].
    pub vmac_addr_prefix: Option<String>,
    /// Firewall of the vrrp role.
    pub nftables: Nftables,
    /// FIFOs.
    pub fifos: Fifos,
    /// `vrrp_notify_priority_changes`.
    pub notify_priority_changes: bool,
    /// `fifo_write_vrrp_states_on_reload`.
    pub fifo_write_states_on_reload: bool,
    /// `script_user`, resolved; `None` is the daemon's own user.
    pub script_user: Option<ScriptUser>,
    /// `enable_script_security`.
    pub script_security: bool,
    /// Socket buffers of the vrrp role and of core's process monitor.
    pub buffers: Buffers,
    /// `umask`, when given.
    pub umask: Option<u32>,
    /// `random_seed`.
    pub random_seed: Option<u32>,
    /// Reload settings.
    pub reload: Reload,
    /// `config_save_dir`.
    pub config_save_dir: Option<String>,
    /// `tmp_config_directory`.
    pub tmp_config_directory: Option<String>,
    /// Dump files.
    pub dumps: Dumps,
    /// `iproute_usr_dir`.
    pub iproute_usr_dir: Option<String>,
    /// `iproute_etc_dir`.
    pub iproute_etc_dir: Option<String>,
    /// SNMP.
    pub snmp: Snmp,
    /// D-Bus.
    pub dbus: Dbus,
    /// IPVS-wide settings.
    pub ipvs: Ipvs,
    /// Run every role as root (`roles_as_root`, ours): off by default.
    pub roles_as_root: bool,
}

impl Default for Global {
    fn default() -> Self {
        Global {
            net_namespace: None,
            net_namespace_ipvs: None,
            namespace_with_ipsets: false,
            instance: None,
            use_pid_dir: false,
            child_wait_time: Duration::from_secs(5),
            linkbeat_use_polling: false,
            process_name: None,
            vrrp_process: ProcessSettings::default(),
            checker_process: ProcessSettings::default(),
            bfd_process: ProcessSettings::default(),
            max_auto_priority: 0,
            min_auto_priority_delay: Duration::from_secs(1),
            use_symlink_paths: false,
            set_supplementary_groups: false,
            router_id: None,
            smtp: Smtp::default(),
            startup_script: None,
            startup_script_timeout: Duration::from_secs(10),
            shutdown_script: None,
            shutdown_script_timeout: Duration::from_secs(10),
            dynamic_interfaces: false,
            allow_if_changes: false,
            default_interface: None,
            disable_local_igmp: false,
            mcast_group4: Ipv4Addr::new(224, 0, 0, 18),
            mcast_group6: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12),
            garp_interval: Duration::ZERO,
            gna_interval: Duration::ZERO,
            log_unknown_vrids: false,
            startup_delay: Duration::ZERO,
            delay_after_boot: Duration::ZERO,
            vmac_prefix: "vrrp".to_owned(),
            vmac_addr_prefix: None,
            nftables: Nftables::default(),
            fifos: Fifos::default(),
            notify_priority_changes: false,
            fifo_write_states_on_reload: false,
            script_user: None,
            script_security: false,
            buffers: Buffers::default(),
            umask: None,
            random_seed: None,
            reload: Reload::default(),
            config_save_dir: None,
            tmp_config_directory: None,
            dumps: Dumps::default(),
            iproute_usr_dir: None,
            iproute_etc_dir: None,
            snmp: Snmp::default(),
            dbus: Dbus::default(),
            ipvs: Ipvs::default(),
            roles_as_root: false,
        }
    }
}

/// Mail settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Smtp {
    /// `notification_email_from`.
    pub from: Option<String>,
    /// `notification_email`.
    pub to: Vec<String>,
    /// `smtp_server` host as written.
    pub server: Option<String>,
    /// Its address when the configuration was read.
    pub address: Option<IpAddr>,
    /// `smtp_server` port.
    pub port: u16,
    /// `smtp_helo_name`.
    pub helo: Option<String>,
    /// `smtp_connect_timeout`.
    pub connect_timeout: Duration,
    /// `smtp_alert`.
    pub alert: Option<bool>,
    /// `smtp_alert_vrrp`.
    pub alert_vrrp: Option<bool>,
    /// `smtp_alert_checker`.
    pub alert_checker: Option<bool>,
    /// `no_email_faults`.
    pub no_email_faults: bool,
    /// `no_checker_emails`.
    pub no_checker_emails: bool,
}

impl Default for Smtp {
    fn default() -> Self {
        Smtp {
            from: None,
            to: Vec::new(),
            server: None,
            address: None,
            port: 25,
            helo: None,
            connect_timeout: Duration::from_secs(30),
            alert: None,
            alert_vrrp: None,
            alert_checker: None,
            no_email_faults: false,
            no_checker_emails: false,
        }
    }
}

/// Firewall tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nftables {
    /// `nftables` table name; `None` is `keepalived` when one is needed.
    pub table: Option<String>,
    /// `nftables_priority`.
    pub priority: i32,
    /// `nftables_ifindex`.
    pub ifindex: bool,
    /// `nftables_counters`.
    pub counters: bool,
    /// `nftables_ipvs` table name.
    pub ipvs_table: Option<String>,
    /// `nftables_ipvs_priority`.
    pub ipvs_priority: i32,
    /// `nftables_ipvs_start_fwmark`.
    pub ipvs_start_fwmark: u32,
}

impl Default for Nftables {
    fn default() -> Self {
        Nftables {
            table: None,
            priority: -1,
            ifindex: false,
            counters: false,
            ipvs_table: None,
            ipvs_priority: -1,
            ipvs_start_fwmark: 1000,
        }
    }
}

/// A FIFO that state lines are written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fifo {
    /// Path.
    pub path: String,
    /// Owner, when given.
    pub owner: Option<ScriptUser>,
}

/// The FIFOs and their reader scripts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fifos {
    /// `notify_fifo`.
    pub all: Option<Fifo>,
    /// `notify_fifo_script`.
    pub all_script: Option<ScriptId>,
    /// `vrrp_notify_fifo`.
    pub vrrp: Option<Fifo>,
    /// `vrrp_notify_fifo_script`.
    pub vrrp_script: Option<ScriptId>,
    /// `lvs_notify_fifo`.
    pub lvs: Option<Fifo>,
    /// `lvs_notify_fifo_script`.
    pub lvs_script: Option<ScriptId>,
}

/// A socket receive buffer setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Buffer {
    /// Bytes; `None` is the kernel's default.
    pub bytes: Option<u32>,
    /// Use SO_RCVBUFFORCE.
    pub force: bool,
}

/// `vrrp_rx_bufs_policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum RxBufsPolicy {
    /// The kernel's default.
    #[default]
    None,
    /// By the interface's MTU.
    Mtu,
    /// By the advert's size.
    Advert,
    /// This many bytes.
    Bytes(u32),
}

/// Socket buffers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buffers {
    /// `vrrp_netlink_cmd_rcv_bufs`.
    pub vrrp_cmd: Buffer,
    /// `vrrp_netlink_monitor_rcv_bufs`.
    pub vrrp_monitor: Buffer,
    /// `lvs_netlink_cmd_rcv_bufs`.
    pub lvs_cmd: Buffer,
    /// `lvs_netlink_monitor_rcv_bufs`.
    pub lvs_monitor: Buffer,
    /// `process_monitor_rcv_bufs`.
    pub process_monitor: Buffer,
    /// `vrrp_rx_bufs_policy`.
    pub rx_policy: RxBufsPolicy,
    /// `vrrp_rx_bufs_multiplier`.
    pub rx_multiplier: u32,
}

impl Default for Buffers {
    fn default() -> Self {
        Buffers {
            vrrp_cmd: Buffer::default(),
            vrrp_monitor: Buffer::default(),
            lvs_cmd: Buffer::default(),
            lvs_monitor: Buffer::default(),
            process_monitor: Buffer::default(),
            rx_policy: RxBufsPolicy::None,
            rx_multiplier: 3,
        }
    }
}

/// Reload settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reload {
    /// `reload_check_config`: log file of the check.
    pub check_config: Option<String>,
    /// `reload_time_file`.
    pub time_file: Option<String>,
    /// `reload_repeat`.
    pub repeat: bool,
    /// `reload_file`; `Some("")` is the default path.
    pub file: Option<String>,
}

/// Dump files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dumps {
    /// `data_use_instance`.
    pub use_instance: bool,
    /// `json_version`, 1 or 2.
    pub json_version: u8,
    /// `state_dump_file`.
    pub state: Option<String>,
    /// `stats_dump_file`.
    pub stats: Option<String>,
    /// `json_dump_file`.
    pub json: Option<String>,
}

impl Default for Dumps {
    fn default() -> Self {
        Dumps { use_instance: false, json_version: 1, state: None, stats: None, json: None }
    }
}

/// SNMP settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snmp {
    /// `snmp_socket`.
    pub socket: Option<String>,
    /// `enable_traps`.
    pub traps: bool,
    /// `enable_snmp_vrrp` (and `enable_snmp_keepalived`).
    pub vrrp: bool,
    /// `enable_snmp_rfcv2` (and `enable_snmp_rfc`).
    pub rfcv2: bool,
    /// `enable_snmp_rfcv3` (and `enable_snmp_rfc`).
    pub rfcv3: bool,
    /// `enable_snmp_checker` (and `enable_snmp_keepalived`).
    pub checker: bool,
    /// `snmp_vs_stats_update_interval`.
    pub vs_stats_interval: Duration,
    /// `snmp_rs_stats_update_interval`; `None` is that of virtual servers.
    pub rs_stats_interval: Option<Duration>,
}

impl Default for Snmp {
    fn default() -> Self {
        Snmp {
            socket: None,
            traps: false,
            vrrp: false,
            rfcv2: false,
            rfcv3: false,
            checker: false,
            vs_stats_interval: Duration::from_secs(5),
            rs_stats_interval: None,
        }
    }
}

impl Snmp {
    /// Whether any MIB is served.
    pub fn is_on(&self) -> bool {
        self.vrrp || self.rfcv2 || self.rfcv3 || self.checker
    }
}

/// D-Bus settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Dbus {
    /// `enable_dbus`.
    pub enabled: bool,
    /// `dbus_service_name`.
    pub service_name: Option<String>,
    /// `dbus_no_interface_name`.
    pub no_interface_name: Option<String>,
}

/// IPVS-wide settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ipvs {
    /// `lvs_timeouts tcp` in seconds.
    pub timeout_tcp: Option<u32>,
    /// `lvs_timeouts tcpfin` in seconds.
    pub timeout_tcpfin: Option<u32>,
    /// `lvs_timeouts udp` in seconds.
    pub timeout_udp: Option<u32>,
    /// `lvs_flush`.
    pub flush: bool,
    /// `lvs_flush_on_stop`.
    pub flush_on_stop: FlushOnStop,
    /// The daemon ends where the kernel has no IPVS (`lvs_required`, ours).
    pub required: bool,
    /// `lvs_sync_daemon`.
    pub sync_daemon: Option<SyncDaemon>,
    /// `checker_log_all_failures`.
    pub log_all_failures: bool,
    /// `rs_init_notifies`.
    pub rs_init_notifies: bool,
}

/// `lvs_flush_on_stop`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum FlushOnStop {
    /// Remove real and virtual servers one by one.
    #[default]
    No,
    /// Remove virtual servers only.
    VirtualServers,
    /// Flush the whole table.
    All,
}

/// `lvs_sync_daemon`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncDaemon {
    /// Interface.
    pub interface: String,
    /// VRRP instance whose state it follows.
    pub instance: Option<String>,
    /// Sync id; `None` is the instance's VRID.
    pub id: Option<u8>,
    /// Payload size.
    pub maxlen: Option<u16>,
    /// UDP port.
    pub port: Option<u16>,
    /// Multicast TTL.
    pub ttl: Option<u8>,
    /// Multicast group.
    pub group: Option<IpAddr>,
}
