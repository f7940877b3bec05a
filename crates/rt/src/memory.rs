//! Giving memory back to the system.

/// Gives back what the allocator keeps of memory that is free again. To be called once a burst is
/// over that is not likely to come back soon: it takes the kernel a millisecond or so.
pub fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes no pointer, and may be called at any time by any thread.
    unsafe {
        nix::libc::malloc_trim(0);
    }
}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use super::*;

    /// Resident pages, by the second field of proc_pid_statm(5).
    fn resident() -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse().unwrap()
    }

    #[test]
    fn what_was_freed_below_something_that_stays_goes_back() {
        let mut pieces: Vec<Vec<u8>> = (0..50_000).map(|_| vec![1; 1000]).collect();
        let last = pieces.pop();
        let before = resident();
        drop(pieces);
        trim();
        assert!(resident() + 5_000 < before, "{before} pages, then {}", resident());
        drop(last);
    }
}
