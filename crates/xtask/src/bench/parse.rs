//! Check of large configurations (`-t`): time and memory, and how they grow.

use std::fmt::Write;
use std::fs;

use serde_json::{Value, json};

use super::stats::Samples;
use super::{Candidate, Options, by_name, measured};
use crate::run::Outcome;

/// Real servers in all.
const SIZES: [usize; 3] = [500, 5_000, 50_000];
const PER_SERVER: usize = 10;

/// Measures all candidates with all sizes and prints the table.
pub fn run(candidates: &[Candidate], options: &Options) -> Outcome<Value> {
    println!("\ncheck of a configuration (-t), n = {}", options.n);
    println!("  {:<10} {:>12}  {:<28} {:<26} {:>6}", "", "real servers", "ms", "MiB", "exit");
    let sizes = if options.instances.is_empty() { &SIZES[..] } else { &options.instances };
    let folder = std::env::temp_dir().join(format!("keepalived-bench-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let mut rows = Vec::new();
    for candidate in candidates {
        let mut figures = serde_json::Map::new();
        for &size in sizes {
            let file = folder.join(format!("{size}.conf"));
            fs::write(&file, config(size))?;
            let (mut ms, mut mib, mut status) = (Samples::default(), Samples::default(), 0);
            for _ in 0..options.n {
                let file = file.to_string_lossy();
                let took = measured::run(candidate.subject.program(), &["-t", "-f", &file])?;
                ms.add(took.ms);
                mib.add(took.mib);
                status = took.status;
            }
            println!(
                "  {:<10} {size:>12}  {:<28} {:<26} {status:>6}",
                candidate.name,
                ms.show(),
                mib.show()
            );
            let value = json!({"ms": ms.json(), "mib": mib.json(), "exit": status});
            figures.insert(size.to_string(), value);
        }
        rows.push((candidate.name, Value::Object(figures)));
    }
    fs::remove_dir_all(&folder)?;
    Ok(by_name(rows))
}

/// Virtual servers of ten real servers each, with a TCP check.
fn config(real_servers: usize) -> String {
    let mut out = String::from("global_defs {\n    router_id bench\n}\n");
    for server in 0..real_servers / PER_SERVER {
        let (high, low) = (server / 250, server % 250 + 1);
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "\nvirtual_server 10.1.{high}.{low} 80 {{\n    delay_loop 6\n    lb_algo rr\n    \
             lb_kind NAT\n    protocol TCP\n"
        );
        for real in 0..PER_SERVER {
            let _ = write!(
                out,
                "    real_server 10.{}.{high}.{low} 80 {{\n        weight 1\n        TCP_CHECK {{\n            \
                 connect_timeout 3\n        }}\n    }}\n",
                real + 10
            );
        }
        out.push_str("}\n");
    }
    out
}
