//! The command line of genhash.

use getopt::{Arg, Getopt, Item, Spec};
use model::lvs::HttpProtocol;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

/// The longest wait that the daemon's own timers know: 2^32 microseconds.
const NO_TIMEOUT: Duration = Duration::from_secs(4295);

/// What is to be fetched, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Server.
    pub server: IpAddr,
    /// Port.
    pub port: u16,
    /// Path.
    pub url: String,
    /// `Host` header, and name for SNI.
    pub host: Option<String>,
    /// Over TLS.
    pub tls: bool,
    /// Name the host in the TLS handshake.
    pub sni: bool,
    /// Firewall mark of the packets.
    pub mark: Option<u32>,
    /// HTTP version.
    pub protocol: HttpProtocol,
    /// Time to connect, and for each read.
    pub timeout: Duration,
    /// Show what was received.
    pub verbose: bool,
}

#[derive(Debug, Clone, Copy)]
enum Opt {
    Tls,
    Sni,
    Server,
    Port,
    Url,
    Host,
    Verbose,
    Help,
    Mark,
    Protocol,
    Timeout,
}

struct Entry {
    opt: Opt,
    short: char,
    long: &'static str,
    value: Option<&'static str>,
    help: &'static str,
}

impl Spec for Entry {
    fn short(&self) -> Option<char> {
        Some(self.short)
    }
    fn long(&self) -> &'static str {
        self.long
    }
    fn arg(&self) -> Arg {
        if self.value.is_some() { Arg::Required } else { Arg::No }
    }
}

const fn flag(opt: Opt, short: char, long: &'static str, help: &'static str) -> Entry {
    Entry { opt, short, long, value: None, help }
}

const fn with(
    opt: Opt,
    short: char,
    long: &'static str,
    value: &'static str,
    help: &'static str,
) -> Entry {
    Entry { opt, short, long, value: Some(value), help }
}

const OPTIONS: &[Entry] = &[
    with(Opt::Server, 's', "server", "ADDR", "Address of the server (required)"),
    with(Opt::Port, 'p', "port", "PORT", "Its port (required)"),
    with(Opt::Url, 'u', "url", "PATH", "Path of the page (required)"),
    flag(Opt::Tls, 'S', "use-ssl", "Fetch it over TLS"),
    flag(Opt::Sni, 'I', "use-sni", "Name the virtual host in the TLS handshake"),
    with(Opt::Host, 'V', "use-virtualhost", "NAME", "Host header (the server unless given)"),
    with(
        Opt::Protocol,
        'P',
        "protocol",
        "VERSION",
        "1.0, 1.0c (and close) or 1.1; 1.0 unless given",
    ),
    with(Opt::Timeout, 't', "timeout", "SECONDS", "Longest wait to connect and for each read"),
    with(Opt::Mark, 'm', "fwmark", "MARK", "Firewall mark of the packets"),
    flag(Opt::Verbose, 'v', "verbose", "Show header, body and digest as they are"),
    flag(Opt::Help, 'h', "help", "Show this text"),
];

/// The usage text of the command called `name`.
pub fn usage(name: &str) -> String {
    let mut text = format!("Usage: {name} [-S] -s ADDR -p PORT -u PATH [OPTION...]\n");
    text.push_str("Prints the MD5 of a page's body, as HTTP_GET and SSL_GET compare it.\n\n");
    for o in OPTIONS {
        let long = match o.value {
            Some(value) => format!("{} {value}", o.long),
            None => o.long.to_owned(),
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "  -{}, --{long:<22} {}", o.short, o.help);
    }
    text
}

