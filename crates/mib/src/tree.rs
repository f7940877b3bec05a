//! The tables of all MIBs that are served, as one ordered tree.

use crate::table::{Column, Keyed, Module, Table};
use crate::view::{Row, View};
use crate::{keepalived, rfc2787, rfc6527};
use agentx::{Mib, Oid, SetError, Value, VarBind};
use core::cell::OnceCell;
use ipc::msg::snapshot::Change;
use model::Global;

/// What is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Serving {
    /// KEEPALIVED-MIB, global branch.
    pub global: bool,
    /// KEEPALIVED-MIB, vrrp branch.
    pub vrrp: bool,
    /// KEEPALIVED-MIB, check branch.
    pub checker: bool,
    /// VRRP-MIB.
    pub rfcv2: bool,
    /// VRRPV3-MIB.
    pub rfcv3: bool,
}

impl Serving {
    /// What a configuration asks for of a daemon that has these roles: a MIB without its role
    /// would be empty.
    pub fn of(global: &Global, has_vrrp: bool, has_lvs: bool) -> Self {
        let s = &global.snmp;
        let (vrrp, checker) = (s.vrrp && has_vrrp, s.checker && has_lvs);
        Serving {
            global: vrrp || checker,
            vrrp,
            checker,
            rfcv2: s.rfcv2 && has_vrrp,
            rfcv3: s.rfcv3 && has_vrrp,
        }
    }

    /// Whether anything is served.
    pub fn any(self) -> bool {
        self != Serving::default()
    }

    /// The subtrees, with the description that sysORTable gives of each.
    pub fn subtrees(self) -> Vec<(Oid, String)> {
        let all = [
            (self.global, &keepalived::GLOBAL, "Keepalived"),
            (self.vrrp, &keepalived::VRRP, "KEEPALIVED-VRRP"),
            (self.checker, &keepalived::CHECK, "Healthchecker"),
            (self.rfcv2, &rfc2787::MODULE, "VRRP"),
            (self.rfcv3, &rfc6527::MODULE, "VRRPV3"),
        ];
        let served = all.into_iter().filter(|(on, ..)| *on);
        served
            .map(|(_, module, name)| (Oid::from(module.root), format!("The MIB module for {name}")))
            .collect()
    }

    fn modules(self) -> Vec<&'static Module> {
        let all = [
            (self.global, &keepalived::GLOBAL),
            (self.vrrp, &keepalived::VRRP),
            (self.checker, &keepalived::CHECK),
            (self.rfcv2, &rfc2787::MODULE),
            (self.rfcv3, &rfc6527::MODULE),
        ];
        all.into_iter().filter(|(on, _)| *on).map(|(_, module)| module).collect()
    }
}

/// A column with its whole name.
struct Leaf {
    name: Vec<u32>,
    table: usize,
    column: &'static Column,
}

/// The columns that are served, and the rows of each table once somebody asks for them: as long
/// as configuration and snapshot are the same.
pub struct Rows {
    serving: Serving,
    leaves: Vec<Leaf>,
    tables: Vec<&'static Table>,
    rows: Vec<OnceCell<Keyed>>,
}

impl core::fmt::Debug for Rows {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Rows").field("serving", &self.serving).finish_non_exhaustive()
    }
}

impl Rows {
    /// The columns of what is served.
    pub fn new(serving: Serving) -> Self {
        let (mut tables, mut leaves) = (Vec::new(), Vec::new());
        for module in serving.modules() {
            for table in module.tables.iter().copied().flatten() {
                for column in table.columns {
                    let name = [module.root, table.entry, &[column.id]].concat();
                    leaves.push(Leaf { name, table: tables.len(), column });
                }
                tables.push(table);
            }
        }
        leaves.sort_by(|a, b| a.name.cmp(&b.name));
        let rows = tables.iter().map(|_| OnceCell::new()).collect();
        Rows { serving, leaves, tables, rows }
    }

    /// Configuration or snapshot are others now.
    pub fn forget(&mut self) {
        self.rows.iter_mut().for_each(|rows| *rows = OnceCell::new());
    }

    /// What is served.
    pub fn serving(&self) -> Serving {
        self.serving
    }
}

/// What is served, at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Tree<'a> {
    /// Columns and rows.
    pub rows: &'a Rows,
    /// What the cells are made of.
    pub view: View<'a>,
}

/// Where a name points to.
enum Place<'a> {
    /// No column.
    Nowhere,
    /// A column, and perhaps a row of it.
    Column(&'a Leaf, Option<Row>),
}

impl Tree<'_> {
    fn rows_of(&self, leaf: &Leaf) -> &Keyed {
        static NONE: Keyed = Vec::new();
        let (Some(cell), Some(table)) =
            (self.rows.rows.get(leaf.table), self.rows.tables.get(leaf.table))
        else {
            return &NONE;
        };
        cell.get_or_init(|| {
            let mut rows = (table.rows)(&self.view);
            rows.sort_by(|a, b| a.0.cmp(&b.0));
            rows.dedup_by(|a, b| a.0 == b.0);
            rows
        })
    }

    /// How many columns begin before `name` or at it.
    fn leaves_up_to(&self, name: &[u32]) -> usize {
        self.rows.leaves.partition_point(|leaf| leaf.name.as_slice() <= name)
    }

    fn place(&self, name: &Oid) -> Place<'_> {
        let before = self.leaves_up_to(name.ids()).checked_sub(1);
        let leaf = before.and_then(|n| self.rows.leaves.get(n));
        let found = leaf.and_then(|leaf| Some((leaf, name.below(&leaf.name)?)));
        let Some((leaf, index)) = found else { return Place::Nowhere };
        let rows = self.rows_of(leaf);
        let row = rows.binary_search_by(|(key, _)| key.as_slice().cmp(index)).ok();
        Place::Column(leaf, row.and_then(|n| rows.get(n)).map(|(_, row)| *row))
    }

    /// What setting a value changes.
    ///
    /// # Errors
    /// Why it cannot be set.
    pub fn change(&self, binding: &VarBind) -> Result<Change, SetError> {
        match self.place(&binding.name) {
            Place::Column(Leaf { column: Column { set: Some(set), .. }, .. }, Some(row)) => {
                set(&self.view, row, &binding.value)
            }
            _ => Err(SetError::NotWritable),
        }
    }
}

impl Mib for Tree<'_> {
    fn get(&self, name: &Oid) -> Value {
        match self.place(name) {
            Place::Nowhere => Value::NoSuchObject,
            Place::Column(leaf, row) => {
                let value = row.and_then(|row| (leaf.column.get)(&self.view, row));
                value.unwrap_or(Value::NoSuchInstance)
            }
        }
    }

    fn next(&self, from: &Oid, include: bool) -> Option<VarBind> {
        let first = self.leaves_up_to(from.ids()).saturating_sub(1);
        for leaf in self.rows.leaves.get(first..)? {
            let rows = self.rows_of(leaf);
            // Of the column that the name is in, what follows; of those after it, all.
            let start = match from.below(&leaf.name) {
                Some(index) => rows.partition_point(|(key, _)| {
                    if include { key.as_slice() < index } else { key.as_slice() <= index }
                }),
                None if leaf.name.as_slice() < from.ids() => continue,
                None => 0,
            };
            for (key, row) in rows.get(start..).unwrap_or_default() {
                if let Some(value) = (leaf.column.get)(&self.view, *row) {
                    return Some(VarBind::new(Oid::new([&leaf.name[..], key].concat()), value));
                }
            }
        }
        None
    }

    fn test(&self, binding: &VarBind) -> Result<(), SetError> {
        self.change(binding).map(|_| ())
    }
}
