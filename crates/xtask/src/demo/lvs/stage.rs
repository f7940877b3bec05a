//! The stage: hosts, cables and web servers, and what the kernel's IPVS tells.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use lab::{Context, Error, Host, PATIENCE, Port, Result, Switch};

use super::super::events::Node;
use super::events::{Web, Webs};

/// The virtual address, as in the configuration file.
pub const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);

/// Address of a web server, as in the configuration file.
fn addr(web: Web) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, 11 + web.0)
}

/// Hosts on one switch.
pub struct Stage {
    pub directors: [Host; 2],
    pub cables: [Port; 2],
    pub client: Host,
    webs: [Host; 4],
    running: [Option<Nginx>; 4],
}

impl Stage {
    /// Makes the hosts; nothing runs yet.
    pub fn new() -> Result<Self> {
        let switch = Switch::new()?;
        let directors = [Host::new("node-a")?, Host::new("node-b")?];
        let client = Host::new("client")?;
        let webs = [0, 1, 2, 3].map(|n| Host::new(Web(n).name()));
        let [one, two, three, sorry] = webs;
        let webs = [one?, two?, three?, sorry?];
        let cables = [
            switch.attach(&directors[0], "eth0", &["192.0.2.1/24"])?,
            switch.attach(&directors[1], "eth0", &["192.0.2.2/24"])?,
        ];
        switch.attach(&client, "eth0", &["192.0.2.10/24"])?;
        for (web, host) in Web::ALL.into_iter().zip(&webs) {
            switch.attach(host, "eth0", &[&format!("{}/24", addr(web))])?;
            // Direct routing: it takes what comes for the virtual address, answers from it, and
            // leaves it to the directors to say where it is.
            host.sysctl("net/ipv4/conf/all/arp_ignore", "1")?;
            host.sysctl("net/ipv4/conf/all/arp_announce", "2")?;
            host.add_addr("lo", VIP, 32)?;
        }
        Ok(Self { directors, cables, client, webs, running: [const { None }; 4] })
    }

    /// Starts a web server and waits until it listens.
    pub fn start(&mut self, web: Web) -> Result<()> {
        let host = &self.webs[web.index()];
        self.running[web.index()] = Some(Nginx::start(host, web)?);
        let until = Instant::now() + PATIENCE;
        let at = SocketAddr::from((addr(web), 80));
        while host.run(|| TcpStream::connect(at).is_err())? {
            if Instant::now() > until {
                return Err(Error::new(format!("nginx of {} does not listen", web.name())));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Kills a web server.
    pub fn kill(&mut self, web: Web) {
        self.running[web.index()] = None;
    }

    /// Whether a connection of the client from `port` is known to a director as established.
    pub fn knows(&self, node: Node, port: u16) -> Result<bool> {
        let text = read(&self.directors[node.index()], "ip_vs_conn")?;
        let client = format!("C000020A {port:04X} ");
        Ok(text.lines().any(|line| line.contains(&client) && line.contains("ESTABLISHED")))
    }
}

/// A file below `net` in a host's `/proc`.
fn read(host: &Host, name: &str) -> Result<String> {
    // Namespaces are entered by threads, and /proc/net is the first thread's.
    let path = format!("/proc/thread-self/net/{name}");
    host.run(|| fs::read_to_string(&path))?.context(|| format!("cannot read {path}"))
}

/// The servers in a host's IPVS table.
pub fn table(host: &Host) -> Result<Webs> {
    let text = read(host, "ip_vs")?;
    let is_in = |web: &Web| {
        let [a, b, c, d] = addr(*web).octets();
        text.contains(&format!("  -> {a:02X}{b:02X}{c:02X}{d:02X}:0050 "))
    };
    Ok(Web::ALL.into_iter().filter(is_in).collect())
}

/// A web server that answers with its name; killed when dropped.
struct Nginx(Child);

impl Nginx {
    fn start(host: &Host, web: Web) -> Result<Self> {
        let name = web.name();
        let what = || format!("cannot start nginx of {name}");
        let folder = std::env::temp_dir().join(format!("demo-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).context(what)?;
        let (at, config) = (folder.display(), folder.join("nginx.conf"));
        let text = format!(
            "daemon off; master_process off; pid {at}/pid; error_log {at}/log;\n\
             events {{ worker_connections 256; }}\n\
             http {{\naccess_log off; client_body_temp_path {at}/body; proxy_temp_path {at}/proxy;\n\
             fastcgi_temp_path {at}/fastcgi; uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;\n\
             server {{ listen 80; location / {{ return 200 \"{name}\\n\"; }} }}\n}}\n"
        );
        fs::write(&config, text).context(what)?;
        let mut command = Command::new("nginx");
        command.arg("-c").arg(&config).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::null());
        Ok(Self(host.spawn(&mut command)?))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
