//! Tracked objects: `vrrp_script`, `track_file`, `vrrp_track_process`.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use model::track::{
    InitFile, ParamMatch, TrackFile, TrackKind, TrackObject, TrackProcess, TrackScript,
};
use model::vrrp::TrackRef;
use types::{ScriptId, TrackId, Weight};

use crate::args::Args;
use crate::diag::{Code, Diag, Level};
use crate::host::FileError;
use crate::lower::Cx;
use crate::source::Span;
use crate::value::{self, IntStyle};

/// The kinds of tracked object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `vrrp_script`.
    Script,
    /// `track_file`.
    File,
    /// `vrrp_track_process`.
    Process,
    /// A `bfd_instance` that the vrrp role hears of.
    Bfd,
}

impl Kind {
    fn of(kind: &TrackKind) -> Self {
        match kind {
            TrackKind::Script(_) => Kind::Script,
            TrackKind::File(_) => Kind::File,
            TrackKind::Process(_) => Kind::Process,
            TrackKind::Bfd => Kind::Bfd,
        }
    }

    /// How messages call it.
    pub fn noun(self) -> &'static str {
        match self {
            Kind::Script => "track script",
            Kind::File => "track file",
            Kind::Process => "track process",
            Kind::Bfd => "track bfd",
        }
    }
}

/// Where the objects are, and the one that is open.
#[derive(Debug, Default)]
pub struct State {
    ids: HashMap<(Kind, String), TrackId>,
    spans: Vec<Span>,
    /// Where objects were tracked that were not defined by then.
    missed: HashMap<(Kind, String), Span>,
    script: Option<ScriptDraft>,
    file: Option<(Span, TrackFile, Common)>,
    process: Option<(Span, TrackProcess, Common)>,
    unusable: HashSet<TrackId>,
}

impl State {
    /// The script of this object cannot be run.
    pub(super) fn unusable(&mut self, id: TrackId) {
        self.unusable.insert(id);
    }
}

/// A `vrrp_script` that is being read.
#[derive(Debug)]
struct ScriptDraft {
    span: Span,
    command: Option<ScriptId>,
    user: Option<(String, Option<String>)>,
    made: TrackScript,
    common: Common,
}

/// What all kinds have.
#[derive(Debug, Default)]
struct Common {
    name: String,
    weight: Option<i16>,
    reverse: bool,
    user_failed: bool,
}

impl Common {
    fn named(a: &Args<'_>) -> Self {
        Common { name: a.string(0), ..Common::default() }
    }
}

impl Cx<'_> {
    /// The tracked object of this kind and name, when it is defined already.
    pub fn track(&self, kind: Kind, name: &str) -> Option<TrackId> {
        // a lookup by parts would need an owned key as well
        self.build.vrrp.objects.ids.get(&(kind, name.to_owned())).copied()
    }

    /// The names of the objects of this kind, in the order of the files.
    pub(super) fn track_names(&self, kind: Kind) -> impl Iterator<Item = &str> {
        let tracks = self.build.config.tracks.iter();
        tracks.filter(move |t| Kind::of(&t.kind) == kind).map(|t| t.name.as_str())
    }

    /// Enters an object; another of its name and kind is replaced in lookups.
    pub(super) fn add_track(&mut self, kind: Kind, span: Span, object: TrackObject) -> TrackId {
        let tracks = &mut self.build.config.tracks;
        let id = TrackId(u32::try_from(tracks.len()).unwrap_or(u32::MAX));
        let key = (kind, object.name.clone());
        tracks.push(object);
        let objects = &mut self.build.vrrp.objects;
        let missed = objects.missed.remove(&key);
        objects.spans.push(span);
        if let Some(tracked) = missed {
            let (noun, name) = (key.0.noun(), &key.1);
            let text = format!("{noun} {name} is defined below where it is tracked: move it up");
            let diag = Diag::new(Level::Note, Code::Undefined, span, text);
            self.report(diag.related(tracked, "not known here yet"));
        }
        self.build.vrrp.objects.ids.insert(key, id);
        id
    }

    /// Remembers that an object was tracked that is not defined.
    pub(super) fn track_missed(&mut self, kind: Kind, name: &str, span: Span) {
        self.build.vrrp.objects.missed.insert((kind, name.to_owned()), span);
    }

    /// Whether the script of this object cannot be run.
    pub(super) fn track_unusable(&self, id: TrackId) -> bool {
        self.build.vrrp.objects.unusable.contains(&id)
    }
}

