//! The keepalived daemon: one executable, whose role core chooses when it
//! starts it anew.

use std::path::Path;
use std::process::ExitCode;

/// Installed under this name as well, it is genhash.
const GENHASH: &str = "genhash";

fn main() -> ExitCode {
    let status = match rt::spawn::enter() {
        Ok(None) => core(),
        Ok(Some(entered)) => {
            // Executed through /proc/self/exe, it would be called "exe".
            rt::spawn::set_comm("keepalived");
            match entered.role.as_str() {
                "vrrp" => vrrpd::run(entered),
                "checker" => checkd::run(entered),
                "bfd" => bfdd::run(entered),
                other => {
                    eprintln!("keepalived: unknown role {other}");
                    1
                }
            }
        }
        Err(e) => {
            eprintln!("keepalived: {e}");
            1
        }
    };
    // The last words of whatever role it was.
    rt::log_sink::finish();
    ExitCode::from(u8::try_from(status).unwrap_or(70))
}

/// The parent process, or genhash when it is called so.
fn core() -> i32 {
    let args: Vec<String> = std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect();
    let name = args.first().map_or("keepalived", String::as_str);
    let hash = |name: &str, args: Vec<String>| {
        rt::spawn::set_comm(GENHASH);
        genhash::run(name, args.into_iter())
    };
    if Path::new(name).file_name().is_some_and(|n| n == GENHASH) {
        return hash(name, args.iter().skip(1).cloned().collect());
    }
    core_role::run(&args, |rest| hash(&format!("{name} --{GENHASH}"), rest))
}
