//! The checker is killed while it programs a large table, and services that were up stay up.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use guest_tests::{await_table, host, saved, wanted};
use lab::{Daemon, Host, PATIENCE, Result, Role, Subject, Switch, procs};
use nix::sys::signal::Signal;

/// Services that are up from the start, on addresses that a client asks.
const UP: u8 = 10;
/// Services that come with the reload, and servers of each. So many that taking them away lasts
/// for some turns of the one processor.
const MORE: (u32, u32) = (6000, 1);
/// How often a kill in the middle is tried.
const ATTEMPTS: u32 = 30;

/// A client, a director and a server, in a row.
struct Row {
    client: Host,
    director: Host,
    server: Host,
    _switches: [Switch; 2],
}

impl Row {
    fn new() -> Result<Self> {
        let (client, director, server) = (host("client")?, host("director")?, host("server")?);
        let (outside, inside) = (Switch::new()?, Switch::new()?);
        outside.attach(&client, "eth0", &["192.0.2.9/24"])?;
        outside.attach(&director, "eth0", &["192.0.2.1/24"])?;
        inside.attach(&director, "eth1", &["198.51.100.1/24"])?;
        inside.attach(&server, "eth0", &["198.51.100.2/24"])?;
        director.sysctl("net/ipv4/ip_forward", "1")?;
        for n in 0..UP {
            director.add_addr("eth0", Ipv4Addr::new(192, 0, 2, 100 + n), 32)?;
        }
        let route = ["route", "add", "192.0.2.0/24", "via", "198.51.100.1"];
        server.output(std::process::Command::new("ip").args(route))?;
        Ok(Self { client, director, server, _switches: [outside, inside] })
    }

    /// Answers every connection with a byte.
    fn serve(&self) -> Result<()> {
        let listener = self.server.run(|| TcpListener::bind("198.51.100.2:80"))?;
        let listener = listener.expect("the port is free");
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = { stream }.write_all(b"!");
            }
        });
        Ok(())
    }

    /// Asks one service after the other until told to stop; a refused or unanswered request is a
    /// failure.
    fn ask(
        &self,
        stop: &Arc<AtomicBool>,
        asked: &Arc<AtomicU32>,
    ) -> Result<thread::JoinHandle<Vec<String>>> {
        let (stop, asked) = (stop.clone(), asked.clone());
        self.client.run(|| {
            thread::spawn(move || {
                let mut failures = Vec::new();
                for n in (0..UP).cycle() {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let service = SocketAddr::from(([192, 0, 2, 100 + n], 80));
                    if let Err(e) = request(service) {
                        failures.push(format!("{service}: {e}"));
                    }
                    asked.fetch_add(1, Ordering::Relaxed);
                }
                failures
            })
        })
    }
}

fn request(service: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&service, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut byte = [0];
    stream.read_exact(&mut byte)
}

fn up() -> (String, Vec<String>) {
    // Beside a test that looks on, on one processor, it programs a little at a time.
    let mut config = "global_defs {\nchecker_priority 5\n}\n".to_owned();
    let mut lines = Vec::new();
    for n in 0..UP {
        let address = format!("192.0.2.{}", 100 + u32::from(n));
        config += &format!(
            "virtual_server {address} 80 {{\nlb_algo rr\nlb_kind NAT\nprotocol TCP\n\
             real_server 198.51.100.2 80 {{\nweight 1\n}}\n}}\n"
        );
        lines.push(format!("-A -t {address}:80 -s rr"));
        lines.push(format!("-a -t {address}:80 -r 198.51.100.2:80 -m -w 1"));
    }
    (config, lines)
}

/// Services that nobody asks.
fn more() -> (String, Vec<String>) {
    let (mut config, mut lines) = (String::new(), Vec::new());
    for n in 0..MORE.0 {
        let address = Ipv4Addr::from(0x0a14_0000 + n);
        config +=
            &format!("virtual_server {address} 80 {{\nlb_algo wrr\nlb_kind DR\nprotocol TCP\n");
        lines.push(format!("-A -t {address}:80 -s wrr"));
        for m in 1..=MORE.1 {
            config += &format!("real_server 10.30.0.{m} 80 {{\nweight {m}\n}}\n");
            lines.push(format!("-a -t {address}:80 -r 10.30.0.{m}:80 -g -w {m}"));
        }
        config += "}\n";
    }
    (config, lines)
}

/// A configuration, and the table that it makes.
struct Side {
    config: String,
    table: Vec<String>,
}

/// Reloads from one configuration to the other, and kills the checker when the table is between
/// the two. A checker that was stopped too late goes on, and all begins again.
fn interrupt(row: &Row, daemon: &Daemon, from: &Side, to: &Side) -> Result<()> {
    // How many services use their scheduler: quicker to read than the table.
    let uses = || fs::read_to_string("/sys/module/ip_vs_wrr/refcnt").expect("a count");
    let old = daemon.role_pid(Role::Checker)?;
    for _ in 0..ATTEMPTS {
        let before = uses();
        daemon.reload(&to.config)?;
        let until = Instant::now() + PATIENCE;
        while uses() == before {
            assert!(Instant::now() < until, "nothing is programmed");
        }
        procs::signal(old, Signal::SIGSTOP)?;
        procs::await_state(old, 'T');
        let reached = saved(&row.director)?;
        if reached != from.table && reached != to.table {
            procs::signal(old, Signal::SIGKILL)?;
            daemon.await_respawn(Role::Checker, old, PATIENCE)?;
            return await_table(&row.director, &to.table);
        }
        daemon.signal(Role::Checker, Signal::SIGCONT)?;
        await_table(&row.director, &to.table)?;
        daemon.reload(&from.config)?;
        await_table(&row.director, &from.table)?;
    }
    panic!("in {ATTEMPTS} attempts the checker was never stopped between the two tables")
}

#[test]
fn a_checker_killed_while_it_programs_makes_it_right_when_it_is_back() -> Result<()> {
    let row = Row::new()?;
    row.serve()?;
    let (few, few_lines) = up();
    let (rest, rest_lines) = more();
    let daemon = Daemon::start(&row.director, &Subject::ours()?, &few)?;
    await_table(&row.director, &wanted(&few_lines))?;
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let client = row.ask(&stop, &asked)?;

    let small = Side { config: few.clone(), table: wanted(&few_lines) };
    let large =
        Side { config: format!("{few}{rest}"), table: wanted(few_lines.iter().chain(&rest_lines)) };
    interrupt(&row, &daemon, &small, &large)?;
    interrupt(&row, &daemon, &large, &small)?;
    let now = asked.load(Ordering::Relaxed);
    let until = Instant::now() + PATIENCE;
    while asked.load(Ordering::Relaxed) < now + 2 * u32::from(UP) && Instant::now() < until {
        thread::sleep(Duration::from_millis(10));
    }
    stop.store(true, Ordering::Relaxed);
    let failures = client.join().expect("the client ends");
    assert_eq!(failures, [""; 0], "of {} requests", asked.load(Ordering::Relaxed));
    assert!(asked.load(Ordering::Relaxed) > now + u32::from(UP));
    Ok(())
}