/// Of two objects with one name the first counts.
fn known(cx: &mut Cx<'_>, a: &Args<'_>, kind: Kind) -> bool {
    let Some(id) = cx.track(kind, a.str(0)) else { return false };
    let first = cx.build.vrrp.objects.spans.get(id.index()).copied().unwrap_or(Span::NONE);
    let text = format!("WARNING: {} {} is defined already - ignoring", kind.noun(), a.str(0));
    let diag = Diag::new(Level::Note, Code::Duplicate, a.span(0), text);
    cx.report(diag.related(first, "first defined here"));
    cx.skip_block();
    true
}

/// `vrrp_script NAME {`.
pub fn open_script(cx: &mut Cx<'_>, a: &Args<'_>) {
    if known(cx, a, Kind::Script) {
        return;
    }
    let script = TrackScript {
        script: ScriptId(0),
        interval: Duration::from_secs(1),
        timeout: Duration::ZERO,
        rise: 1,
        fall: 1,
        init_fail: false,
    };
    cx.build.vrrp.objects.script = Some(ScriptDraft {
        span: a.whole(),
        command: None,
        user: None,
        made: script,
        common: Common::named(a),
    });
}

/// The end of a `vrrp_script`.
pub fn close_script(cx: &mut Cx<'_>) {
    let Some(draft) = cx.build.vrrp.objects.script.take() else { return };
    let ScriptDraft { span, command, user, mut made, common } = draft;
    let Some(command) = command else {
        let text = format!("vrrp_script {} has no script - ignoring it", common.name);
        cx.error(Code::Missing, span, text);
        return;
    };
    if let Some((user, group)) = user {
        cx.set_script_user(command, &user, group.as_deref());
    }
    made.script = command;
    let failed = common.user_failed;
    let id = finish(cx, Kind::Script, span, common, TrackKind::Script(made), 0);
    if failed {
        cx.build.vrrp.objects.unusable(id);
    }
}

fn finish(
    cx: &mut Cx<'_>,
    kind: Kind,
    span: Span,
    common: Common,
    what: TrackKind,
    weight: i16,
) -> TrackId {
    let weight = Weight(common.weight.unwrap_or(weight));
    let object = TrackObject { name: common.name, weight, reverse: common.reverse, kind: what };
    cx.add_track(kind, span, object)
}

/// Changes the open `vrrp_script`.
pub fn script(cx: &mut Cx<'_>, change: impl FnOnce(&mut TrackScript)) {
    if let Some(draft) = &mut cx.build.vrrp.objects.script {
        change(&mut draft.made);
    }
}

/// `script COMMAND`; a later one replaces it.
pub fn command(cx: &mut Cx<'_>, a: &Args<'_>) {
    let Some(line) = a.script() else { return };
    let id = cx.add_script(line);
    if let Some(draft) = &mut cx.build.vrrp.objects.script {
        draft.command = Some(id);
    }
}

/// `user USER [GROUP]`.
pub fn script_user(cx: &mut Cx<'_>, a: &Args<'_>) {
    let resolved = cx.account(a.str(0), a.get(1));
    let Some(draft) = &mut cx.build.vrrp.objects.script else { return };
    draft.common.user_failed = resolved.is_err();
    match resolved {
        Ok(_) => draft.user = Some((a.string(0), a.opt_string(1))),
        Err(cause) => {
            let text = format!("({}) the script's user cannot be used", draft.common.name);
            cx.report(Diag::new(Level::General, Code::Script, a.whole(), text).because(cause));
        }
    }
}

/// A time of a `vrrp_script` in thousandths; zero means one second.
pub fn script_time(cx: &mut Cx<'_>, a: &Args<'_>) -> Duration {
    let millis = a.opt_units(0).unwrap_or(0);
    if millis > 0 {
        return Duration::from_millis(millis);
    }
    let text = format!("({}) {} must be more than 0 - using 1", cx.block_name(), a.name());
    cx.error(Code::Adjusted, a.span(0), text);
    Duration::from_secs(1)
}

/// `weight N [reverse]` of a `vrrp_script`: out of range it is reported and
/// brought into range.
pub fn script_weight(cx: &mut Cx<'_>, a: &Args<'_>) {
    let name = cx.block_name().to_owned();
    let style = IntStyle { lenient: false, any_base: false };
    let weight = match value::integer(a.str(0), -253, 253, style) {
        Ok(read) => read.value,
        Err(cause) => {
            let text = format!("({name}) weight '{}' is invalid - using what is nearest", a.str(0));
            cx.report(Diag::new(Level::General, Code::BadNumber, a.span(0), text).because(cause));
            let any = value::integer(a.str(0), i64::MIN, i64::MAX, style);
            any.map_or(0, |read| read.value.clamp(-253, 253))
        }
    };
    let reverse = reverse(cx, a, &format!("({name}) weight has no option"));
    if let Some(draft) = &mut cx.build.vrrp.objects.script {
        draft.common.weight = i16::try_from(weight).ok();
        draft.common.reverse = reverse;
    }
}

