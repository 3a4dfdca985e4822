//! The posterior over what a path can be, given what the holds said.
//!
//! Four stories compete: nothing expires (or not yet), a **clean** step at T, a box that **sweeps** every s seconds
//! and so kills at T plus a wait, and a **mixture** in which a share w of the connections expires at T1 and the rest
//! at T2 or never. Alive is proof: it excludes every story in which the connection had to be gone. Dead is evidence:
//! each story may set a dead verdict aside as false, at a price. The bracket is the central part of the posterior of
//! the onset, the shortest silence at which anything dies, summed over the stories.

mod clean;
mod density;
mod mixture;
mod sweep;

pub use density::Density;
pub use mixture::Second;
pub use sweep::Sweeps;

use super::evidence::{Sample, longest_alive};

/// Prior weights of the stories. Sweeps and mixtures are common enough in the field to be asked about, and too rare
/// to be believed without evidence. They sum to 1.
const CLEAN: f64 = 0.7;
const SWEEP: f64 = 0.2;
const MIXTURE: f64 = 0.1;

/// The price of setting one dead verdict aside as false. The verdict's own rule keeps it below one in 10,000; a
/// dearer price would let one false verdict pass for a mixture, a cheaper one would doubt true ones.
const FALSE_DEAD: f64 = 1e-3;

/// The price of a dead one that lived at its first try and was dead by the decisive one: the first was lost.
const FIRST_TRY_LOST: f64 = 0.1;

/// What the samples say.
#[derive(Clone, Debug, PartialEq)]
pub struct Posterior {
    /// Of the onset, in seconds as seen here; unnormalised.
    pub onset: Density,
    /// Probability that nothing has expired up to the longest age tested: all dead verdicts were false.
    pub nothing: f64,
    /// Probability of a clean step.
    pub clean: f64,
    /// Probability of a sweeping box.
    pub sweep: f64,
    /// Probability of a mixture.
    pub mixture: f64,
    /// The sweep period where the box sweeps (posterior mean), seconds.
    pub period: Option<f64>,
    /// The second step, where it is a mixture.
    pub second: Option<Second>,
}

/// Weighs the stories. `sweeps` carries over which periods earlier calls have excluded; give a fresh one where
/// samples were withdrawn.
pub fn weigh(samples: &[Sample], sweeps: &mut Sweeps) -> Posterior {
    let mut sorted: Vec<Sample> = samples.to_vec();
    sorted.sort_by(|a, b| a.age.total_cmp(&b.age).then(b.is_dead().cmp(&a.is_dead())));
    let clean = clean::weigh(&sorted);
    let mixture = mixture::weigh(&sorted);
    // A dead verdict far below a living connection cannot be a sweep: it is false, or a mixture.
    let oldest = longest_alive(&sorted);
    let far = sorted.iter().filter(|s| s.is_dead() && s.age < oldest - sweep::LONGEST).count();
    let swept = sweeps.weigh(&sorted, oldest - sweep::LONGEST);

    let nothing = CLEAN * clean.nothing;
    let step = CLEAN * clean.step.mass();
    let sweep = SWEEP * swept.density.mass() * FALSE_DEAD.powi(far as i32);
    let mixed = MIXTURE * mixture.first.mass();
    let total = nothing + step + sweep + mixed;
    let part = |mass: f64| if total > 0.0 { mass / total } else { 0.0 };

    // A bracket belongs to the story that is told: the first step of a mixture is seen far less sharply than a plain
    // step, and where a mixture is merely not excluded, a doubt says so.
    let mut onset = Density::default();
    if mixed > nothing + step + sweep {
        onset.add(&mixture.first, MIXTURE);
    } else {
        onset.add(&clean.step, CLEAN);
        onset.add(&swept.density, SWEEP * FALSE_DEAD.powi(far as i32));
    }
    Posterior {
        onset,
        nothing: if total > 0.0 { part(nothing) } else { 1.0 },
        clean: part(step),
        sweep: part(sweep),
        mixture: part(mixed),
        period: swept.period,
        second: mixture.second,
    }
}
