//! The vrrp role: bytes in, actions out, reports.
//!
//! Owns the sockets of adverts, gratuitous ARPs and netlink of one process,
//! and the loop that drives [`vrrp_proto::Node`]. Never decides what the
//! protocol does, reads no configuration file and runs no program.

mod addrs;
mod dump;
mod exec;
mod facts;
mod fib_watch;
mod firewall;
mod garp;
mod igmp;
mod linkbeat;
mod main_loop;
mod promote;
mod report;
mod resync;
mod routes;
mod rx;
mod snapshot;
mod start;
mod suspend;
mod syncd;
mod vmac;

pub use start::run;
