//! Generic netlink: the header of its messages, and the number of a family (`linux/genetlink.h`).

use crate::wire::{self, Msg};

/// `GENL_ID_CTRL`: the family that knows the others.
pub const CONTROLLER: u16 = 16;
/// Length of `struct genlmsghdr`.
pub const HEADER_LEN: usize = 4;

/// `CTRL_CMD_GETFAMILY`.
const GET_FAMILY: u8 = 3;
/// `CTRL_ATTR_FAMILY_ID`.
const ATTR_ID: u16 = 1;
/// `CTRL_ATTR_FAMILY_NAME`.
const ATTR_NAME: u16 = 2;

/// Appends the header of a command.
pub fn header(msg: &mut Msg<'_>, command: u8, version: u8) {
    msg.bytes(&[command, version, 0, 0]);
}

/// A payload's command and what follows the header.
pub fn split(payload: &[u8]) -> Option<(u8, &[u8])> {
    Some((*payload.first()?, payload.get(HEADER_LEN..)?))
}

/// Appends the question for a family's number. The kernel loads the module of a family that it
/// does not know yet, if there is one.
pub fn encode_get_family(msg: &mut Msg<'_>, name: &str) {
    header(msg, GET_FAMILY, 1);
    msg.attr_str(ATTR_NAME, name);
}

/// A family's number, from the controller's answer.
pub fn parse_family(payload: &[u8]) -> Option<u16> {
    let (_, attrs) = split(payload)?;
    let (_, value) = wire::attrs(attrs).find(|(kind, _)| *kind == ATTR_ID)?;
    wire::u16_at(value, 0)
}
