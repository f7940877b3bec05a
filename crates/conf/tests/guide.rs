//! The examples of the guide are what they say.
#![allow(clippy::disallowed_methods)] // the guide is a file

mod common;

use std::path::PathBuf;

use common::test_of;

/// The fenced blocks of a page.
fn examples(page: &str) -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide").join(page);
    let text = std::fs::read_to_string(path).unwrap();
    text.split("```\n").skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_example_of_mail_is_clean() {
    for text in examples("mail.md") {
        let loaded = test_of(&text);
        assert!(loaded.diags.is_empty(), "{:?}", loaded.diags);
        assert_eq!(loaded.model.global.smtp.to.len(), 2);
    }
}

#[test]
fn examples_of_the_language_are_read_without_an_error_of_language() {
    let examples = examples("configuration.md");
    assert_eq!(examples.len(), 4);
    for text in examples {
        let text = if text.starts_with('@') || text.contains("\n    @") {
            text.replace("@north", "@host")
        } else {
            text
        };
        let loaded = test_of(&text);
        let bad =
            loaded.diags.iter().find(|d| d.code.id() < "E0500" && d.level > conf::Level::Note);
        assert!(bad.is_none(), "{bad:?}\n{text}");
    }
}
