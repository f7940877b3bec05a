//! Where the daemon's files are, by instance, namespace and options.

use crate::cli::Options;
use ipc::Role;
use model::Global;

/// The run-time state directory.
pub const RUN_DIR: &str = "/run";

/// The directory used with an instance, a namespace or `use_pid_dir`.
pub const PID_DIR: &str = "/run/keepalived";

/// The names that depend on instance and namespace; fixed for the daemon's
/// life.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// Network namespace, from the command line or the configuration.
    pub namespace: Option<String>,
    /// `instance`.
    pub instance: Option<String>,
    /// Whether pid files are in [`PID_DIR`].
    pub in_pid_dir: bool,
}

impl Names {
    /// The names that `options` and the configuration ask for.
    pub fn new(options: &Options, global: &Global) -> Self {
        let namespace = options.namespace.clone().or_else(|| global.net_namespace.clone());
        let instance = global.instance.clone();
        let in_pid_dir = global.use_pid_dir || namespace.is_some() || instance.is_some();
        Names { namespace, instance, in_pid_dir }
    }

    /// What follows the ident in syslog: `_NAMESPACE_INSTANCE`.
    pub fn suffix(&self) -> String {
        let mut suffix = String::new();
        for name in [&self.namespace, &self.instance].into_iter().flatten() {
            suffix.push('_');
            suffix.push_str(name);
        }
        suffix
    }

    /// The pid file of a role; the monitor uses none.
    pub fn pid_file(&self, role: Role, options: &Options) -> String {
        let (given, base) = match role {
            Role::Core => (&options.pid, "keepalived"),
            Role::Vrrp => (&options.vrrp_pid, "vrrp"),
            Role::Checker => (&options.checkers_pid, "checkers"),
            Role::Bfd => (&options.bfd_pid, "bfd"),
            Role::Monitor => (&None, "monitor"),
        };
        given.clone().unwrap_or_else(|| format!("{}.pid", self.stem(base)))
    }

    /// The default of `reload_file`.
    pub fn reload_file(&self) -> String {
        format!("{}.reload", self.stem("keepalived"))
    }

    fn stem(&self, base: &str) -> String {
        match (&self.instance, self.in_pid_dir) {
            (Some(instance), _) => format!("{PID_DIR}/{base}_{instance}"),
            (None, true) => format!("{PID_DIR}/{base}"),
            (None, false) => format!("{RUN_DIR}/{base}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(instance: Option<&str>, namespace: Option<&str>, use_pid_dir: bool) -> Names {
        let global = Global {
            instance: instance.map(str::to_owned),
            net_namespace: namespace.map(str::to_owned),
            use_pid_dir,
            ..Global::default()
        };
        Names::new(&Options::default(), &global)
    }

    #[test]
    fn pid_files_are_in_the_classic_places() {
        let o = Options::default();
        let at = |n: &Names, role| n.pid_file(role, &o);
        let plain = names(None, None, false);
        assert_eq!(at(&plain, Role::Core), "/run/keepalived.pid");
        assert_eq!(at(&plain, Role::Vrrp), "/run/vrrp.pid");
        assert_eq!(at(&plain, Role::Checker), "/run/checkers.pid");
        assert_eq!(at(&plain, Role::Bfd), "/run/bfd.pid");
        let dir = names(None, Some("blue"), false);
        assert_eq!(at(&dir, Role::Core), "/run/keepalived/keepalived.pid");
        assert_eq!(names(None, None, true).pid_file(Role::Bfd, &o), "/run/keepalived/bfd.pid");
        let inst = names(Some("a"), Some("blue"), false);
        assert_eq!(at(&inst, Role::Vrrp), "/run/keepalived/vrrp_a.pid");
        assert_eq!(inst.suffix(), "_blue_a");
        assert_eq!(inst.reload_file(), "/run/keepalived/keepalived_a.reload");
    }

    #[test]
    fn the_command_line_wins() {
        let o = Options {
            vrrp_pid: Some("/x".into()),
            namespace: Some("red".into()),
            ..Options::default()
        };
        let global = Global { net_namespace: Some("blue".into()), ..Global::default() };
        let n = Names::new(&o, &global);
        assert_eq!(n.suffix(), "_red");
        assert_eq!(n.pid_file(Role::Vrrp, &o), "/x");
    }
}
