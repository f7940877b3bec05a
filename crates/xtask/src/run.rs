//! Running other programs, with what is run shown.

use std::path::PathBuf;
use std::process::Command;

/// What a task ends with.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// The top folder of the repository.
pub fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).map_or(here.clone(), PathBuf::from)
}

/// The cargo that runs this task.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Shows a command and runs it to its end.
pub fn run(command: &mut Command) -> Outcome {
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let words = words.join(" ");
    println!("+ {words}");
    let status = command.status().map_err(|e| format!("cannot run {words}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{words}: {status}").into()) }
}

/// Whether a program is found in `PATH` (or in the folders that Debian keeps for root).
pub fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.into_iter().any(|folder| folder.join(name).is_file())
}
