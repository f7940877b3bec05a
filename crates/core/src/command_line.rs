//! The command line as the log shows it.

/// Where a line is broken.
const WIDTH: usize = 100;

/// `Command line: 'a' 'b'`, wrapped under the first argument.
pub fn wrapped(args: &[String]) -> Vec<String> {
    const HEAD: &str = "Command line:";
    let mut lines = Vec::new();
    let mut line = HEAD.to_owned();
    for arg in args {
        let word = format!(" '{arg}'");
        if line.len() + word.len() > WIDTH && line.len() > HEAD.len() {
            lines.push(std::mem::replace(&mut line, " ".repeat(HEAD.len())));
        }
        line.push_str(&word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn long_command_lines_continue_under_the_first_word() {
        let args: Vec<String> = ["keepalived", "-n"].map(str::to_owned).to_vec();
        assert_eq!(wrapped(&args), ["Command line: 'keepalived' '-n'"]);
        let args = vec!["x".repeat(60), "y".repeat(60)];
        let lines = wrapped(&args);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1], format!("{}'{}'", " ".repeat(14), args[1]));
    }
}
