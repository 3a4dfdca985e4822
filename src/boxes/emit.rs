//! What leaves a box.

use super::{Direction, Segment};

/// Something that leaves a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emission {
    /// Which way it goes from here.
    pub direction: Direction,
    /// The segment. Outbound, its `mapping` says as what the flow appears outside, where the box translates.
    pub segment: Segment,
    /// What it is.
    pub act: Act,
}

impl Emission {
    /// Whether it is the segment that came in, let through.
    pub const fn forwarded(&self) -> bool {
        matches!(self.act, Act::Forward(_))
    }
}

/// What leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The segment that is being handled, with these changes.
    Forward(Edit),
    /// A segment that the box made, in the name of the far end.
    Make(Look),
    /// An ICMP error about the segment that is being handled, in the box's own name, back to who sent it.
    Refuse(Unreachable),
}

/// What is changed in a segment that is let through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// The timestamps option becomes padding (RFC 7323); in a SYN, neither end uses it from then on.
    pub strip_timestamps: bool,
    /// Added to the client's sequence numbers outbound, and taken off what the server acknowledges inbound.
    pub shift: u32,
    /// Added to the server's sequence numbers inbound, and taken off what the client acknowledges outbound.
    pub shift_back: u32,
}

impl Edit {
    /// As it came.
    pub const NONE: Self = Self { strip_timestamps: false, shift: 0, shift_back: 0 };
}

/// How a segment looks that a box made. The exact numbers are those of the flow: whoever drives the box with real
/// packets remembers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Added to the sequence number that its receiver expects next. A reset with anything but 0 is not obeyed
    /// (RFC 5961 section 3).
    pub ahead: u32,
    /// Its acknowledgement number.
    pub acknowledges: Acknowledges,
    /// Its window, as it stands in the header.
    pub window: u16,
    /// Its window is that of the segment that is being handled, copied, whatever `window` says.
    pub mirrors_window: bool,
    /// Its IPv4 identification.
    pub ip_id: IpId,
    /// Whether the IPv4 header says "do not fragment".
    pub dont_fragment: bool,
    /// Whether type of service, or traffic class, is that of the segment that is being handled; else 0.
    pub mirrors_tos: bool,
}

impl Look {
    /// As the kernel of a router, or of a host that knows of no such connection, makes it: no options, window 0, IPv4
    /// identification 0 (Linux `tcp_v4_send_reset` and `nf_send_reset`).
    pub const KERNEL: Self = Self {
        ahead: 0,
        acknowledges: Acknowledges::Everything,
        window: 0,
        mirrors_window: false,
        ip_id: IpId::Fixed(0),
        dont_fragment: true,
        mirrors_tos: false,
    };

    /// As the socket of a proxy's kernel makes it: with a window, for who gets one of 0 says nothing any more.
    pub const SOCKET: Self = Self { window: 501, ..Self::KERNEL };

    /// As a box makes it that turns the header of the segment around and keeps what stands in it: its acknowledgement
    /// number is our sequence number, window, identification and type of service are ours.
    pub const MIRROR: Self = Self {
        acknowledges: Acknowledges::Mirrored,
        mirrors_window: true,
        ip_id: IpId::Mirrored,
        mirrors_tos: true,
        ..Self::KERNEL
    };
}

/// The acknowledgement number of a segment that a box made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledges {
    /// Everything that its receiver has sent so far, the segment being handled included.
    Everything,
    /// The sequence number of the segment that is being handled, copied.
    Mirrored,
    /// 0.
    Zero,
}

/// The IPv4 identification of a segment that a box made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpId {
    /// This number.
    Fixed(u16),
    /// That of the segment that is being handled, copied.
    Mirrored,
}

/// Why a box refuses a segment by ICMP, codes of "destination unreachable" (RFC 792, RFC 1812 section 5.2.7.1; for IPv6
/// RFC 4443 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unreachable {
    /// No route to the host.
    Host,
    /// Nothing listens there.
    Port,
    /// Forbidden by the administrator: what firewalls say.
    Prohibited,
}

/// Collects what leaves a box. Kept and cleared by whoever drives the box, so that nothing is allocated for a segment.
#[derive(Clone, Debug, Default)]
pub struct Emit {
    list: Vec<Emission>,
}

impl Emit {
    /// Lets the segment that is being handled through.
    pub fn forward(&mut self, direction: Direction, segment: Segment) {
        self.forward_changed(direction, segment, Edit::NONE);
    }

    /// Lets the segment that is being handled through, changed.
    pub fn forward_changed(&mut self, direction: Direction, segment: Segment, edit: Edit) {
        self.list.push(Emission { direction, segment, act: Act::Forward(edit) });
    }

    /// Sends a segment that the box made, as a kernel would have made it.
    pub fn send(&mut self, direction: Direction, segment: Segment) {
        self.send_as(direction, segment, Look::KERNEL);
    }

    /// Sends a segment that the box made.
    pub fn send_as(&mut self, direction: Direction, segment: Segment, look: Look) {
        self.list.push(Emission { direction, segment, act: Act::Make(look) });
    }

    /// Refuses `segment`, which travels in `direction` and is being handled: its sender gets an ICMP error.
    pub fn refuse(&mut self, direction: Direction, segment: Segment, why: Unreachable) {
        self.list.push(Emission { direction: direction.reverse(), segment, act: Act::Refuse(why) });
    }

    /// What left so far, in order.
    pub fn as_slice(&self) -> &[Emission] {
        &self.list
    }

    /// How much left so far.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether nothing left: the segment was swallowed.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Forgets what left, for the next segment.
    pub fn clear(&mut self) {
        self.list.clear();
    }
}
