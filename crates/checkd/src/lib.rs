//! The checker role.
//!
//! Takes its configuration from core, reports that it runs it, and leaves
//! when told to.

pub mod ipvs;
mod main_loop;
mod pools;

pub use main_loop::run;