/// The word after a weight.
fn reverse(cx: &mut Cx<'_>, a: &Args<'_>, complaint: &str) -> bool {
    match a.get(1) {
        None => false,
        Some("reverse") => true,
        Some(other) => {
            cx.error(Code::BadValue, a.span(1), format!("{complaint} {other}"));
            false
        }
    }
}

/// `weight N [reverse]` of a file or process, once.
fn weight_once(cx: &mut Cx<'_>, a: &Args<'_>, set: bool) -> Option<(i16, bool)> {
    let name = cx.block_name().to_owned();
    if set {
        let text = format!("({name}) weight is given twice - ignoring {}", a.str(0));
        cx.error(Code::Duplicate, a.whole(), text);
        return None;
    }
    let style = IntStyle { lenient: !cx.test, any_base: false };
    match value::integer(a.str(0), -254, 254, style) {
        Ok(read) => {
            let reverse = reverse(cx, a, &format!("({name}) weight has no option"));
            Some((i16::try_from(read.value).unwrap_or(0), reverse))
        }
        Err(cause) => {
            let text = format!("({name}) weight '{}' is invalid - ignoring", a.str(0));
            cx.report(Diag::new(Level::General, Code::BadNumber, a.span(0), text).because(cause));
            None
        }
    }
}

/// `track_file NAME {`.
pub fn open_file(cx: &mut Cx<'_>, a: &Args<'_>) {
    if known(cx, a, Kind::File) {
        return;
    }
    let file = TrackFile { path: String::new(), init: None };
    cx.build.vrrp.objects.file = Some((a.whole(), file, Common::named(a)));
}

/// The end of a `track_file`.
pub fn close_file(cx: &mut Cx<'_>) {
    let Some((span, file, common)) = cx.build.vrrp.objects.file.take() else { return };
    if file.path.is_empty() {
        let text = format!("track_file {} has no file - ignoring it", common.name);
        cx.error(Code::Missing, span, text);
        return;
    }
    finish(cx, Kind::File, span, common, TrackKind::File(file), 1);
}

/// File systems whose files cannot be watched.
const UNWATCHED: &[&str] = &["/proc/", "/sys/", "/dev/pts/"];

/// `file PATH`.
pub fn file(cx: &mut Cx<'_>, a: &Args<'_>) {
    let name = cx.block_name().to_owned();
    let path = a.str(0);
    if cx.build.vrrp.objects.file.as_ref().is_some_and(|(_, f, _)| !f.path.is_empty()) {
        let text = format!("({name}) file is given twice - ignoring {path}");
        cx.error(Code::Duplicate, a.whole(), text);
        return;
    }
    let directory = match path.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((directory, _)) => directory,
        None => ".",
    };
    if matches!(cx.host.stat(directory), Err(FileError::NotFound)) {
        let text = format!("Directory {directory} of track file {name} does not exist - ignoring");
        cx.error(Code::FileMissing, a.span(0), text);
        return;
    }
    if UNWATCHED.iter().any(|u| path.starts_with(u)) {
        let text = format!("Track file {name} - {path} is on a file system that cannot be watched");
        cx.error(Code::BadValue, a.span(0), text);
        return;
    }
    if let Some((_, file, _)) = &mut cx.build.vrrp.objects.file {
        file.path = path.to_owned();
    }
}

/// `weight N [reverse]` of a `track_file`.
pub fn file_weight(cx: &mut Cx<'_>, a: &Args<'_>) {
    let set = cx.build.vrrp.objects.file.as_ref().is_some_and(|(.., c)| c.weight.is_some());
    let weight = weight_once(cx, a, set);
    if let (Some((.., common)), Some((weight, reverse))) = (&mut cx.build.vrrp.objects.file, weight)
    {
        common.weight = Some(weight);
        common.reverse = reverse;
    }
}

/// `init_file [VALUE] [overwrite]`.
pub fn init_file(cx: &mut Cx<'_>, a: &Args<'_>) {
    let mut init = InitFile { value: 0, overwrite: false };
    let style = IntStyle { lenient: false, any_base: false };
    for (i, word) in a.from(0).enumerate() {
        if word == "overwrite" {
            init.overwrite = true;
        } else if let Ok(read) =
            value::integer(word, i64::from(i32::MIN), i64::from(i32::MAX), style)
        {
            init.value = read.value;
            if !(-254..=254).contains(&init.value) {
                let text =
                    format!("({}) init_file {word} is more than any weight (254)", cx.block_name());
                cx.error(Code::BadNumber, a.span(i), text);
            }
        } else {
            let text = format!("init_file has no option {word}");
            cx.error(Code::BadValue, a.span(i), text);
        }
    }
    if let Some((_, file, _)) = &mut cx.build.vrrp.objects.file {
        file.init = Some(init);
    }
}

