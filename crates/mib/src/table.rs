//! What a table is.

use crate::view::{Row, View};
use agentx::{SetError, Value};
use ipc::msg::snapshot::Change;

/// The value of a cell, if it has one.
pub type Get = fn(&View<'_>, Row) -> Option<Value>;
/// What setting a cell to a value changes.
pub type Set = fn(&View<'_>, Row, &Value) -> Result<Change, SetError>;

/// Rows with their indexes.
pub type Keyed = Vec<(Vec<u32>, Row)>;

/// A column.
pub struct Column {
    /// Its number.
    pub id: u32,
    /// Its cells.
    pub get: Get,
    /// For those that can be written.
    pub set: Option<Set>,
}

impl Column {
    /// One that is only read.
    pub const fn new(id: u32, get: Get) -> Self {
        Column { id, get, set: None }
    }
}

/// A table, or a group of scalars: a table of one row with the index 0.
pub struct Table {
    /// OID of the entry below the MIB's root.
    pub entry: &'static [u32],
    /// Its rows with their indexes, in any order.
    pub rows: fn(&View<'_>) -> Keyed,
    /// Its columns.
    pub columns: &'static [Column],
}

/// A MIB.
pub struct Module {
    /// Its root.
    pub root: &'static [u32],
    /// Its tables.
    pub tables: &'static [&'static [Table]],
}

/// The only row of scalars.
pub fn scalar(_: &View<'_>) -> Keyed {
    vec![(vec![0], [0; 3])]
}

/// Rows of a table that is indexed by the position of something.
pub fn positions(count: usize) -> Keyed {
    (0..count as u32).map(|n| (vec![n + 1], [n, 0, 0])).collect()
}

/// Rows of a table that is indexed by two positions.
pub fn pairs(outer: impl IntoIterator<Item = usize>) -> Keyed {
    let rows = (0u32..)
        .zip(outer)
        .flat_map(|(a, count)| (0..count as u32).map(move |b| (vec![a + 1, b + 1], [a, b, 0])));
    rows.collect()
}
