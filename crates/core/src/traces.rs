//! What a role has in the kernel: the configurations that a process of it has run, and that none
//! has told to be gone.
//!
//! A process that is killed leaves what it has, and what it had not taken away yet after a reload.
//! The next one is told of both, also when it is only to take them away.

use ipc::msg::Generation;
use log::warn;
use model::Config;
use std::sync::Arc;

/// More than these a role that never comes to rest may not have; the generation of those of an
/// earlier daemon is 0.
const MOST: usize = 16;

/// The configurations of one role, the oldest first.
#[derive(Debug, Default)]
pub struct Traces {
    all: Vec<(Generation, Arc<Config>)>,
}

impl Traces {
    /// The role is about to run a configuration.
    pub fn runs(&mut self, generation: Generation, config: &Arc<Config>) {
        self.all.retain(|(g, old)| *g != generation && !Arc::ptr_eq(old, config));
        if self.all.len() >= MOST {
            warn!("what the configuration of {MOST} reloads ago had is not known any more");
            self.all.remove(0);
        }
        self.all.push((generation, config.clone()));
    }

    /// An earlier daemon has left what these have.
    pub fn recall(&mut self, configs: Vec<Config>) {
        let configs = configs.into_iter().rev().take(MOST).rev();
        self.all.extend(configs.map(|config| (Generation(0), Arc::new(config))));
    }

    /// All of them, the oldest first.
    pub fn all(&self) -> impl Iterator<Item = &Config> {
        self.all.iter().map(|(_, config)| &**config)
    }

    /// Nothing is left of what was before this one.
    pub fn settled(&mut self, generation: Generation) {
        self.all.retain(|(g, _)| *g >= generation);
    }

    /// Nothing is left.
    pub fn clear(&mut self) {
        self.all.clear();
    }

    /// Whether there may be something.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What there may be beside what `generation` has.
    pub fn beside(&self, generation: Generation) -> Vec<Arc<Config>> {
        let others = self.all.iter().filter(|(g, _)| *g != generation);
        others.map(|(_, config)| config.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Arc<Config> {
        Arc::new(Config::default())
    }

    #[test]
    fn what_was_run_is_known_until_it_is_gone() {
        let mut traces = Traces::default();
        let [a, b] = [Generation(1), Generation(2)];
        traces.runs(a, &config());
        traces.settled(a);
        traces.runs(b, &config());
        assert_eq!((traces.beside(b).len(), traces.beside(Generation(3)).len()), (1, 2));
        traces.settled(a);
        assert_eq!(traces.beside(b).len(), 1);
        traces.settled(b);
        assert!(traces.beside(b).is_empty() && !traces.is_empty());
        traces.clear();
        assert!(traces.is_empty());
    }

    #[test]
    fn there_is_an_end_to_what_is_kept() {
        let mut traces = Traces::default();
        (0..100).for_each(|n| traces.runs(Generation(n), &config()));
        assert_eq!(traces.beside(Generation(1000)).len(), MOST);
    }
}
