//! The boxes that are no machines of ours: a router, the kernel's netfilter, programs.

use crate::boxes::BoxSpec;

use super::error::LabError;
use super::netfilter::Rules;
use super::programs::Program;

/// What a hop with a kernel of its own is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Real {
    /// It forwards and forgets nothing.
    Router,
    /// The kernel's own NAT or firewall.
    Netfilter(Rules),
    /// A program that connections run through.
    Program(Program),
}

impl Real {
    /// What `spec` is, with its settings; `None`: it is a machine of ours.
    pub(super) fn of(spec: &BoxSpec) -> Result<Option<Self>, LabError> {
        if let Some(rules) = Rules::of(spec)? {
            return Ok(Some(Self::Netfilter(rules)));
        }
        Ok(Program::of(spec)?.map(Self::Program))
    }

    /// Whether those on the server's side know nothing of the networks on the client's.
    pub(super) const fn hides(&self) -> bool {
        match self {
            Self::Router => false,
            Self::Netfilter(rules) => rules.nat.is_some(),
            Self::Program(program) => program.is_nat(),
        }
    }

    /// Whether the server sees connections come from this hop.
    pub(super) const fn fronts(&self) -> bool {
        self.hides() || matches!(self, Self::Program(_))
    }

    /// Whether its kernel forwards packets.
    pub(super) const fn forwards(&self) -> bool {
        !self.reads_frames()
    }

    /// Whether a program reads the frames on the client's side, and the kernel has no address there.
    pub(super) const fn reads_frames(&self) -> bool {
        matches!(self, Self::Program(program) if program.is_nat())
    }
}
