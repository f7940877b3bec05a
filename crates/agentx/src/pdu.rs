//! The packets (RFC 2741 section 6).

use crate::oid::Oid;
use crate::value::VarBind;
use core::fmt;

/// What every packet begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Header {
    /// The session, as the master numbered it.
    pub session: u32,
    /// The transaction that a request belongs to.
    pub transaction: u32,
    /// Pairs a response with its request.
    pub packet: u32,
}

/// A packet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pdu {
    /// Its header.
    pub header: Header,
    /// The context, where it is not the default one.
    pub context: Option<Vec<u8>>,
    /// What it says.
    pub body: Body,
}

impl Pdu {
    /// A packet in the default context.
    pub fn new(header: Header, body: Body) -> Self {
        Pdu { header, context: None, body }
    }
}

/// Where a Get or GetNext searches: from `start` to before `end`, if there is an end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Range {
    /// Begin of the search.
    pub start: Oid,
    /// Whether `start` itself counts.
    pub include: bool,
    /// End of the search, not included; empty is none.
    pub end: Oid,
}

/// A part of the tree that is registered or given back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Registration {
    /// Seconds the master waits for an answer; 0 is the session's.
    pub timeout: u8,
    /// Lower wins; 127 is usual.
    pub priority: u8,
    /// Position of the sub-identifier that `upper` is a bound of; 0 is none.
    pub range: u8,
    /// The subtree.
    pub subtree: Oid,
    /// Upper bound of the range, with `range` only.
    pub upper: Option<u32>,
    /// Whether it is one instance rather than a subtree.
    pub instance: bool,
}

impl Registration {
    /// All that is below `subtree`, at the usual priority.
    pub fn of(subtree: Oid) -> Self {
        Registration { timeout: 0, priority: 127, range: 0, subtree, upper: None, instance: false }
    }
}

/// Why a session is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// None of the others.
    Other,
    /// Too many packets that cannot be parsed.
    ParseError,
    /// Too many packets of the wrong kind.
    ProtocolError,
    /// Too many requests unanswered.
    Timeouts,
    /// The sender ends.
    Shutdown,
    /// By order of a manager.
    ByManager,
    /// Another number.
    Unknown(u8),
}

impl CloseReason {
    pub(crate) fn code(self) -> u8 {
        match self {
            CloseReason::Other => 1,
            CloseReason::ParseError => 2,
            CloseReason::ProtocolError => 3,
            CloseReason::Timeouts => 4,
            CloseReason::Shutdown => 5,
            CloseReason::ByManager => 6,
            CloseReason::Unknown(code) => code,
        }
    }

    pub(crate) fn from_code(code: u8) -> Self {
        match code {
            1 => CloseReason::Other,
            2 => CloseReason::ParseError,
            3 => CloseReason::ProtocolError,
            4 => CloseReason::Timeouts,
            5 => CloseReason::Shutdown,
            6 => CloseReason::ByManager,
            code => CloseReason::Unknown(code),
        }
    }
}

/// The error of a response: those of SNMP (RFC 3416 section 3) and those of AgentX itself
/// (RFC 2741 section 6.2.16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ResponseError(pub u16);

macro_rules! response_errors {
    ($($name:ident = $code:literal $text:literal)*) => {
        impl ResponseError {
            $(#[doc = $text] pub const $name: ResponseError = ResponseError($code);)*
        }

        impl fmt::Display for ResponseError {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.0 {
                    $($code => f.write_str($text),)*
                    other => write!(f, "error {other}"),
                }
            }
        }
    };
}

response_errors! {
    NONE = 0 "no error"
    GENERAL = 5 "general error"
    WRONG_TYPE = 7 "wrong type"
    WRONG_VALUE = 10 "wrong value"
    NO_CREATION = 11 "no creation"
    RESOURCE_UNAVAILABLE = 13 "resource unavailable"
    COMMIT_FAILED = 14 "commit failed"
    UNDO_FAILED = 15 "undo failed"
    NOT_WRITABLE = 17 "not writable"
    OPEN_FAILED = 256 "open failed"
    NOT_OPEN = 257 "not open"
    UNSUPPORTED_CONTEXT = 262 "unsupported context"
    DUPLICATE_REGISTRATION = 263 "duplicate registration"
    UNKNOWN_REGISTRATION = 264 "unknown registration"
    PARSE_ERROR = 266 "parse error"
    REQUEST_DENIED = 267 "request denied"
    PROCESSING_ERROR = 268 "processing error"
}

/// What a packet says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Body {
    /// A session is asked for.
    Open {
        /// Seconds the master waits for an answer; 0 is its default.
        timeout: u8,
        /// Identifies the subagent; may be empty.
        id: Oid,
        /// Describes it.
        description: Vec<u8>,
    },
    /// A session ends.
    Close(CloseReason),
    /// A subtree is taken.
    Register(Registration),
    /// A subtree is given back.
    Unregister(Registration),
    /// Values are asked for.
    Get(Vec<Range>),
    /// The next values are asked for.
    GetNext(Vec<Range>),
    /// Many next values are asked for.
    GetBulk {
        /// So many ranges are asked for once.
        non_repeaters: u16,
        /// The others so many times.
        max_repetitions: u16,
        /// Where to search.
        ranges: Vec<Range>,
    },
    /// Can these be set?
    TestSet(Vec<VarBind>),
    /// Set what was tested.
    CommitSet,
    /// Take that back.
    UndoSet,
    /// Forget it.
    CleanupSet,
    /// A notification.
    Notify(Vec<VarBind>),
    /// Is the other side there?
    Ping,
    /// An entry of sysORTable.
    AddAgentCaps {
        /// sysORID.
        id: Oid,
        /// sysORDescr.
        description: Vec<u8>,
    },
    /// It goes.
    RemoveAgentCaps(Oid),
    /// The answer to any of the others.
    Response {
        /// sysUpTime, hundredths of a second.
        uptime: u32,
        /// What went wrong.
        error: ResponseError,
        /// With which binding, from 1.
        index: u16,
        /// Values.
        bindings: Vec<VarBind>,
    },
}
