//! Networks with names, as ip-netns(8) gives them.

use std::process::Command;

use lab::{Host, Result};

/// Makes the network of `host` a namespace that `home` knows by this name.
///
/// # Errors
/// When it cannot be mounted.
pub fn name_network(home: &Host, host: &Host, name: &str) -> Result<()> {
    let mut sleeper = host.spawn(Command::new("sleep").arg("1000"))?;
    let file = format!("/run/netns/{name}");
    let (make, pid) = ("mkdir -p /run/netns && touch", sleeper.id());
    let text = format!("{make} {file} && mount --bind /proc/{pid}/ns/net {file}");
    let done = home.output(Command::new("sh").args(["-c", &text]));
    let _ = sleeper.kill();
    let _ = sleeper.wait();
    done.map(|_| ())
}
