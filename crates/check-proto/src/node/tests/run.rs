//! What happens, in the order in which it is told.

use super::*;
use model::lvs::{GroupEntry, Protocol, Service, VirtualServerGroup};
use types::Weight;

const VS: &str = "[10.0.0.1]:tcp:80";
const RS: &str = "[10.1.0.1]:tcp:80";

fn exit(status: u8) -> Answer {
    Answer::Exit(Exit::Status(status), Duration::from_millis(10))
}

#[test]
fn a_server_dies_and_comes_back() {
    let mut vs = virtual_server(&[1]);
    vs.smtp_alert = true;
    vs.real_servers[0].smtp_alert = true;
    let mut w = World::of(vs);
    w.run_to(5_000);
    assert_eq!(
        w.lines(),
        [
            format!("Gained quorum 1+0=1 <= 1 for VS {VS}"),
            format!("> VS {VS} UP"),
            format!("mail Virtualserver {VS} - UP => Starting with quorum up 1+0=1 <= 1 <="),
            format!("Activating healthchecker for service {RS} for VS {VS}"),
            format!("TCP connection to {RS} success."),
        ]
    );
    w.answer("10.1.0.1", Answer::Refuse);
    w.run_to(30_000);
    // Checks at 1 s and 11 s; the retry a second after the failure.
    assert_eq!(w.told[0].0, 12_000);
    assert_eq!(
        w.lines(),
        [
            format!("TCP_CHECK on service {RS} failed after 1 retries."),
            format!("Removing service {RS} from VS {VS}"),
            format!("> RS {RS} {VS} DOWN"),
            format!("Lost quorum 1-0=1 > 0 for VS {VS}"),
            format!("> VS {VS} DOWN"),
            format!("mail Virtualserver {VS} - DOWN => Lost quorum 1-0=1 > 0 <="),
            format!(
                "mail Realserver {RS} of virtual server {VS} - DOWN \
                 => TCP CHECK failed on service <="
            ),
        ]
    );
    w.answer("10.1.0.1", AT_ONCE);
    w.run_to(60_000);
    assert_eq!(
        w.lines(),
        [
            format!("TCP connection to {RS} success."),
            format!("Adding service {RS} to VS {VS}"),
            format!("> RS {RS} {VS} UP"),
            format!("Gained quorum 1+0=1 <= 1 for VS {VS}"),
            format!("> VS {VS} UP"),
            format!("mail Virtualserver {VS} - UP => Gained quorum 1+0=1 <= 1 <="),
            format!(
                "mail Realserver {RS} of virtual server {VS} - UP \
                 => TCP CHECK succeed on service <="
            ),
        ]
    );
}

#[test]
fn the_last_verdict_keeps_reason_latency_and_time() {
    let mut w = World::of(virtual_server(&[1]));
    w.answer("10.1.0.1", Answer::Accept(Duration::from_millis(30)));
    w.run_to(2_000);
    let status = w.node.checkers().next().unwrap();
    assert!(status.up && status.has_run);
    let last = status.last.unwrap();
    assert_eq!(last.outcome, Outcome::Pass(Pass::Plain));
    assert_eq!(last.latency, Duration::from_millis(30));
    assert_eq!(last.at, Mono::from_millis(1_030));
    w.answer("10.1.0.1", Answer::Silent);
    w.run_to(17_000);
    let status = w.node.checkers().next().unwrap();
    let last = status.last.unwrap();
    assert_eq!(last.outcome, Outcome::Fail(Reason::ConnectTimeout));
    assert_eq!(last.latency, Duration::from_secs(5));
    assert_eq!((last.at, status.failures), (Mono::from_millis(16_000), 1));
}

#[test]
fn every_checker_of_a_server_must_succeed() {
    let tcp = |port| {
        let mut c = connect();
        (c.ip, c.port) = (Some(ip(&format!("10.2.0.{port}"))), Some(port));
        Config { retry: 0, ..checker(CheckKind::Tcp(c)) }
    };
    let mut w = World::of(with(vec![tcp(1), tcp(2)]));
    w.answer("10.2.0.1", Answer::Refuse);
    w.run_to(5_000);
    assert_eq!(w.kernel.dests(), "");
    w.answer("10.2.0.2", Answer::Refuse);
    w.answer("10.2.0.1", AT_ONCE);
    w.run_to(15_000);
    assert_eq!(w.kernel.dests(), "");
    w.answer("10.2.0.2", AT_ONCE);
    w.run_to(25_000);
    assert_eq!(w.kernel.dests(), "10.1.0.1=10");
}

