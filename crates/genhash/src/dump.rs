//! What `-v` shows: the header, the body and the digest, in hexadecimal and as text.

use crate::fetch::Watch;
use std::io::{self, Write};

/// Bytes of a row.
const ROW: usize = 16;

/// Shows a page as it arrives. A reader of the output who has left is no
/// reason to stop: what is shown goes nowhere then.
pub struct Verbose<'w, W> {
    out: &'w mut W,
    /// Bytes of the body that wait for a full row.
    row: Vec<u8>,
    offset: u64,
}

impl<'w, W: Write> Verbose<'w, W> {
    /// Shows on `out`.
    pub fn new(out: &'w mut W) -> Self {
        Verbose { out, row: Vec::new(), offset: 0 }
    }

    fn header(&mut self, header: &[u8]) -> io::Result<()> {
        title(self.out, "HTTP Header Buffer")?;
        rows(self.out, header)?;
        title(self.out, "HTTP Header Ascii Buffer")?;
        self.out.write_all(header)?;
        writeln!(self.out)?;
        title(self.out, "HTML Buffer")
    }

    fn body(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.row.extend_from_slice(bytes);
        let whole = self.row.len() - self.row.len() % ROW;
        for bytes in self.row.drain(..whole).as_slice().chunks(ROW) {
            row(self.out, self.offset, bytes)?;
            self.offset += ROW as u64;
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        if !self.row.is_empty() {
            row(self.out, self.offset, &self.row)?;
        }
        writeln!(self.out)
    }
}

impl<W: Write> Watch for Verbose<'_, W> {
    fn header(&mut self, header: &[u8]) {
        let _ = self.header(header);
    }
    fn body(&mut self, bytes: &[u8]) {
        let _ = self.body(bytes);
    }
    fn end(&mut self) {
        let _ = self.end();
    }
}

/// The digest's bytes, and the title of what follows.
pub fn digest(out: &mut impl Write, digest: &[u8]) -> io::Result<()> {
    title(out, "HTML hash resulting")?;
    rows(out, digest)?;
    title(out, "HTML hash final resulting")
}

fn title(out: &mut impl Write, text: &str) -> io::Result<()> {
    let pad = 27usize.saturating_sub(text.len()) / 2;
    let (pad, rule) = (" ".repeat(pad), "-".repeat(23));
    writeln!(out, "{rule}[{pad}{text}{pad}]{rule}")
}

fn rows(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    for (n, bytes) in (0..).zip(bytes.chunks(ROW)) {
        row(out, n * ROW as u64, bytes)?;
    }
    Ok(())
}

fn row(out: &mut impl Write, offset: u64, bytes: &[u8]) -> io::Result<()> {
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x} ")).collect::<String>();
    let (left, right) = bytes.split_at(bytes.len().min(ROW / 2));
    let text: String = bytes.iter().map(|b| printable(*b)).collect();
    writeln!(out, "{offset:04}  {:<24}- {:<24}  {text:<ROW$}", hex(left), hex(right))
}

fn printable(byte: u8) -> char {
    if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '.' }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_as_wide_as_their_titles_and_full_ones() {
        let mut out = Vec::new();
        let mut verbose = Verbose::new(&mut out);
        Watch::header(&mut verbose, b"HTTP/1.0 200 OK\r\n\r\n");
        for piece in [&b"Hello wor"[..], b"ld\r\n\x00\x7f and on"] {
            Watch::body(&mut verbose, piece);
        }
        Watch::end(&mut verbose);
        let text = String::from_utf8(out).unwrap();
        let want = "\
-----------------------[    HTTP Header Buffer    ]-----------------------
0000  48 54 54 50 2f 31 2e 30 - 20 32 30 30 20 4f 4b 0d   HTTP/1.0 200 OK.
0016  0a 0d 0a                -                           ...             
-----------------------[ HTTP Header Ascii Buffer ]-----------------------
HTTP/1.0 200 OK\r
\r

-----------------------[        HTML Buffer        ]-----------------------
0000  48 65 6c 6c 6f 20 77 6f - 72 6c 64 0d 0a 00 7f 20   Hello world.... 
0016  61 6e 64 20 6f 6e       -                           and on          

";
        assert_eq!(text, want);
    }
}
