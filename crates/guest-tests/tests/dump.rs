//! `keepalived_check.data`: the same lines in the same order, of the reference and of ours.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use guest_tests::{host, on_both};
use lab::{Context, Daemon, Error, PATIENCE, Result, Role, Subject};
use nix::sys::signal::Signal;

const CONFIG: &str = "
virtual_server_group G {
  10.0.1.1-3 80
  10.0.1.9 443
}
virtual_server 10.0.0.1 80 {
  delay_loop 1
  warmup 0
  lvs_sched wrr
  lvs_method DR
  protocol TCP
  persistence_timeout 50
  persistence_granularity 255.255.255.0
  omega
  quorum 2
  hysteresis 1
  sorry_server 10.2.0.9 80
  real_server 127.0.0.1 80 {
    weight 3
    inhibit_on_failure
    TCP_CHECK {
      retry 0
      connect_timeout 3
      bindto 127.0.0.1
    }
    PING_CHECK {
      retry 1
      delay_before_retry 2
      connect_timeout 2
    }
  }
  real_server 127.0.0.2 80 {
    uthreshold 10
    lthreshold 5
    virtualhost foo
    HTTP_GET {
      retry 0
      connect_timeout 1
      http_protocol 1.1
      fast_recovery
      url {
        path /x
        digest 12d31e3fc65d4d3fef055e52506af0ed
        status_code 200 204-206
      }
      url {
        path /y
        regex \"abc\"
      }
    }
    UDP_CHECK {
      retry 0
      connect_timeout 1
      payload 010203
      require_reply 01ff02
    }
    DNS_CHECK {
      retry 0
      connect_timeout 1
      type A
      name www.example
    }
  }
}
virtual_server group G {
  lvs_sched sh
  lvs_method TUN
  protocol UDP
  flag-1
  ops
  real_server 10.1.0.1 0 {
    lvs_method TUN type gue port 6000 nocsum
  }
}
virtual_server fwmark 9 {
  ip_family inet6
  lvs_sched rr
  lvs_method NAT
  real_server 2001:db8::1 80 {
  }
}
";

/// Lines that are in the file, in this order; others may be between them.
const LINES: &str = "
------< LVS Topology >------
 ------< Virtual server group >------
 Virtual Server Group = G, IPv4 = yes, IPv6 = no
   VIP Range = 10.0.1.1-10.0.1.3, VPORT = 80
     Alive: 0 tcp, 1 udp, 0 sctp
   VIP = 10.0.1.9, VPORT = 443
     Alive: 0 tcp, 1 udp, 0 sctp
 ------< Virtual server >------
 VS VIP = 10.0.0.1, VPORT = 80
   Address family = inet
   delay_loop = 1.000000
   lvs_sched = wrr
   flag-1 = disabled
   flag-2 = disabled
   flag-3 = disabled
   One packet scheduling = disabled
   persistence timeout = 50
   persistence granularity = 255.255.255.0
   protocol = TCP
   omega is ON
   quorum = 2, hysteresis = 1
   Using smtp notification = no
   default forwarding method = DR
   sorry server = [10.2.0.9]:tcp:80
     forwarding method = DR
     Inhibit on failure is OFF
   quorum_state_up = 0
   ------< Real server >------
   RIP = 127.0.0.1, RPORT = 80, WEIGHT = 3 EFF WEIGHT = 3
   forwarding method = DR
   connection limit range = 0 -> 0
   Inhibit on failure is ON
   initial weight = 3
   effective weight = 3
   alive = 0
   num failed checkers = 1
   RS set = 1
   ------< Real server >------
   RIP = 127.0.0.2, RPORT = 80, WEIGHT = 1 EFF WEIGHT = 1
   forwarding method = DR
   connection limit range = 5 -> 10
   Inhibit on failure is OFF
    VirtualHost = 'foo'
   alive = 0
   num failed checkers = 3
   RS set = 0
 ------< Virtual server >------
 VS GROUP = [G]:0
   lvs_sched = sh
   sh-port = disabled
   sh-fallback = enabled
   One packet scheduling = enabled
   protocol = UDP
   omega is OFF
   default forwarding method = TUN, type = IPIP
   quorum_state_up = 1
   ------< Real server >------
   RIP = 10.1.0.1, RPORT = 0, WEIGHT = 1 EFF WEIGHT = 1
   forwarding method = TUN, type = GUE, port = 6000, no checksum
   alive = 1
 ------< Virtual server >------
 VS FWMARK = 9
   Address family = inet6
   lvs_sched = rr
   protocol = none
   default forwarding method = NAT
   ------< Real server >------
   RIP = 2001:db8::1, RPORT = 80, WEIGHT = 1 EFF WEIGHT = 1
