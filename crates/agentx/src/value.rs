//! Values and the bindings of names to them (RFC 2741 section 5.4).

use crate::oid::Oid;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// Integer32 and enumerations.
    Integer(i32),
    /// OCTET STRING.
    Octets(Vec<u8>),
    /// NULL.
    Null,
    /// OBJECT IDENTIFIER.
    Oid(Oid),
    /// IpAddress.
    Address([u8; 4]),
    /// Counter32.
    Counter32(u32),
    /// Gauge32 and Unsigned32.
    Gauge(u32),
    /// TimeTicks, hundredths of a second.
    Ticks(u32),
    /// Opaque.
    Opaque(Vec<u8>),
    /// Counter64.
    Counter64(u64),
    /// There is no such object.
    NoSuchObject,
    /// The object has no such instance.
    NoSuchInstance,
    /// Nothing follows.
    EndOfMibView,
}

impl Value {
    /// The tag on the wire.
    pub(crate) fn tag(&self) -> u16 {
        match self {
            Value::Integer(_) => 2,
            Value::Octets(_) => 4,
            Value::Null => 5,
            Value::Oid(_) => 6,
            Value::Address(_) => 64,
            Value::Counter32(_) => 65,
            Value::Gauge(_) => 66,
            Value::Ticks(_) => 67,
            Value::Opaque(_) => 68,
            Value::Counter64(_) => 70,
            Value::NoSuchObject => 128,
            Value::NoSuchInstance => 129,
            Value::EndOfMibView => 130,
        }
    }

    /// A text as an OCTET STRING.
    pub fn text(text: impl AsRef<str>) -> Self {
        Value::Octets(text.as_ref().as_bytes().to_vec())
    }
}

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VarBind {
    /// The name.
    pub name: Oid,
    /// Its value.
    pub value: Value,
}

impl VarBind {
    /// Binds `name` to `value`.
    pub fn new(name: Oid, value: Value) -> Self {
        VarBind { name, value }
    }
}
