//! Runs every script of `tests/scenarios`; the language is `sim::script`'s.

use std::fs;
use std::path::Path;

#[test]
fn every_scenario_holds() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let mut count = 0;
    let mut failures = Vec::new();
    for file in files {
        // A file holds several scenarios, each below a line `== TITLE`.
        let text = fs::read_to_string(&file).unwrap();
        for part in text.split("\n== ").skip(1) {
            count += 1;
            let (title, script) = part.split_once('\n').unwrap();
            if let Err(e) = sim::script::run(script) {
                failures.push(format!("{} == {title}: {e}", file.display()));
            }
        }
    }
    assert!(count > 50, "only {count} scenarios found");
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}
