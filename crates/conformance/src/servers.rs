//! Servers for checks: programs that end with the test, listeners, certificates.

use std::net::{TcpListener, ToSocketAddrs};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use lab::{Context, Error, Host, Result};

/// A program that is ended when this is dropped.
#[derive(Debug)]
pub struct Kill(pub Child);

impl Drop for Kill {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Listens inside a host.
///
/// # Errors
/// When the address is taken or not the host's.
pub fn listen(host: &Host, at: impl ToSocketAddrs + Send) -> Result<TcpListener> {
    host.run(|| TcpListener::bind(at))?.context(|| "cannot listen")
}

/// Runs openssl to its end.
///
/// # Errors
/// When it fails; with what it said.
pub fn openssl<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Result<()> {
    let output = Command::new("openssl").args(arguments).output();
    let output = output.context(|| "cannot run openssl")?;
    match output.status.success() {
        true => Ok(()),
        false => Err(Error::new(String::from_utf8_lossy(&output.stderr).into_owned())),
    }
}

/// Makes `NAME.key` and `NAME.pem` in a folder: a key and its certificate for `subject`, valid for
/// a month.
///
/// # Errors
/// When openssl fails.
pub fn certificate(folder: &Path, name: &str, subject: &str, more: &[&str]) -> Result<()> {
    let file = |end: &str| folder.join(format!("{name}.{end}")).display().to_string();
    let (key, cert) = (file("key"), file("pem"));
    let args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
    let rest = ["-nodes", "-days", "30", "-subj", subject, "-keyout", &key, "-out", &cert];
    openssl(args.iter().chain(&rest).chain(more))
}

/// Serves the files of a folder over TLS, with the certificate `name` that was made there.
///
/// # Errors
/// When openssl cannot be started.
pub fn tls_server(host: &Host, folder: &Path, at: &str, name: &str, more: &[&str]) -> Result<Kill> {
    let (key, cert) = (format!("{name}.key"), format!("{name}.pem"));
    let mut command = Command::new("openssl");
    command
        .args(["s_server", "-quiet", "-WWW", "-accept", at, "-key", &key, "-cert", &cert])
        .args(more)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    host.spawn(&mut command).map(Kill)
}
