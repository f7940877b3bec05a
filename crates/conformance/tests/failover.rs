//! Election, failover and return in every flavour of VRRP.

use conformance::{V2_UNICAST, V2_V4, V3_UNICAST, V3_UNICAST_V6, V3_V4, V3_V6, life, on_both};
use lab::{Result, Subject};

fn version_2(subject: &Subject) -> Result<()> {
    life(V2_V4, subject, subject)
}

fn version_2_unicast(subject: &Subject) -> Result<()> {
    life(V2_UNICAST, subject, subject)
}

fn version_3(subject: &Subject) -> Result<()> {
    life(V3_V4, subject, subject)
}

fn version_3_ipv6(subject: &Subject) -> Result<()> {
    life(V3_V6, subject, subject)
}

fn version_3_unicast(subject: &Subject) -> Result<()> {
    life(V3_UNICAST, subject, subject)
}

fn version_3_unicast_ipv6(subject: &Subject) -> Result<()> {
    life(V3_UNICAST_V6, subject, subject)
}

on_both!(
    version_2,
    version_2_unicast,
    version_3,
    version_3_ipv6,
    version_3_unicast,
    version_3_unicast_ipv6,
);
