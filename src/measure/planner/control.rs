//! What the control connections mean for the run: outages, restarts of the server, a maximum age, a suspended host.

use super::hold::{Hold, Role, State, Verdict as Judgement};
use super::{Doubt, Phase, Planner, RESTARTS, Verdict};
use crate::measure::evidence::{self, Fate};
use crate::measure::posterior::Sweeps;
use crate::model::{Action, Cause, Ending, Experiment, HoldId, Outcome};
use crate::time::{Duration, Instant};

/// Ends within this time of the control's end belong to the same event.
pub(super) const SAME_EVENT: Duration = Duration::from_secs(2);
/// A new control connection is up within this time of the old one's last word, unless the path itself was down.
const OUTAGE: Duration = Duration::from_secs(7);
/// Beats become dense this long before a test.
const LEAD: Duration = Duration::from_millis(1500);

/// Ends that are less spread than this, in seconds, come too close together to say what they follow.
const LEAST_SPREAD: f64 = 0.05;

impl Planner {
    pub(super) fn open_control(&mut self, now: Instant) {
        let id = HoldId(self.holds.len() as u32);
        let mut hold = Hold::new(id, Experiment::Control, Role::ClientFirst, now);
        hold.state = State::Opening;
        self.holds.push(hold);
        self.pulse.opening(id, now);
        self.act(Action::Open { hold: id, experiment: Experiment::Control });
    }

    pub(super) fn control_opened(&mut self, id: HoldId, since: Instant, rtt: Duration, port: u16) {
        let now = self.now;
        let hold = &mut self.holds[id.0 as usize];
        hold.silent_since = since;
        hold.rtt = Some(rtt);
        hold.port = Some(port);
        hold.state = State::Silent;
        self.pulse.opened(id, now, rtt);
        if self.phase == Phase::Reach {
            self.phase = Phase::Climb;
            let (above, below) = (evidence::longest_alive(&self.earlier), evidence::shortest_dead(&self.earlier));
            self.lay_out(now, above, below);
        }
    }

    pub(super) fn control_failed(&mut self, id: HoldId, at: Instant, error: &str, refused: bool) {
        self.pulse.failed(id, at, refused);
        self.holds[id.0 as usize].state = State::Gone;
        // Silence may be an outage: the target answered when the engine reached it first.
        if self.phase == Phase::Reach && (refused || at > Instant::ZERO + self.pulse.patience) {
            self.verdict = Some(Verdict::Unreachable(error.to_owned()));
            self.finish(Cause::NotOpened);
        } else if self.phase == Phase::Reach {
            self.open_control(at);
        }
    }

    /// The control ended although it talked: a maximum age, or the end of the server.
    pub(super) fn control_ended(&mut self, id: HoldId, at: Instant, how: Ending) {
        let Some(age) = self.pulse.ended(id, at) else { return };
        self.control_end = Some(at);
        let speaker = self.plan.speaker;
        let hold = &mut self.holds[id.0 as usize];
        hold.state = State::Judged(Judgement {
            fate: Fate::Ended,
            outcome: Outcome::from(how),
            cause: Some(Cause::Undetermined),
            age,
            slack: Duration::ZERO,
            at,
            speaker,
            ended_after: Some(age),
        });
        self.control_ages.push(age.as_secs_f64());
        self.write(id.0 as usize);
        if self.phase == Phase::Reach {
            self.verdict = Some(Verdict::Unreachable("the control connection was closed at once by the target".into()));
            self.finish(Cause::ControlLost);
        }
    }

    /// Beats, new controls, and the end of patience.
    pub(super) fn keep_control(&mut self) {
        let now = self.now;
        self.look_for_a_common_end();
        for (id, answered) in self.pulse.superfluous(now) {
            // Where nothing at all came back for longer, it was an outage.
            let outage = self.pulse.gap_after(answered) > OUTAGE;
            let hold = &mut self.holds[id.0 as usize];
            // It talked all the time and fell silent while another answers: a maximum age, or a path that lost it.
            if hold.state == State::Silent && !outage {
                self.control_ages.push((answered - hold.silent_since).as_secs_f64());
            }
            hold.state = State::Gone;
            self.close(id.0 as usize);
        }
        if self.phase != Phase::Reach && self.pulse.wants_control(now) {
            self.open_control(now);
        }
        let dense = self.is_dense();
        if dense {
            self.pulse.hurry(now);
        }
        for (hold, seq) in self.pulse.beats(now, dense) {
            self.act(Action::Beat { hold, seq });
        }
        if self.pulse.lost(now) {
            let why = if self.pulse.silent_for(now) >= self.pulse.patience {
                format!("no answer on any control connection for {} s", self.pulse.patience.as_secs())
            } else {
                "the target refuses new connections since its control connection ended".to_owned()
            };
            self.give_up(&why);
        }
    }

