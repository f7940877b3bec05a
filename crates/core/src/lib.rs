//! The parent process: loads the configuration, supervises the roles, runs
//! scripts.
//!
//! Owns everything that touches files, processes and scripts. Never parses a
//! byte that came from the network. [`run`] is the whole of it; the modules
//! follow the daemon's life: [`cli`], `start`, `lifecycle`, `main_loop`,
//! `reload`.

mod checks;
pub mod cli;
mod command_line;
mod config_test;
mod dumps;
mod failures;
mod fifo;
mod files;
pub mod host;
mod kept;
mod lifecycle;
mod link;
mod load;
mod main_loop;
mod monitor;
mod netns;
mod notify;
mod paths;
mod pidfile;
mod process_table;
mod processes;
mod release;
mod reload;
mod reload_timer;
mod remains;
mod resources;
mod script_user;
mod scripts;
mod sdnotify;
mod setup;
mod start;
mod supervise;
#[cfg(test)]
mod tests;
mod tls_files;
mod traces;
mod track;
mod turns;
mod unexecutable;
pub mod version;
mod watch;

pub use start::run;
