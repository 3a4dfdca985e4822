//! `idlescope lab`: a path with chosen boxes on it, in namespaces, and a command on the client's side of it.
//!
//! Everything lives in this process and its children: when it ends, however it ends, the kernel takes all of it away
//! ([`crate::lab`]). The command has our standard streams, and its exit code is ours.
//!
//! - [`way`]: the path as the command line has it;
//! - [`command`]: the command, its environment and its end;
//! - [`picture`]: what is told before a shell starts; [`list`]: every box explained.

pub mod command;
pub mod list;
pub mod picture;
pub mod way;

use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use crate::boxes::{Chain, Node};
use crate::lab::{FarSide, Lab, LabError, LabSpec};
use crate::profile::path_file;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What is said below the help.
pub const EXAMPLES: &str = "\
A box is written as its name and parameters, --box nat,timeout=5s; --list has them all. A link: --link \
delay=20ms,jitter=5ms,loss=1%,rate=10mbit both ways, out.loss=1% or in.loss=1% one way (out: client to server); losses \
in bursts: burst=200ms,calm=20s,burst-loss=50%. Without any of them the path is one plain router.

On the server's side run a reflector (port 7133) and TCP and UDP echo (port 7). The command finds in its environment: \
IDLESCOPE_TARGET (for probe), IDLESCOPE_SERVER, IDLESCOPE_CLIENT, IDLESCOPE_ECHO; with -6 the same with a 6 at the end.

Examples:
  idlescope lab --box nat,timeout=5s
  idlescope lab --box nat,timeout=5s -- sh -c 'idlescope probe $IDLESCOPE_TARGET --max 10'
  idlescope lab --link delay=20ms,loss=1% --hop --box carrier,timeout=20s --pcap seen -- ./my-test
  idlescope lab --path home-behind-carrier

Exit codes: the command's own (128 + n where signal n ended it); 2 usage, or a program or kernel part is missing; \
4 namespaces are forbidden here.";

/// Options of `lab`.
#[derive(Debug, clap::Args)]
pub struct LabArgs {
    #[command(flatten)]
    way: way::Way,
    /// The path of a file, or a built-in one (--list has them), instead of --box, --hop and --link
    #[arg(long, value_name = "NAME|FILE", conflicts_with_all = way::IDS)]
    path: Option<String>,
    /// IPv6 addresses beside the IPv4 ones
    #[arg(short = '6', long)]
    ipv6: bool,
    /// Write what passes at every interface of every hop into this folder, a pcap file each
    #[arg(long, value_name = "DIR")]
    pcap: Option<PathBuf>,
    /// A file with a secret that every client of the reflector must share
    #[arg(long, value_name = "FILE", env = "IDLESCOPE_SECRET_FILE", hide_env_values = true)]
    secret_file: Option<PathBuf>,
    /// Explain every box in a line, or one box or built-in path in full; builds nothing
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    list: Option<String>,
    /// Say nothing but errors
    #[arg(short, long)]
    quiet: bool,
    /// What to run on the client's side; without, a shell
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs the command. The lab may have to enter a user namespace: no thread may exist yet.
pub fn run(args: &LabArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    if let Some(name) = &args.list {
        return list::show(name, terminal).map(|()| Exit::Done);
    }
    let chain = chain(args)?;
    let secret = args.secret_file.as_deref().map(super::secret).transpose()?;
    let capture = args.pcap.as_deref().map(folder).transpose()?;
    let lab = Lab::build(&LabSpec { chain, capture }).map_err(refused)?;
    let far_side = FarSide::start(&lab, secret).map_err(refused)?;
    if args.command.is_empty() {
        terminal.silenced(args.quiet).note(&picture::of(&lab));
    }
    let ended = command::run(&lab, &args.command, args.secret_file.as_deref(), &terminal.silenced(args.quiet));
    // The services first: they live on the lab's server.
    drop(far_side);
    drop(lab);
    ended
}

/// The path that was asked for.
fn chain(args: &LabArgs) -> Result<Chain, Failure> {
    let mut chain = match &args.path {
        Some(path) => path_file::load(path).map_err(Failure::usage)?.chain,
        None if args.way.nodes.is_empty() => Chain { nodes: vec![Node::Router], ipv6: false },
        None => Chain { nodes: args.way.nodes.clone(), ipv6: false },
    };
    chain.ipv6 |= args.ipv6;
    Ok(chain)
}

/// The folder for captures, absolute; made where it is not there yet.
fn folder(path: &Path) -> Result<PathBuf, Failure> {
    let made = std::fs::create_dir_all(path).and_then(|()| path.canonicalize());
    made.map_err(|error| {
        let path = path.display();
        Failure::usage(format!("make the folder --pcap {path}: {error}: name one that you may write to"))
    })
}

/// Why there is no lab, with its exit code.
fn refused(error: LabError) -> Failure {
    let exit = match error {
        LabError::Forbidden { .. } | LabError::Threads { .. } => Exit::Privilege,
        _ => Exit::Usage,
    };
    Failure::new(exit, error)
}
