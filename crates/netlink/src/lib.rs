//! Kernel netlink messages and their socket.
