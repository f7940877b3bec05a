//! The manual page `keepalived(8)`, in man(7) macros. Its options come from
//! the table.

use super::table::OPTIONS;
use getopt::Spec;
use std::fmt::Write as _;

const HEAD: &str = r#".TH KEEPALIVED 8 "" "keepalived-rs" "System administration"
.SH NAME
keepalived \- fail\-over of addresses and load balancing
.SH SYNOPSIS
.B keepalived
.RI [ option ...]
.SH DESCRIPTION
.B keepalived
reads
.BR keepalived.conf (5)
and starts a process for each part that has work: VRRP, health checks with IPVS, BFD.
The parent supervises them, runs scripts, and answers signals; a process that ends is started again.
.PP
The processes run as user
.B keepalived
where it exists, else as
.BR nobody ,
with the few capabilities that they need. The parent stays root.
.PP
Mail, SNMP and D-Bus are the work of
.BR keepalived-monitor ,
which is a package of its own. The parent starts it from beside itself, else from
.IR /usr/sbin ,
where the configuration asks for one of these. It has no capability at all, and nobody waits for it: when it is slow, dead
or missing, the log says so and all else goes on. At a stop it has two seconds to deliver the last mails.
.SH OPTIONS
Long options may be abbreviated. An optional argument is attached:
.BI \-t FILE
or
.BI \-\-config\-test= FILE\fR.
"#;

const TAIL: &str = r#".SH SIGNALS
Sent to the parent.
.B keepalived \-\-signum=\fINAME
prints the number of the names in brackets.
.TP
.BR SIGTERM ", " SIGINT " [STOP]"
Stop: give up mastership, remove what was set, end.
.TP
.BR SIGHUP " [RELOAD]"
Reload. Every process prepares the new configuration, and it counts once all are ready.
A file that is broken, or refused by any of them, changes nothing; the log says why.
.TP
.BR SIGUSR1 " [DATA]"
Write the state to
.IR /tmp/keepalived.data ,
.IR /tmp/keepalived_parent.data ,
.I /tmp/keepalived_check.data
and
.IR /tmp/keepalived_bfd.data .
.TP
.BR SIGUSR2 " [STATS]"
Write counters of VRRP to
.IR /tmp/keepalived.stats .
.TP
.BR SIGRTMAX\-1 " [STATS_CLEAR]"
The same, and set them to zero.
.TP
.BR SIGRTMIN+2 " [JSON]"
Write state and counters to
.IR /tmp/keepalived.json .
.SH EXIT STATUS
.TP
.B 0
Stopped; or another instance runs already, or the network namespace cannot be entered.
.TP
.B 1
Wrong command line, or an error of a process that trying again would not mend.
.TP
.B 2
The configuration cannot be run.
.TP
.B 4
A permission is missing.
.TP
.B 6
The configuration cannot be read.
.TP
.B 70
Internal error.
.PP
With
.BR \-t :
.TP
.B 0
No errors.
.TP
.B 2
A parameter is missing that the keyword cannot do without.
.TP
.B 4
It cannot be run.
.TP
.B 5
It can be run, but not as written.
.TP
.B 6
The file is not there or cannot be read; or scripts would run without
.BR enable_script_security .
.SH ENVIRONMENT
.TP
.B TMPDIR
Where dump files go instead of
.IR /tmp ,
if it is an absolute path of a directory.
.TP
.B NOTIFY_SOCKET
Told of readiness, reloads, status and the end; see
.BR sd_notify (3).
.SH FILES
.TP
.I /etc/keepalived/keepalived.conf
The configuration.
.TP
.IR /run/keepalived.pid ", " /run/vrrp.pid ", " /run/checkers.pid ", " /run/bfd.pid
Process ids. With an instance or a network namespace they are in
.IR /run/keepalived .
.TP
.IR /run/vrrp.left
What is to be taken away and put back should all processes be killed; the next daemon reads it.
It is beside the pid file of the vrrp process.
.TP
.I /etc/dbus-1/system.d/org.keepalived.Vrrp1.conf
Who may offer and use the D-Bus service of
.BR enable_dbus .
.SH SEE ALSO
.BR keepalived.conf (5)
"#;

/// The text of `docs/man/keepalived.8`.
pub fn manual() -> String {
    let mut out = HEAD.to_owned();
    for option in OPTIONS {
        let short = option.short().map_or(String::new(), |c| format!("\\-{c}, "));
        let (long, value) = (escape(option.long), escape(option.value));
        let _ = writeln!(out, ".TP\n\\fB{short}\\-\\-{long}\\fI{value}\\fR");
        let _ = writeln!(out, "{}.", escape(&option.help.join(" ")));
    }
    out.push_str(TAIL);
    out
}

/// Text that is no macro and has no escapes of its own.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}
