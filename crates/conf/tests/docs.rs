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
