use super::*;
use std::thread;

type Text = Channel<String, String>;

const LIMIT: u32 = 64 * 1024 * 1024;
const SOON: Duration = Duration::from_secs(20);

fn ends() -> (Text, Text) {
    let (a, b) = pair().unwrap();
    (Channel::new(a, LIMIT).unwrap(), Channel::new(b, LIMIT).unwrap())
}

#[test]
fn drain_hands_out_what_came_and_tells_the_end() {
    let (mut a, b) = ends();
    let mut owner = (b, Vec::new());
    let take = |owner: &mut (Text, Vec<String>), text| owner.1.push(text);
    assert!(drain(&mut owner, |o| &mut o.0, take).unwrap());
    for text in ["one", "two"] {
        a.send(&text.to_owned()).unwrap();
    }
    assert!(drain(&mut owner, |o| &mut o.0, take).unwrap());
    assert_eq!(owner.1, ["one", "two"]);
    a.send(&"last".to_owned()).unwrap();
    drop(a);
    assert!(!drain(&mut owner, |o| &mut o.0, take).unwrap());
    assert_eq!(owner.1, ["one", "two", "last"]);
}

#[test]
fn messages_arrive_in_order_both_ways_and_then_the_end() {
    let (mut a, mut b) = ends();
    for text in ["one", "", "three"] {
        a.send(&text.to_owned()).unwrap();
    }
    b.send(&"back".to_owned()).unwrap();
    for text in ["one", "", "three"] {
        assert_eq!(b.recv().unwrap().as_deref(), Some(text));
    }
    assert!(b.recv().unwrap().is_none());
    assert_eq!(a.recv().unwrap().as_deref(), Some("back"));
    a.send(&"last".to_owned()).unwrap();
    drop(a);
    assert_eq!(b.recv().unwrap().as_deref(), Some("last"));
    assert!(matches!(b.recv(), Err(ChannelError::Closed)));
    assert!(matches!(b.recv(), Err(ChannelError::Closed)));
}

#[test]
fn what_is_put_waits_for_a_flush_or_a_full_queue() {
    let (mut a, mut b) = ends();
    a.put(&"one".to_owned()).unwrap();
    a.put(&"two".to_owned()).unwrap();
    assert!(a.wants_write() && b.recv().unwrap().is_none());
    a.flush().unwrap();
    assert!(!a.wants_write());
    for text in ["one", "two"] {
        assert_eq!(b.recv().unwrap().as_deref(), Some(text));
    }
    let large = "x".repeat(64 * 1024);
    let mut accepted = 0;
    while a.put(&large).is_ok() {
        accepted += 1;
    }
    assert!(accepted > QUEUE_MAX / large.len(), "the socket took some");
    assert_eq!(b.recv().unwrap(), Some(large));
}

#[test]
fn a_message_of_tens_of_mebibytes_passes_without_either_side_blocking() {
    let (mut a, mut b) = ends();
    let large = "x".repeat(40 * 1024 * 1024);
    a.send(&large).unwrap();
    assert!(a.wants_write() && a.interest().is_writable());
    a.send(&"small".to_owned()).unwrap_err();
    let reader = thread::spawn(move || {
        let first = b.recv_wait(SOON).unwrap().unwrap();
        (first, b.recv_wait(SOON).unwrap().unwrap())
    });
    assert!(a.flush_wait(SOON).unwrap());
    assert!(!a.interest().is_writable());
    a.send(&"small".to_owned()).unwrap();
    // The socket may be full of the large one still.
    assert!(a.flush_wait(SOON).unwrap());
    let (first, second) = reader.join().unwrap();
    assert!(first == large && second == "small");
}

#[test]
fn a_stalled_reader_fills_the_queue_and_loses_nothing_that_was_accepted() {
    let (mut a, mut b) = ends();
    let text = "y".repeat(10_000);
    let mut accepted = 0;
    let full = loop {
        match a.send(&text) {
            Ok(()) => accepted += 1,
            Err(e) => break e,
        }
    };
    assert!(matches!(full, SendError::Full), "{full}");
    let mut received = 0;
    while received < accepted {
        match b.recv().unwrap() {
            Some(got) => {
                assert_eq!(got, text);
                received += 1;
            }
            None => a.flush().unwrap(),
        }
    }
    a.flush().unwrap();
    assert!(b.recv().unwrap().is_none());
    a.send(&text).unwrap();
}

#[test]
fn what_is_no_message_is_a_protocol_violation() {
    let violation = |bytes: &[u8]| {
        let (a, b) = pair().unwrap();
        let mut b: Channel<(), String> = Channel::new(b, 100).unwrap();
        UnixStream::from(a).write_all(bytes).unwrap();
        match b.recv() {
            Err(ChannelError::Protocol(what)) => what,
            other => panic!("{other:?}"),
        }
    };
    assert!(violation(&101u32.to_le_bytes()).contains("limit"));
    assert!(violation(&[2, 0, 0, 0, 9, 9]).contains("malformed"));
    assert!(violation(&[2, 0, 0, 0, 9]).contains("within a message"));
    assert!(violation(&[2, 0]).contains("within a message"));
}

#[test]
fn a_descriptor_comes_with_its_message() {
    let (mut a, mut b) = ends();
    b.accept_fds();
    let (passed, mut kept) = UnixStream::pair().unwrap();
    a.send(&"plain".to_owned()).unwrap();
    a.send_with_fd(&"here".to_owned(), passed.into()).unwrap();
    a.send(&"plain".to_owned()).unwrap();
    assert_eq!(b.recv().unwrap().as_deref(), Some("plain"));
    assert_eq!(b.recv().unwrap().as_deref(), Some("here"));
    let mut got = UnixStream::from(b.take_fd().unwrap());
    assert_eq!(b.recv().unwrap().as_deref(), Some("plain"));
    assert!(b.take_fd().is_none());
    kept.write_all(b"!").unwrap();
    let mut one = [0];
    got.read_exact(&mut one).unwrap();
    assert_eq!(&one, b"!");
    let flags = nix::fcntl::fcntl(&got, nix::fcntl::FcntlArg::F_GETFD).unwrap();
    assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
}

#[test]
fn descriptors_keep_their_place_behind_a_queue_that_waits() {
    let (mut a, mut b) = ends();
    b.accept_fds();
    let large = "z".repeat(3 * 1024 * 1024);
    a.send(&large).unwrap();
    for name in ["first", "second"] {
        let (_, end) = pair().unwrap();
        a.send_with_fd(&name.to_owned(), end).unwrap();
    }
    let mut got = Vec::new();
    while got.len() < 3 {
        a.flush().unwrap();
        let Some(message) = b.recv().unwrap() else { continue };
        // A descriptor may come before its message, so only that message may ask for it.
        assert!(message == large || b.take_fd().is_some());
        got.push(message);
    }
    assert_eq!(got, [large, "first".to_owned(), "second".to_owned()]);
}

#[test]
fn descriptors_that_were_not_asked_for_never_arrive() {
    let (mut a, mut b) = ends();
    let (passed, mut kept) = UnixStream::pair().unwrap();
    a.send_with_fd(&"take".to_owned(), passed.into()).unwrap();
    assert_eq!(b.recv().unwrap().as_deref(), Some("take"));
    assert!(b.take_fd().is_none());
    drop(a);
    // The kernel has closed the copy: its peer is at the end.
    assert_eq!(kept.read(&mut [0]).unwrap(), 0);
}
