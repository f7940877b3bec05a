//! Strict mode: what departs from the RFC is reset, with an error where it
//! was asked for.

use std::time::Duration;

use model::vrrp::{Version, VrrpInstance};
use types::Family;

use super::draft::{Draft, Given};
use crate::diag::{Code, Level};
use crate::lower::Cx;

/// Resets what strict mode does not allow, and says what a master that is no
/// owner accepts. `None` refuses the start.
pub(super) fn apply(cx: &mut Cx<'_>, draft: &mut Draft) -> Option<()> {
    let span = draft.span;
    let name = draft.made.name.clone();
    let mut said = Vec::new();
    if draft.made.strict {
        version(&mut draft.made, &draft.given, &mut said);
        timers(&mut draft.made, &draft.given, &mut said);
        flags(&mut draft.made, &draft.given, &mut said);
    }
    accept(&mut draft.made, &draft.given, &mut said);
    for text in said {
        cx.late(Code::Conflict, span, format!("({name}) {text}"));
    }
    if draft.made.strict && draft.made.no_vips {
        let text = format!("({name}) strict mode has no no_virtual_ipaddress - clearing it");
        cx.late_at(Level::Warning, Code::Conflict, span, text);
        draft.made.no_vips = false;
    }
    Some(())
}

fn version(made: &mut VrrpInstance, given: &Given, said: &mut Vec<&'static str>) {
    if made.family == Family::V6 && made.version == Version::V2 {
        said.push("strict mode has IPv6 in version 3 only - using that");
        made.version = Version::V3;
    }
    if made.wants_master && !made.priority.is_owner() {
        said.push("strict mode has state MASTER for priority 255 only - clearing it");
        made.wants_master = false;
    }
    if given.master == Some(false) && made.priority.is_owner() {
        said.push("strict mode has state MASTER for priority 255 - using that");
    }
}

fn timers(made: &mut VrrpInstance, given: &Given, said: &mut Vec<&'static str>) {
    if !made.preempt_delay.is_zero() {
        said.push("strict mode has no preempt_delay - clearing it");
        made.preempt_delay = Duration::ZERO;
    }
    if made.down_timer_adverts != 3 {
        said.push("strict mode has down_timer_adverts 3 - using that");
        made.down_timer_adverts = 3;
    }
    let pacing = &given.garp;
    let asked = pacing.lower_prio_repeat.is_some_and(|n| n > 0)
        || pacing.lower_prio_delay.is_some_and(|d| !d.is_zero());
    if asked {
        said.push(
            "strict mode has no garp_lower_prio_repeat and garp_lower_prio_delay - clearing them",
        );
    }
    made.garp.lower_prio_repeat = 0;
    made.garp.lower_prio_delay = Duration::ZERO;
}

fn flags(made: &mut VrrpInstance, given: &Given, said: &mut Vec<&'static str>) {
    if given.lower_prio_no_advert == Some(false) {
        said.push("strict mode has lower_prio_no_advert on - setting it");
    }
    made.lower_prio_no_advert = true;
    if given.higher_prio_send_advert == Some(true) {
        said.push("strict mode has higher_prio_send_advert off - clearing it");
    }
    made.higher_prio_send_advert = false;
    if made.vmac_xmit_base {
        said.push("strict mode has no vmac_xmit_base - clearing it");
        made.vmac_xmit_base = false;
    }
    if let Some(vmac) = &mut made.vmac
        && vmac.mac.take().is_some()
    {
        said.push("strict mode has the protocol's MAC only - ignoring the one given");
    }
}

/// An owner accepts; others do unless strict, or told otherwise.
fn accept(made: &mut VrrpInstance, given: &Given, said: &mut Vec<&'static str>) {
    let owner = made.priority.is_owner();
    made.accept = owner || given.accept.unwrap_or(!made.strict);
    if made.strict && !owner && made.accept && made.version == Version::V2 {
        said.push("strict mode of version 2 has no accept (RFC 3768) - clearing it");
        made.accept = false;
    }
}
