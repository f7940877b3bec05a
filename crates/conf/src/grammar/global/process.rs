//! Names, priorities, CPUs and memory of the processes.

use crate::args::Args;
use crate::diag::Code;
use crate::grammar::{Keyword, int, kw, word};
use crate::lower::Cx;
use crate::value::{self, IntStyle};
use model::process::ProcessSettings;

/// Longest process name the kernel keeps (TASK_COMM_LEN less its NUL).
const NAME_MAX: usize = 15;

fn name(cx: &mut Cx<'_>, a: &Args<'_>) -> Option<String> {
    let mut name = a.string(0);
    if name.len() > NAME_MAX {
        let text = format!("process name {name} is longer than {NAME_MAX} bytes - cutting it");
        cx.error(Code::Adjusted, a.span(0), text);
        while name.len() > NAME_MAX {
            name.pop();
        }
    }
    Some(name)
}

fn rt_priority(cx: &mut Cx<'_>, a: &Args<'_>, role: &str) -> Option<u8> {
    let style = IntStyle { lenient: false, any_base: false };
    match value::integer(a.str(0), i64::MIN, i64::MAX, style) {
        Ok(read) => {
            let n = read.value.clamp(1, 99);
            if n != read.value {
                let text = format!(
                    "{role}_rt_priority {} is not 1 to 99 - using the nearest, {n}",
                    read.value
                );
                cx.error(Code::Adjusted, a.span(0), text);
            }
            u8::try_from(n).ok()
        }
        Err(cause) => {
            let text = format!("{role}_rt_priority '{}' is invalid - ignoring", a.str(0));
            cx.report(
                crate::Diag::new(crate::Level::General, Code::BadNumber, a.span(0), text)
                    .because(cause),
            );
            None
        }
    }
}

/// Any bad number leaves no CPU chosen, which means all of them.
fn cpu_affinity(cx: &mut Cx<'_>, a: &Args<'_>, role: &str) -> Vec<u32> {
    let most = i64::from(cx.host.cpus()) - 1;
    let style = IntStyle { lenient: !cx.test, any_base: false };
    let mut cpus = Vec::new();
    for (i, word) in a.from(0).enumerate() {
        match value::integer(word, 0, most, style) {
            Ok(read) => cpus.extend(u32::try_from(read.value).ok()),
            Err(cause) => {
                let text = format!(
                    "{role}_cpu_affinity: there is no CPU '{word}' - ignoring all of the line"
                );
                cx.report(
                    crate::Diag::new(crate::Level::General, Code::BadNumber, a.span(i), text)
                        .because(cause)
                        .help("the process may then run on every CPU"),
                );
                return Vec::new();
            }
        }
    }
    cpus
}

/// The soft limit is half of it, so that 1 becomes 2.
fn rttime(a: &Args<'_>) -> Option<u64> {
    a.opt_num::<u64>(0).map(|n| n.max(2))
}

macro_rules! role {
    ($prefix:literal, $field:ident) => {
        [
            kw(concat!($prefix, "_process_name"), "Name of the process in ps.")
                .args(&[word("NAME")])
                .acted()
                .set(|cx, a| cx.build.config.global.$field.name = name(cx, a)),
            kw(concat!($prefix, "_priority"), "Nice value of the process.")
                .args(&[int(-20, 19)])
                .default("0")
                .invalid("{kw} '{}' is invalid - using 0")
                .or_use(0)
                .acted()
                .set(|cx, a| cx.build.config.global.$field.nice = a.num(0)),
            kw(concat!($prefix, "_no_swap"), "Keep the memory of the process resident.")
                .default("off")
                .acted()
                .set(|cx, _| cx.build.config.global.$field.no_swap = true),
            kw(concat!($prefix, "_rt_priority"), "Real-time (SCHED_RR) priority, 1 to 99.")
                .args(&[word("N")])
                .default("off")
                .acted()
                .set(|cx, a| {
                    if let Some(n) = rt_priority(cx, a, $prefix) {
                        settings(cx, |g| &mut g.$field).rt_priority = n;
                    }
                }),
            kw(concat!($prefix, "_cpu_affinity"), "CPUs that the process may run on.")
                .args(&[word("CPU").rest(1)])
                .default("all")
                .acted()
                .set(|cx, a| {
                    let cpus = cpu_affinity(cx, a, $prefix);
                    settings(cx, |g| &mut g.$field).cpu_affinity = cpus;
                }),
            kw(concat!($prefix, "_rlimit_rttime"), "Longest real-time run in microseconds.")
                .args(&[int(1, u32::MAX as i64)])
                .default("10000")
                .invalid("{kw} '{}' is invalid - ignoring")
                .acted()
                .set(|cx, a| cx.build.config.global.$field.rlimit_rttime = rttime(a)),
            kw(concat!($prefix, "_rlimit_rtime"), "Old spelling of the same.")
                .args(&[int(1, u32::MAX as i64)])
                .invalid("{kw} '{}' is invalid - ignoring")
                .deprecated_quietly(concat!("use ", $prefix, "_rlimit_rttime"))
                .acted()
                .set(|cx, a| cx.build.config.global.$field.rlimit_rttime = rttime(a)),
        ]
    };
}

fn settings<'c>(
    cx: &'c mut Cx<'_>,
    role: fn(&mut model::Global) -> &mut ProcessSettings,
) -> &'c mut ProcessSettings {
    role(&mut cx.build.config.global)
}

/// Keywords of the vrrp role's process.
pub static VRRP: &[Keyword] = &role!("vrrp", vrrp_process);
/// Keywords of the checker role's process.
pub static CHECKER: &[Keyword] = &role!("checker", checker_process);
/// Keywords of the bfd role's process.
pub static BFD: &[Keyword] = &role!("bfd", bfd_process);

/// Keywords of all processes.
pub static ALL: &[Keyword] = &[
    kw("process_names", "Name the processes keepalived_vrrp, keepalived_lvs and keepalived_bfd.")
        .acted()
        .set(|cx, _| {
            let global = &mut cx.build.config.global;
            let role = |settings: &mut ProcessSettings, name: &str| {
                settings.name.get_or_insert_with(|| name.to_owned());
            };
            role(&mut global.vrrp_process, "keepalived_vrrp");
            role(&mut global.checker_process, "keepalived_lvs");
            role(&mut global.bfd_process, "keepalived_bfd");
        }),
    kw("process_name", "Name of the core process in ps.")
        .args(&[word("NAME")])
        .acted()
        .set(|cx, a| cx.build.config.global.process_name = name(cx, a)),
    kw("lvs_process_name", "Old spelling of checker_process_name.")
        .args(&[word("NAME")])
        .deprecated_quietly("use checker_process_name")
        .acted()
        .set(|cx, a| cx.build.config.global.checker_process.name = name(cx, a)),
    kw("max_auto_priority", "Largest real-time priority that a late process may give itself.")
        .args(&[int(-1, 99).lenient().opt()])
        .default("0, off")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| cx.build.config.global.max_auto_priority = a.opt_num(0).unwrap_or(99)),
    kw("min_auto_priority_delay", "Lateness in microseconds that raises the priority.")
        .args(&[int(1, 10_000_000).lenient()])
        .default("1000000")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| {
            let delay = std::time::Duration::from_micros(a.num(0));
            cx.build.config.global.min_auto_priority_delay = delay;
        }),
];