#[test]
fn no_checker_emails_mails_only_when_the_server_turns() {
    let mails = |no_checker_emails| {
        let tcp = |n| {
            let mut c = connect();
            c.ip = Some(ip(n));
            Config { retry: 0, ..checker(CheckKind::Tcp(c)) }
        };
        let mut vs = with(vec![tcp("10.2.0.1"), tcp("10.2.0.2")]);
        vs.real_servers[0].smtp_alert = true;
        let options = Options { no_checker_emails, ..Options::default() };
        let mut w = World::new(prepared(vec![vs], options), Facts::default());
        w.answer("10.2.0.1", Answer::Refuse);
        w.answer("10.2.0.2", Answer::Refuse);
        w.run_to(5_000);
        w.lines().iter().filter(|l| l.starts_with("mail")).count()
    };
    assert_eq!((mails(false), mails(true)), (2, 1));
}

#[test]
fn an_alpha_server_joins_when_its_check_succeeds_and_its_failure_is_told() {
    let mut vs = virtual_server(&[1]);
    vs.real_servers[0].checkers[0].alpha = true;
    let mut w = World::of(vs);
    w.answer("10.1.0.1", Answer::Refuse);
    w.run_to(5_000);
    assert_eq!(
        w.lines(),
        [
            format!("Activating healthchecker for service {RS} for VS {VS}"),
            format!("TCP_CHECK on service {RS} failed."),
            format!("> RS {RS} {VS} DOWN"),
        ]
    );
    assert_eq!(w.kernel.dests(), "");
    w.answer("10.1.0.1", AT_ONCE);
    w.run_to(15_000);
    assert_eq!(w.kernel.dests(), "10.1.0.1=1");
}

#[test]
fn the_first_success_of_a_script_is_not_mailed() {
    let mut vs = with(vec![Config { retry: 0, ..checker(misc(7)) }]);
    vs.real_servers[0].smtp_alert = true;
    let mut w = World::of(vs);
    w.answer("0.0.0.7", exit(0));
    w.run_to(5_000);
    let mails =
        |w: &mut World| w.lines().into_iter().filter(|l| l.starts_with("mail")).collect::<Vec<_>>();
    assert_eq!(mails(&mut w), Vec::<String>::new());
    w.answer("0.0.0.7", Answer::Exit(Exit::TimedOut, Duration::from_secs(10)));
    w.run_to(25_000);
    assert_eq!(
        mails(&mut w),
        [format!(
            "mail Realserver {RS} of virtual server {VS} - DOWN \
             => MISC CHECK timed out on service <="
        )]
    );
}

#[test]
fn servers_that_start_in_the_pool_are_told_when_asked() {
    let options = Options { rs_init_notifies: true, ..Options::default() };
    let mut w = World::new(prepared(vec![virtual_server(&[1])], options), Facts::default());
    assert_eq!(w.lines()[0], format!("> RS {RS} {VS} UP"));
    w.reload(prepared(vec![virtual_server(&[1, 1])], options), &[]);
    assert_eq!(w.lines()[0], format!("> RS [10.1.0.2]:tcp:80 {VS} UP"));
}

#[test]
fn a_scripts_exit_status_is_the_weight() {
    let mut w = World::of(with(vec![Config { retry: 0, ..checker(misc(7)) }]));
    for (status, dests, said) in [
        (0, "10.1.0.1=10", ""),
        (2, "10.1.0.1=0", ""),
        (102, "10.1.0.1=100", "Changing weight from 0 to 100"),
        (255, "10.1.0.1=253", ""),
        (
            1,
            "",
            "Misc check for [[10.1.0.1]:tcp:80 VS [10.0.0.1]:tcp:80] by [/bin/check] failed with retry disabled (exited with status 1).",
        ),
        (52, "10.1.0.1=50", ""),
        (0, "10.1.0.1=10", ""),
    ] {
        w.lines();
        w.answer("0.0.0.7", exit(status));
        let at = w.now.as_nanos() / 1_000_000;
        w.run_to(at + 10_000);
        assert_eq!(w.kernel.dests(), dests, "status {status}");
        let lines = w.lines();
        assert!(lines.iter().any(|l| l.starts_with(said)), "{lines:?}");
    }
}

