//! `idlescope serve`: the reflector, in the foreground, until Ctrl-C or SIGTERM.

use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use super::values;
use crate::io::{Limits, Reflector, ServeConfig, ServeStats};
use crate::model::duration::short;
use crate::model::target::REFLECTOR_PORT;
use crate::run::Interrupts;
use crate::time::Duration;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// Options of `serve`.
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// Where to listen; may be repeated [default: [::]:7133, or 0.0.0.0:7133 where there is no IPv6]
    #[arg(long, value_name = "ADDR:PORT", value_parser = values::listen)]
    pub listen: Vec<SocketAddr>,
    /// A file with a secret that every client must share
    #[arg(long, value_name = "FILE", env = "IDLESCOPE_SECRET_FILE", hide_env_values = true)]
    pub secret_file: Option<PathBuf>,
    /// Connections at once, all clients together
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,
    /// How long a connection may live.
    #[arg(long, value_name = "D", allow_negative_numbers = true, value_parser = values::duration)]
    #[arg(help = format!(
        "How long a connection may live; longer ladders are refused [default: {}]",
        short(Limits::default().hold)
    ))]
    pub max_hold: Option<Duration>,
    /// Memory for reports that wait for clients, in MiB
    #[arg(long, value_name = "MIB", default_value_t = (Limits::default().memory >> 20) as u32)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub max_memory: u32,
    /// Nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
}

/// Runs the command.
pub fn run(args: &ServeArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let secret = args.secret_file.as_deref().map(super::secret).transpose()?;
    let secured = secret.is_some();
    let defaults = Limits::default();
    let limits = Limits {
        connections: args.max_connections,
        hold: args.max_hold.unwrap_or(defaults.hold),
        memory: (args.max_memory as usize).saturating_mul(1 << 20),
        ..defaults
    };
    let listen = if args.listen.is_empty() {
        vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, REFLECTOR_PORT))]
    } else {
        args.listen.clone()
    };
    let terminal = terminal.silenced(args.quiet);
    super::block_on(async {
        let mut interrupts =
            Interrupts::of_this_process().map_err(|error| Failure::usage(format!("listen to signals: {error}")))?;
        let reflector = Reflector::bind(ServeConfig { listen, secret, limits }).map_err(Failure::usage)?;
        for address in reflector.local_addrs() {
            terminal.note(&format!("listening on {address}"));
        }
        if !secured {
            terminal.note("no --secret-file: anybody who can reach this port may use the reflector, within its limits");
        }
        let stats = {
            let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
            let running = reflector.run(async {
                let _ = stopped.await;
            });
            tokio::pin!(running);
            tokio::select! {
                stats = &mut running => stats,
                () = interrupts.next() => {
                    terminal.note("draining; once more to stop at once");
                    let _ = stop.send(());
                    tokio::select! {
                        stats = &mut running => stats,
                        () = interrupts.next() => return Ok(Exit::Done),
                    }
                }
            }
        };
        terminal.note(&told(&stats));
        Ok(Exit::Done)
    })
}

/// What it did, in one line.
fn told(stats: &ServeStats) -> String {
    let ServeStats { accepted, welcomed, refused, dropped, pushes, bytes_in, bytes_out } = stats;
    format!(
        "served {welcomed} of {accepted} connections ({refused} refused, {dropped} dropped), {pushes} pushes, \
         {bytes_in} bytes in, {bytes_out} bytes out"
    )
}
