//! One network, two programs: failover to and from Debian's keepalived, in both roles.

use conformance::{
    Flavour, V2_UNICAST, V2_V4, V3_UNICAST, V3_UNICAST_V6, V3_V4, V3_V6, life, reference,
};
use lab::{Result, Subject};

/// Ours as the preferred node, the reference as its backup.
fn to_reference(flavour: Flavour) -> Result<()> {
    let ours = Subject::ours()?;
    reference()?.map_or(Ok(()), |reference| life(flavour, &ours, &reference))
}

/// The reference as the preferred node, ours as its backup.
fn from_reference(flavour: Flavour) -> Result<()> {
    let ours = Subject::ours()?;
    reference()?.map_or(Ok(()), |reference| life(flavour, &reference, &ours))
}

macro_rules! both_directions {
    ($($name:ident: $flavour:ident),+ $(,)?) => {
        $(mod $name {
            #[test]
            fn to_the_reference() -> super::Result<()> {
                super::to_reference(super::$flavour)
            }
            #[test]
            fn from_the_reference() -> super::Result<()> {
                super::from_reference(super::$flavour)
            }
        })+
    };
}

both_directions!(
    version_2: V2_V4,
    version_2_unicast: V2_UNICAST,
    version_3: V3_V4,
    version_3_ipv6: V3_V6,
    version_3_unicast: V3_UNICAST,
    version_3_unicast_ipv6: V3_UNICAST_V6,
);
