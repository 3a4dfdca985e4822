//! Exit codes, which scripts rely on, and the failures that carry them.

use std::fmt::Display;

/// What the process says to its parent. The numbers are part of the contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exit {
    /// Measured, or done.
    #[default]
    Done,
    /// Usage or configuration.
    Usage,
    /// The target is unreachable, or control was lost: no verdict.
    Unreachable,
    /// A privilege is missing for what was asked.
    Privilege,
    /// Not enough for an answer.
    Inconclusive,
    /// Stopped by the user.
    Interrupted,
    /// What the command inside a lab exited with.
    Command(u8),
}

impl Exit {
    /// The number. 1 is kept for failed assertions, 101 is a panic.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Privilege => 4,
            Self::Inconclusive => 5,
            Self::Interrupted => 130,
            Self::Command(code) => code,
        }
    }

    /// The exit of a run over several targets: that of the worst of them. Interrupted beats everything, for nothing
    /// after it was measured; then what the user has to change; then what the network did.
    pub fn worst(self, other: Self) -> Self {
        let rank = |exit: Self| match exit {
            Self::Done | Self::Command(_) => 0,
            Self::Inconclusive => 1,
            Self::Unreachable => 2,
            Self::Usage => 3,
            Self::Privilege => 4,
            Self::Interrupted => 5,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

/// Why a command could not do its work: one line with the remedy in it, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What the process exits with.
    pub exit: Exit,
    /// What is printed on stderr; nothing where it is empty (a closed pipe is nobody's fault).
    pub message: String,
}

impl Failure {
    /// A failure with its message.
    pub fn new(exit: Exit, message: impl Display) -> Self {
        Self { exit, message: message.to_string() }
    }

    /// Something that the user wrote is wrong.
    pub fn usage(message: impl Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Whoever read our output has gone: stop quietly, as a success.
    pub fn closed_pipe() -> Self {
        Self::new(Exit::Done, "")
    }

    /// Whether this is nothing but a closed pipe.
    pub fn is_closed_pipe(&self) -> bool {
        self.exit == Exit::Done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_several_targets_is_what_the_process_exits_with() {
        assert_eq!(Exit::Done.worst(Exit::Inconclusive), Exit::Inconclusive);
        assert_eq!(Exit::Unreachable.worst(Exit::Inconclusive), Exit::Unreachable);
        assert_eq!(Exit::Interrupted.worst(Exit::Usage).code(), 130);
    }
}
