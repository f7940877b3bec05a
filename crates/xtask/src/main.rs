//! Project tasks: demo, test, bench, ci.
fn main() {}