------< Health checkers >------
 [10.0.0.1]:tcp:80 -> [127.0.0.1]:tcp:80
   Enabled = yes
   Up = no
   Has run = yes
   Current weight = 0
   Alpha = no
   Delay loop = 1000000 us
   Warmup = 0 us
   Retries = 0
   Log all failures = no
   Connection
     Dest = [127.0.0.1]:80
     Bind to = [127.0.0.1]:0
     Timeout = 3.000000
   Keepalive method = TCP_CHECK
 [10.0.0.1]:tcp:80 -> [127.0.0.1]:tcp:80
   Enabled = yes
   Up = yes
   Has run = yes
   Retries = 1
   Delay before retry = 2000000 us
   Retries iterations = 0
   Connection
     Dest = [127.0.0.1]:80
     Timeout = 2.000000
   Keepalive method = PING_CHECK
 [10.0.0.1]:tcp:80 -> [127.0.0.2]:tcp:80
   Up = no
   Keepalive method = HTTP_GET, http protocol 1.1
   Enable SNI unset
   Fast recovery set
   Checked url = /x
     digest = 12d31e3fc65d4d3fef055e52506af0ed
     HTTP Status Code(s)
       200
       204-206
   Checked url = /y
     HTTP Status Code(s)
       200-299
     Regex = \"abc\"
     Regex options:
 [10.0.0.1]:tcp:80 -> [127.0.0.2]:tcp:80
   Keepalive method = UDP_CHECK
   Payload len = 3
   Require reply = yes
     Min reply length = 0
     Max reply length = 255
     Reply data len = 3
     Reply data mask = no
 [10.0.0.1]:tcp:80 -> [127.0.0.2]:tcp:80
   Keepalive method = DNS_CHECK
   Type = A
   Name = www.example
";

