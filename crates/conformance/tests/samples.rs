//! Every file in `etc/` passes the check of the program, without a complaint.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use conformance::{Lan, on_both};
use lab::{Context, Result, Subject};

const NOT_YET: &str = "is accepted but not acted upon yet";
const SIGTERM: i32 = 15;

/// All configuration files under `etc/`.
fn samples() -> Result<Vec<PathBuf>> {
    let etc = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../etc");
    let mut found = Vec::new();
    for folder in [etc.clone(), etc.join("demo"), etc.join("samples")] {
        let entries = folder.read_dir().context(|| format!("cannot list {}", folder.display()))?;
        let files = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file());
        found.extend(files.filter_map(|path| path.canonicalize().ok()));
    }
    found.sort();
    Ok(found)
}

fn every_sample_passes_the_check(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    lan.switch.attach(&lan.a, "eth1", &["198.51.100.1/24"])?;
    let samples = samples()?;
    assert!(samples.len() > 10, "{samples:?}");
    for sample in samples {
        let mut command = subject.command();
        command.args(["-t", "-f"]).arg(&sample);
        let output = lan.a.run(|| command.output())?.context(|| "cannot run the check")?;
        // 2.2.7 ends itself when it checks a script that another user is to run.
        if subject.is_reference() && output.status.signal() == Some(SIGTERM) {
            continue;
        }
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(output.status.success(), "{}: {}\n{said}", sample.display(), output.status);
        // What is parsed, but built later.
        let complaints: Vec<&str> = said.lines().filter(|line| !line.contains(NOT_YET)).collect();
        assert!(complaints.is_empty(), "{}: {complaints:?}", sample.display());
    }
    Ok(())
}

on_both!(every_sample_passes_the_check);
