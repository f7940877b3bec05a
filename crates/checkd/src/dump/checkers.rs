//! Checkers, with the last verdict of each.

use super::{endpoint, set, stamp, yes_no};
use check_proto::node::{CheckerStatus, Node, Share};
use check_proto::text;
use core::fmt::{Result, Write};
use core::net::SocketAddr;
use model::TrackObject;
use model::lvs::{CheckKind, Connect, HttpCheck, HttpProtocol, Regex, UdpCheck, Url};

pub(super) fn write(out: &mut String, node: &Node, tracks: &[TrackObject]) -> Result {
    let mut first = true;
    for c in node.checkers() {
        if core::mem::take(&mut first) {
            writeln!(out, "------< Health checkers >------")?;
        }
        checker(out, &c)?;
        method(out, &c, tracks)?;
    }
    Ok(())
}

fn checker(out: &mut String, c: &CheckerStatus<'_>) -> Result {
    writeln!(out, " {} -> {}", c.label.vs, c.label.rs)?;
    writeln!(out, "   Enabled = {}", yes_no(c.enabled))?;
    writeln!(out, "   Up = {}", yes_no(c.up))?;
    writeln!(out, "   Has run = {}", yes_no(c.has_run))?;
    if let Some(last) = c.last {
        writeln!(out, "   Last result = {}", text::outcome(last.outcome))?;
        writeln!(out, "   Last latency = {:.6}", last.latency.as_secs_f64())?;
        writeln!(out, "   Last check = {}", stamp(last.at))?;
    }
    let weight = match c.share {
        Share::None => 0,
        Share::Add(n) => i64::from(n),
        Share::Replace(n) => i64::from(n),
    };
    writeln!(out, "   Current weight = {weight}")?;
    let p = c.pacing;
    if !matches!(c.kind, CheckKind::File { .. }) {
        writeln!(out, "   Alpha = {}", yes_no(p.alpha))?;
        writeln!(out, "   Delay loop = {} us", p.delay_loop.as_micros())?;
        writeln!(out, "   Warmup = {} us", p.warmup.as_micros())?;
        writeln!(out, "   Retries = {}", p.retry)?;
        if p.retry != 0 {
            writeln!(out, "   Delay before retry = {} us", p.delay_before_retry.as_micros())?;
            writeln!(out, "   Retries iterations = {}", c.failures)?;
        }
    }
    writeln!(out, "   Log all failures = {}", yes_no(p.log_all))?;
    match c.kind.connect() {
        Some(connect) => connection(out, c, connect),
        None => Ok(()),
    }
}

fn connection(out: &mut String, c: &CheckerStatus<'_>, connect: &Connect) -> Result {
    let (addr, port) = c.server;
    let to = SocketAddr::new(connect.ip.unwrap_or(addr), connect.port.unwrap_or(port));
    writeln!(out, "   Connection")?;
    writeln!(out, "     Dest = {}", endpoint(to))?;
    if let Some(bind) = connect.bind.as_deref() {
        if let Some(ip) = bind.ip {
            writeln!(out, "     Bind to = {}", endpoint(SocketAddr::new(ip, bind.port)))?;
        }
        if let Some(interface) = &bind.interface {
            writeln!(out, "     Bind i/f = {interface}")?;
        }
        if bind.fwmark != 0 {
            writeln!(out, "     Mark = {}", bind.fwmark)?;
        }
        if !bind.total.is_zero() {
            writeln!(out, "     Total timeout = {:.6}", bind.total.duration().as_secs_f64())?;
        }
    }
    writeln!(out, "     Timeout = {:.6}", connect.timeout.duration().as_secs_f64())
}

fn method(out: &mut String, c: &CheckerStatus<'_>, tracks: &[TrackObject]) -> Result {
    write!(out, "   Keepalive method = ")?;
    match c.kind {
        CheckKind::Tcp(_) => writeln!(out, "TCP_CHECK"),
        CheckKind::Ping(_) => writeln!(out, "PING_CHECK"),
        CheckKind::Http(http) => web(out, http),
        CheckKind::Smtp(smtp) => writeln!(out, "SMTP_CHECK\n   helo = {}", smtp.helo),
        CheckKind::Dns(dns) => {
            let name = if dns.name.is_empty() { "." } else { &dns.name };
            writeln!(out, "DNS_CHECK\n   Type = {}\n   Name = {name}", query_type(dns.qtype))
        }
        CheckKind::Udp(udp) => datagram(out, udp),
        CheckKind::Misc(misc) => {
            let arguments = misc.command.split_whitespace().skip(1);
            let words = core::iter::once(misc.path.as_str()).chain(arguments);
            let words: Vec<_> = words.map(|w| format!("'{w}'")).collect();
            let dynamic = if misc.dynamic { "YES" } else { "NO" };
            writeln!(out, "MISC_CHECK\n   script = {}", words.join(" "))?;
            writeln!(out, "   timeout = {}", misc.timeout.duration().as_secs())?;
            writeln!(out, "   dynamic = {dynamic}")
        }
        CheckKind::File { track, .. } => {
            let name = tracks.get(track.index()).map_or("", |t| t.name.as_str());
            writeln!(out, "FILE_CHECK\n     Tracked file = {name}")
        }
        CheckKind::Bfd { name } => writeln!(out, "BFD_CHECK\n   Name = {name}"),
    }
}

