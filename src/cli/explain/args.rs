//! Options of `explain`.

use crate::measure::attribute::End;
use crate::measure::other_end::Place;
use crate::model::{Cause, Class};
use crate::report::explain::Detail;
use std::net::IpAddr;
use std::path::PathBuf;

/// What is said below the help.
pub(in crate::cli) const HELP: &str = "\
Examples:
  idlescope explain trace.pcapng
  idlescope explain trace.pcap --only path,injector --all
  tcpdump -w - 'tcp or icmp or icmp6' | idlescope explain -
  idlescope explain client.pcap --peer server.pcap
  idlescope explain -i eth0 --port 443

A capture needs the headers alone (tcpdump -s 128), of TCP and of ICMP errors, from before the connections that matter.

Exit codes: 0 explained, 2 usage or a file that cannot be read, 4 privilege missing for -i.";

/// A cause, or a class of causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Only {
    /// This cause.
    Cause(Cause),
    /// Every cause of this class.
    Class(Class),
}

impl Only {
    /// Reads a word of `--only`.
    pub fn parse(word: &str) -> Result<Self, String> {
        // `undetermined` is both: the class has the cause in it.
        word.parse().map(Self::Class).or_else(|_| word.parse().map(Self::Cause)).map_err(|_| {
            let names = |words: Vec<&str>| words.join(", ");
            format!(
                "`{word}` is neither a class ({}) nor a cause ({})",
                names(Class::ALL.iter().map(|class| class.as_str()).collect()),
                names(Cause::ALL.iter().map(|cause| cause.as_str()).collect())
            )
        })
    }

    /// Whether `cause` is meant.
    pub fn covers(self, cause: Cause) -> bool {
        match self {
            Self::Cause(only) => only == cause,
            Self::Class(only) => only == cause.class(),
        }
    }
}

/// An end of a connection, on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum EndArg {
    /// Whoever opened it.
    Client,
    /// Whoever was called.
    Server,
}

impl From<EndArg> for Place {
    fn from(arg: EndArg) -> Self {
        match arg {
            EndArg::Client => Self::Client,
            EndArg::Server => Self::Server,
        }
    }
}

impl From<EndArg> for End {
    fn from(arg: EndArg) -> Self {
        match arg {
            EndArg::Client => Self::Client,
            EndArg::Server => Self::Server,
        }
    }
}

/// Options of `explain`.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// Captures (pcap or pcapng); several are read as one, in this order, as a rotating tcpdump leaves them. - is stdin
    #[arg(value_name = "FILE", required_unless_present = "interface", conflicts_with = "interface")]
    pub files: Vec<PathBuf>,
    /// Watch this interface instead.
    #[arg(short, long, value_name = "IF", help = "Watch this interface instead, until Ctrl-C; needs CAP_NET_RAW")]
    pub interface: Option<String>,
    /// A capture of the same time taken at the other end: what was never sent there, or never arrived, is proof
    #[arg(long, value_name = "FILE", conflicts_with = "interface")]
    pub peer: Option<PathBuf>,
    /// At which end --peer was taken [default: as its times to live tell, else server]
    #[arg(long, value_enum, value_name = "client|server", hide_possible_values = true, requires = "peer")]
    pub peer_at: Option<EndArg>,
    /// At which end the capture was taken [default: as its times to live tell]
    #[arg(long, value_enum, value_name = "client|server", hide_possible_values = true)]
    pub at: Option<EndArg>,

    /// Only connections that ended so: causes or classes (peer-kernel, peer-application, path, injector, network, local,
    /// undetermined), separated by commas
    #[arg(long, value_name = "CAUSES", value_delimiter = ',', value_parser = Only::parse)]
    pub only: Vec<Only>,
    /// Only connections of these hosts, at either end
    #[arg(long, value_name = "ADDR", value_delimiter = ',')]
    pub host: Vec<IpAddr>,
    /// Only connections of these ports, at either end
    #[arg(long, value_name = "PORT", value_delimiter = ',')]
    pub port: Vec<u16>,
    /// Only IPv4
    #[arg(short = '4', conflicts_with = "v6")]
    pub v4: bool,
    /// Only IPv6
    #[arg(short = '6')]
    pub v6: bool,
    /// Connections that ended in order, too
    #[arg(long)]
    pub closed: bool,

    /// Every connection instead of stories, as it ends
    #[arg(short, long, conflicts_with_all = ["top", "quiet"])]
    pub all: bool,
    /// At most so many stories
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub top: usize,
    /// The table alone
    #[arg(short, long)]
    pub quiet: bool,
    /// Print one JSON document: the ended connections, the table and the stories
    #[arg(long, conflicts_with_all = ["ndjson", "csv", "all"])]
    pub json: bool,
    /// Print a line of JSON for each ended connection, and one for the whole at the end
    #[arg(long, conflicts_with_all = ["csv", "all"])]
    pub ndjson: bool,
    /// Print a row for each ended connection (CSV, schema 1)
    #[arg(long, conflicts_with = "all")]
    pub csv: bool,
}

impl ExplainArgs {
    /// How much a person wants to read.
    pub(super) fn detail(&self) -> Detail {
        if self.quiet || self.all { Detail::Table } else { Detail::Stories(self.top) }
    }
}
