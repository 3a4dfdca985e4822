//! `--box`, `--hop` and `--link`: what stands on the path, in the order of the command line.

use crate::boxes::{BoxError, BoxSpec, LinkError, LinkSpec, Node};
use clap::builder::{StringValueParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

/// The ids of its options.
pub const IDS: [&str; 3] = ["box", "hop", "link"];

/// What was asked for, from the client's side to the server's. Not derived: clap's derive collects each option in a
/// list of its own and forgets which came first.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// In the order of the command line.
    pub nodes: Vec<Node>,
}

fn a_box(written: &str) -> Result<Node, BoxError> {
    written.parse::<BoxSpec>().map(Node::Box)
}

fn a_link(written: &str) -> Result<Node, LinkError> {
    written.parse::<LinkSpec>().map(Node::Link)
}

impl Args for Way {
    fn augment_args(command: Command) -> Command {
        let [a, b, c] = IDS;
        let a_hop = StringValueParser::new().map(|_| Node::Router);
        let option = |id| Arg::new(id).long(id).action(ArgAction::Append);
        command
            .arg(option(a).value_name("SPEC").value_parser(a_box).help(
                "A box on the path, such as nat,timeout=5s; repeat it, and mix it with --hop and --link: their order \
                 is the order on the path, from client to server",
            ))
            .arg(option(b).num_args(0).default_missing_value("").value_parser(a_hop).help("A plain router on the path"))
            .arg(
                option(c)
                    .value_name("SPEC")
                    .value_parser(a_link)
                    .help("A stretch of the path that takes time and loses packets, such as delay=20ms,loss=1%"),
            )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Way {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut nodes: Vec<(usize, Node)> = Vec::new();
        for id in IDS {
            let places = matches.indices_of(id).into_iter().flatten();
            let values = matches.get_many::<Node>(id).into_iter().flatten().cloned();
            nodes.extend(places.zip(values));
        }
        nodes.sort_by_key(|(place, _)| *place);
        Ok(Self { nodes: nodes.into_iter().map(|(_, node)| node).collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        way: Way,
    }

    fn nodes(arguments: &[&str]) -> String {
        let all = std::iter::once("lab").chain(arguments.iter().copied());
        let nodes = Program::try_parse_from(all).unwrap().way.nodes;
        crate::boxes::Chain { nodes, ipv6: false }.to_string()
    }

    #[test]
    fn the_order_of_the_command_line_is_the_order_on_the_path() {
        let link = "--link";
        assert_eq!(
            nodes(&[
                "--hop",
                link,
                "delay=1ms",
                "--hop",
                "--hop",
                "--link=loss=1%",
                "--box",
                "nat,timeout=5s",
                "--hop"
            ]),
            "router → link delay=1ms → router → router → link loss=1% → nat,timeout=5s → router"
        );
        assert_eq!(nodes(&[]), "cable");
    }

    #[test]
    fn a_value_that_cannot_be_read_is_refused_with_its_option() {
        let error = Program::try_parse_from(["lab", "--link", "dealy=5ms"]).unwrap_err().to_string();
        assert!(error.contains("--link <SPEC>") && error.contains("did you mean `delay`"), "{error}");
        assert!(Program::try_parse_from(["lab", "--box", "nta,timeout=5s"]).is_err());
    }
}
