//! Tracked objects and the blocks that track them.

use super::{Block, COMMAND, Entries, Keyword, SCRIPT, choice, int, kw, secs, thousandths, word};
use crate::lower::vrrp::{objects, track};

/// Root-level keywords of tracked objects.
pub static ROOT: &[Keyword] = &[
    kw("vrrp_script", "A command whose exit status is tracked.")
        .args(&[word("NAME")])
        .block(&VRRP_SCRIPT)
        .acted()
        .set(objects::open_script)
        .close(objects::close_script),
    kw("vrrp_track_process", "Processes whose number is tracked.")
        .args(&[word("NAME")])
        .block(&VRRP_TRACK_PROCESS)
        .acted()
        .set(objects::open_process)
        .close(objects::close_process),
    kw("track_file", "A file whose number is tracked.")
        .args(&[word("NAME")])
        .block(&TRACK_FILE)
        .acted()
        .set(objects::open_file)
        .close(objects::close_file),
    kw("vrrp_track_file", "Old spelling of track_file.")
        .args(&[word("NAME")])
        .block(&TRACK_FILE)
        .deprecated_quietly("use track_file")
        .acted()
        .set(objects::open_file)
        .close(objects::close_file),
];

/// What an instance or a sync group tracks.
pub static TRACKERS: &[Keyword] = &[
    kw("track_interface", "Interfaces that count.").entries(&TRACK_INTERFACE).acted(),
    kw("track_script", "Scripts that count.").entries(&TRACK_SCRIPT).acted(),
    kw("track_file", "Files that count.").entries(&TRACK_FILE_ENTRIES).acted(),
    kw("track_process", "Processes that count.").entries(&TRACK_PROCESS).acted(),
    kw("track_bfd", "BFD sessions that count.").entries(&TRACK_BFD),
];

static TRACK_INTERFACE: Entries = Entries::lines("IF [weight N [reverse]]", track::interface);
static TRACK_SCRIPT: Entries = Entries::lines("NAME [weight N [reverse|noreverse]]", track::script);
static TRACK_FILE_ENTRIES: Entries =
    Entries::lines("NAME [weight N [reverse|noreverse]]", track::file);
static TRACK_PROCESS: Entries =
    Entries::lines("NAME [weight N [reverse|noreverse]]", track::process);
static TRACK_BFD: Entries = Entries::lines("NAME [weight N [reverse|noreverse]]", track::bfd);

/// Longest time in thousandths of a second.
const LONGEST: u64 = 4_294_967_295;

static VRRP_SCRIPT: Block = Block::new(
    "vrrp_script",
    &[
        kw("script", "The command; arguments are quoted with it.")
            .args(&[COMMAND])
            .acted()
            .set(objects::command),
        kw("interval", "Seconds between starts.")
            .args(&[thousandths(0, LONGEST)])
            .default("1")
            .invalid("({name}) {kw} '{}' is invalid - ignoring")
            .acted()
            .set(|cx, a| {
                let interval = objects::script_time(cx, a);
                objects::script(cx, |s| s.interval = interval);
            }),
        kw("timeout", "Seconds after which a run is ended and counts as failed.")
            .args(&[thousandths(0, LONGEST)])
            .default("interval")
            .invalid("({name}) {kw} '{}' is invalid - ignoring")
            .acted()
            .set(|cx, a| {
                let timeout = objects::script_time(cx, a);
                objects::script(cx, |s| s.timeout = timeout);
            }),
        kw("weight", "What it adds to the priority; 0: failure is a fault.")
            .args(&[word("N"), word("reverse").opt()])
            .default("0")
            .acted()
            .set(objects::script_weight),
        kw("rise", "Successes in a row before it counts as good.")
            .args(&[int(1, i32::MAX as i64)])
            .default("1")
            .invalid("({name}) {kw} '{}' is invalid - using 1")
            .or_use(1)
            .acted()
            .set(|cx, a| objects::script(cx, |s| s.rise = a.num(0))),
        kw("fall", "Failures in a row before it counts as bad.")
            .args(&[int(1, i32::MAX as i64)])
            .default("1")
            .invalid("({name}) {kw} '{}' is invalid - using 1")
            .or_use(1)
            .acted()
            .set(|cx, a| objects::script(cx, |s| s.fall = a.num(0))),
        kw("user", "User and group it runs as.")
            .args(&[word("USER"), word("GROUP").opt()])
            .default("script_user")
            .acted()
            .set(objects::script_user),
        kw("init_fail", "It counts as bad until it has run.")
            .default("off")
            .acted()
            .set(|cx, _| objects::script(cx, |s| s.init_fail = true)),
    ],
);

