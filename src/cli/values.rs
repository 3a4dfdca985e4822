//! Values of options: each parser says what it would have liked.

use crate::model::target::REFLECTOR_PORT;
use crate::time::Duration;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// A duration: humantime, or a bare number of seconds; not zero.
pub fn duration(written: &str) -> Result<Duration, String> {
    let duration = crate::model::duration::parse(written).map_err(|e| e.to_string())?;
    if duration.is_zero() {
        return Err("it must be longer than nothing".to_owned());
    }
    Ok(duration)
}

/// A relative width: `2%` or `0.02`.
pub fn resolution(written: &str) -> Result<f64, String> {
    let hint = || format!("`{written}` is not a relative width: write 2% or 0.02");
    let read = |number: &str| number.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n > 0.0);
    match written.trim().strip_suffix('%') {
        Some(percent) => read(percent).map(|percent| percent / 100.0).ok_or_else(hint),
        // a bare 2 could be 2 % or 200 %
        None => read(written).filter(|share| *share < 1.0).ok_or_else(hint),
    }
}

/// How late a timer may be: `12.5%` or `0.125`, at most four times its interval.
pub fn lateness(written: &str) -> Result<f64, String> {
    let hint = || format!("`{written}` is not a lateness: write 12.5% or 0.125, from 0% to 400%");
    let (number, unit) = match written.trim().strip_suffix('%') {
        Some(percent) => (percent, 0.01),
        None => (written, 1.0),
    };
    let share = number.trim().parse::<f64>().map_err(|_| hint())? * unit;
    if (0.0..=4.0).contains(&share) { Ok(share) } else { Err(hint()) }
}

/// Where to listen: `ADDR:PORT`, `[V6]:PORT`, `:PORT` or an address alone.
pub fn listen(written: &str) -> Result<SocketAddr, String> {
    let with_port = written.parse::<SocketAddr>().ok();
    let port_alone = || Some(SocketAddr::from((Ipv6Addr::UNSPECIFIED, written.strip_prefix(':')?.parse().ok()?)));
    let bare = written.strip_prefix('[').and_then(|w| w.strip_suffix(']')).unwrap_or(written);
    let address_alone = || Some(SocketAddr::new(bare.parse::<IpAddr>().ok()?, REFLECTOR_PORT));
    with_port.or_else(port_alone).or_else(address_alone).ok_or_else(|| {
        format!("`{written}` is not an address: write 0.0.0.0:{REFLECTOR_PORT} or [::]:{REFLECTOR_PORT}")
    })
}

/// Bytes that were written with escapes. A type of its own, for clap takes a `Vec` for a repeated option.
pub type Bytes = std::sync::Arc<[u8]>;

/// Bytes with escapes: `\n`, `\r`, `\t`, `\0`, `\\` and `\xHH`; everything else stands for itself (UTF-8).
pub fn bytes(written: &str) -> Result<Bytes, String> {
    let mut bytes = Vec::new();
    let mut rest = written.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        bytes.push(match rest.next() {
            Some('n') => b'\n',
            Some('r') => b'\r',
            Some('t') => b'\t',
            Some('0') => 0,
            Some('\\') => b'\\',
            Some('x') => {
                let hex: String = rest.by_ref().take(2).collect();
                let digits = hex.len() == 2 && hex.chars().all(|c| c.is_ascii_hexdigit());
                u8::from_str_radix(&hex, 16)
                    .ok()
                    .filter(|_| digits)
                    .ok_or_else(|| format!("`\\x{hex}` needs two hexadecimal digits, such as \\x0a"))?
            }
            Some(other) => {
                return Err(format!("`\\{other}` is not an escape: use \\n \\r \\t \\0 \\\\ or \\xHH"));
            }
            None => return Err("a lone `\\` at the end: write \\\\ for a backslash".to_owned()),
        });
    }
    if bytes.is_empty() {
        return Err("it is empty: leave the option out to send nothing".to_owned());
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_resolution_is_a_percentage_or_a_share() {
        assert_eq!(resolution("2%"), Ok(0.02));
        assert_eq!(resolution("0.5 %"), Ok(0.005));
        assert_eq!(resolution("0.02"), Ok(0.02));
        for wrong in ["2", "0", "-1%", "NaN", "inf%", "", "%"] {
            assert!(resolution(wrong).unwrap_err().contains("write 2% or 0.02"), "{wrong}");
        }
    }

    #[test]
    fn an_address_to_listen_on_may_leave_its_port_out() {
        for (written, means) in [
            ("[::]:7133", "[::]:7133"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("127.0.0.1", "127.0.0.1:7133"),
            ("::1", "[::1]:7133"),
            ("[::1]", "[::1]:7133"),
            (":9", "[::]:9"),
            ("[::1]:0", "[::1]:0"),
        ] {
            assert_eq!(listen(written).map(|a| a.to_string()), Ok(means.to_owned()), "{written}");
        }
        assert!(listen("example.net:80").unwrap_err().contains("write 0.0.0.0:7133"));
    }

    #[test]
    fn bytes_have_escapes() {
        let means = |written, bytes: &[u8]| assert_eq!(super::bytes(written).as_deref(), Ok(bytes));
        means(r"PING\r\n", b"PING\r\n");
        means(r"\xc0\x00\\\0\t", &[0xc0, 0, b'\\', 0, b'\t']);
        means("é", "é".as_bytes());
        for wrong in [r"\q", r"\x4", r"\xzz", r"\x+1", "\\", ""] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_typed_panics(written in ".{0,20}") {
            let _ = (bytes(&written), listen(&written), resolution(&written), duration(&written));
        }
    }
}
