//! Profiles: what is known about a kind of path, and what to ask of it.
//!
//! One TOML file each in `profiles/`, commented, part of the program; a file of the user's own reads the same way. Keys
//! that are left out are those of `default`. A key that does not exist is an error with line, column and a suggestion,
//! for a typing error that is ignored costs a night.
//!
//! [`path_file`] reads paths for the lab in the same way.

mod error;
pub mod path_file;
mod read;
mod source;

pub use error::ProfileError;

use crate::measure::Request;
use crate::model::Cliff;
use crate::time::Duration;
use source::Source;
use std::fmt;

/// What is known about a kind of path.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// One line about it.
    pub about: String,
    /// The shortest silence of interest.
    pub min: Duration,
    /// The longest silence of interest.
    pub max: Duration,
    /// Width of the bracket to aim at, relative.
    pub resolution: f64,
    /// How many connections the ladder may use.
    pub connections: u32,
    /// New connections a second, at most.
    pub open_rate: u32,
    /// Connections of the re-check; 0 for none.
    pub recheck: u32,
    /// Timeouts that are known to exist on such paths, ascending.
    pub cliffs: Vec<CliffEntry>,
}

/// A timeout that is known to exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliffEntry {
    /// The idle time after which boxes of this kind forget.
    pub at: Duration,
    /// Which box does so.
    pub name: String,
    /// How it is known.
    pub evidence: Evidence,
    /// Where it is written.
    pub source: String,
}

/// How a timeout is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// By the vendor, a standard or the source code.
    Documented,
    /// Somebody quotes the documentation.
    SecondHand,
    /// Users have measured or reported it.
    MeasuredByUsers,
    /// Nobody has checked it.
    Unverified,
}

impl Evidence {
    /// Every kind, the strongest first.
    pub const ALL: [Self; 4] = [Self::Documented, Self::SecondHand, Self::MeasuredByUsers, Self::Unverified];

    /// The word in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::SecondHand => "second-hand",
            Self::MeasuredByUsers => "measured-by-users",
            Self::Unverified => "unverified",
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The closest that two tries of a kernel keepalive can be: `TCP_KEEPINTVL` counts whole seconds (tcp(7)).
const KEEPALIVE_SPACING: Duration = Duration::from_secs(1);

impl Profile {
    /// The timeouts in the form that a plan needs.
    pub fn cliffs(&self) -> Vec<Cliff> {
        let cliff = |entry: &CliffEntry| Cliff { at: entry.at, name: entry.name.clone() };
        self.cliffs.iter().map(cliff).collect()
    }

    /// What to ask of a path, with a reflector at its end or without.
    pub fn request(&self, reflector: bool) -> Request {
        Request {
            min: self.min,
            max: self.max,
            resolution: self.resolution,
            connections: self.connections,
            open_rate: self.open_rate,
            cliffs: self.cliffs(),
            reflector,
            try_spacing: if reflector { Duration::ZERO } else { KEEPALIVE_SPACING },
            recheck: self.recheck,
        }
    }
}

/// A profile that is part of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// Its file, comments included.
    pub text: &'static str,
}

macro_rules! builtins {
    ($($name:literal),+) => {
        &[$(Builtin { name: $name, text: include_str!(concat!("../../profiles/", $name, ".toml")) }),+]
    };
}

const BUILTINS: &[Builtin] = builtins!["default", "quick", "mobile", "load-balancer", "home-nat", "firewall"];

impl Builtin {
    /// Reads it.
    pub fn profile(&self) -> Result<Profile, ProfileError> {
        read::profile(&format!("profiles/{}.toml", self.name), self.name, self.text)
    }
}

/// The profiles that are part of the program.
pub fn builtin() -> &'static [Builtin] {
    BUILTINS
}

/// Loads a profile by the name of a built-in one or by the path of a file. A built-in name goes before a file of that
/// name; write `./default` for the file.
pub fn load(name_or_path: &str) -> Result<Profile, ProfileError> {
    if let Some(builtin) = BUILTINS.iter().find(|builtin| builtin.name == name_or_path) {
        return builtin.profile();
    }
    let known: Vec<&str> = BUILTINS.iter().map(|builtin| builtin.name).collect();
    match Source::of(name_or_path, &known) {
        Source::Unknown { meant, known } => Err(ProfileError::Unknown { name: name_or_path.to_owned(), meant, known }),
        Source::Unreadable(source) => Err(ProfileError::Read { file: name_or_path.to_owned(), source }),
        Source::Text { name, text } => read::profile(name_or_path, &name, &text),
    }
}

/// Reads a profile from text that is called `file` in errors; its name is `name` unless it gives one.
pub fn parse(file: &str, name: &str, text: &str) -> Result<Profile, ProfileError> {
    read::profile(file, name, text)
}
