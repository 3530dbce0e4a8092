//! What goes wrong while a policy is evaluated, and with what is evaluated.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

/// Why a policy has no value for a request: the kinds of Cedar's own evaluation errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorKind {
    /// An entity that was not given.
    EntityDoesNotExist,
    /// An entity without this attribute or tag.
    EntityAttrDoesNotExist,
    /// A record without this attribute.
    RecordAttrDoesNotExist,
    /// An operand of another type than the operation takes.
    TypeError,
    /// An extension function with too many or too few arguments.
    WrongNumArguments,
    /// An integer beyond 64 bits.
    IntegerOverflow,
    /// An extension function that has no value for its arguments.
    FailedExtensionFunctionExecution,
}

impl ErrorKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::EntityDoesNotExist,
        Self::EntityAttrDoesNotExist,
        Self::RecordAttrDoesNotExist,
        Self::TypeError,
        Self::WrongNumArguments,
        Self::IntegerOverflow,
        Self::FailedExtensionFunctionExecution,
    ];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EntityDoesNotExist => "entity_does_not_exist",
            Self::EntityAttrDoesNotExist => "entity_attr_does_not_exist",
            Self::RecordAttrDoesNotExist => "record_attr_does_not_exist",
            Self::TypeError => "type_error",
            Self::WrongNumArguments => "wrong_num_arguments",
            Self::IntegerOverflow => "integer_overflow",
            Self::FailedExtensionFunctionExecution => "failed_extension_function_execution",
        }
    }
}

/// Why the evaluation of a policy stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The policy errs; others go on.
    Error(ErrorKind),
    /// The whole decision ends: no steps are left, or the program is not sound.
    Halt(Halt),
}

/// Why there is no decision at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The budget of steps is used up.
    Steps,
    /// The program is not sound; one that passed its verification never gives this.
    Program,
}

/// Part of a request that does not conform to the schema, or is no Cedar value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFault {
    /// Where, for example `entities[2].attrs.level`.
    pub path: String,
    /// What is wanted there.
    pub wanted: String,
}

impl InputFault {
    pub(super) fn new(wanted: impl Into<String>) -> Box<Self> {
        Box::new(Self {
            path: String::new(),
            wanted: wanted.into(),
        })
    }

    /// The same fault, seen from the object around it.
    pub(super) fn member(mut self: Box<Self>, name: &str) -> Box<Self> {
        let dot = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.path = format!("{name}{dot}{}", self.path);
        self
    }

    /// The same fault, seen from the array around it.
    pub(super) fn element(mut self: Box<Self>, at: usize) -> Box<Self> {
        let dot = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.path = format!("[{at}]{dot}{}", self.path);
        self
    }
}