    fn is_dense(&self) -> bool {
        !self.testing.is_empty()
            || self.kept_wants_company()
            || matches!(self.phase, Phase::Resolve(_) | Phase::Compare)
            || (self.restarts > 0 && !self.to_open.is_empty())
            || self.due.first().is_some_and(|d| d.0 <= self.now + LEAD + 2 * self.pulse.rtt.usual())
    }

    /// When the beats are to become dense.
    pub(super) fn dense_from(&self) -> Option<Instant> {
        let at = self.due.first()?.0.saturating_sub(LEAD + 2 * self.pulse.rtt.usual());
        (at > self.now).then_some(at)
    }

    /// Control is lost for good: no verdict from here on.
    pub(super) fn give_up(&mut self, why: &str) {
        if self.phase == Phase::Finish {
            return;
        }
        // The reflector may have said that it was restarted before the ends of its connections were looked at.
        if let Some((at, youngest)) = self.control_end.and_then(|at| Some((at, self.youngest_of_common_end(at)?))) {
            self.doubt_restart(at, youngest);
        }
        self.doubt_once(
            "control-lost",
            &format!("control was lost in the middle of the run: {why}"),
            "see whether the server or the route was restarted, then run again (--resume keeps what was decided)",
        );
        if self.decided_at.is_none() {
            self.verdict = Some(Verdict::Unreachable(why.to_owned()));
        }
        self.void_recent(self.now.saturating_sub(Duration::from_secs(15)));
        self.finish(Cause::ControlLost);
    }

    /// The doubt about the times when nothing came through.
    pub(super) fn outage_doubt(&self) -> Option<Doubt> {
        let outages = self.pulse.outages();
        let &(from, until) = outages.first()?;
        let more = match outages.len() {
            1 => String::new(),
            n => format!(", and {} more time(s)", n - 1),
        };
        Some(Doubt {
            word: "outage",
            seen: format!(
                "nothing came through for {:.1} s, {:.1} s into the run{more}: nothing was judged meanwhile",
                (until - from).as_secs_f64(),
                from.as_secs_f64()
            ),
            remedy: "run again for a narrower interval; see whether the route changed".to_owned(),
        })
    }

    pub(super) fn doubt_once(&mut self, word: &'static str, seen: &str, remedy: &str) {
        if !self.doubts.iter().any(|d| d.word == word) {
            self.doubts.push(Doubt { word, seen: seen.to_owned(), remedy: remedy.to_owned() });
        }
    }

    /// Deaths since `from` that are not written yet say nothing.
    fn void_recent(&mut self, from: Instant) {
        for i in 0..self.holds.len() {
            let hold = &self.holds[i];
            let recent = !hold.written
                && hold.experiment != Experiment::Control
                && hold.verdict().is_some_and(|v| v.outcome != Outcome::Void && v.fate != Fate::Alive && v.at >= from);
            if recent {
                self.void(i, Cause::ControlLost);
            }
        }
    }

    /// A server that dies or restarts ends every connection at one instant, the youngest included, and the control
    /// too: that is no expiry.
    fn look_for_a_common_end(&mut self) {
        let Some((at, youngest)) = self.common_end() else {
            return;
        };
        let from = at.saturating_sub(SAME_EVENT);
        self.doubt_restart(at, youngest);
        self.control_ages.clear();
        self.control_end = None;
        self.void_recent(from);
        self.begin_again(Cause::ControlLost);
    }

    fn doubt_restart(&mut self, at: Instant, youngest: Duration) {
        self.doubt_once(
            "server-restarted",
            &format!(
                "at {:.1} s into the run all connections ended at one instant, the youngest after {:.1} s of silence: \
                 the server, or a box with all of its state, was restarted",
                at.as_secs_f64(),
                youngest.as_secs_f64()
            ),
            "run again when nothing is being deployed",
        );
    }

    /// Whether a control connection ended so recently that the other ends of the same event may be outstanding.
    pub(super) fn control_ended_just_now(&self) -> bool {
        self.control_end.is_some_and(|end| self.now < end + SAME_EVENT)
    }

    fn common_end(&self) -> Option<(Instant, Duration)> {
        let control = self.control_end?;
        // Give the other ends of the same event time to arrive, and look at an event only once.
        if self.now < control + SAME_EVENT / 2 || self.now > control + 4 * SAME_EVENT {
            return None;
        }
        Some((control, self.youngest_of_common_end(control)?))
    }

