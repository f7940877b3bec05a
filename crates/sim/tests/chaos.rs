//! Seeds of chaos. `SIM_SEEDS=n cargo test -p ka-sim --release` runs more or
//! fewer of them, `SIM_SEED=n` runs a single one.

use std::thread;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn in_every_quiet_moment_one_master_holds_the_addresses() {
    if let Some(seed) = number("SIM_SEED") {
        return sim::chaos::run(seed, 4).unwrap();
    }
    let seeds = number("SIM_SEEDS").unwrap_or(10_000);
    let threads = thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let workers: Vec<_> = (0..threads)
        .map(|t| {
            thread::spawn(move || {
                let mine = (0..seeds).filter(move |s| s % threads == t);
                let failed = mine.filter_map(|s| Some((s, sim::chaos::run(s, 4).err()?)));
                failed.collect::<Vec<_>>()
            })
        })
        .collect();
    let failed: Vec<_> = workers.into_iter().flat_map(|w| w.join().unwrap()).collect();
    let shown: Vec<_> = failed.iter().take(5).collect();
    assert!(failed.is_empty(), "{} of {seeds} seeds failed: {shown:#?}", failed.len());
}
