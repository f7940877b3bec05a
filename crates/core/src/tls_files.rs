//! The files of the `SSL` block, read on behalf of the checker role, which opens none.

use crate::files;
use ipc::msg::checker::TlsFiles;
use model::Lvs;
use model::lvs::CheckKind;
use std::io::{self, Read};

/// A certificate chain or key is never larger.
const FILE_MAX: u64 = 1024 * 1024;

/// What the files hold, or which cannot be read and why; `None` when no check asks for them.
pub fn read(lvs: &Lvs) -> Option<Result<TlsFiles, String>> {
    let ssl = lvs.ssl.as_ref()?;
    let servers = lvs.virtual_servers.iter().flat_map(|vs| &vs.real_servers);
    let mut kinds = servers.flat_map(|rs| &rs.checkers).map(|c| &c.kind);
    if !kinds.any(|kind| matches!(kind, CheckKind::Http(http) if http.tls)) {
        return None;
    }
    let open = |path: &Option<String>| path.as_deref().map(contents).transpose();
    // Servers' certificates are not verified; a CA file that is missing is a mistake all the same.
    let files = open(&ssl.ca).and_then(|_| {
        // A key may stand in the file of the certificate.
        Ok(TlsFiles { certificate: open(&ssl.certificate)?, key: open(&ssl.key)? })
    });
    Some(files)
}

fn contents(path: &str) -> Result<Vec<u8>, String> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        files::open(path)?.take(FILE_MAX + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) if bytes.len() as u64 > FILE_MAX => {
            Err(format!("{path} is larger than {FILE_MAX} bytes"))
        }
        Ok(bytes) => Ok(bytes),
        Err(e) => Err(format!("cannot read {path}: {e}")),
    }
}
