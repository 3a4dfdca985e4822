//! From what tasks see to the planner's words.

use super::event::Event;
use super::link::{self, Link};
use super::{Control, KernelEngine, keepalive};
use crate::io::ending::ending;
use crate::model::target::Scheme;
use crate::model::{Experiment, Fact, HoldId, Observation, Refresh, Refreshed, Witness};
use crate::time::{Duration, Instant};
use crate::wire::frame::Frame;
use std::collections::VecDeque;
use std::sync::Arc;

impl KernelEngine {
    /// Puts what a task saw into the planner's words; `None` where it is nothing for the planner.
    pub(super) fn translate(&mut self, event: Event) -> Option<Observation> {
        let (at, id, fact) = match event {
            Event::Host { at, fact } => return Some(Observation { at, hold: None, fact }),
            Event::Fact { hold, at, fact } => (at, hold, fact),
            Event::Opened { link, watch, at, silent_since, rtt } => {
                let id = link.hold;
                let hold = self.holds.get_mut(&id);
                let Some(hold) = hold else {
                    watch.abort(); // closed while it was being opened
                    return None;
                };
                hold.tasks.clear();
                hold.tasks.push(watch);
                hold.rtt = rtt;
                if hold.experiment == Experiment::Control {
                    hold.control = Some(Box::new(match self.session.config.scheme {
                        Scheme::Reflector => Control::Data(VecDeque::new()),
                        Scheme::Tcp => {
                            let (task, beats) = keepalive::control(Arc::clone(&link));
                            hold.tasks.push(task);
                            Control::Keepalive(beats)
                        }
                    }));
                }
                if hold.experiment != Experiment::Control {
                    // It ends by itself, with the link or within seconds; a handle would keep its memory longer.
                    tokio::spawn(link::look_again(Arc::downgrade(&link)));
                }
                let fact = opened_fact(&link, silent_since, rtt);
                hold.link = Some(link);
                (at, id, fact)
            }
            Event::Disturbed { hold, at, silent_since } => {
                let known = self.holds.get(&hold)?;
                let link = known.link.as_ref()?;
                (at, hold, opened_fact(link, silent_since, known.rtt))
            }
            Event::Push { hold, at } => {
                self.holds.get(&hold)?;
                self.confirmations.pushed(hold, at, self.session.config.clock.now());
                (at, hold, Fact::Heard)
            }
            Event::Echo { hold, at, seq } => {
                let Some(Control::Data(under_way)) = self.holds.get_mut(&hold)?.control.as_deref_mut() else {
                    return None;
                };
                let (_, sent) = under_way.remove(under_way.iter().position(|(known, _)| *known == seq)?)?;
                (at, hold, Fact::Echo { seq, sent })
            }
            Event::Served { asked } => {
                self.served = asked;
                return None;
            }
            Event::Service { at, frame } => return self.reported(at, frame),
        };
        self.holds.get(&id)?;
        Some(Observation { at, hold: Some(id), fact })
    }

    /// The same for a report of the reflector.
    fn reported(&mut self, at: Instant, frame: Frame) -> Option<Observation> {
        let (at, hold, fact) = match frame {
            Frame::Pushed { hold, nth } => (at, HoldId(hold), Fact::Tried { nth }),
            Frame::Nudged { hold } => {
                let (kind, what) = (Refresh::DataServer, Refreshed::Left);
                (at, HoldId(hold), Fact::Refreshed { kind, what, hop: None })
            }
            Frame::Answered { hold, .. } => {
                let pushed = self.confirmations.confirmed(HoldId(hold))?;
                (pushed, HoldId(hold), Fact::Answered)
            }
            Frame::Ended { hold, how } => {
                let how = ending(how)?;
                let witness = Witness::Reflector;
                (at, HoldId(hold), Fact::Ended { how, witness })
            }
            Frame::Report { hold, traffic } => {
                self.reports.insert(HoldId(hold), traffic);
                return None;
            }
            Frame::Testimony { hold, word } => {
                self.testimonies.insert(HoldId(hold), word);
                (at, HoldId(hold), Fact::Testified(Box::new(word)))
            }
            _ => return None,
        };
        self.holds.get(&hold)?;
        Some(Observation { at, hold: Some(hold), fact })
    }

    /// A push whose answer nobody has confirmed in time.
    pub(super) fn half_answered(&mut self, now: Instant) -> Option<Observation> {
        loop {
            let hold = self.confirmations.overdue(self.served)?;
            if self.holds.contains_key(&hold) {
                return Some(Observation { at: now, hold: Some(hold), fact: Fact::HalfAnswered });
            }
        }
    }
}

fn opened_fact(link: &Link, silent_since: Instant, rtt: Duration) -> Fact {
    Fact::Opened { silent_since, rtt, local_port: link.local_port() }
}

pub(super) fn opened_again(
    hold: HoldId,
    link: &Link,
    at: Instant,
    silent_since: Instant,
    rtt: Duration,
) -> Observation {
    Observation { at, hold: Some(hold), fact: opened_fact(link, silent_since, rtt) }
}
