//! How the program ends: a few named codes that scripts can go by.

use std::process::ExitCode;

use suitecast_engine::EngineError;
use suitecast_store::{ErrorKind, StoreError};

/// The codes, as `suitecast --help` ends with them.
pub const HELP: &str = "\
Exit codes:
    0  done
    1  what was looked for is wrong or was not reached: an incomplete tree, a file that changed, a timeout of --watch
    2  the command line cannot be understood
    3  a failure that passes, such as an answer that did not come: run it again
    4  refused: no rights, expired credentials, no such bucket, a limit such as --max-delete
  130  interrupted (Ctrl-C); what was begun has been cleared away
  141  the reader of its output went away";

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// What was asked for is done, or so.
    Done,
    /// What was looked for is wrong, or was not reached. The same call says the same until somebody changes something in
    /// the archive.
    Wrong,
    /// The command line cannot be understood. clap ends with it by itself.
    Usage,
    /// A failure that may pass by itself: the same call may succeed.
    Temporary,
    /// The store, or a limit that the caller set, said no. The same call fails until somebody changes rights, names or
    /// limits.
    Refused,
    /// SIGINT or SIGTERM: what was begun has been ended in order.
    Interrupted,
    /// The reader of stdout went away. The code is the one that a shell shows for a program that SIGPIPE ended.
    BrokenPipe,
}

impl Exit {
    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Wrong => 1,
            Self::Usage => 2,
            Self::Temporary => 3,
            Self::Refused => 4,
            Self::Interrupted => 130,
            Self::BrokenPipe => 141,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// Why a command came to no result. It is told once, at the edge.
#[derive(Debug)]
pub struct Failure {
    /// How the program ends.
    pub exit: Exit,
    /// What was being done, to what, which rule was broken, and what to do next. Empty where there is nobody to tell.
    pub message: String,
}

impl Failure {
    /// A failure with its message.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// The archive, or what somebody said of it, is not as it should be.
    pub fn wrong(message: impl Into<String>) -> Self {
        Self::new(Exit::Wrong, message)
    }

    /// The arguments contradict each other.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Somebody said no.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Exit::Refused, message)
    }

    /// It may pass.
    pub fn temporary(message: impl Into<String>) -> Self {
        Self::new(Exit::Temporary, message)
    }

    /// The reader of stdout went away.
    pub fn broken_pipe() -> Self {
        Self::new(Exit::BrokenPipe, "")
    }
}

/// What a store's failure means to somebody at a prompt.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(exit_of(error.kind), error.to_string())
    }
}

/// What the engine's failure means: it names what was being done, and the store's own words follow.
impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let exit = match &error {
            EngineError::Store { source, .. } => exit_of(source.kind),
            EngineError::Queue { .. }
            | EngineError::WakeFailed { .. }
            | EngineError::Contended { .. }
            | EngineError::Held { .. } => Exit::Temporary,
            EngineError::Rejected { .. } => Exit::Wrong,
        };
        Self::new(exit, suitecast_mirror::with_causes(&error))
    }
}

/// How the program ends after a store's answer of this kind.
pub fn exit_of(kind: ErrorKind) -> Exit {
    match kind {
        ErrorKind::NotFound | ErrorKind::PreconditionFailed => Exit::Wrong,
        ErrorKind::Conflict | ErrorKind::Throttled | ErrorKind::Unavailable => Exit::Temporary,
        ErrorKind::AccessDenied
        | ErrorKind::ExpiredCredentials
        | ErrorKind::WrongRegion
        | ErrorKind::NoSuchBucket
        | ErrorKind::TooLarge
        | ErrorKind::Rejected => Exit::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_code() {
        for exit in
            [Exit::Done, Exit::Wrong, Exit::Usage, Exit::Temporary, Exit::Refused, Exit::Interrupted, Exit::BrokenPipe]
        {
            let line = format!("{:>5}  ", exit.code());
            assert!(HELP.lines().any(|text| text.starts_with(&line)), "{exit:?}");
        }
    }
}
