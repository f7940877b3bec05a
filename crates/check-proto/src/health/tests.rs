use super::Count::{Fail, Pass, Skip};
use super::*;

fn pacing() -> Pacing {
    Pacing {
        retry: 2,
        delay_before_retry: Duration::from_secs(1),
        delay_loop: Duration::from_secs(10),
        warmup: Duration::ZERO,
        alpha: false,
        log_all: true,
        steps: 1,
        manners: Manners::default(),
    }
}

/// Runs `counts` and writes each decision as one word per part.
fn run(p: &Pacing, counts: &[Count]) -> Vec<String> {
    let mut h = Health::new(p);
    counts.iter().map(|c| words(h.attempt(p, *c))).collect()
}

fn words(d: Decision) -> String {
    let change = d.change.map(|c| format!("{c:?} ")).unwrap_or_default();
    let news = match d.news {
        None => String::new(),
        Some(News::Passed) => " passed".to_owned(),
        Some(News::Retrying { failure, retry }) => format!(" {failure}/{retry}"),
        Some(News::Attempt) => " attempt".to_owned(),
        Some(News::Failed { retries: None, .. }) => " failed".to_owned(),
        Some(News::Failed { retries: Some(n), .. }) => format!(" failed after {n}"),
    };
    let step = if d.step_passed { " step" } else { "" };
    format!("{change}{:?}{news}{step}", d.wait)
}

#[test]
fn one_failure_decides_at_the_first_start() {
    assert_eq!(run(&pacing(), &[Fail, Fail]), ["Down Loop failed", "Loop"]);
}

#[test]
fn a_healthy_server_goes_down_after_retry_plus_one_failures() {
    assert_eq!(
        run(&pacing(), &[Pass, Fail, Fail, Fail, Fail, Pass, Pass]),
        [
            "Loop passed",
            "Retry 1/2",
            "Retry 2/2",
            "Down Loop failed after 2",
            "Loop",
            "Up Loop passed step",
            "Loop",
        ]
    );
}

#[test]
fn a_success_forgives_the_failures_before_it() {
    assert_eq!(
        run(&pacing(), &[Pass, Fail, Fail, Pass, Fail, Fail, Fail]),
        [
            "Loop passed",
            "Retry 1/2",
            "Retry 2/2",
            "Loop",
            "Retry 1/2",
            "Retry 2/2",
            "Down Loop failed after 2",
        ]
    );
}

#[test]
fn attempts_are_told_only_when_asked() {
    let p = Pacing { log_all: false, ..pacing() };
    assert_eq!(
        run(&p, &[Pass, Fail, Fail, Fail])[1..],
        ["Retry", "Retry", "Down Loop failed after 2"]
    );
}

#[test]
fn an_alpha_checker_confirms_that_its_server_is_down() {
    let p = Pacing { alpha: true, ..pacing() };
    assert_eq!(
        run(&p, &[Fail, Fail, Pass]),
        ["Confirmed Loop failed", "Loop", "Up Loop passed step"]
    );
}

#[test]
fn trouble_of_this_host_counts_neither_way() {
    assert_eq!(
        run(&pacing(), &[Skip, Pass, Skip, Fail]),
        ["Loop", "Loop passed", "Loop", "Retry 1/2"]
    );
}

#[test]
fn smtp_retries_at_the_first_start_and_while_down() {
    let manners = Manners { always_retries: true, ..Manners::default() };
    let p = Pacing { retry: 1, manners, ..pacing() };
    assert_eq!(
        run(&p, &[Fail, Fail, Fail, Fail, Pass]),
        ["Retry 1/1", "Down Loop failed", "Retry", "Loop", "Up Loop passed step"]
    );
    let p = Pacing { alpha: true, ..p };
    assert_eq!(run(&p, &[Fail, Fail]), ["Retry 1/1", "Confirmed Loop failed"]);
}

fn http(steps: usize) -> Pacing {
    let manners = Manners { http: true, ..Manners::default() };
    Pacing { retry: 1, steps, manners, ..pacing() }
}

