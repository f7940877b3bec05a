//! The stable codes of diagnostics.
//!
//! A code keeps its meaning for ever; `docs/guide/diagnostics.md` is written
//! from this list and a test compares them.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $title:literal, $explain:literal;)*) => {
        /// Stable code of a diagnostic.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            /// All codes, in order.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// The code as shown: `E0101`.
            pub fn id(self) -> &'static str {
                match self { $(Code::$name => $code,)* }
            }

            /// What it is about, in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)* }
            }

            /// What it means and what to do.
            pub fn explanation(self) -> &'static str {
                match self { $(Code::$name => $explain,)* }
            }
        }
    };
}

codes! {
    LineTooLong = "E0101", "line too long",
        "A line may hold 1022 bytes. The whole line is ignored; split it, or use a multi-line definition.";
    NulByte = "E0102", "NUL byte in the file",
        "The file is damaged or is not text. Lines with NUL bytes are ignored.";
    UnmatchedQuote = "E0103", "quote not closed",
        "A word that begins with a quote must end with one on the same line.";
    BadEscape = "E0104", "bad escape in a command",
        "A backslash in a command must be followed by a character.";
    NotUtf8 = "E0105", "text is not UTF-8",
        "Bytes that are not UTF-8 are read as Latin-1. Save the file as UTF-8.";
    LookAlike = "E0106", "look-alike character",
        "A letter, quote or blank looks like an ASCII one but is another character, often from a word processor or a web page. Type it anew.";
    Placeholder = "E0107", "placeholder not filled in",
        "A template's placeholder was left in the file. Put the value there.";
    UndefinedVariable = "E0108", "definition used but not defined",
        "`$NAME` without a definition is left as it is. Define it above with `$NAME=value`.";
    FileMissing = "E0201", "file not found",
        "The file is not there, or no file matches the pattern.";
    FileUnreadable = "E0202", "file not readable",
        "The file is there but cannot be read, or is a directory, or not a regular file, or executable.";
    IncludeLoop = "E0203", "include goes in a circle or too deep",
        "A file includes itself, directly or by others, or includes are nested too deep.";
    IncludeCheck = "E0204", "bad include_check",
        "include_check takes read, match, wildcard_match and brace_match, each with + or - in front or alone.";
    MultipleFiles = "E0205", "several main files",
        "The pattern of the main file matches more than one file; all are read, in order.";
    TooMuch = "E0206", "configuration too large",
        "Expansion made more lines or text than a configuration can need. Look for a generator with a wrong bound.";
    Definition = "E0301", "bad definition or use of one",
        "A predefined name got wrong parameters, or expansion does not end.";
    Sequence = "E0302", "bad ~SEQ or ~LST",
        "See the forms of ~SEQ and ~LST in the guide. The line is ignored.";
    SubstitutionTooLong = "E0303", "expanded line too long",
        "The line would exceed 1022 bytes after substitution and is used unexpanded.";
    UnknownKeyword = "E0401", "unknown keyword",
        "The block does not know this keyword. The line, and its block if it has one, are ignored.";
    UnexpectedOpen = "E0402", "unexpected {",
        "A `{` where no block begins. It is ignored, with the `}` that belongs to it.";
    MissingOpen = "E0403", "missing {",
        "The keyword before opens a block, so `{` must follow it.";
    UnexpectedClose = "E0404", "extra }",
        "There is no open block that this `}` could close.";
    MissingClose = "E0405", "missing }",
        "The file ends inside a block. The hint names the line that opened it.";
    ExtraWords = "E0406", "extra words",
        "The keyword takes fewer words; the rest are ignored.";
    MissingParameter = "E0501", "missing parameter",
        "The keyword cannot do without this parameter. The daemon does not start with such a line.";
    BadNumber = "E0502", "bad number",
        "Not a number, or out of the range that the keyword allows.";
    BadValue = "E0503", "bad value",
        "The keyword does not take this value. The previous value or the default stays.";
    BadAddress = "E0504", "bad address",
        "Not an IP address or prefix of the family that is needed here.";
    BadFamily = "E0505", "wrong address family",
        "IPv4 and IPv6 are mixed where they must be one family.";
    Missing = "E0601", "something required is missing",
        "The object cannot work without this setting.";
    Duplicate = "E0602", "duplicate",
        "The same thing is given twice; the text says which one counts.";
    Undefined = "E0603", "name not defined",
        "No object of this name is defined, or it is defined later than it is used.";
    Conflict = "E0604", "settings contradict each other",
        "Two settings cannot both hold; the text says which one counts.";
    Adjusted = "E0605", "value adjusted",
        "The value is not usable as given and was changed as the text says.";
    Ignored = "E0606", "setting ignored",
        "The setting has no effect here.";
    NoInterface = "E0701", "interface does not exist",
        "There is no such interface. If it appears later, set dynamic_interfaces in global_defs.";
    BadInterface = "E0702", "interface not suitable",
        "The interface exists but cannot be used for this.";
    System = "E0703", "not possible on this system",
        "The system lacks what the setting needs.";
    Script = "E0801", "script not usable",
        "The script does not exist, is not executable for its user, or its user is unknown.";
    InsecureScript = "E0802", "script not secure",
        "Somebody other than root could change the script or a directory above it, or scripts run as root without enable_script_security.";
    InsecureFile = "E0803", "secret readable by others",
        "A file with a key may be read by its owner alone.";
    Deprecated = "E0901", "deprecated",
        "It still works; the text names what to write instead.";
    Advice = "E0902", "worth a look",
        "It works, but hardly as meant.";
    NotYet = "E0903", "accepted but not acted upon yet",
        "The keyword is read and checked, but this version does nothing with it.";
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn codes_are_unique_and_in_order() {
        let ids: Vec<_> = Code::ALL.iter().map(|c| c.id()).collect();
        assert!(ids.windows(2).all(|w| w[0] < w[1]), "{ids:?}");
    }
}
