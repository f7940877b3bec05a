//! `lvs_method` and its tunnel options.

use model::lvs::{Forwarding, Tunnel, TunnelCsum};

use crate::args::Args;
use crate::diag::Code;
use crate::hint;
use crate::lower::Cx;
use crate::value::{self, IntStyle};

/// Tunnel options as they are read.
#[derive(Default)]
struct Options {
    kind: usize,
    port: Option<u16>,
    csum: TunnelCsum,
}

const KINDS: &[&str] = &["ipip", "gue", "gre"];
const METHODS: &[&str] = &["NAT", "DR", "TUN"];

/// Reads the words of `lvs_method`: what the forwarding becomes that was
/// `before`. `whose` is for messages. After a bad tunnel option the method
/// holds, with the tunnel as it was.
pub(super) fn read(
    cx: &mut Cx<'_>,
    a: &Args<'_>,
    whose: &str,
    before: Option<Forwarding>,
) -> Option<Forwarding> {
    let word = a.str(0);
    if !METHODS.contains(&word) {
        let text = format!("'{word}' is no lvs_method of a {whose} - ignoring");
        let help = hint::nearest(word, METHODS.iter().copied());
        let diag = crate::Diag::new(crate::Level::General, Code::BadValue, a.span(0), text);
        cx.report(diag.maybe_help(help.map(|h| format!("did you mean `{h}`?"))));
        return before;
    }
    let tunnel = match options(cx, a, whose) {
        Some(tunnel) => tunnel,
        None => match before {
            Some(Forwarding::Tun(tunnel)) => tunnel,
            _ => Tunnel::Ipip,
        },
    };
    Some(match word {
        "NAT" => Forwarding::Nat,
        "DR" => Forwarding::Dr,
        _ => Forwarding::Tun(tunnel),
    })
}

/// The tunnel that the option words make; `None` when they are wrong.
fn options(cx: &mut Cx<'_>, a: &Args<'_>, whose: &str) -> Option<Tunnel> {
    let mut read = Options::default();
    let mut i = 1;
    while let Some(word) = a.get(i) {
        let bad = match word {
            "type" => kind(a, &mut i, &mut read, whose),
            "port" => port(cx, a, &mut i, &mut read, whose),
            "nocsum" => csum(&mut read, TunnelCsum::None),
            "csum" => csum(&mut read, TunnelCsum::Csum),
            "remcsum" => csum(&mut read, TunnelCsum::RemCsum),
            _ => Some(format!("'{word}' is no tunnel option of a {whose} - ignoring the tunnel")),
        };
        if let Some(text) = bad {
            cx.error(Code::BadValue, a.span(i), text);
            return None;
        }
        i += 1;
    }
    let (gue, csum) = (read.kind == 1, read.csum);
    let text = match (read.kind, csum) {
        _ if gue != read.port.is_some() => {
            "a gue tunnel needs a port, the others have none - ignoring the tunnel"
        }
        (0, TunnelCsum::Csum | TunnelCsum::RemCsum) => {
            "an ipip tunnel has no checksum - ignoring the tunnel"
        }
        (2, TunnelCsum::RemCsum) => "a gre tunnel has no remcsum - ignoring the tunnel",
        _ => {
            return Some(match read.kind {
                1 => Tunnel::Gue { port: read.port.unwrap_or(0), csum },
                2 => Tunnel::Gre { csum },
                _ => Tunnel::Ipip,
            });
        }
    };
    cx.error(Code::Conflict, a.whole(), text);
    None
}

fn csum(read: &mut Options, csum: TunnelCsum) -> Option<String> {
    read.csum = csum;
    None
}

fn kind(a: &Args<'_>, i: &mut usize, read: &mut Options, whose: &str) -> Option<String> {
    let Some(word) = a.get(*i + 1) else {
        return Some(format!("type needs a tunnel type of a {whose} - ignoring the tunnel"));
    };
    *i += 1;
    match KINDS.iter().position(|k| *k == word) {
        Some(kind) => {
            read.kind = kind;
            None
        }
        None => Some(format!("'{word}' is no tunnel type of a {whose} - ignoring the tunnel")),
    }
}

fn port(
    cx: &mut Cx<'_>,
    a: &Args<'_>,
    i: &mut usize,
    read: &mut Options,
    whose: &str,
) -> Option<String> {
    let Some(word) = a.get(*i + 1) else {
        return Some(format!(
            "port needs a number in the tunnel of a {whose} - ignoring the tunnel"
        ));
    };
    *i += 1;
    let style = IntStyle { lenient: false, any_base: false };
    match value::integer(word, 1, u16::MAX.into(), style) {
        Ok(number) => {
            read.port = u16::try_from(number.value).ok();
            None
        }
        Err(cause) => {
            cx.error(Code::BadNumber, a.span(*i), cause);
            Some(format!(
                "port '{word}' in the tunnel of a {whose} is invalid - ignoring the tunnel"
            ))
        }
    }
}