#[test]
fn a_scripts_death_by_signal_takes_its_weight_along() {
    let mut w = World::of(with(vec![Config { retry: 0, ..checker(misc(7)) }]));
    w.answer("0.0.0.7", exit(102));
    w.run_to(5_000);
    assert_eq!(w.kernel.dests(), "10.1.0.1=100");
    w.answer("0.0.0.7", Answer::Exit(Exit::Signal(9), Duration::ZERO));
    w.run_to(15_000);
    assert_eq!(w.kernel.dests(), "");
    w.answer("0.0.0.7", exit(0));
    w.run_to(25_000);
    assert_eq!(w.kernel.dests(), "10.1.0.1=10");
}

#[test]
fn a_script_that_cannot_start_is_tried_again() {
    let mut w = World::of(with(vec![checker(misc(7))]));
    w.answer("0.0.0.7", Answer::Exit(Exit::NotStarted, Duration::ZERO));
    w.run_to(35_000);
    assert_eq!(w.starts.len(), 4);
    assert_eq!(w.kernel.dests(), "10.1.0.1=10");
}

#[test]
fn a_script_is_started_by_the_clock_and_never_twice() {
    let mut w = World::of(with(vec![checker(misc(7))]));
    w.answer("0.0.0.7", Answer::Exit(Exit::Status(0), Duration::from_millis(2_500)));
    w.run_to(40_500);
    let starts: Vec<_> = w.starts.iter().map(|s| s.0.as_nanos() / 1_000_000).collect();
    assert_eq!(starts, [1_000, 11_000, 21_000, 31_000]);
    w.answer("0.0.0.7", Answer::Exit(Exit::Status(0), Duration::from_millis(15_000)));
    w.run_to(90_000);
    let starts: Vec<_> = w.starts[4..].iter().map(|s| s.0.as_nanos() / 1_000_000).collect();
    assert_eq!(starts, [41_000, 56_000, 71_000, 86_000]);
}

#[test]
fn a_reload_keeps_the_weight_of_a_script() {
    let vs = || with(vec![checker(misc(7))]);
    let mut w = World::of(vs());
    w.answer("0.0.0.7", exit(0));
    w.run_to(5_000);
    w.lines();
    w.reload(prepared(vec![vs()], Options::default()), &[]);
    assert_eq!(w.kernel.dests(), "10.1.0.1=10");
    w.answer("0.0.0.7", exit(22));
    w.run_to(15_000);
    w.lines();
    let mut heavier = vs();
    heavier.real_servers[0].weight = 11;
    w.reload(prepared(vec![heavier], Options::default()), &[]);
    assert_eq!(w.lines(), Vec::<String>::new());
    assert_eq!(w.kernel.dests(), "10.1.0.1=20");
}

fn file(weight: i32, reverse: bool) -> CheckKind {
    CheckKind::File { track: TrackId(0), weight, reverse }
}

fn of_files(vs: VirtualServer, value: i64) -> World {
    let kind = TrackKind::Bfd; // only its name counts here
    let track = TrackObject { name: "load".to_owned(), weight: Weight(1), reverse: false, kind };
    let lvs = Lvs { virtual_servers: vec![vs], ..Lvs::default() };
    let prepared = Prepared::new(lvs, &[track], Options::default(), None);
    World::new(prepared, Facts { values: vec![value], ..Facts::default() })
}

#[test]
fn a_files_number_is_added_to_the_weight_or_is_a_fault() {
    let mut w = of_files(with(vec![checker(file(2, false))]), 3);
    assert_eq!(w.kernel.dests(), "10.1.0.1=16");
    w.lines();
    let track = TrackId(0);
    w.tell(Input::Track { track, value: -2_147_483_648 });
    assert_eq!(w.kernel.dests(), "");
    assert_eq!(w.lines()[0], format!("({RS}): tracked file load now FAULT state"));
    w.tell(Input::Track { track, value: 1 });
    assert_eq!(w.kernel.dests(), "10.1.0.1=12");
    assert_eq!(w.lines()[0], format!("({RS}): tracked file load leaving FAULT state"));
    w.tell(Input::Track { track, value: -100 });
    assert_eq!(w.kernel.dests(), "10.1.0.1=0");
    assert!(w.node.checkers().all(|c| c.up));
}

