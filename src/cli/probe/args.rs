//! The options of `probe`.

use crate::cli::recommend::For;
use crate::cli::request::RequestArgs;
use crate::cli::values;
use crate::cli::wish::WishArgs;
use crate::model::Target;
use crate::time::Duration;
use std::path::PathBuf;

/// What the connections are seen with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// Raw where this process may, else kernel.
    #[default]
    #[value(help = "Raw where this process may (CAP_NET_RAW), else kernel")]
    Auto,
    /// Ordinary sockets, no privilege.
    Kernel,
    /// Packets too: who ended a connection, and how far from here.
    #[value(help = "Packets too, with CAP_NET_RAW: who ended a connection, and how far from here")]
    Raw,
}

/// Options of `probe`.
#[derive(Debug, clap::Args)]
pub struct ProbeArgs {
    /// What to measure the path to.
    #[arg(
        required = true,
        value_name = "TARGET",
        help = "[tcp://]HOST:PORT, or reflector://HOST[:PORT] where `idlescope serve` runs; IPv6 in brackets. \
                Several are measured one after another"
    )]
    pub targets: Vec<Target>,
    /// What to ask of the path.
    #[command(flatten)]
    pub request: RequestArgs,
    /// What to recommend.
    #[command(flatten)]
    pub wish: WishArgs,

    /// What the connections are seen with: ordinary sockets (kernel), or their packets too (raw); both find the same
    #[arg(long, value_enum, default_value_t, value_name = "ENGINE", help_heading = "How to reach it")]
    pub engine: Engine,
    /// Open the test connections without the kernel's TCP, by crafted handshakes (engine raw): tells what the kernel
    /// makes of a path from what the path does. Some kernels want another capability for it, see doctor
    #[arg(long, help_heading = "How to reach it")]
    pub raw_owned: bool,
    /// IPv4 only
    #[arg(short = '4', long, help_heading = "How to reach it")]
    pub ipv4: bool,
    /// IPv6 only
    #[arg(short = '6', long, conflicts_with = "ipv4", help_heading = "How to reach it")]
    pub ipv6: bool,
    /// Measure every address of the name, one after another, instead of the first
    #[arg(long, conflicts_with = "resume", help_heading = "How to reach it")]
    pub all_addrs: bool,
    /// Give up opening a connection after this long
    #[arg(long, value_name = "D", default_value = "5s", allow_negative_numbers = true, value_parser = values::duration, help_heading = "How to reach it")]
    pub timeout: Duration,
    /// A file with the reflector's shared secret
    #[arg(
        long,
        value_name = "FILE",
        env = "IDLESCOPE_SECRET_FILE",
        hide_env_values = true,
        help_heading = "How to reach it"
    )]
    pub secret_file: Option<PathBuf>,
    /// Test a TCP service with these bytes instead of a kernel keepalive; escapes: \n \r \t \0 \\ \xHH
    #[arg(long, value_name = "BYTES", value_parser = values::bytes, help_heading = "How to reach it")]
    pub send: Option<values::Bytes>,

    /// Append each decided hold to this CSV file; - is stdout
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Append the answer to this CSV file; - is stdout
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub summary: Option<PathBuf>,
    /// Print settings for these systems, ready to paste, such as nginx,go (recommend --list has all); the rest goes to stderr
    #[arg(long = "for", value_name = "TARGETS", value_delimiter = ',', value_parser = For::parse, help_heading = "Output")]
    pub settings_for: Vec<For>,
    /// Print one JSON document instead of text (an array for several addresses)
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// Print each observation and decision as a line of JSON, as they happen
    #[arg(long, conflicts_with = "json", help_heading = "Output")]
    pub ndjson: bool,
    /// Go on with the last run in this holds file: repeat only what was undecided, and append to it
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub resume: Option<PathBuf>,
    /// What the CSV calls the region
    #[arg(
        long,
        value_name = "R",
        env = "IDLESCOPE_REGION",
        hide_env_values = true,
        default_value = "",
        hide_default_value = true,
        help_heading = "Output"
    )]
    pub region: String,
    /// What the CSV calls this host or network [default: the host name]
    #[arg(long, value_name = "V", env = "IDLESCOPE_VANTAGE", hide_env_values = true, help_heading = "Output")]
    pub vantage: Option<String>,
    /// No plan, no progress: errors and the result only
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
    /// A line for each decided hold; twice: for each observation
    #[arg(short, long, action = clap::ArgAction::Count, conflicts_with = "quiet", help_heading = "Output")]
    pub verbose: u8,
}
