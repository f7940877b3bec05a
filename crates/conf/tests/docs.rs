//! The pages written from the tables are up to date.
#![allow(clippy::disallowed_methods)] // the pages are files

use std::path::PathBuf;

/// Compares a page with its text; with `UPDATE_DOCS` set, writes it.
fn page(path: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let on_disk = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        on_disk == text,
        "{} is out of date: UPDATE_DOCS=1 cargo test -p ka-conf --test docs",
        path.display()
    );
}

#[test]
fn the_page_of_keywords_matches_the_tables() {
    page("compat/keywords.md", &conf::docs::keywords_md());
}

#[test]
fn the_page_of_diagnostics_matches_the_codes() {
    page("guide/diagnostics.md", &conf::docs::diagnostics_md());
}

#[test]
fn the_manual_page_matches_the_tables() {
    page("man/keepalived.conf.5", &conf::docs::conf_5());
}

/// Where a test that `docs/compat/differences.md` names may be.
fn test_file(area: &str, path: &str) -> Option<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let places = [format!("crates/{area}/{path}"), format!("crates/{area}/src/{path}")];
    let places = places.into_iter().chain([format!("bin/{area}/{path}")]);
    places.into_iter().find_map(|place| std::fs::read_to_string(root.join(place)).ok())
}

#[test]
fn every_difference_names_a_test_that_exists() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/compat/differences.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut rows = 0;
    for row in text.lines().filter(|l| l.starts_with('|') && l.contains("`conf: ")) {
        let named = row.rsplit("`conf: ").next().unwrap().split('`').next().unwrap();
        let (file, test) = named.split_once(' ').unwrap_or((named, ""));
        let source = test_file("conf", file).unwrap_or_default();
        let found = if test.is_empty() {
            !source.is_empty()
        } else {
            source.contains(&format!("fn {test}("))
        };
        assert!(found, "no such test: {row}");
        rows += 1;
    }
    assert!(rows >= 20, "{rows}");
}