    /// How old the youngest connection was that ended in the same event as a control connection at `control`; `None`
    /// where others live on, or the ends follow the age.
    fn youngest_of_common_end(&self, control: Instant) -> Option<Duration> {
        let same = |at: Instant| at + SAME_EVENT >= control && at <= control + SAME_EVENT;
        let ladder = || self.holds.iter().filter(|h| h.experiment != Experiment::Control);
        let ended: Vec<&Judgement> = ladder()
            .filter(|h| !h.written)
            .filter_map(Hold::verdict)
            .filter(|v| v.outcome != Outcome::Void && v.fate != Fate::Alive && same(v.at))
            .collect();
        let still_open = ladder()
            .filter(|h| matches!(h.state, State::Silent | State::Testing(_)) && h.silent_since + SAME_EVENT < control)
            .count();
        let ages = |pick: fn(Duration, Duration) -> Duration| ended.iter().map(|v| v.age).reduce(pick);
        let (youngest, oldest) = (ages(Duration::min)?, ages(Duration::max)?);
        // A plain timer ends equal ages; this event does not care about age. With a reflector the control talks, so
        // its end together with all others says the same, unless a maximum age ends all of them.
        let regardless = oldest - youngest > SAME_EVENT || (self.plan.request.reflector && !by_age(&ended));
        (ended.len() >= 2 && still_open * 10 < ended.len() && regardless).then_some(youngest)
    }

    /// This host slept: what was open meanwhile says nothing.
    pub(super) fn seen_suspend(&mut self, slept: Duration) {
        self.doubt_once(
            "suspended",
            &format!(
                "this host was suspended for {:.0} s; the holds that were open meanwhile are void",
                slept.as_secs_f64()
            ),
            "keep the host awake during a run (systemd-inhibit, or a server that never sleeps)",
        );
        if self.phase != Phase::Finish {
            self.void_recent(self.now.saturating_sub(Duration::from_secs(10)));
            self.begin_again(Cause::Suspended);
        }
    }

    /// Gives up every open hold and starts a new ladder above what is known to be alive.
    fn begin_again(&mut self, cause: Cause) {
        if self.phase == Phase::Reach {
            return;
        }
        for i in 0..self.holds.len() {
            let hold = &self.holds[i];
            if hold.experiment == Experiment::Control {
                continue;
            }
            match hold.state {
                State::Opening | State::Silent | State::Testing(_) => self.void(i, cause),
                State::Planned => self.holds[i].state = State::Gone,
                State::Judged(_) | State::Gone => {}
            }
        }
        self.to_open.clear();
        self.due.clear();
        self.sweeps = Sweeps::default();
        if self.decided_at.is_some() {
            self.finish(cause);
            return;
        }
        self.restarts += 1;
        if self.restarts > RESTARTS {
            self.verdict = Some(Verdict::Inconclusive("the run was disturbed again and again".into()));
            self.finish(cause);
            return;
        }
        let samples = self.evidence();
        self.phase = Phase::Climb;
        let base = self.now + Duration::from_millis(500);
        self.lay_out(base, evidence::longest_alive(&samples), evidence::shortest_dead(&samples));
    }

    /// At the end of a run its control connections are rows too.
    pub(super) fn write_controls(&mut self) {
        let (now, speaker) = (self.now, self.plan.speaker);
        for i in 0..self.holds.len() {
            let hold = &mut self.holds[i];
            if hold.experiment == Experiment::Control && hold.state == State::Silent {
                hold.state = State::Judged(Judgement {
                    fate: Fate::Alive,
                    outcome: Outcome::Alive,
                    cause: None,
                    age: hold.age(now),
                    slack: Duration::ZERO,
                    at: now,
                    speaker,
                    ended_after: None,
                });
                self.write(i);
            } else if hold.experiment == Experiment::Control && hold.state == State::Opening {
                hold.state = State::Gone;
                self.close(i);
            }
        }
    }
}

/// Whether these ends follow the ages of the connections rather than the clock: equal ages at instants as far apart as
/// the openings. Where all were opened at once nobody can tell.
fn by_age(ended: &[&Judgement]) -> bool {
    let spread = |mut of: Vec<f64>| {
        of.sort_by(f64::total_cmp);
        let tenth = of.len() / 10;
        of[of.len() - 1 - tenth] - of[tenth]
    };
    let ages = spread(ended.iter().map(|v| v.age.as_secs_f64()).collect());
    let instants = spread(ended.iter().map(|v| v.at.as_secs_f64()).collect());
    instants > 2.0 * ages && instants > LEAST_SPREAD
}
