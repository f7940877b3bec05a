//! The keepalived daemon: one executable, whose role core chooses when it
//! starts it anew.

use std::process::ExitCode;

fn main() -> ExitCode {
    let status = match rt::spawn::enter() {
        Ok(None) => core_role::run(),
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
