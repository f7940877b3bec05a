//! Cuts a configuration into the parts that the roles get.

use crate::cli::Options;
use crate::link::Setup;
use crate::tls_files;
use ipc::Role;
use ipc::msg::bfd::BfdSetup;
use ipc::msg::checker::CheckerSetup;
use ipc::msg::vrrp::{Former, VrrpOptions, VrrpSetup};
use ipc::msg::{Generation, TrackValue};
use model::Config;
use std::sync::Arc;

/// Whether `role` is to be started with this configuration.
pub fn wanted(role: Role, config: &Config, options: &Options) -> bool {
    let (on, configured) = match role {
        Role::Core => return true,
        Role::Vrrp => (options.vrrp, config.has_vrrp()),
        Role::Checker => (options.checker, config.has_lvs()),
        Role::Bfd => (options.bfd, config.has_bfd()),
        Role::Monitor => return !config.northbound().is_empty(),
    };
    on && (configured || options.all)
}

/// What is to be taken away, for which no secret is needed.
pub fn former(config: &Config) -> Former {
    let (global, mut vrrp) = (config.global.clone(), config.vrrp.clone());
    vrrp.forget_secrets();
    Former { global, vrrp }
}

/// The part of `role`, with the present values of tracked objects, and with what earlier processes
/// of the role have run; core has none, and that of the monitor is not asked for its consent.
pub fn part(
    role: Role,
    config: &Config,
    options: &Options,
    generation: Generation,
    values: &[TrackValue],
    before: &[Arc<Config>],
) -> Option<Setup> {
    let global = config.global.clone();
    Some(match role {
        Role::Core | Role::Monitor => return None,
        Role::Vrrp => Setup::Vrrp(Box::new(VrrpSetup {
            generation,
            global,
            vrrp: config.vrrp.clone(),
            before: before.iter().map(|config| former(config)).collect(),
            tracks: config.tracks.clone(),
            values: values.to_vec(),
            changed: Vec::new(),
            options: VrrpOptions {
                release_vips: options.release_vips,
                dont_release: options.dont_release_vrrp,
                dump_conf: options.dump_conf,
            },
        })),
        Role::Checker => Setup::Checker(Box::new(CheckerSetup {
            generation,
            global,
            lvs: config.lvs.clone(),
            before: before.iter().map(|c| c.lvs.clone()).collect(),
            tracks: config.tracks.clone(),
            values: values.to_vec(),
            dont_release: options.dont_release_ipvs,
            log_addresses: options.address_monitoring,
            tls: tls_files::read(&config.lvs),
        })),
        Role::Bfd => {
            Setup::Bfd(Box::new(BfdSetup { generation, global, sessions: config.bfd.clone() }))
        }
    })
}

/// Whether `role` would get twice the same, so that it need not be asked. A checker with files of
/// TLS is to read these again.
pub fn is_same(role: Role, old: &Config, new: &Config) -> bool {
    role == Role::Checker
        && old.lvs.ssl.is_none()
        && old.lvs == new.lvs
        && old.global == new.global
        && old.tracks == new.tracks
        // It names scripts by their place here.
        && old.scripts == new.scripts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_start_when_on_and_configured_or_when_all_are_asked_for() {
        let mut config = Config::default();
        let mut options = Options::default();
        assert!(!wanted(Role::Vrrp, &config, &options));
        config.vrrp.static_blocks = true;
        assert!(wanted(Role::Vrrp, &config, &options));
        assert!(!wanted(Role::Checker, &config, &options));
        options.vrrp = false;
        assert!(!wanted(Role::Vrrp, &config, &options));
        (options.vrrp, options.all) = (true, true);
        assert!(wanted(Role::Bfd, &config, &options));
    }
}
