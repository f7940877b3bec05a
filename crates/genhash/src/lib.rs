//! genhash: fetches a page as `HTTP_GET` and `SSL_GET` do and prints the MD5 of its body.
//!
//! Owns the command of that name, also reached as `keepalived --genhash`. A process of its own that
//! an administrator runs; no part of the daemon calls it.

mod dump;
mod fetch;
mod options;

use std::io::{self, Write};
use std::time::Instant;

/// Runs the command; returns the exit status. `name` is how it was called; `args` are the words
/// after it.
pub fn run(name: &str, args: impl Iterator<Item = String>) -> i32 {
    let request = match options::parse(args) {
        Ok(request) => request,
        Err(complaint) => {
            let complaint = complaint.map(|c| format!("{c}\n")).unwrap_or_default();
            eprint!("{complaint}{}", options::usage(name));
            return 1;
        }
    };
    // Whoever reads the output may have left.
    let _ = show(&request, &mut io::stdout().lock());
    // A failed request has said so; scripts rely on the status.
    0
}

fn show(request: &options::Request, out: &mut impl Write) -> io::Result<()> {
    let begun = Instant::now();
    let page = if request.verbose {
        fetch::page(request, &mut dump::Verbose::new(out))
    } else {
        fetch::page(request, &mut fetch::Quiet)
    };
    match page {
        Ok(Some(digest)) => {
            if request.verbose {
                dump::digest(out, &digest)?;
            }
            writeln!(out, "{}", hex(&digest))?;
            if request.verbose {
                let took = begun.elapsed().as_micros();
                writeln!(out, "\nGlobal response time for [{}] = {took} usecs", request.url)?;
            }
        }
        Ok(None) => eprintln!("no data received from remote webserver"),
        Err(reason) => writeln!(out, "{reason}")?,
    }
    out.flush()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
