//! `virtual_server_group`: entries of addresses and firewall marks.

use super::super::Entries;
use crate::lower::lvs::group;

/// `virtual_server_group`.
pub static ENTRIES: Entries =
    Entries::lines("ADDR[-END|/MASK] [PORT] | fwmark NUM [inet|inet6]", group::entry);