static VRRP_TRACK_PROCESS: Block = Block::new(
    "vrrp_track_process",
    &[
        kw("process", "Name, or path and parameters, of the process.")
            .args(&[word("NAME"), word("PARAM").rest(0)])
            .acted()
            .set(objects::process_name),
        kw("param_match", "How parameters are compared.")
            .args(&[choice(&["initial", "partial"]).opt()])
            .default("none; bare: exact")
            .invalid("({name}) {kw} '{}' is invalid - ignoring")
            .acted()
            .set(|cx, a| {
                use model::track::ParamMatch;
                let how = match a.opt_choice(0) {
                    Some(0) => ParamMatch::Initial,
                    Some(_) => ParamMatch::Partial,
                    None => ParamMatch::Exact,
                };
                if let Some(process) = objects::process(cx) {
                    process.param_match = how;
                    process.full_command = true;
                }
            }),
        kw("full_command", "Match the command line, not the name of the process.")
            .default("off")
            .acted()
            .set(|cx, _| {
                if let Some(process) = objects::process(cx) {
                    process.full_command = true;
                }
            }),
        kw("weight", "What it adds to the priority; 0: too few is a fault.")
            .args(&[word("N"), word("reverse").opt()])
            .default("0")
            .acted()
            .set(objects::process_weight),
        kw("quorum", "Fewest processes.")
            .args(&[int(1, 65535)])
            .default("1")
            .invalid("({name}) {kw} '{}' is invalid - ignoring")
            .acted()
            .set(objects::quorum),
        kw("quorum_max", "Most processes; 0: none may run.")
            .args(&[int(0, 65535)])
            .default("any")
            .invalid("({name}) {kw} '{}' is invalid - ignoring")
            .acted()
            .set(objects::quorum_max),
        kw("delay", "Seconds that a change is held off.")
            .args(&[secs(1, 3_600_000_000)])
            .default("0")
            .invalid(BAD_DELAY)
            .acted()
            .set(|cx, a| {
                if let Some(process) = objects::process(cx) {
                    (process.terminate_delay, process.fork_delay) = (a.secs(0), a.secs(0));
                }
            }),
        kw("terminate_delay", "Seconds that an end is held off.")
            .args(&[secs(1, 3_600_000_000)])
            .default("0")
            .invalid(BAD_DELAY)
            .acted()
            .set(|cx, a| {
                if let Some(process) = objects::process(cx) {
                    process.terminate_delay = a.secs(0);
                }
            }),
        kw("fork_delay", "Seconds that a start is held off.")
            .args(&[secs(1, 3_600_000_000)])
            .default("0")
            .invalid(BAD_DELAY)
            .acted()
            .set(|cx, a| {
                if let Some(process) = objects::process(cx) {
                    process.fork_delay = a.secs(0);
                }
            }),
    ],
);

const BAD_DELAY: &str = "({name}) {kw} '{}' is invalid - ignoring";

/// `track_file` at the root.
pub static TRACK_FILE: Block = Block::new(
    "track_file",
    &[
        kw("file", "The file; the first number in it counts.")
            .args(&[word("PATH")])
            .acted()
            .set(objects::file),
        kw("weight", "What the file's number is multiplied with; 0: a number but 0 is a fault.")
            .args(&[word("N"), word("reverse").opt()])
            .default("1")
            .acted()
            .set(objects::file_weight),
        kw("init_file", "Make the file at start; overwrite: even where there is one.")
            .args(&[word("[VALUE] [overwrite]").rest(0)])
            .acted()
            .set(objects::init_file),
    ],
);

/// The `notify` keywords of instances and sync groups.
pub static NOTIFY: &[Keyword] = &[
    kw("notify_master", "Run on entering MASTER.")
        .args(&[SCRIPT])
        .acted()
        .set(|cx, a| crate::lower::vrrp::draft::notify(cx, a, |n| &mut n.master)),
    kw("notify_backup", "Run on entering BACKUP.")
        .args(&[SCRIPT])
        .acted()
        .set(|cx, a| crate::lower::vrrp::draft::notify(cx, a, |n| &mut n.backup)),
    kw("notify_fault", "Run on entering FAULT.")
        .args(&[SCRIPT])
        .acted()
        .set(|cx, a| crate::lower::vrrp::draft::notify(cx, a, |n| &mut n.fault)),
    kw("notify_stop", "Run at stop.")
        .args(&[SCRIPT])
        .acted()
        .set(|cx, a| crate::lower::vrrp::draft::notify(cx, a, |n| &mut n.stop)),
    kw("notify", "Run on every transition, with INSTANCE|GROUP, name, state and priority.")
        .args(&[SCRIPT])
        .acted()
        .set(|cx, a| crate::lower::vrrp::draft::notify(cx, a, |n| &mut n.any)),
];
