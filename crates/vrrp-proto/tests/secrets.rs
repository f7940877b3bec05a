//! What a machine can be made to print of itself holds no secret.

use sim::config;
use vrrp_proto::{Node, Setup};

#[test]
fn debug_output_holds_no_secret() {
    let mut setup = Setup::default();
    for words in [
        "A vrid 1 pass pwPassXq",
        "B vrid 2 ah pwAhXqzz",
        "C vrid 3 version 3 hmac 1 keykeykeyXqXqkeykeykeyXqXqkeykey",
    ] {
        setup.vrrp.instances.push(config::instance(&mut words.split(' '), &[]).unwrap());
    }
    let shown = format!("{setup:?} {:?}", Node::new(setup.clone()));
    // As text, and as bytes in a list.
    for secret in ["pwPassXq", "pwAhXqzz", "keykeykeyXqXq"] {
        assert!(!shown.contains(secret), "{secret}");
        let bytes = format!("{:?}", secret.as_bytes());
        assert!(!shown.contains(bytes.trim_matches(['[', ']'])), "{secret} as bytes");
    }
    assert!(shown.contains("********"));
}