#[test]
fn with_weight_zero_a_files_number_is_good_or_bad() {
    let mut w = of_files(with(vec![checker(file(0, false))]), 1);
    assert_eq!(w.kernel.dests(), "");
    w.tell(Input::Track { track: TrackId(0), value: 0 });
    assert_eq!(w.kernel.dests(), "10.1.0.1=10");
}

#[test]
fn shares_of_several_checkers_add_up() {
    let checkers = vec![checker(file(1, false)), checker(file(2, true)), checker(misc(7))];
    let mut w = of_files(with(checkers), 4);
    assert_eq!(w.kernel.dests(), "10.1.0.1=6");
    w.answer("0.0.0.7", exit(102));
    w.run_to(5_000);
    assert_eq!(w.kernel.dests(), "10.1.0.1=96");
}

#[test]
fn a_bfd_session_is_a_verdict() {
    let bfd = |alpha| {
        let kind = CheckKind::Bfd { name: "b".into() };
        Config { alpha, ..checker(kind) }
    };
    let mut w = World::of(with(vec![bfd(false)]));
    assert_eq!(w.kernel.dests(), "10.1.0.1=10");
    w.lines();
    w.tell(Input::Session { name: "other", up: false });
    w.tell(Input::Session { name: "b", up: false });
    assert_eq!(
        w.lines()[..2],
        [
            format!("BFD check of [b] RS({RS}) is DOWN"),
            format!("Removing service {RS} from VS {VS}"),
        ]
    );
    w.tell(Input::Session { name: "b", up: true });
    assert_eq!(w.kernel.dests(), "10.1.0.1=10");
    let mut w = World::of(with(vec![bfd(true)]));
    assert_eq!(w.kernel.dests(), "");
    w.tell(Input::Session { name: "b", up: true });
    assert_eq!(w.kernel.dests(), "10.1.0.1=10");
}

#[test]
fn checkers_rest_while_the_address_is_not_here() {
    let mut vs = virtual_server(&[1]);
    vs.ha_suspend = true;
    suspends(prepared(vec![vs], Options::default()), VS, RS);
}

#[test]
fn ha_suspend_works_for_groups() {
    let mut vs = virtual_server(&[1]);
    vs.ha_suspend = true;
    vs.service = Service::Group("web".to_owned(), 0);
    let range = |first, last| GroupEntry::Range { first: ip(first), last: ip(last), port: 80 };
    let entries = vec![range("10.0.1.0", "10.0.1.255"), range("10.0.0.0", "10.0.0.3")];
    let group = VirtualServerGroup { name: "web".to_owned(), entries };
    let lvs = Lvs { virtual_servers: vec![vs], groups: vec![group], ..Lvs::default() };
    suspends(Prepared::new(lvs, &[], Options::default(), None), "[web]:0", RS);
}

fn suspends(prepared: Prepared, vs: &str, rs: &str) {
    let mut w = World::new(prepared, Facts::default());
    let last = |w: &mut World| w.lines().pop();
    assert_eq!(
        last(&mut w),
        Some(format!("Deactivating healthchecker for service {rs} for VS {vs}"))
    );
    w.run_to(60_000);
    assert_eq!(w.starts.len(), 0);
    let addr = ip("10.0.0.1");
    w.tell(Input::Address { addr: ip("10.0.9.9"), present: true });
    assert_eq!(last(&mut w), None);
    w.tell(Input::Address { addr, present: true });
    assert_eq!(
        last(&mut w),
        Some(format!("Activating healthchecker for service {rs} for VS {vs}"))
    );
    w.run_to(75_000);
    assert!(!w.starts.is_empty());
    // On a second interface, then gone from both.
    w.tell(Input::Address { addr, present: true });
    w.tell(Input::Address { addr, present: false });
    w.lines();
    w.answer("10.1.0.1", Answer::Silent);
    w.run_to(82_000);
    w.tell(Input::Address { addr, present: false });
    assert_eq!(
        last(&mut w),
        Some(format!("Suspending healthchecker for service {rs} for VS {vs}"))
    );
    assert_eq!(w.open.values().sum::<u32>(), 0);
    let before = w.starts.len();
    w.run_to(200_000);
    assert_eq!(w.starts.len(), before);
    assert!(w.node.checkers().all(|c| c.up && !c.enabled), "a suspended check says nothing");
}

