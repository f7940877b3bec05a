//! The groups that a script's user brings along.

use model::ScriptUser;
use nix::unistd::{Gid, Uid, User, getgrouplist};
use std::ffi::CString;
use std::io;

/// The user, group and supplementary groups to become.
///
/// # Errors
/// When the groups of the account cannot be read.
pub fn resolve(user: &ScriptUser) -> io::Result<rt::spawn::ScriptUser> {
    let mut groups = Vec::new();
    if user.supplementary {
        let name = match User::from_uid(Uid::from_raw(user.uid))? {
            Some(account) => account.name,
            None => user.name.clone(),
        };
        let name = CString::new(name)?;
        groups = getgrouplist(&name, Gid::from_raw(user.gid))?.iter().map(|g| g.as_raw()).collect();
    }
    Ok(rt::spawn::ScriptUser { uid: user.uid, gid: user.gid, groups })
}
