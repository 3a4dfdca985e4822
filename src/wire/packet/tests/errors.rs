//! ICMP: what is said about a packet, the quote in it, and its translation.

use std::ops::RangeInclusive;

use super::*;

#[test]
fn an_error_quotes_as_much_as_it_may() {
    for v4 in FAMILIES {
        let (most, quoted): (_, RangeInclusive<usize>) = if v4 { (576, 548..=548) } else { (1280, 1232..=1232) };
        let offending = frame(v4, UDP, &[9; 1400], &[]);
        let mut bytes = Vec::new();
        time_exceeded(&mut bytes, address(v4, 5), &offending, &packet(&offending));
        assert!(right(&bytes));
        let error = packet(&bytes);
        assert_eq!((error.source, error.destination), (address(v4, 5), address(v4, 1)));
        assert_eq!(error.length(), most);
        assert_eq!(error.transport, Transport::Icmp(Icmp::Error));
        let quote = &bytes[error.transport_at + 8..];
        assert!(quoted.contains(&quote.len()));
        assert_eq!(quote, &offending[14..14 + quote.len()]);
        let quote = error.quote(&bytes).unwrap();
        assert_eq!((quote.source_port, quote.destination_port, quote.protocol), (40_000, 7133, UDP));
    }
}

#[test]
fn the_codes_of_refusals_are_those_of_the_standards() {
    let codes = [(Refusal::Host, 1, 0), (Refusal::Port, 3, 4), (Refusal::Prohibited, 13, 1)];
    for (why, code_v4, code_v6) in codes {
        for v4 in FAMILIES {
            let offending = frame(v4, TCP, b"", &[]);
            let mut bytes = Vec::new();
            unreachable(&mut bytes, address(v4, 5), &offending, &packet(&offending), why);
            assert!(right(&bytes));
            let at = packet(&bytes).transport_at;
            assert_eq!(bytes[at..at + 2], if v4 { [3, code_v4] } else { [1, code_v6] });
        }
    }
}

#[test]
fn nothing_is_said_about_errors_fragments_and_groups() {
    let offending = frame(true, UDP, b"hello", &[]);
    let mut datagram = packet(&offending);
    assert!(may_be_refused(&datagram));
    let mut bytes = Vec::new();
    time_exceeded(&mut bytes, address(true, 5), &offending, &datagram);
    assert!(!may_be_refused(&packet(&bytes)));
    datagram.destination = IpAddr::from([224, 0, 0, 1]);
    assert!(!may_be_refused(&datagram));
    let mut fragment = offending;
    fragment[21] = 1;
    assert!(!may_be_refused(&packet(&fragment)));
}

#[test]
fn a_ping_is_answered_with_what_it_brought() {
    for v4 in FAMILIES {
        let request = frame(v4, ICMP, b"payload", &[]);
        let mut bytes = Vec::new();
        echo_reply(&mut bytes, &request, &packet(&request));
        assert!(right(&bytes));
        let reply = packet(&bytes);
        assert_eq!(reply.transport, Transport::Icmp(Icmp::EchoReply { identifier: 77 }));
        assert_eq!((reply.source, reply.destination), (address(v4, 2), address(v4, 1)));
        assert!(bytes.ends_with(b"payload"));
    }
    let segment = frame(true, TCP, b"", &[]);
    let mut bytes = vec![1];
    echo_reply(&mut bytes, &segment, &packet(&segment));
    assert!(bytes.is_empty());
}

#[test]
fn a_translated_quote_is_that_of_the_translated_packet() {
    for v4 in FAMILIES {
        for protocol in PROTOCOLS {
            for payload in [&b""[..], b"odd"] {
                // What the client sent, and what of it came out of the NAT.
                let inside = frame(v4, protocol, payload, &[]);
                let mut outside = inside.clone();
                let mut translated = packet(&outside);
                translated.set_source(&mut outside, address(v4, 7));
                translated.set_source_port(&mut outside, 61_234);
                let mut expected = Vec::new();
                time_exceeded(&mut expected, address(v4, 5), &inside, &packet(&inside));
                // The error about the latter, translated back.
                let mut bytes = Vec::new();
                time_exceeded(&mut bytes, address(v4, 5), &outside, &packet(&outside));
                let mut error = packet(&bytes);
                let mut quote = error.quote(&bytes).unwrap();
                assert_eq!((quote.source, quote.source_port), (address(v4, 7), 61_234));
                error.set_destination(&mut bytes, address(v4, 1));
                error.set_quoted_source(
                    &mut bytes,
                    &mut quote,
                    address(v4, 1),
                    if protocol == ICMP { 77 } else { 40_000 },
                );
                assert!(right(&bytes));
                assert_eq!(bytes, expected);
                assert_eq!(error.quote(&bytes), Some(quote));
            }
        }
    }
}

#[test]
fn a_quote_of_eight_bytes_is_enough_and_less_is_nothing() {
    let offending = frame(true, TCP, b"", &[]);
    let mut bytes = Vec::new();
    time_exceeded(&mut bytes, address(true, 5), &offending, &packet(&offending));
    for (length, enough) in [(8, true), (6, true), (5, false), (0, false)] {
        let mut cut = bytes[..14 + 20 + 8 + 20 + length].to_vec();
        let total = cut.len() as u16 - 14;
        cut[16..18].copy_from_slice(&total.to_be_bytes());
        let error = packet(&cut);
        let quote = error.quote(&cut);
        assert_eq!(quote.is_some(), enough, "{length} bytes");
        if let Some(mut quote) = quote {
            error.set_quoted_source(&mut cut, &mut quote, address(true, 8), 5);
            error.set_quoted_destination(&mut cut, &mut quote, address(true, 9), 6);
            let again = packet(&cut).quote(&cut).unwrap();
            assert_eq!((again.source_port, again.destination_port), (5, 6));
        }
    }
}
