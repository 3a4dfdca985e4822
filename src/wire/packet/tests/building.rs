//! Segments that are built, read back.

use super::*;

#[test]
fn options_and_payload_of_a_segment_that_is_built_are_read_back() {
    for v4 in FAMILIES {
        for payload in [&b""[..], b"x", b"four"] {
            let segment = Segment {
                source: socket(v4, 1, 40_000),
                destination: socket(v4, 2, 7133),
                sequence: 0xffff_fff0,
                acknowledgement: 0x0102_0304,
                flags: flag::ACK,
                window: 1000,
                ttl: 64,
                tos: 0,
                id: 0,
                dont_fragment: true,
            };
            let mut bytes = Vec::new();
            // An option that does not fill its last word, and more options than there is room for.
            tcp_with(&mut bytes, &segment, &OPTIONS[1..12], payload);
            let built = packet(&bytes);
            let read = built.tcp().unwrap();
            assert_eq!((read.header, &bytes[read.payload.clone()]), (32, payload));
            assert_eq!(built.timestamps_at(&bytes), Some(read.payload.start - 11));
            assert!(right(&bytes));
            tcp_with(&mut bytes, &segment, &[1; 60], payload);
            assert_eq!(packet(&bytes).tcp().unwrap().header, 60);
            assert!(right(&bytes));
        }
    }
}

#[test]
fn a_segment_that_is_built_is_read_back() {
    for v4 in FAMILIES {
        let segment = Segment {
            source: socket(v4, 2, 7133),
            destination: socket(v4, 1, 40_000),
            sequence: u32::MAX,
            acknowledgement: 7,
            flags: flag::RST | flag::ACK,
            window: 1980,
            ttl: 61,
            tos: 0x28,
            id: 0xbeef,
            dont_fragment: false,
        };
        let mut bytes = vec![1, 2, 3];
        tcp(&mut bytes, &segment);
        assert!(right(&bytes));
        let packet = packet(&bytes);
        assert_eq!((packet.source, packet.ttl, packet.tos), (address(v4, 2), 61, 0x28));
        assert_eq!((packet.id, packet.dont_fragment), if v4 { (0xbeef, false) } else { (0, true) });
        let tcp = packet.tcp().unwrap();
        assert_eq!((tcp.sequence, tcp.acknowledgement, tcp.window), (u32::MAX, 7, 1980));
        assert_eq!((tcp.flags, tcp.header, tcp.payload.len()), (flag::RST | flag::ACK, 20, 0));
    }
    let mut bytes = vec![1];
    let mixed = Segment {
        source: socket(true, 1, 1),
        destination: socket(false, 2, 2),
        sequence: 0,
        acknowledgement: 0,
        flags: 0,
        window: 0,
        ttl: 1,
        tos: 0,
        id: 0,
        dont_fragment: true,
    };
    tcp(&mut bytes, &mixed);
    assert!(bytes.is_empty());
}
