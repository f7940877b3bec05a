//! Any bytes as the words of a mail server: however they are cut, the same is answered; memory is
//! bounded, and the dialogue ends when time is up.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor::mail::dialogue::{Action, Dialogue, Input, Letter};
use std::rc::Rc;
use std::time::Duration;
use types::Mono;

fn answers<'a>(letter: &Rc<Letter>, said: impl Iterator<Item = &'a [u8]>) -> Vec<Action> {
    let mut d = Dialogue::new(letter.clone(), Duration::from_secs(1), Mono::ZERO);
    let mut out = Vec::new();
    d.handle(Mono::ZERO, Input::Connected, &mut out);
    for bytes in said {
        d.handle(Mono::ZERO, Input::Received(bytes), &mut out);
    }
    d.handle(Mono::ZERO + Duration::from_secs(9), Input::Tick, &mut out);
    assert!(d.deadline().is_none());
    assert_eq!(out.iter().filter(|a| **a == Action::Close).count(), 1);
    assert_eq!(out.last(), Some(&Action::Close));
    out
}

fuzz_target!(|data: &[u8]| {
    let letter = Rc::new(Letter {
        helo: "me".into(),
        from: "k@x".into(),
        to: vec!["a@x".into(), "b@x".into()],
        data: b"m\r\n.\r\n".to_vec(),
    });
    assert_eq!(answers(&letter, std::iter::once(data)), answers(&letter, data.chunks(1)));
});
