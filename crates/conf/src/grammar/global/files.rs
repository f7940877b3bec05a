//! Configuration files, reloads and dump files.

use crate::grammar::{BOOL, Keyword, int, kw, word};
use crate::lower::global;

/// Keywords of configuration files and reloads.
pub static RELOAD: &[Keyword] = &[
    kw(
        "config_save_dir",
        "Keep each configuration used, and the state around each reload, in this directory.",
    )
    .args(&[word("DIR")])
    .acted()
    .set(global::config_save_dir),
    kw("tmp_config_directory", "A directory that exists; nothing is written to it.")
        .args(&[word("DIR")])
        .default("none")
        .acted()
        .set(global::tmp_config_directory),
    kw(
        "reload_check_config",
        "Refuse a reload, and a start, with any error; log the check to FILE.",
    )
    .args(&[word("FILE").opt()])
    .default("off")
    .acted()
    .set(|cx, a| {
        let file = a.get(0).unwrap_or("/dev/null");
        cx.build.config.global.reload.check_config = Some(file.to_owned());
    }),
    kw("reload_time_file", "Reload at the date and time that this file says.")
        .args(&[word("PATH")])
        .missing("reload_time_file needs one path - ignoring")
        .refuse_extra("reload_time_file needs one path - ignoring")
        .acted()
        .set(|cx, a| cx.build.config.global.reload.time_file = a.opt_string(0)),
    kw("reload_repeat", "Reload every day at that time.")
        .default("off")
        .acted()
        .set(|cx, _| cx.build.config.global.reload.repeat = true),
    kw("reload_file", "This file exists while a reload runs.")
        .args(&[word("PATH").opt()])
        .default("off; bare: keepalived.reload in the run directory")
        .acted()
        .set(|cx, a| cx.build.config.global.reload.file = Some(a.string(0))),
    kw("data_use_instance", "Names of dump files hold the instance and namespace.")
        .args(&[BOOL])
        .default("off")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| cx.build.config.global.dumps.use_instance = a.flag(0)),
    kw("json_version", "Layout of the JSON dump.")
        .args(&[int(1, 2)])
        .default("1")
        .since("2.3")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| cx.build.config.global.dumps.json_version = a.num(0)),
    kw("state_dump_file", "Where the state dump goes.")
        .args(&[word("PATH")])
        .default("/tmp/keepalived.data")
        .since("2.3")
        .acted()
        .set(|cx, a| cx.build.config.global.dumps.state = a.opt_string(0)),
    kw("stats_dump_file", "Where the statistics go.")
        .args(&[word("PATH")])
        .default("/tmp/keepalived.stats")
        .since("2.3")
        .acted()
        .set(|cx, a| cx.build.config.global.dumps.stats = a.opt_string(0)),
    kw("json_dump_file", "Where the JSON dump goes.")
        .args(&[word("PATH")])
        .default("/tmp/keepalived.json")
        .since("2.3")
        .acted()
        .set(|cx, a| cx.build.config.global.dumps.json = a.opt_string(0)),
];
