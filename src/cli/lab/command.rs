//! The command inside the lab, or a shell: what it finds there, and its end.

use super::refused;
use crate::cli::exit::{Exit, Failure};
use crate::cli::terminal::Terminal;
use crate::lab::far_side::ECHO_PORT;
use crate::lab::signals::{self, Event, Request, Signals};
use crate::lab::{Host, Lab, Process};
use crate::model::target::REFLECTOR_PORT;
use crate::time::Duration;
use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// How long a command that was asked to end may take.
const GRACE: Duration = Duration::from_secs(5);
/// The shell of those who have not chosen one.
const PLAIN_SHELL: &str = "/bin/sh";

/// Runs the command, or a shell where it is empty, until its end.
pub(super) fn run(
    lab: &Lab,
    words: &[OsString],
    secret_file: Option<&Path>,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let (mut command, may_be_typed_to) = match words.split_first() {
        Some((program, arguments)) => {
            let mut command = Command::new(program);
            command.args(arguments);
            (command, is_shell(program) && arguments.is_empty())
        }
        None => (shell(), true),
    };
    prepare(&mut command, lab, secret_file);
    let listen = |error| Failure::usage(format!("listen to signals: {error}"));
    let mut signals = Signals::listen().map_err(listen)?;
    let held = signals::Terminal::held();
    // In the background, or with its input from elsewhere, a shell is a command as any other.
    let interactive = may_be_typed_to && held.is_some();
    let process = if interactive { lab.shell_in(Host::Client, command) } else { lab.command_in(Host::Client, command) };
    let mut process = process.map_err(refused)?;
    let asked = attend(&mut process, &mut signals, interactive, terminal).map_err(listen)?;
    let status = process.wait().map_err(|error| Failure::usage(format!("wait for the command: {error}")))?;
    if let Some(held) = held {
        held.take_back(status.signal().is_some());
    }
    Ok(Exit::Command(code(status, asked)))
}

/// Waits for its end. The request on which it was killed, where it was.
fn attend(
    process: &mut Process,
    signals: &mut Signals,
    interactive: bool,
    terminal: &Terminal,
) -> std::io::Result<Option<Request>> {
    let mut asked: Option<Request> = None;
    loop {
        match signals.wait(process, asked.map(|_| GRACE))? {
            Event::Ended => return Ok(None),
            // Whoever types Ctrl-C to a shell means a line or a program in it.
            Event::Asked(request) if interactive && request.from_terminal && is_typed(request) => {}
            Event::Asked(request) if asked.is_none() => {
                if !request.from_terminal {
                    // A shell with somebody at it ignores SIGTERM, not the loss of its terminal.
                    let hang_up = interactive && request.signal == libc::SIGTERM;
                    process.signal(if hang_up { libc::SIGHUP } else { request.signal })?;
                }
                asked = Some(request);
            }
            Event::Asked(_) | Event::TimeUp => {
                terminal.note("the command did not end: killed");
                process.kill()?;
                return Ok(asked);
            }
        }
    }
}

const fn is_typed(request: Request) -> bool {
    matches!(request.signal, libc::SIGINT | libc::SIGQUIT)
}

/// The exit code as a shell has it: the signal that ended it, or on which it was killed, counts from 128.
fn code(status: ExitStatus, killed_on: Option<Request>) -> u8 {
    let signal = killed_on.map(|request| request.signal).or(status.signal());
    let code = signal.map_or_else(|| status.code().unwrap_or(1), |signal| 128 + signal);
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// Whether this is one of the shells that read their prompt from PS1, as it is.
fn is_shell(program: &OsStr) -> bool {
    let name = Path::new(program).file_name().unwrap_or_default();
    ["sh", "dash", "ash", "bash", "ksh", "mksh"].iter().any(|known| name == OsStr::new(known))
}

/// The user's shell. It says in its prompt where it is, if it reads that from its environment.
fn shell() -> Command {
    let chosen = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let shell = chosen.unwrap_or_else(|| PLAIN_SHELL.into());
    let takes_prompt = is_shell(&shell);
    let mut command = Command::new(shell);
    if takes_prompt {
        command.env("PS1", "(lab) $ ");
    }
    // Debian's bashrc sets a prompt of its own, and names a root directory in front of it where this is set.
    command.env("debian_chroot", "lab");
    command
}

/// The environment: who is where, and where `idlescope` itself is.
fn prepare(command: &mut Command, lab: &Lab, secret_file: Option<&Path>) {
    for (name, value) in environment(lab) {
        command.env(name, value);
    }
    // As an absolute path, for the command may change its folder.
    if let Some(file) = secret_file.and_then(|file| std::path::absolute(file).ok()) {
        command.env("IDLESCOPE_SECRET_FILE", file);
    }
    let own = std::env::current_exe().ok().and_then(|file| file.parent().map(Path::to_owned));
    if let Some(path) = own.and_then(with_path) {
        command.env("PATH", path);
    }
}

/// PATH with this folder in front.
fn with_path(first: PathBuf) -> Option<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    std::env::join_paths(std::iter::once(first).chain(std::env::split_paths(&path))).ok()
}

/// The variables that say who is where.
fn environment(lab: &Lab) -> Vec<(String, String)> {
    let mut all = vec![("IDLESCOPE_LAB".to_owned(), lab.spec().chain.to_string())];
    let mut family = |suffix: &str, client: IpAddr, server: IpAddr| {
        let mut set = |name: &str, value: String| all.push((format!("IDLESCOPE_{name}{suffix}"), value));
        set("CLIENT", client.to_string());
        set("SERVER", server.to_string());
        set("TARGET", format!("reflector://{}", SocketAddr::new(server, REFLECTOR_PORT)));
        set("ECHO", SocketAddr::new(server, ECHO_PORT).to_string());
    };
    family("", lab.address(Host::Client), lab.address(Host::Server));
    if let (Some(client), Some(server)) = (lab.address6(Host::Client), lab.address6(Host::Server)) {
        family("6", client, server);
    }
    all
}