/// Reads the words after the command's name.
///
/// # Errors
/// The complaint, if there is one, to be followed by the usage.
pub fn parse(args: impl Iterator<Item = String>) -> Result<Request, Option<String>> {
    let mut request = Request {
        server: IpAddr::from([0, 0, 0, 0]),
        port: 0,
        url: String::new(),
        host: None,
        tls: false,
        sni: false,
        mark: None,
        protocol: HttpProtocol::V1_0,
        timeout: NO_TIMEOUT,
        verbose: false,
    };
    let mut server = None;
    let mut words = Vec::new();
    for item in Getopt::new(OPTIONS, args) {
        let (opt, value) = match item {
            Item::Option(entry, value, _) => (entry.opt, value.unwrap_or_default()),
            Item::Unknown(word) => return Err(Some(format!("Unknown option {word}"))),
            Item::Missing(word) => {
                return Err(Some(format!("Missing parameter for option {word}")));
            }
            Item::Word(word) => {
                words.push(word);
                continue;
            }
        };
        match opt {
            Opt::Help => return Err(None),
            Opt::Tls => request.tls = true,
            Opt::Sni => request.sni = true,
            Opt::Verbose => request.verbose = true,
            Opt::Url => request.url = value,
            Opt::Host => request.host = Some(value),
            Opt::Server => {
                let addr =
                    value.parse().map_err(|_| format!("server should be an IP, not {value}"))?;
                server = Some(addr);
            }
            Opt::Port => {
                request.port = value
                    .parse()
                    .ok()
                    .filter(|p| *p > 0)
                    .ok_or_else(|| wrong("port number", &value))?;
            }
            Opt::Mark => request.mark = Some(value.parse().map_err(|_| wrong("fwmark", &value))?),
            Opt::Timeout => {
                let seconds: u32 = value.parse().map_err(|_| wrong("timeout", &value))?;
                request.timeout = Duration::from_secs(seconds.max(1).into());
            }
            Opt::Protocol => {
                request.protocol = match value.as_str() {
                    "1.0" => HttpProtocol::V1_0,
                    "1.0c" | "1.0C" => HttpProtocol::V1_0C,
                    "1.1" => HttpProtocol::V1_1,
                    _ => return Err(Some(wrong("HTTP protocol version", &value))),
                }
            }
        }
    }
    if !words.is_empty() {
        return Err(Some(format!("Unexpected argument(s): {}", words.join(" "))));
    }
    match server {
        Some(server) if request.port != 0 && !request.url.is_empty() => {
            Ok(Request { server, ..request })
        }
        _ => Err(None),
    }
}

fn wrong(what: &str, value: &str) -> String {
    format!("invalid {what} '{value}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Request, Option<String>> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_have_short_and_long_names() {
        let short =
            read("-s 192.0.2.1 -p 443 -u /x -S -I -V a.example -m 7 -P 1.0c -t 3 -v").unwrap();
        let long = read(
            "--server=192.0.2.1 --port 443 --url /x --use-ssl --use-sni --use-virtualhost a.example \
             --fwmark 7 --protocol 1.0C --timeout 3 --verbose",
        );
        assert_eq!(long, Ok(short.clone()));
        assert_eq!((short.port, short.mark), (443, Some(7)));
        assert_eq!(short.timeout, Duration::from_secs(3));
        assert_eq!(read("-s ::1 -p 80 -u /").unwrap().protocol, HttpProtocol::V1_0);
    }

    #[test]
    fn what_is_wrong_is_said_first() {
        let said = |line: &str| read(line).unwrap_err().unwrap_or_default();
        assert_eq!(said("-s foo -p 80 -u /"), "server should be an IP, not foo");
        for port in ["0", "99999", "x"] {
            assert_eq!(
                said(&format!("-s ::1 -u / -p {port}")),
                format!("invalid port number '{port}'")
            );
        }
        assert_eq!(said("-t x"), "invalid timeout 'x'");
        assert_eq!(said("-m x"), "invalid fwmark 'x'");
        assert_eq!(said("-P 3"), "invalid HTTP protocol version '3'");
        assert_eq!(said("-s ::1 -u / -p"), "Missing parameter for option -p");
        assert_eq!(said("--bogus"), "Unknown option --bogus");
        assert_eq!(said("-s ::1 -p 80 -u / extra"), "Unexpected argument(s): extra");
        for incomplete in ["", "-h", "-s ::1 -p 80", "-p 80 -u /", "-s ::1 -u /"] {
            assert_eq!(read(incomplete), Err(None), "{incomplete}");
        }
    }

    #[test]
    fn the_usage_has_every_option() {
        let text = usage("genhash");
        assert!(text.starts_with("Usage: genhash "));
        assert!(OPTIONS.iter().all(|o| text.contains(&format!("-{}, --{}", o.short, o.long))));
    }
}
