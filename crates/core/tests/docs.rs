//! Documentation that belongs to core is up to date.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Compared with the page; with `UPDATE_DOCS` set, written to it.
#[test]
fn the_manual_page_matches_the_options() {
    let path = root().join("docs/man/keepalived.8");
    let text = core_role::cli::manual();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let on_disk = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(on_disk == text, "out of date: UPDATE_DOCS=1 cargo test -p ka-core --test docs");
}

#[test]
fn every_difference_of_processes_names_a_test_that_exists() {
    let text = std::fs::read_to_string(root().join("docs/compat/differences.md")).unwrap();
    let mut rows = 0;
    for (area, place) in [
        ("core", "crates/core/src"),
        ("getopt", "crates/getopt/src"),
        ("keepalived", "bin/keepalived"),
    ] {
        let mark = format!("`{area}: ");
        for row in text.lines().filter(|l| l.starts_with('|') && l.contains(&mark)) {
            let named = row.rsplit(&mark).next().unwrap().split('`').next().unwrap();
            let (file, test) = named.split_once(' ').expect(row);
            let source = std::fs::read_to_string(root().join(place).join(file)).unwrap_or_default();
            assert!(source.contains(&format!("fn {test}(")), "no such test: {row}");
            rows += 1;
        }
    }
    assert!(rows >= 10, "{rows}");
}