#[test]
fn http_is_up_after_one_success_per_url() {
    assert_eq!(
        run(&http(1), &[Pass, Fail, Fail, Fail, Pass]),
        [
            "Loop passed",
            "Retry 1/1",
            "Down Longest failed after 1",
            "Longest",
            "Up Loop passed step"
        ]
    );
    assert_eq!(
        run(&http(3), &[Pass, Pass, Pass, Pass, Fail, Fail, Pass, Pass, Pass]),
        [
            "Loop",
            "Loop",
            "Loop passed",
            "Loop",
            "Retry 1/1",
            "Down Longest failed after 1",
            "Loop step",
            "Loop step",
            "Up Loop passed step",
        ]
    );
}

#[test]
fn a_failed_url_is_tried_until_it_passes_and_a_new_failure_starts_the_pass_again() {
    let p = http(3);
    let mut h = Health::new(&p);
    let mut seen = Vec::new();
    for count in [Pass, Fail, Fail, Pass, Pass, Fail, Pass, Pass, Pass] {
        seen.push(h.step());
        h.attempt(&p, count);
    }
    assert_eq!(seen, [0, 1, 1, 1, 2, 0, 0, 1, 2]);
    assert!(h.is_up());
}

#[test]
fn the_first_failure_of_an_alpha_http_checker_is_an_attempt_and_no_more() {
    let p = Pacing { alpha: true, ..http(1) };
    assert_eq!(run(&p, &[Fail, Pass]), ["Longest attempt", "Up Loop passed step"]);
}

#[test]
fn fast_recovery_hurries_before_the_first_verdict_and_while_recovering() {
    let mut p = http(2);
    p.manners.fast_recovery = true;
    p.retry = 0;
    assert_eq!(
        run(&p, &[Pass, Pass, Pass, Fail, Pass, Pass]),
        ["Now", "Loop passed", "Loop", "Down Longest failed", "Now step", "Up Loop passed step"]
    );
}

#[test]
fn intervals_count_from_the_start_and_never_pile_up() {
    let p = pacing();
    let s = Mono::from_millis(1_000);
    assert_eq!(p.next(Wait::Loop, s, Mono::from_millis(1_300)), Mono::from_millis(11_000));
    assert_eq!(p.next(Wait::Loop, s, Mono::from_millis(50_000)), Mono::from_millis(50_000));
    assert_eq!(p.next(Wait::Retry, s, Mono::from_millis(1_300)), Mono::from_millis(2_300));
    let manners = Manners { retry_from_start: true, ..Manners::default() };
    let p = Pacing { manners, ..p };
    assert_eq!(p.next(Wait::Retry, s, Mono::from_millis(1_300)), Mono::from_millis(2_000));
}

#[test]
fn a_reload_keeps_what_is_known_and_caps_the_retries() {
    let p = pacing();
    let mut old = Health::new(&p);
    old.attempt(&p, Pass);
    old.attempt(&p, Fail);
    old.attempt(&p, Fail);
    let p = Pacing { retry: 1, alpha: true, ..p };
    let mut new = Health::adopt(&old, &p);
    assert!(new.is_up() && new.has_run());
    assert_eq!(words(new.attempt(&p, Fail)), "Down Loop failed after 1");
    let fresh = Health::adopt(&Health::new(&pacing()), &p);
    assert!(fresh.is_up() && !fresh.has_run(), "trusted before, trusted still");
    let fresh = Health::adopt(&Health::new(&p), &p);
    assert!(!fresh.is_up() && !fresh.has_run());
}

#[test]
fn starts_are_spread_evenly() {
    let mut spread = Spread::new(7);
    let max = Duration::from_secs(1);
    let mut buckets = [0u32; 100];
    for _ in 0..10_000 {
        let at = spread.next(max);
        assert!(at < max);
        buckets[(at.as_millis() / 10) as usize] += 1;
    }
    assert!(buckets.iter().all(|n| (95..=105).contains(n)), "{buckets:?}");
    assert_eq!(spread.next(Duration::ZERO), Duration::ZERO);
}
