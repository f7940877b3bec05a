//! What real servers take from their virtual server, and checkers from their
//! real server.

use core::time::Duration;

use model::lvs::{CheckKind, Checker, Defaults, Forwarding, RealServer};

use super::check::Check;
use super::real::RsDraft;

/// What the blocks inside of a block take from it unless they say otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Inherited {
    pub alpha: Option<bool>,
    pub inhibit_on_failure: Option<bool>,
    pub retry: Option<u32>,
    pub connect_timeout: Option<Duration>,
    pub delay_loop: Option<Duration>,
    pub warmup: Option<Duration>,
    pub delay_before_retry: Option<Duration>,
    pub weight: Option<u32>,
}

impl Inherited {
    /// The defaults of a virtual server; what is `None` here depends on the
    /// kind of checker.
    pub const OUTERMOST: Inherited = Inherited {
        alpha: Some(false),
        inhibit_on_failure: Some(false),
        retry: None,
        connect_timeout: Some(Duration::from_secs(5)),
        delay_loop: Some(Duration::from_secs(60)),
        warmup: None,
        delay_before_retry: None,
        weight: Some(1),
    };

    /// The same for the model; what is not given is zero.
    pub fn defaults(&self) -> Defaults {
        Defaults {
            alpha: self.alpha.unwrap_or_default(),
            inhibit: self.inhibit_on_failure.unwrap_or_default(),
            weight: self.weight.unwrap_or_default(),
            retry: self.retry.unwrap_or_default(),
            delay_before_retry: self.delay_before_retry.unwrap_or_default().into(),
            warmup: self.warmup.unwrap_or_default().into(),
            connect_timeout: self.connect_timeout.unwrap_or_default().into(),
        }
    }

    /// These settings, those that are not given from `outer`.
    pub fn or(&self, outer: &Inherited) -> Inherited {
        Inherited {
            alpha: self.alpha.or(outer.alpha),
            inhibit_on_failure: self.inhibit_on_failure.or(outer.inhibit_on_failure),
            retry: self.retry.or(outer.retry),
            connect_timeout: self.connect_timeout.or(outer.connect_timeout),
            delay_loop: self.delay_loop.or(outer.delay_loop),
            warmup: self.warmup.or(outer.warmup),
            delay_before_retry: self.delay_before_retry.or(outer.delay_before_retry),
            weight: self.weight.or(outer.weight),
        }
    }
}

/// The model object of a real server; its checkers are the next ones of
/// `checks`. `vs` has no gaps but those of [`Inherited::OUTERMOST`]; `method`
/// is the forwarding of the virtual server.
pub(super) fn real_server(
    draft: RsDraft,
    checks: &mut impl Iterator<Item = Check>,
    vs: &Inherited,
    method: Forwarding,
) -> Option<RealServer> {
    let own = draft.own.or(vs);
    let mut checkers = Vec::with_capacity(draft.checks);
    checkers.extend(checks.by_ref().take(draft.checks).map(|check| checker(check, &own)));
    Some(RealServer {
        addr: draft.addr?,
        port: draft.port,
        weight: own.weight.unwrap_or(1),
        forwarding: draft.forwarding.unwrap_or(method),
        inhibit_on_failure: own.inhibit_on_failure.unwrap_or(false),
        smtp_alert: true,
        checkers,
        rare: draft.rare,
    })
}

/// The model object of a checker; `rs` is what its real server gives.
fn checker(check: Check, rs: &Inherited) -> Checker {
    let Check { pacing, mut kind, .. } = check;
    let delay_loop = pacing.delay_loop.or(rs.delay_loop).unwrap_or_default();
    let (retry, delay_before_retry) = kind_defaults(&kind, delay_loop);
    if let Some(connect) = kind.connect_mut()
        && connect.timeout.is_zero()
    {
        connect.timeout = rs.connect_timeout.unwrap_or_default().into();
    }
    let paced = !matches!(kind, CheckKind::File { .. });
    Checker {
        alpha: paced && pacing.alpha.or(rs.alpha).unwrap_or(false),
        retry: pacing.retry.or(rs.retry).unwrap_or(retry),
        delay_before_retry: pacing
            .delay_before_retry
            .or(rs.delay_before_retry)
            .unwrap_or(delay_before_retry)
            .into(),
        warmup: pacing.warmup.or(rs.warmup).unwrap_or(delay_loop).into(),
        delay_loop: delay_loop.into(),
        log_all_failures: pacing.log_all_failures,
        kind,
    }
}

/// Retries and the time between them where nothing is configured.
fn kind_defaults(kind: &CheckKind, delay_loop: Duration) -> (u32, Duration) {
    let second = Duration::from_secs(1);
    match kind {
        CheckKind::Http(_) => (1, 3 * second),
        CheckKind::Dns(_) => (3, delay_loop),
        CheckKind::Misc(_) => (0, second),
        _ => (1, second),
    }
}
