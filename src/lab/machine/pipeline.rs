//! The stages of a forwarder in a row, and the frames between them. No sockets and no clock: frames and the time come in,
//! frames go out.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

use super::hop::Hop;
use super::outlet::Outlet;
use super::stage::Stage;
use super::taps::Taps;
use crate::boxes::Direction;
use crate::sim::Rng;
use crate::sim::link::Link;
use crate::wire::packet::{self, ETHERNET, Frame};

/// Frames that the links of a forwarder hold back at a time; more are lost. Two seconds at 100,000 a second.
const WAITING: usize = 200_000;
/// A machine whose timeout has just been handled is not asked again before this, in nanoseconds: it may be early.
const PATIENCE: u64 = 200_000;

/// The stages at work. Places are counted from the left: place `n` is left of stage `n`.
pub(super) struct Pipeline {
    stages: Vec<Running>,
    waiting: BinaryHeap<Reverse<Waiting>>,
    /// Frames held back so far: those of the same time stay in their order.
    order: u64,
    work: VecDeque<(Direction, usize, Vec<u8>)>,
    outlet: Outlet,
    taps: Option<Taps>,
    rng: Rng,
    /// Frames that leave: to the left, to the right.
    leaving: [Vec<Vec<u8>>; 2],
}

enum Running {
    Link { link: Box<Link>, hops: u8 },
    Hop { hop: Box<Hop>, asked: u64 },
}

/// A frame on a link.
struct Waiting {
    at: u64,
    order: u64,
    direction: Direction,
    place: usize,
    frame: Vec<u8>,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl Pipeline {
    pub(super) fn new(stages: Vec<Stage>, taps: Option<Taps>, seed: u64) -> Self {
        let start = |(index, stage)| match stage {
            Stage::Link(spec) => Running::Link { link: Box::new(Link::new(&spec)), hops: spec.hops },
            Stage::Box { machine, left, right } => {
                Running::Hop { hop: Box::new(Hop::new(machine, left, right, seed ^ index as u64)), asked: 0 }
            }
        };
        Self {
            stages: stages.into_iter().enumerate().map(start).collect(),
            waiting: BinaryHeap::new(),
            order: 0,
            work: VecDeque::new(),
            outlet: Outlet::default(),
            taps,
            rng: Rng::new(seed),
            leaving: [Vec::new(), Vec::new()],
        }
    }

    /// Buffers and counters.
    pub(super) fn outlet(&mut self) -> &mut Outlet {
        &mut self.outlet
    }

    /// Frames that leave to the left, or to the right.
    pub(super) fn leaving(&mut self, direction: Direction) -> &mut Vec<Vec<u8>> {
        &mut self.leaving[usize::from(direction == Direction::Outbound)]
    }

    /// A frame comes in, from the left if it travels outbound.
    pub(super) fn enter(&mut self, now: u64, direction: Direction, frame: Vec<u8>) {
        let place = if direction == Direction::Outbound { 0 } else { self.stages.len() };
        self.work.push_back((direction, place, frame));
        self.carry(now);
    }

    /// Everything that is due by `now`: frames at the end of their links, machines that want to act, captures.
    pub(super) fn advance(&mut self, now: u64) {
        while self.waiting.peek().is_some_and(|Reverse(first)| first.at <= now) {
            if let Some(Reverse(Waiting { direction, place, frame, .. })) = self.waiting.pop() {
                self.work.push_back((direction, place, frame));
                self.carry(now);
            }
        }
        for index in 0..self.stages.len() {
            let Running::Hop { hop, asked } = &mut self.stages[index] else { continue };
            if hop.next_timeout().is_some_and(|at| super::ticks(at) <= now) && *asked <= now {
                *asked = now + PATIENCE;
                hop.handle_timeout(now, &mut self.outlet);
                self.collect(index);
                self.carry(now);
            }
        }
        if let Some(taps) = &mut self.taps
            && !taps.flush(now)
        {
            self.outlet.counters.uncaptured += 1;
        }
    }

    /// When [`advance`](Self::advance) has something to do next.
    pub(super) fn next(&self) -> Option<u64> {
        let frame = self.waiting.peek().map(|Reverse(first)| first.at);
        let machines = self.stages.iter().filter_map(|stage| match stage {
            Running::Hop { hop, asked } => hop.next_timeout().map(|at| super::ticks(at).max(*asked)),
            Running::Link { .. } => None,
        });
        let captures = self.taps.as_ref().and_then(Taps::due);
        machines.chain(frame).chain(captures).min()
    }

    /// Carries frames on until each has left, waits, or is gone.
    fn carry(&mut self, now: u64) {
        while let Some((direction, place, frame)) = self.work.pop_front() {
            if let Some(taps) = &mut self.taps
                && !taps.see(place, now, &frame)
            {
                self.outlet.counters.uncaptured += 1;
            }
            let (index, beyond) = match direction {
                Direction::Outbound => (place, place + 1),
                Direction::Inbound => (place.wrapping_sub(1), place.wrapping_sub(1)),
            };
            match self.stages.get_mut(index) {
                None => self.leaving(direction).push(frame),
                Some(Running::Hop { hop, .. }) => {
                    hop.handle(now, direction, frame, &mut self.outlet);
                    self.collect(index);
                }
                Some(Running::Link { .. }) => self.cross(now, direction, index, beyond, frame),
            }
        }
    }

    /// What the hop at `index` lets go is on its way.
    fn collect(&mut self, index: usize) {
        for (direction, frame) in self.outlet.leaving.drain(..) {
            let place = if direction == Direction::Outbound { index + 1 } else { index };
            self.work.push_back((direction, place, frame));
        }
    }

    fn cross(&mut self, now: u64, direction: Direction, index: usize, beyond: usize, mut frame: Vec<u8>) {
        let Running::Link { link, hops } = &mut self.stages[index] else { return };
        if *hops > 0
            && let Frame::Packet(mut packet) = packet::read(&frame)
        {
            if packet.ttl <= *hops {
                self.outlet.counters.expired += 1;
                return self.outlet.recycle(frame);
            }
            let ttl = packet.ttl - *hops;
            packet.set_ttl(&mut frame, ttl);
        }
        let bytes = frame.len().saturating_sub(ETHERNET) as u32;
        match link.cross(now, direction, bytes, &mut self.rng) {
            None => {
                self.outlet.counters.lost += 1;
                self.outlet.recycle(frame);
            }
            Some(at) if at <= now => self.work.push_back((direction, beyond, frame)),
            Some(_) if self.waiting.len() >= WAITING => {
                self.outlet.counters.overfull += 1;
                self.outlet.recycle(frame);
            }
            Some(at) => {
                self.order += 1;
                self.waiting.push(Reverse(Waiting { at, order: self.order, direction, place: beyond, frame }));
            }
        }
    }
}
