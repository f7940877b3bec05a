//! genhash: the digest of a web page, for `digest` of `HTTP_GET` and `SSL_GET`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().map(|a| a.to_string_lossy().into_owned());
    let name = args.next().unwrap_or_else(|| "genhash".to_owned());
    ExitCode::from(u8::try_from(genhash::run(&name, args)).unwrap_or(1))
}
