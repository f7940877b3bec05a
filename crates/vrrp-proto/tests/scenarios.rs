//! Runs every script of `tests/scenarios`; the language is `sim::script`'s.

/// A file holds several scenarios, each below a line `== TITLE`.
fn run_all(file: &str, text: &str) {
    let mut failures = Vec::new();
    let mut count = 0;
    for part in text.split("\n== ").skip(1) {
        let (title, script) = part.split_once('\n').unwrap();
        count += 1;
        if let Err(e) = sim::script::run(script) {
            failures.push(format!("{file} == {title}: {e}"));
        }
    }
    assert!(count > 5, "{file}: only {count} scenarios found");
    assert!(failures.is_empty(), "{} of {count} failed:\n{}", failures.len(), failures.join("\n"));
}

macro_rules! scenarios {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            let file = concat!("scenarios/", stringify!($name), ".txt");
            run_all(file, include_str!(concat!("scenarios/", stringify!($name), ".txt")));
        })*
    };
}

scenarios! { start backup master loss group reload statics routing diagnosis priority firewall vmac }
