//! What a frame is.

use super::*;

#[test]
fn the_fields_of_a_segment_are_read() {
    for v4 in FAMILIES {
        let bytes = frame(v4, TCP, b"hello", &OPTIONS);
        let packet = packet(&bytes);
        assert_eq!((packet.source, packet.destination, packet.ttl), (address(v4, 1), address(v4, 2), 64));
        let tcp = packet.tcp().unwrap();
        assert_eq!((tcp.source, tcp.destination, tcp.header, tcp.window), (40_000, 7133, 52, 1000));
        assert_eq!((tcp.sequence, tcp.acknowledgement, tcp.flags), (0xffff_fff0, 0x0102_0304, flag::ACK));
        assert_eq!(tcp.next_sequence(), 0xffff_fff5);
        assert_eq!(&bytes[tcp.payload.clone()], b"hello");
        assert_eq!(packet.timestamps_at(&bytes), Some(tcp.payload.start - 30));
    }
}

#[test]
fn padding_after_a_packet_is_no_payload() {
    let mut bytes = frame(true, TCP, b"", &[]);
    bytes.extend_from_slice(&[0; 6]);
    assert!(packet(&bytes).tcp().unwrap().payload.is_empty());
}

#[test]
fn the_window_scale_of_a_syn_is_read() {
    let mut bytes = frame(true, TCP, b"", &[2, 4, 5, 180, 1, 3, 3, 7]);
    bytes[14 + 20 + 13] = flag::SYN;
    assert_eq!(packet(&bytes).tcp().unwrap().window_scale, Some(7));
}

#[test]
fn fragments_and_other_things_are_named() {
    assert_eq!(read(&[0; 13]), Frame::NotIp);
    assert_eq!(read(&[6; 60]), Frame::NotIp);
    let whole = frame(true, UDP, b"hello", &[]);
    let mut fragment = whole.clone();
    fragment[20] |= 0x20;
    assert_eq!(packet(&fragment).transport, Transport::Fragment);
    let mut shorter = whole.clone();
    shorter.truncate(30);
    assert_eq!(read(&shorter), Frame::Damaged);
    let mut unknown = whole;
    unknown[23] = 47;
    assert_eq!(packet(&unknown).transport, Transport::Other);
}

#[test]
fn a_tcp_header_that_lies_about_its_length_is_not_believed() {
    let mut bytes = frame(true, TCP, b"", &[]);
    for length in [0, 4, 6, 15] {
        bytes[14 + 20 + 12] = length << 4;
        assert_eq!(packet(&bytes).transport, Transport::Other, "{length} words");
    }
}
