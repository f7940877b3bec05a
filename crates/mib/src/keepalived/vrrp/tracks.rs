//! Tracked objects, and who tracks them.

use crate::table::{Column, Keyed, Table, pairs, positions};
use crate::value::{gauge, int, text, truth};
use crate::view::{Kind, Row, View, refs_of};
use agentx::Value;
use ipc::msg::snapshot::TrackNow;
use model::track::{ParamMatch, TrackFile, TrackProcess, TrackScript};
use model::vrrp::{TrackInterface, TrackRef};
use model::{TrackKind, TrackObject};

/// The references of an instance or group to objects of one kind.
type Refs = for<'a> fn(&View<'a>, Row) -> &'a [TrackRef];

fn of_instance<'a>(v: &View<'a>, row: Row) -> &'a [TrackRef] {
    v.instance(row).map_or(&[], |i| &i.tracks)
}

fn of_group<'a>(v: &View<'a>, row: Row) -> &'a [TrackRef] {
    v.group(row).map_or(&[], |g| &g.tracks)
}

fn reference<'a>(v: &View<'a>, row: Row, refs: Refs, kind: Kind) -> Option<&'a TrackRef> {
    refs_of(v, refs(v, row), kind).get(row[1] as usize).copied()
}

fn count(v: &View<'_>, owners: usize, refs: Refs, kind: Kind) -> Keyed {
    pairs((0..owners as u32).map(|n| refs_of(v, refs(v, [n, 0, 0]), kind).len()))
}

/// A table of those who track objects of one kind.
macro_rules! tracked {
    ($entry:literal, $refs:ident, $owners:ident, $kind:ident) => {
        Table {
            entry: &[$entry, 1],
            rows: |v| count(v, v.vrrp.$owners.len(), $refs, Kind::$kind),
            columns: &[
                Column::new(2, |v, row| {
                    Some(text(&v.track(reference(v, row, $refs, Kind::$kind)?.id)?.name))
                }),
                Column::new(3, |v, row| Some(int(reference(v, row, $refs, Kind::$kind)?.weight.0))),
                Column::new(4, |v, row| {
                    Some(truth(reference(v, row, $refs, Kind::$kind)?.reverse))
                }),
            ],
        }
    };
}

fn interface_of_instance<'a>(v: &View<'a>, row: Row) -> Option<&'a TrackInterface> {
    v.instance(row)?.track_interfaces.get(row[1] as usize)
}

fn interface_of_group<'a>(v: &View<'a>, row: Row) -> Option<&'a TrackInterface> {
    v.group(row)?.track_interfaces.get(row[1] as usize)
}

/// A table of those who track interfaces.
macro_rules! tracked_interfaces {
    ($entry:literal, $find:ident, $owners:ident) => {
        Table {
            entry: &[$entry, 1],
            rows: |v| pairs(v.vrrp.$owners.iter().map(|owner| owner.track_interfaces.len())),
            columns: &[
                Column::new(1, |v, row| Some(text(&$find(v, row)?.interface))),
                Column::new(2, |v, row| Some(int($find(v, row)?.weight.0))),
                Column::new(3, |v, row| Some(truth($find(v, row)?.reverse))),
            ],
        }
    };
}

/// The objects of one kind: position in the table of tracks, and the object. Scripts that nobody
/// tracks are not run, and are none.
fn objects<'a>(v: &View<'a>, kind: Kind) -> impl Iterator<Item = (usize, &'a TrackObject)> {
    let vrrp = v.vrrp;
    let used = move |n: usize| {
        let is = |r: &TrackRef| r.id.index() == n;
        kind != Kind::Script
            || vrrp.instances.iter().any(|i| i.tracks.iter().any(is))
            || vrrp.sync_groups.iter().any(|g| g.tracks.iter().any(is))
    };
    let all = v.tracks.iter().enumerate();
    all.filter(move |(n, t)| Kind::of(&t.kind) == kind && used(*n))
}

fn object<'a>(v: &View<'a>, row: Row, kind: Kind) -> Option<(&'a TrackObject, Option<TrackNow>)> {
    let (n, object) = objects(v, kind).nth(row[0] as usize)?;
    Some((object, v.vrrp_now.and_then(|now| now.tracks.get(n).copied())))
}

fn script<'a>(v: &View<'a>, row: Row) -> Option<&'a TrackScript> {
    match &object(v, row, Kind::Script)?.0.kind {
        TrackKind::Script(script) => Some(script),
        _ => None,
    }
}

fn file<'a>(v: &View<'a>, row: Row) -> Option<&'a TrackFile> {
    match &object(v, row, Kind::File)?.0.kind {
        TrackKind::File(file) => Some(file),
        _ => None,
    }
}

fn process<'a>(v: &View<'a>, row: Row) -> Option<&'a TrackProcess> {
    match &object(v, row, Kind::Process)?.0.kind {
        TrackKind::Process(process) => Some(process),
        _ => None,
    }
}

