//! The same case on the reference's binary and on ours.
//!
//! A case is a function of a [`Subject`]; [`on_both!`] makes two tests of it. What it asserts is
//! what a user sees: packets, addresses, log lines, exit statuses. Cases that the reference fails
//! by its nature take only our binary, and say why.

pub mod agent;
mod bus;
pub mod fib;
mod folder;
mod frr;
pub mod kernel;
mod lan;
mod life;
pub mod netns;
pub mod news;
pub mod pairs;
pub mod rng;
pub mod servers;
mod shown;
mod sink;

pub use bus::Bus;
pub use folder::{Folder, set_mode};
pub use frr::Frr;
pub use lan::{
    Flavour, Lan, V2_UNICAST, V2_V4, V3_UNICAST, V3_UNICAST_V6, V3_V4, V3_V6, VIP, VIP6,
};
pub use life::life;
pub use shown::{after, ip, sysctl};
pub use sink::{Mail, Sink};

use lab::{Result, Subject};

/// Set by `cargo xtask test`, which has installed everything there is to compare with.
const COMPLETE: &str = "LAB_COMPLETE";

/// The reference; `None`, said aloud, where it is not installed.
///
/// # Errors
/// When it is missing although everything is said to be installed.
pub fn reference() -> Result<Option<Subject>> {
    present(Subject::reference(), "Debian's keepalived")
}

/// Something to compare with, or a notice that it is missing.
///
/// # Errors
/// When it is missing although everything is said to be installed.
pub fn present<T>(found: Option<T>, what: &str) -> Result<Option<T>> {
    if found.is_none() {
        let notice = format!("{what} is not installed; `cargo xtask test` installs it");
        if std::env::var_os(COMPLETE).is_some() {
            return Err(lab::Error::new(notice));
        }
        eprintln!("skipped: {notice}");
    }
    Ok(found)
}

/// Makes two tests of a case, `ours::NAME` and `reference::NAME`.
#[macro_export]
macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {
        mod ours {
            $(#[test] fn $case() -> lab::Result<()> { super::$case(&lab::Subject::ours()?) })+
        }
        mod reference {
            $(#[test] fn $case() -> lab::Result<()> {
                $crate::reference()?.map_or(Ok(()), |subject| super::$case(&subject))
            })+
        }
    };
}