/// `vrrp_track_process NAME {`.
pub fn open_process(cx: &mut Cx<'_>, a: &Args<'_>) {
    if known(cx, a, Kind::Process) {
        return;
    }
    let process = TrackProcess {
        process: String::new(),
        params: Vec::new(),
        param_match: ParamMatch::None,
        full_command: false,
        quorum: 1,
        quorum_max: None,
        terminate_delay: Duration::ZERO,
        fork_delay: Duration::ZERO,
    };
    cx.build.vrrp.objects.process = Some((a.whole(), process, Common::named(a)));
}

/// Longest name of a process (`TASK_COMM_LEN` less its NUL).
const COMM_LEN: usize = 15;

/// The end of a `vrrp_track_process`.
pub fn close_process(cx: &mut Cx<'_>) {
    let Some((span, process, common)) = cx.build.vrrp.objects.process.take() else { return };
    if process.process.is_empty() {
        let text = format!("vrrp_track_process {} has no process - ignoring it", common.name);
        cx.error(Code::Missing, span, text);
        return;
    }
    if !process.full_command && process.process.len() > COMM_LEN {
        let text = format!(
            "vrrp_track_process {}: no process is called {}, names have at most {COMM_LEN} bytes",
            common.name, process.process
        );
        let help = "add full_command and write the first word of the command line, as ps shows it";
        cx.report(Diag::new(Level::Note, Code::BadValue, span, text).maybe_help(Some(help.into())));
    }
    finish(cx, Kind::Process, span, common, TrackKind::Process(process), 0);
}

/// The open `vrrp_track_process`.
pub fn process<'c>(cx: &'c mut Cx<'_>) -> Option<&'c mut TrackProcess> {
    cx.build.vrrp.objects.process.as_mut().map(|(_, p, _)| p)
}

/// `process NAME [PARAM...]`; parameters must then be equal.
pub fn process_name(cx: &mut Cx<'_>, a: &Args<'_>) {
    let name = cx.block_name().to_owned();
    let Some(process) = process(cx) else { return };
    if !process.process.is_empty() {
        let text = format!("({name}) process is given twice - ignoring {}", a.str(0));
        cx.error(Code::Duplicate, a.whole(), text);
        return;
    }
    process.process = a.string(0);
    process.params = a.from(1).map(str::to_owned).collect();
    if !process.params.is_empty() {
        process.full_command = true;
        if process.param_match == ParamMatch::None {
            process.param_match = ParamMatch::Exact;
        }
    }
}

/// `weight N [reverse]` of a `vrrp_track_process`.
pub fn process_weight(cx: &mut Cx<'_>, a: &Args<'_>) {
    let set = cx.build.vrrp.objects.process.as_ref().is_some_and(|(.., c)| c.weight.is_some());
    let weight = weight_once(cx, a, set);
    if let (Some((.., common)), Some((weight, reverse))) =
        (&mut cx.build.vrrp.objects.process, weight)
    {
        common.weight = Some(weight);
        common.reverse = reverse;
    }
}

/// `quorum N`.
pub fn quorum(cx: &mut Cx<'_>, a: &Args<'_>) {
    let quorum: u32 = a.num(0);
    let Some(process) = process(cx) else { return };
    if process.quorum_max.is_some_and(|most| quorum > most) {
        cx.error(Code::Conflict, a.whole(), "quorum is more than quorum_max - ignoring it");
    } else {
        process.quorum = quorum;
    }
}

/// `quorum_max N`; zero means that no such process may run.
pub fn quorum_max(cx: &mut Cx<'_>, a: &Args<'_>) {
    let most: u32 = a.num(0);
    let Some(process) = process(cx) else { return };
    if most == 0 {
        process.quorum = 0;
    } else if most < process.quorum {
        cx.error(Code::Conflict, a.whole(), "quorum_max is less than quorum - ignoring it");
        return;
    }
    process.quorum_max = Some(most);
}

/// Leaves out objects whose script cannot be run.
pub(super) fn drop_unusable(cx: &mut Cx<'_>, tracks: &mut Vec<TrackRef>) {
    if !cx.build.vrrp.objects.unusable.is_empty() {
        tracks.retain(|tracked| !cx.track_unusable(tracked.id));
    }
}