#[test]
fn a_reload_without_changes_says_and_does_nothing() {
    let servers = || {
        let mut a = virtual_server(&[1, 2]);
        a.sorry_server = Some(sorry(false));
        let mut b = virtual_server(&[3]);
        b.protocol = Some(Protocol::Udp);
        vec![a, b]
    };
    let mut w = World::new(prepared(servers(), Options::default()), Facts::default());
    w.answer("10.1.0.2", Answer::Refuse);
    w.run_to(30_000);
    w.answer("10.1.0.1", Answer::Silent);
    w.run_to(32_000);
    w.lines();
    let (deadline, starts) = (w.node.deadline(), w.starts.len());
    let mut out = Vec::new();
    w.node.reload(w.now, prepared(servers(), Options::default()), &[], &mut out);
    assert_eq!(out, []);
    assert_eq!(w.node.deadline(), deadline);
    // The attempt under way goes on and decides.
    w.run_to(60_000);
    assert!(w.starts.len() > starts);
    assert!(w.lines().contains(&format!("TCP_CHECK on service {RS} failed after 1 retries.")));
}

#[test]
fn a_reload_keeps_verdicts_of_the_same_question_only() {
    let mut vs = virtual_server(&[1, 1]);
    let mut w = World::of(vs.clone());
    w.answer("10.1.0.1", Answer::Refuse);
    w.run_to(15_000);
    assert_eq!(w.kernel.dests(), "10.1.0.2=1");
    // Other pace: the same question.
    vs.real_servers[0].checkers[0].delay_loop = Duration::from_secs(60).into();
    w.reload(prepared(vec![vs.clone()], Options::default()), &[]);
    assert_eq!(w.kernel.dests(), "10.1.0.2=1");
    // Another port: another question, and the server is trusted until asked.
    if let CheckKind::Tcp(c) = &mut vs.real_servers[0].checkers[0].kind {
        c.port = Some(81);
    }
    w.reload(prepared(vec![vs.clone()], Options::default()), &[]);
    assert_eq!(w.kernel.dests(), "10.1.0.1=1 10.1.0.2=1");
    // An alpha checker that is new on a server that is up does not take it
    // down before it has looked; on a new server it does.
    let mut c = connect();
    c.port = Some(82);
    let alpha = Config { alpha: true, ..checker(CheckKind::Tcp(c)) };
    vs.real_servers[1].checkers.push(alpha.clone());
    let mut new = real_server(3, 1);
    new.checkers = vec![alpha];
    vs.real_servers.push(new);
    w.reload(prepared(vec![vs.clone()], Options::default()), &[]);
    assert_eq!(w.kernel.dests(), "10.1.0.1=1 10.1.0.2=1");
}

#[test]
fn a_reload_that_moves_everything_leaks_nothing() {
    let mut w = World::of(virtual_server(&[1, 1, 1]));
    for n in 1..4 {
        w.answer(&format!("10.1.0.{n}"), Answer::Silent);
    }
    w.run_to(2_000);
    assert_eq!(w.open.values().sum::<u32>(), 3);
    let mut vs = virtual_server(&[]);
    vs.service = Service::Addr(ip("10.0.0.2"), 80);
    vs.real_servers = vec![real_server(9, 1)];
    w.lines();
    w.reload(prepared(vec![vs], Options::default()), &[]);
    assert_eq!(w.open.values().sum::<u32>(), 0);
    assert_eq!(w.kernel.dests(), "10.1.0.9=1");
    assert!(w.lines().contains(&format!("Removing Virtual Server {VS}")));
    assert_eq!(w.node.checkers().count(), 1);
}

