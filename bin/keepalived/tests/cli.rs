//! The command line as a user sees it: messages and exit statuses.

mod common;

use common::{Folder, err, run, status};

#[test]
fn wrong_options_are_named_and_exit_with_1() {
    let cases = [
        ("-Z", "Unknown option -Z\n"),
        ("--nosuch", "Unknown option --nosuch\n"),
        ("-f", "Missing parameter for option -f\n"),
        ("--use-file=", "Missing parameter for option --use-file\n"),
        ("--conf", "Unknown option --conf\n"),
        ("-nlDZ", "Unknown option -Z\n"),
        ("--signum=stop", "Unknown sigfunc stop\n"),
    ];
    for (args, message) in cases {
        let output = run(&[args]);
        assert_eq!((status(&output), err(&output).as_str()), (1, message), "{args}");
    }
}

#[test]
fn version_and_help_go_to_standard_error() {
    let version = run(&["--version"]);
    assert_eq!(status(&version), 0);
    assert!(version.stdout.is_empty());
    // What monitoring scripts match.
    assert!(err(&version).starts_with("Keepalived v2.4.3 ("), "{}", err(&version));
    let help = run(&["-h"]);
    assert_eq!(status(&help), 0);
    assert!(err(&help).starts_with("Usage: "));
    for option in ["-f, --use-file=FILE", "    --signum=SIGFUNC", "-t, --config-test[=FILE]"] {
        assert!(err(&help).contains(option), "{option}");
    }
}

#[test]
fn signal_numbers_are_printed() {
    for (name, number) in [("STOP", "15\n"), ("STATS_CLEAR", "63\n"), ("JSON", "36\n")] {
        let output = run(&["--signum", name]);
        assert_eq!((status(&output), output.stdout.as_slice()), (0, number.as_bytes()));
    }
}

#[test]
fn a_configuration_test_tells_by_its_exit_status() {
    let folder = Folder::new("cli-test");
    let good = folder.write("good", "global_defs {\n router_id x\n}\n");
    let bad = folder.write("bad", "global_defs {\n nonsense x\n}\n");
    let output = run(&["-t", "-f", &good]);
    assert_eq!((status(&output), err(&output).as_str()), (0, ""));
    let output = run(&["-t", "-f", &bad]);
    assert_eq!(status(&output), 5);
    assert!(err(&output).contains("(Line 2) Unknown keyword 'nonsense'"), "{}", err(&output));
    assert_eq!(status(&run(&["-t", "-f", &folder.path("none")])), 6);
}

#[test]
fn a_configuration_test_appends_to_its_file_and_follows_no_link() {
    let folder = Folder::new("cli-log");
    let bad = folder.write("bad", "nonsense\n");
    let log = folder.path("log");
    for _ in 0..2 {
        let output = run(&["-f", &bad, &format!("--config-test={log}")]);
        assert_eq!((status(&output), err(&output).as_str()), (5, ""));
    }
    assert_eq!(folder.read("log").matches("Unknown keyword 'nonsense'").count(), 2);
    std::os::unix::fs::symlink(&log, folder.path("link")).unwrap();
    let output = run(&["-f", &bad, &format!("-t{}", folder.path("link"))]);
    assert_eq!(status(&output), 1);
    assert!(err(&output).starts_with("Unable to open config-test log file "), "{}", err(&output));
}

#[test]
fn a_daemon_without_its_configuration_exits_with_6() {
    let folder = Folder::new("cli-none");
    let output = run(&["-n", "-l", "-G", "-f", &folder.path("none")]);
    assert_eq!(status(&output), 6);
    assert!(err(&output).contains("none"), "{}", err(&output));
}

#[test]
fn words_that_are_no_options_are_reported() {
    let output = run(&["a", "-t", "b", "-f", "/nonexistent"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Unexpected argument(s): a b \n");
}
