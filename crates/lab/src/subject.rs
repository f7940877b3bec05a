//! Which program is under test: the one this workspace builds, or another one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Error, Result};

/// Where Debian's package puts the reference.
const REFERENCE: &str = "/usr/sbin/keepalived";
/// Environment variable that names another program to test.
pub const ENV: &str = "KEEPALIVED_BIN";

/// A program with keepalived's command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    program: PathBuf,
    /// A program with arguments that runs it.
    wrapper: Vec<String>,
}

impl Subject {
    /// The program at `path`.
    ///
    /// # Errors
    /// When there is none.
    pub fn at(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        match path.canonicalize() {
            Ok(program) if program.is_file() => Ok(Self { program, wrapper: Vec::new() }),
            _ => Err(Error::new(format!("there is no program {}", path.display()))),
        }
    }

    /// This workspace's keepalived, of the same build as the running test; or the program named
    /// by the environment variable `KEEPALIVED_BIN`.
    ///
    /// # Errors
    /// When it has not been built.
    pub fn ours() -> Result<Self> {
        if let Some(named) = std::env::var_os(ENV) {
            return Self::at(PathBuf::from(named));
        }
        let test = std::env::current_exe()
            .map_err(|e| Error::new(format!("cannot find the running program: {e}")))?;
        let folder = test.ancestors().skip(1).find(|folder| !folder.ends_with("deps"));
        let program = folder.unwrap_or(Path::new(".")).join("keepalived");
        Self::at(&program).map_err(|_| {
            let program = program.display();
            Error::new(format!(
                "{program} is not built: run `cargo build --package keepalived`, or name another \
                 program in {ENV}"
            ))
        })
    }

    /// The reference as Debian packages it, if it is installed.
    pub fn reference() -> Option<Self> {
        Self::at(REFERENCE).ok()
    }

    /// The same, run by another program that becomes it: nsenter(1), setpriv(1).
    #[must_use]
    pub fn through(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|word| (*word).to_string()).collect();
        self
    }

    /// Whether this is the reference.
    pub fn is_reference(&self) -> bool {
        Self::reference().is_some_and(|reference| reference.program == self.program)
    }

    /// The program's path.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// A command that runs it without input and outside the caller's supervision.
    pub fn command(&self) -> Command {
        let mut command = match self.wrapper.split_first() {
            Some((first, arguments)) => {
                let mut command = Command::new(first);
                command.args(arguments).arg(&self.program);
                command
            }
            None => Command::new(&self.program),
        };
        command.stdin(Stdio::null()).env_remove("NOTIFY_SOCKET").env("LC_ALL", "C");
        command
    }

    /// The first line of what `--version` prints.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn version(&self) -> Result<String> {
        let output = self
            .command()
            .arg("--version")
            .output()
            .map_err(|e| Error::new(format!("cannot run {}: {e}", self.program.display())))?;
        let text = [output.stderr, output.stdout].concat();
        Ok(String::from_utf8_lossy(&text).lines().next().unwrap_or_default().to_string())
    }
}