#[test]
fn entries_of_a_group_come_and_go() {
    let config = |entries: &[(&str, &str)]| {
        let mut vs = virtual_server(&[1]);
        vs.service = Service::Group("web".to_owned(), 0);
        let entry = |(first, last): &(&str, &str)| GroupEntry::Range {
            first: ip(first),
            last: ip(last),
            port: 80,
        };
        let entries = entries.iter().map(entry).collect();
        let groups = vec![VirtualServerGroup { name: "web".to_owned(), entries }];
        let lvs = Lvs { virtual_servers: vec![vs], groups, ..Lvs::default() };
        Prepared::new(lvs, &[], Options::default(), None)
    };
    let one = ("10.0.0.1", "10.0.0.1");
    let mut w = World::new(config(&[one, ("10.0.0.8", "10.0.0.9")]), Facts::default());
    assert_eq!(w.kernel.0.len(), 3);
    w.lines();
    w.reload(config(&[one, ("10.0.1.1", "10.0.1.1")]), &[]);
    assert_eq!(
        w.lines(),
        [
            "VS [[10.0.0.8]:tcp:80-10.0.0.9] in group web no longer exists",
            "VS [[10.0.1.1]:tcp:80] added into group web",
            "Activating healthchecker for service [10.1.0.1]:tcp:80 for VS [web]:0",
        ]
    );
    assert_eq!(w.kernel.dests(), "10.1.0.1=1 10.1.0.1=1");
}

#[test]
fn groups_can_be_marked_in_place_of_listed() {
    let mut vs = virtual_server(&[1]);
    vs.service = Service::Group("web".to_owned(), 0);
    let range = |first, last| GroupEntry::Range { first: ip(first), last: ip(last), port: 80 };
    let entries = vec![range("10.0.0.0", "10.0.0.255"), range("2001:db8::", "2001:db8::ff")];
    let groups = vec![VirtualServerGroup { name: "web".to_owned(), entries }];
    let lvs = Lvs { virtual_servers: vec![vs], groups, ..Lvs::default() };
    let options = Options { marks_from: Some(1000), ..Options::default() };
    let w = World::new(Prepared::new(lvs, &[], options, None), Facts::default());
    assert_eq!(w.kernel.0.len(), 2, "a mark per family");
    assert_eq!(w.node.marks().unwrap().of("web", 6), Some(1000));
    let marked = w.node.marked();
    assert_eq!(marked.len(), 2);
    assert_eq!(marked[0].addrs, (ip("10.0.0.0"), ip("10.0.0.255")));
    assert_eq!((marked[0].protocol, marked[0].ports, marked[0].mark), (6, (80, 80), 1000));
}

#[test]
fn answers_to_an_earlier_attempt_are_told_apart() {
    let mut w = World::of(virtual_server(&[1]));
    w.answer("10.1.0.1", Answer::Silent);
    w.run_to(10_000);
    let mut out = Vec::new();
    let checker = CheckerId(0);
    let input = probe::Input::Connected;
    w.node.handle(w.now, Input::Probe { checker, attempt: 1, input }, &mut out);
    let unknown = CheckerId(77);
    w.node.handle(w.now, Input::Probe { checker: unknown, attempt: 1, input }, &mut out);
    assert_eq!(out, []);
}

#[test]
fn a_stop_clears_ipvs_as_asked_and_closes_everything() {
    for (flush_on_stop, keep, left) in [
        (FlushOnStop::No, false, 0),
        (FlushOnStop::VirtualServers, false, 0),
        (FlushOnStop::All, false, 0),
        (FlushOnStop::All, true, 1),
    ] {
        let options = Options { flush_on_stop, ..Options::default() };
        let prepared = prepared(vec![virtual_server(&[1])], options);
        let mut w = World::new(prepared, Facts::default());
        w.answer("10.1.0.1", Answer::Silent);
        w.run_to(2_000);
        let mut out = Vec::new();
        w.node.stop(keep, &mut out);
        for action in &out {
            match action {
                Action::Ipvs(op) => w.kernel.apply(op),
                Action::Probe { checker, action: Io::Close, .. } => {
                    w.open.insert(*checker, 0);
                }
                _ => {}
            }
        }
        assert_eq!(w.kernel.0.len(), left);
        assert_eq!(w.open.values().sum::<u32>(), 0);
        assert_eq!(w.node.deadline(), None);
        let shut = out.iter().filter(|a| line(a).starts_with("Shutting down")).count();
        assert_eq!(shut, usize::from(flush_on_stop == FlushOnStop::No));
    }
}
