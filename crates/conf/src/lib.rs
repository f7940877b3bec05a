//! The configuration language: text in, typed model and diagnostics out.
//!
//! `source -> lex -> expand -> parse -> lower -> check -> Model`, pure: files
//! and facts come through [`Host`]. Owns the language, the keyword tables
//! ([`grammar`]), lowering to [`model::Config`] and [`diag`]nostics. Never
//! reads a file, a clock or an interface by itself.
//!
//! ```
//! use conf::{LoadOptions, load, testing::MapHost};
//!
//! let host = MapHost::new().file("k.conf", "global_defs { router_id r1 }");
//! let loaded = load(&host, &LoadOptions::new("k.conf"));
//! assert_eq!(loaded.exit_status_for_test(), 0);
//! ```

mod apply;
pub mod args;
mod conceal;
pub mod diag;
pub mod docs;
mod expand;
mod glob;
pub mod grammar;
mod hint;
pub mod host;
pub mod lex;
pub mod lower;
mod parse;
mod print;
pub mod source;
pub mod testing;
pub mod value;

pub use diag::{Code, Diag, Level};
pub use expand::Limits;
pub use expand::include::{MainFile, bits as include_bits};
pub use host::Host;
pub use source::{Sources, Span};

use expand::Expander;
use lower::Cx;
use print::Printer;

/// What to load and how.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// The main file, or a pattern.
    pub file: String,
    /// `-i`: the id that `@` conditions compare with; by default the node
    /// name up to its first dot.
    pub config_id: Option<String>,
    /// A configuration test: no lenient numbers.
    pub test: bool,
    /// `-e`: every include error counts, whatever the include keyword.
    pub all_config_check: bool,
    /// Bounds.
    pub limits: Limits,
}

impl LoadOptions {
    /// Loads `file` in normal operation.
    pub fn new(file: impl Into<String>) -> Self {
        LoadOptions {
            file: file.into(),
            config_id: None,
            test: false,
            all_config_check: false,
            limits: Limits::default(),
        }
    }

    /// The same as a configuration test.
    pub fn test(mut self) -> Self {
        self.test = true;
        self
    }

    /// The same with this config id.
    pub fn config_id(mut self, id: impl Into<String>) -> Self {
        self.config_id = Some(id.into());
        self
    }
}

/// A configuration that was read, with all that is to be said about it.
#[derive(Debug)]
pub struct Loaded {
    /// The model; usable whatever the diagnostics say, unless
    /// [`Loaded::refusal`] says otherwise.
    pub model: model::Config,
    /// What is to be said, in order.
    pub diags: Vec<Diag>,
    /// How many more diagnostics there were than are kept.
    pub dropped: usize,
    /// The texts that spans point into.
    pub sources: Sources,
    worst: Level,
    main: MainFile,
    include_error: bool,
    missing_parameter: bool,
    fatal: bool,
}

/// Why the daemon must not start with a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No main file, or an include that must succeed did not: exit 6.
    NoConfig,
    /// A line lacks a parameter, an object fails its minimum checks: exit 2.
    Config,
}

impl Refusal {
    /// The daemon's exit status.
    pub fn exit_status(self) -> u8 {
        match self {
            Refusal::NoConfig => 6,
            Refusal::Config => 2,
        }
    }
}

impl Loaded {
    /// The exit status of `-t` (language reference: 0 well, 2 missing
    /// parameter, 4 cannot be read, 5 errors, 6 include error or security).
    pub fn exit_status_for_test(&self) -> u8 {
        match self.main {
            MainFile::Missing => return 6,
            MainFile::Unreadable => return 4,
            MainFile::Read => {}
        }
        if self.missing_parameter {
            2
        } else if self.include_error {
            6
        } else {
            self.worst.test_exit()
        }
    }

    /// Why the daemon must not start with this, if so.
    pub fn refusal(&self) -> Option<Refusal> {
        if self.main != MainFile::Read || self.include_error {
            Some(Refusal::NoConfig)
        } else if self.missing_parameter || self.fatal {
            Some(Refusal::Config)
        } else {
            None
        }
    }

    /// The highest level of all diagnostics.
    pub fn worst(&self) -> Level {
        self.worst
    }

    /// Whether there is any error of configuration (what `reload_check_config`
    /// looks at).
    pub fn has_errors(&self) -> bool {
        self.worst > Level::Note || self.include_error
    }
}

/// Reads a configuration.
pub fn load(host: &dyn Host, options: &LoadOptions) -> Loaded {
    read(host, options, None).0
}

/// Reads a configuration and gives it back as one text after expansion:
/// without includes, definitions, conditions, generators and comments. Reading
/// that text gives the same model. It holds the secrets of the configuration.
pub fn load_and_print(host: &dyn Host, options: &LoadOptions) -> (Loaded, String) {
    let (loaded, printer) = read(host, options, Some(Printer::default()));
    (loaded, printer.map(Printer::finish).unwrap_or_default())
}

fn read(
    host: &dyn Host,
    options: &LoadOptions,
    printer: Option<Printer>,
) -> (Loaded, Option<Printer>) {
    let config_id = options.config_id.clone().unwrap_or_else(|| {
        let node = host.node_name();
        node.split('.').next().unwrap_or("").to_owned()
    });
    let mut cx = Cx::new(host, options.test);
    if options.all_config_check {
        cx.language.include_check = include_bits::ALL;
    }
    let mut expander = Expander::new(cx, config_id, options.limits);
    expander.printer = printer;
    let main = expander.main(&options.file);
    let (mut cx, printer) = expander.finish();
    for check in lower::CHECKS {
        check(&mut cx);
    }
    let (include_error, missing_parameter, fatal) =
        (cx.sink.include_error, cx.sink.missing_parameter, cx.sink.fatal);
    let loaded = Loaded {
        model: cx.build.config,
        worst: cx.sink.worst(),
        dropped: cx.sink.dropped,
        diags: cx.sink.into_diags(),
        sources: cx.sources,
        main,
        include_error,
        missing_parameter,
        fatal,
    };
    (loaded, printer)
}
