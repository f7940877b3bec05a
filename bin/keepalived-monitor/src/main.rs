//! The process that tells the outside world: started by keepalived where its configuration asks
//! for mail, SNMP or D-Bus.

use std::process::ExitCode;

fn main() -> ExitCode {
    let status = match rt::spawn::enter() {
        Ok(Some(entered)) => monitor::run(entered),
        Ok(None) => {
            eprintln!(
                "keepalived-monitor {}: keepalived starts it where its configuration asks for \
                 mail, SNMP or D-Bus; it does nothing by itself",
                env!("CARGO_PKG_VERSION")
            );
            64
        }
        Err(e) => {
            eprintln!("keepalived-monitor: {e}");
            64
        }
    };
    // Its last words.
    rt::log_sink::finish();
    ExitCode::from(u8::try_from(status).unwrap_or(70))
}
