//! The kernel's counters that tell why connections end: `/proc/net/netstat` and `/proc/net/snmp` of the namespace of the
//! calling thread (`net/ipv4/proc.c`). Anybody may read them.

use crate::model::testimony::Counters;

/// Their values, in the order of [`NAMES`]; `None` where this kernel does not have one.
pub(super) type Values = [Option<u32>; 8];

/// Table, names of the columns that are added up.
const NAMES: [(&str, &[&str]); 8] = [
    ("TcpExt:", &["TCPAbortOnClose"]),
    ("TcpExt:", &["TCPAbortOnData"]),
    ("TcpExt:", &["TCPAbortOnTimeout"]),
    ("TcpExt:", &["ListenOverflows"]),
    ("TcpExt:", &["ListenDrops"]),
    ("TcpExt:", &["EmbryonicRsts"]),
    ("TcpExt:", &["PAWSEstab", "PAWSActive", "PAWSTimewait"]),
    ("Tcp:", &["OutRsts"]),
];

/// As they are now.
pub(super) fn read() -> Values {
    let file = |name| std::fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default();
    parse(&(file("netstat") + &file("snmp")))
}

/// Every table is a line of names and a line of values, both with its name in front.
fn parse(text: &str) -> Values {
    let mut values = Values::default();
    let mut lines = text.lines();
    while let (Some(names), Some(numbers)) = (lines.next(), lines.next()) {
        let mut columns = names.split_ascii_whitespace().zip(numbers.split_ascii_whitespace());
        let Some((table, _)) = columns.next() else { continue };
        for (name, number) in columns {
            let wanted = NAMES.iter().position(|(of, columns)| *of == table && columns.contains(&name));
            let number = number.parse::<u64>();
            if let (Some(at), Ok(number)) = (wanted, number) {
                // What counts is by how much it moves: modulo 2^32 is enough.
                values[at] = Some(values[at].unwrap_or(0).wrapping_add(number as u32));
            }
        }
    }
    values
}

/// By how much they moved from one to the other.
pub(super) fn moved(before: &Values, after: &Values) -> Values {
    std::array::from_fn(|at| Some(after[at]?.wrapping_sub(before[at]?)))
}

/// Both movements together.
pub(super) fn sum(one: &Values, other: &Values) -> Values {
    std::array::from_fn(|at| Some(one[at]?.saturating_add(other[at]?)))
}

/// As the model has them.
pub(super) const fn counters(moved: Values) -> Counters {
    Counters {
        abort_on_close: moved[0],
        abort_on_data: moved[1],
        abort_on_timeout: moved[2],
        listen_overflows: moved[3],
        listen_drops: moved[4],
        embryonic_resets: moved[5],
        old_timestamps: moved[6],
        resets_sent: moved[7],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_by_name_wherever_a_column_stands() {
        let text = "TcpExt: ListenDrops PAWSActive Other PAWSEstab TCPAbortOnClose\nTcpExt: 7 1 9 2 4294967297\n\
                    IpExt: ListenDrops\nIpExt: 5\nTcp: MaxConn OutRsts\nTcp: -1 12\n";
        let values = parse(text);
        assert_eq!(values, [Some(1), None, None, None, Some(7), None, Some(3), Some(12)]);
        let later = parse(&text.replace("12", "15"));
        assert_eq!(counters(moved(&values, &later)).resets_sent, Some(3));
        assert_eq!(counters(moved(&values, &later)).abort_on_data, None);
        assert_eq!(parse("\n\nTcpExt:\n"), Values::default());
    }

    #[test]
    fn this_kernel_has_every_counter() {
        let values = read();
        assert!(values.iter().all(Option::is_some), "{values:?}");
    }
}