/// The columns that say name, weight and sign of an object.
macro_rules! name {
    ($id:literal, $kind:ident) => {
        Column::new($id, |v, row| Some(text(&object(v, row, Kind::$kind)?.0.name)))
    };
}
macro_rules! weight {
    ($id:literal, $kind:ident) => {
        Column::new($id, |v, row| Some(int(object(v, row, Kind::$kind)?.0.weight.0)))
    };
}
macro_rules! reverse {
    ($id:literal, $kind:ident) => {
        Column::new($id, |v, row| Some(truth(object(v, row, Kind::$kind)?.0.reverse)))
    };
}

fn micros(d: core::time::Duration) -> Value {
    gauge(u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
}

pub static TABLES: &[Table] = &[
    tracked_interfaces!(4, interface_of_instance, instances),
    tracked!(5, of_instance, instances, Script),
    // vrrpScriptTable
    Table {
        entry: &[9, 1],
        rows: |v| positions(objects(v, Kind::Script).count()),
        columns: &[
            name!(2, Script),
            Column::new(3, |v, row| v.script(Some(script(v, row)?.script)).map(text)),
            Column::new(4, |v, row| Some(int(script(v, row)?.interval.as_secs() as i64))),
            weight!(5, Script),
            // init(1), bad(2), good(3)
            Column::new(6, |v, row| {
                Some(Value::Integer(match object(v, row, Kind::Script)?.1? {
                    TrackNow::Good(true) => 3,
                    TrackNow::Good(false) => 2,
                    _ => 1,
                }))
            }),
            Column::new(7, |v, row| Some(gauge(script(v, row)?.rise))),
            Column::new(8, |v, row| Some(gauge(script(v, row)?.fall))),
            reverse!(9, Script),
            Column::new(10, |v, row| {
                let id = script(v, row)?.script;
                v.scripts.get(id.index()).map(|s| text(&s.path))
            }),
            Column::new(11, |v, row| Some(micros(script(v, row)?.interval))),
            Column::new(12, |v, row| Some(micros(script(v, row)?.timeout))),
        ],
    },
    tracked!(12, of_instance, instances, File),
    // vrrpFileTable
    Table {
        entry: &[13, 1],
        rows: |v| positions(objects(v, Kind::File).count()),
        columns: &[
            name!(2, File),
            Column::new(3, |v, row| Some(text(&file(v, row)?.path))),
            Column::new(4, |v, row| match object(v, row, Kind::File)?.1? {
                TrackNow::Number(n) => Some(int(n)),
                _ => None,
            }),
            weight!(5, File),
            reverse!(6, File),
        ],
    },
    tracked_interfaces!(14, interface_of_group, sync_groups),
    tracked!(15, of_group, sync_groups, Script),
    tracked!(16, of_group, sync_groups, File),
    tracked!(17, of_instance, instances, Bfd),
    // vrrpBfdTable
    Table {
        entry: &[18, 1],
        rows: |v| positions(objects(v, Kind::Bfd).count()),
        columns: &[
            name!(2, Bfd),
            Column::new(3, |v, row| {
                let now = object(v, row, Kind::Bfd)?.1?;
                Some(int(i32::from(now == TrackNow::Good(true))))
            }),
            weight!(4, Bfd),
            reverse!(5, Bfd),
        ],
    },
    tracked!(19, of_group, sync_groups, Bfd),
    tracked!(20, of_instance, instances, Process),
    // vrrpProcessTable
    Table {
        entry: &[21, 1],
        rows: |v| positions(objects(v, Kind::Process).count()),
        columns: &[
            name!(2, Process),
            Column::new(3, |v, row| Some(text(&process(v, row)?.process))),
            Column::new(4, |v, row| Some(text(process(v, row)?.params.join(" ")))),
            Column::new(5, |v, row| {
                Some(Value::Integer(match process(v, row)?.param_match {
                    ParamMatch::None => 0,
                    ParamMatch::Exact => 1,
                    ParamMatch::Initial => 2,
                    ParamMatch::Partial => 3,
                }))
            }),
            weight!(6, Process),
            reverse!(7, Process),
            Column::new(8, |v, row| Some(gauge(process(v, row)?.quorum))),
            Column::new(9, |v, row| {
                Some(process(v, row)?.quorum_max.map_or(Value::Integer(-1), int))
            }),
            Column::new(10, |v, row| Some(micros(process(v, row)?.fork_delay))),
            Column::new(11, |v, row| Some(micros(process(v, row)?.terminate_delay))),
            Column::new(12, |v, row| Some(truth(process(v, row)?.full_command))),
            Column::new(14, |v, row| {
                Some(truth(object(v, row, Kind::Process)?.1? == TrackNow::Good(true)))
            }),
        ],
    },
    tracked!(22, of_group, sync_groups, Process),
];
