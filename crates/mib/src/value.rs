//! Values as the MIBs say them.

use agentx::Value;
use core::net::IpAddr;
use types::Family;

pub fn int(v: impl Into<i64>) -> Value {
    let v = v.into().clamp(i64::from(i32::MIN), i64::from(i32::MAX));
    Value::Integer(v as i32)
}

pub fn gauge(v: impl Into<u64>) -> Value {
    Value::Gauge(u32::try_from(v.into()).unwrap_or(u32::MAX))
}

pub fn text(v: impl AsRef<str>) -> Value {
    Value::text(v)
}

/// TruthValue.
pub fn truth(v: bool) -> Value {
    Value::Integer(if v { 1 } else { 2 })
}

/// enabled(1), disabled(2), and all the other pairs that count so.
pub fn enabled(v: bool) -> Value {
    truth(v)
}

/// A counter of 32 bits, which wraps.
pub fn counter32(v: u64) -> Value {
    Value::Counter32(v as u32)
}

pub fn counter64(v: u64) -> Value {
    Value::Counter64(v)
}

/// InetAddressType.
pub fn family(v: Family) -> Value {
    Value::Integer(match v {
        Family::V4 => 1,
        Family::V6 => 2,
    })
}

pub fn octets(v: IpAddr) -> Vec<u8> {
    match v {
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    }
}

/// InetAddress.
pub fn address(v: IpAddr) -> Value {
    Value::Octets(octets(v))
}

/// IpAddress; zero for what is none.
pub fn ip_address(v: Option<IpAddr>) -> Value {
    match v {
        Some(IpAddr::V4(a)) => Value::Address(a.octets()),
        _ => Value::Address([0; 4]),
    }
}

/// All zeros.
pub fn zero(v: Family) -> Value {
    Value::Octets(vec![0; v.bytes()])
}

/// InetScopeType of `RT_SCOPE_*`.
pub fn scope(v: u8) -> Value {
    Value::Integer(match v {
        0 => 14,
        200 => 5,
        253 => 2,
        254 => 1,
        _ => 0,
    })
}