/// A type's name (IANA DNS parameters), where the configuration has a word for it.
fn query_type(number: u16) -> String {
    let name = match number {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        15 => "MX",
        16 => "TXT",
        28 => "AAAA",
        46 => "RRSIG",
        48 => "DNSKEY",
        _ => return number.to_string(),
    };
    name.to_owned()
}

fn web(out: &mut String, http: &HttpCheck) -> Result {
    let name = if http.tls { "SSL_GET" } else { "HTTP_GET" };
    let version = match http.protocol {
        HttpProtocol::V1_0 => "1.0",
        HttpProtocol::V1_0C => "1.0C",
        HttpProtocol::V1_1 => "1.1",
    };
    writeln!(out, "{name}, http protocol {version}")?;
    if let Some(host) = &http.virtualhost {
        writeln!(out, "   Virtualhost = {host}")?;
    }
    writeln!(out, "   Enable SNI {}", set(http.enable_sni))?;
    if let Some(sni) = &http.sni_name {
        writeln!(out, "     SNI name = {sni}")?;
    }
    writeln!(out, "   Fast recovery {}", set(http.fast_recovery))?;
    if http.tls {
        writeln!(out, "   tls_compliant {}", set(http.tls_compliant))?;
    }
    http.urls.iter().try_for_each(|u| url(out, http, u))
}

fn url(out: &mut String, http: &HttpCheck, u: &Url) -> Result {
    writeln!(out, "   Checked url = {}", u.path)?;
    if let Some(digest) = &u.digest {
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(out, "     digest = {hex}")?;
    }
    if http.tls {
        writeln!(out, "     tls_compliant {}", set(u.tls_compliant.unwrap_or(http.tls_compliant)))?;
    }
    writeln!(out, "     HTTP Status Code(s)")?;
    let accepted: &[(u16, u16)] = if u.status.is_empty() { &[(200, 299)] } else { &u.status };
    for (first, last) in accepted {
        match first == last {
            true => writeln!(out, "       {first}")?,
            false => writeln!(out, "       {first}-{last}")?,
        }
    }
    if let Some(host) = &u.virtualhost {
        writeln!(out, "     Virtual host = {host}")?;
    }
    u.regex.as_ref().map_or(Ok(()), |r| regex(out, r))
}

fn regex(out: &mut String, r: &Regex) -> Result {
    writeln!(out, "     Regex = \"{}\"", r.pattern)?;
    if r.no_match {
        writeln!(out, "     Regex no match")?;
    }
    match (r.min_offset, r.max_offset) {
        (0, None) => {}
        (min, None) => writeln!(out, "     Regex min offset = {min}")?,
        (min, Some(max)) => writeln!(out, "     Regex min offset = {min}, max_offset = {max}")?,
    }
    let options: String = r.options.iter().map(|word| format!(" {word}")).collect();
    writeln!(out, "     Regex options:{options}")?;
    match r.stack {
        Some((start, max)) => writeln!(out, "     Regex stack start {start}, max {max}"),
        None => Ok(()),
    }
}

fn datagram(out: &mut String, udp: &UdpCheck) -> Result {
    writeln!(out, "UDP_CHECK")?;
    match &udp.payload {
        Some(payload) => writeln!(out, "   Payload len = {}", payload.len())?,
        None => writeln!(out, "   Payload specified = no")?,
    }
    writeln!(out, "   Require reply = {}", yes_no(udp.require_reply))?;
    if udp.require_reply {
        let masked = udp.reply.iter().any(|(_, mask)| *mask != 0xff);
        writeln!(out, "     Min reply length = {}", udp.min_reply)?;
        writeln!(out, "     Max reply length = {}", udp.max_reply)?;
        writeln!(out, "     Reply data len = {}", udp.reply.len())?;
        writeln!(out, "     Reply data mask = {}", yes_no(masked))?;
    }
    Ok(())
}
