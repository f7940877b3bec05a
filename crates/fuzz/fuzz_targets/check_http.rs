//! Any bytes, in any pieces, as the answer to an HTTP check: one verdict, and
//! memory bounded.
#![no_main]

use check_proto::probe::http::{HEAD_MAX, Http, Page, read_head};
use check_proto::probe::pattern::Pattern;
use check_proto::probe::{Action, Endpoint, Input, Tls, Transport, body};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, LazyLock};
use types::Mono;

fn page(pattern: &str, tls: bool) -> Page {
    let regex = model::lvs::Regex { pattern: pattern.to_owned(), ..Default::default() };
    Page {
        endpoint: Arc::new(Endpoint {
            transport: Transport::Tcp,
            to: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 80),
            bind: None,
            tls: tls.then_some(Tls { sni: None, close_notify: false }),
        }),
        path: "/".into(),
        host: "".into(),
        request: Arc::from(&b"GET / HTTP/1.0\r\n\r\n"[..]),
        status: Box::new([(200, 299)]),
        digest: Some([0; 16]),
        pattern: Pattern::compile(&regex).ok().map(Arc::new),
        timeout: Duration::from_secs(5),
        total: Some(Duration::from_secs(60)),
    }
}

static PAGES: LazyLock<Arc<[Page]>> =
    LazyLock::new(|| Arc::from([page("(a+)b\\1$", false), page("^(?!x).*needle", true)]));

fuzz_target!(|data: &[u8]| {
    let Some((&[which, cut], bytes)) = data.split_first_chunk::<2>() else { return };
    let _ = read_head(bytes);
    let mut out = Vec::new();
    let Some(mut http) = Http::start(&PAGES, usize::from(which & 1), Mono::ZERO, &mut out) else {
        return;
    };
    let mut now = Mono::from_millis(1);
    http.handle(now, Input::Connected, &mut out);
    for chunk in bytes.chunks(usize::from(cut).max(1)) {
        now += Duration::from_millis(u64::from(which));
        http.handle(now, Input::Bytes(chunk), &mut out);
        assert!(http.held() <= 2 * HEAD_MAX.max(body::WINDOW));
    }
    http.handle(now, Input::Eof, &mut out);
    let verdicts = out.iter().filter(|a| matches!(a, Action::Verdict(_))).count();
    assert_eq!(verdicts, 1);
    assert_eq!(http.deadline(), None);
});
