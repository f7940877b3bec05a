//! The text of a mail: header, body, and the addresses in it (RFC 5322).

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// Date as the header has it.
    pub date: &'a str,
    /// Sender as configured.
    pub from: &'a str,
    /// Recipients as configured.
    pub to: &'a [String],
    /// Subject, router id included.
    pub subject: &'a str,
    /// Lines of the body.
    pub body: &'a str,
}

impl Message<'_> {
    /// What follows DATA: lines that end in CRLF, dots at their beginning doubled, and the line of
    /// one dot that ends it (RFC 5321, 4.5.2).
    pub fn data(&self) -> Vec<u8> {
        let to: Vec<String> = self.to.iter().map(|to| mailbox(to)).collect();
        let mut lines = vec![
            format!("Date: {}", self.date),
            format!("From: {}", one_line(self.from)),
            format!("Subject: {}", one_line(self.subject)),
            "X-Mailer: Keepalived".to_owned(),
            // One line each, so that none gets too long.
            format!("To: {}", to.join(",\r\n ")),
            String::new(),
        ];
        lines.extend(self.body.lines().map(stuffed));
        lines.push(String::new());
        lines.push(".".to_owned());
        (lines.join("\r\n") + "\r\n").into_bytes()
    }
}

/// Text that ends no line of a header.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A line of the body that is not taken for the end.
fn stuffed(line: &str) -> String {
    let line = one_line(line);
    if line.starts_with('.') { format!(".{line}") } else { line }
}

/// The address alone of what is configured: what is in angle brackets, if there are any.
pub fn address(configured: &str) -> String {
    let inner = configured
        .rsplit_once('<')
        .map_or(configured, |(_, rest)| rest.split_once('>').map_or(rest, |(inner, _)| inner));
    // Nothing that would end the command's argument or its line.
    inner.chars().filter(|c| !c.is_control() && !matches!(c, '<' | '>' | ' ')).collect()
}

/// Characters that a display name may hold only in quotes (RFC 5322, 3.2.3).
const SPECIALS: &str = "()<>[]:;@\\,.\"";

/// What is configured as the header has it: a display name with special characters gets quotes.
fn mailbox(configured: &str) -> String {
    let text = one_line(configured);
    let Some((name, address)) = text.rsplit_once('<') else { return text };
    let name = name.trim();
    let is_quoted = name.len() > 1 && name.starts_with('"') && name.ends_with('"');
    if name.is_empty() || is_quoted || !name.contains(|c| SPECIALS.contains(c)) {
        return text;
    }
    let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\" <{address}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message<'a>(to: &'a [String], subject: &'a str, body: &'a str) -> Message<'a> {
        Message {
            date: "Sun, 22 Nov 2026 12:50:18 +0000",
            from: "k@example.net",
            to,
            subject,
            body,
        }
    }

    #[test]
    fn a_message_has_the_documented_form() {
        let to = ["first@x".to_owned(), "second@x".to_owned()];
        let data = message(&to, "[LAB] Stopping", "=> gone <=").data();
        let expected = "Date: Sun, 22 Nov 2026 12:50:18 +0000\r\n\
            From: k@example.net\r\n\
            Subject: [LAB] Stopping\r\n\
            X-Mailer: Keepalived\r\n\
            To: first@x,\r\n second@x\r\n\
            \r\n\
            => gone <=\r\n\
            \r\n\
            .\r\n";
        assert_eq!(String::from_utf8(data).unwrap(), expected);
    }

    #[test]
    fn nothing_is_cut_off() {
        let to: Vec<String> = (0..200).map(|n| format!("recipient{n}@example.net")).collect();
        let data = message(&to, &"s".repeat(600), &"b".repeat(2000)).data();
        let text = String::from_utf8(data).unwrap();
        assert!(text.contains("recipient199@") && text.contains(&"b".repeat(2000)));
        assert!(text.ends_with("\r\n.\r\n"));
    }

    #[test]
    fn display_names_are_quoted_where_they_must_be() {
        for (configured, header) in [
            ("a@x", "a@x"),
            ("<a@x>", "<a@x>"),
            ("Joe <a@x>", "Joe <a@x>"),
            ("Joe B. <b@x>", "\"Joe B.\" <b@x>"),
            ("\"Joe B.\" <b@x>", "\"Joe B.\" <b@x>"),
            ("a \"b\" \\ <b@x>", "\"a \\\"b\\\" \\\\\" <b@x>"),
        ] {
            assert_eq!(mailbox(configured), header);
        }
    }

    #[test]
    fn the_envelope_has_the_address_alone() {
        for (configured, alone) in [
            ("a@x", "a@x"),
            ("<a@x>", "a@x"),
            ("Joe B. <b@x>", "b@x"),
            ("Joe <b@x", "b@x"),
            ("a@x\r\nDATA", "a@xDATA"),
        ] {
            assert_eq!(address(configured), alone);
        }
    }

    proptest! {
        /// Whatever is in names and texts, it stays where it belongs.
        #[test]
        fn no_text_ends_the_message_or_adds_a_header(
            subject in "[\\PC\r\n.]{0,40}",
            body in "[.\r\na]{0,60}",
            name in "[\\PC\r\n]{0,20}",
        ) {
            let to = [format!("{name} <a@x>")];
            let data = String::from_utf8(message(&to, &subject, &body).data()).unwrap();
            prop_assert_eq!(data.find("\r\n.\r\n"), Some(data.len() - 5));
            let header = data.split("\r\n\r\n").next().unwrap();
            prop_assert_eq!(header.split("\r\n").count(), 5);
            for line in data.split("\r\n") {
                prop_assert!(!line.contains(['\r', '\n']));
            }
        }
    }
}