/// A folder for dumps, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("dump-{}-{name}", std::process::id()));
        fs::create_dir(&path).context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    /// A program that puts its dumps there.
    fn subject(&self, subject: &Subject) -> Subject {
        subject.clone().through(&["env", &format!("TMPDIR={}", self.0.display())])
    }

    /// Asks for dumps until `wanted` finds nothing missing in one.
    fn await_dump(
        &self,
        daemon: &Daemon,
        wanted: impl Fn(&str) -> Option<String>,
    ) -> Result<String> {
        let (file, until) = (self.0.join("keepalived_check.data"), Instant::now() + PATIENCE);
        loop {
            let _ = fs::remove_file(&file);
            daemon.signal(Role::Core, Signal::SIGUSR1)?;
            let text = loop {
                match fs::read_to_string(&file) {
                    Ok(text) => break text,
                    Err(_) if Instant::now() < until => thread::sleep(Duration::from_millis(20)),
                    Err(e) => return Err(Error::new(format!("{}: {e}", file.display()))),
                }
            };
            match wanted(&text) {
                None => return Ok(text),
                Some(line) if Instant::now() > until => {
                    return Err(Error::new(format!("no '{line}' in its place in\n{text}")));
                }
                Some(_) => {}
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The first line of `wanted` that is not in `text` after the one before it.
fn missing(text: &str, wanted: &str) -> Option<String> {
    let mut lines = text.lines();
    let mut wanted = wanted.lines().filter(|line| !line.is_empty());
    wanted.find(|line| !lines.any(|l| l.trim_end() == *line)).map(str::to_owned)
}

fn everything(subject: &Subject) -> Result<()> {
    let host = host("director")?;
    let folder = Folder::new(if subject.is_reference() { "reference" } else { "ours" })?;
    let mut daemon = Daemon::start(&host, &folder.subject(subject), CONFIG)?;
    daemon.await_log("Startup complete")?;
    folder.await_dump(&daemon, |text| missing(text, LINES)).map(|_| ())
}

fn tracked_files(subject: &Subject) -> Result<()> {
    let host = host("director")?;
    let name = if subject.is_reference() { "reference" } else { "ours" };
    let folder = Folder::new(&format!("tracked-{name}"))?;
    let file = folder.0.join("number");
    fs::write(&file, "4\n").context(|| "cannot write a file")?;
    let path = file.display();
    let config = format!(
        "track_file tf {{\nfile {path}\nweight 3\n}}\n\
         virtual_server 10.0.0.1 80 {{\nlvs_sched rr\nlvs_method NAT\nprotocol TCP\n\
         real_server 127.0.0.1 80 {{\nweight 10\nFILE_CHECK {{\ntrack_file tf\nweight -2\n}}\n}}\n\
         real_server 127.0.0.2 80 {{\nweight 10\nFILE_CHECK {{\ntrack_file tf\n}}\n}}\n}}\n"
    );
    let mut daemon = Daemon::start(&host, &folder.subject(subject), &config)?;
    daemon.await_log("Startup complete")?;
    let lines = |number: i32, one: i32, two: i32| {
        format!(
            "   RIP = 127.0.0.1, RPORT = 80, WEIGHT = {one} EFF WEIGHT = {one}\n   \
             initial weight = 10\n   effective weight = {one}\n   \
             Tracked Files\n     tf, weight -2\n   \
             RIP = 127.0.0.2, RPORT = 80, WEIGHT = {two} EFF WEIGHT = {two}\n   \
             Tracked Files\n     tf, weight 3\n\
             ------< Health checkers >------\n   Current weight = {}\n   \
             Keepalive method = FILE_CHECK\n     Tracked file = tf\n   \
             Current weight = {}\n   Keepalive method = FILE_CHECK\n     Tracked file = tf\n\
             ------< Checker track files >------\n Track file = tf\n   File = {path}\n   \
             Status = {number}\n   Weight = 3\n   Tracking instances :\n     \
             [10.0.0.1]:tcp:80 -> [127.0.0.1]:tcp:80, weight -2\n     \
             [10.0.0.1]:tcp:80 -> [127.0.0.2]:tcp:80, weight 3\n",
            one - 10,
            two - 10
        )
    };
    folder.await_dump(&daemon, |text| missing(text, &lines(4, 2, 22)))?;
    fs::write(&file, "1\n").context(|| "cannot write a file")?;
    folder.await_dump(&daemon, |text| missing(text, &lines(1, 8, 13))).map(|_| ())
}

on_both!(everything, tracked_files);

/// Ours alone: what each checker found last.
#[test]
fn the_last_verdict_has_its_reason() -> Result<()> {
    let host = host("director")?;
    let folder = Folder::new("verdict")?;
    let mut daemon = Daemon::start(&host, &folder.subject(&Subject::ours()?), CONFIG)?;
    daemon.await_log("Startup complete")?;
    let text = folder.await_dump(&daemon, |text| {
        missing(
            text,
            "   Last result = failed: cannot connect: Connection refused\n   \
             Keepalive method = TCP_CHECK\n   Last result = passed\n   \
             Keepalive method = PING_CHECK\n   Last result = failed: unreachable\n   \
             Keepalive method = UDP_CHECK\n",
        )
    })?;
    let number = |label: &str| -> Vec<f64> {
        let values = text.lines().filter_map(|line| line.trim().strip_prefix(label));
        values.filter_map(|value| value.trim_start_matches(" = ").parse().ok()).collect()
    };
    let (latencies, times) = (number("Last latency"), number("Last check"));
    assert_eq!((latencies.len(), times.len()), (5, 5), "{text}");
    assert!(latencies.iter().all(|l| *l > 0.0 && *l < 3.0), "{latencies:?}");
    let now = lab::Stamp::now().epoch().as_secs_f64();
    assert!(times.iter().all(|at| *at <= now && *at > now - 60.0), "{times:?} at {now}");
    Ok(())
}
