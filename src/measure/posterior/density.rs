//! A density over seconds as a heap of uniform pieces; only quantiles are ever asked of it.

/// A mass spread evenly over `(from, to)`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Piece {
    from: f64,
    to: f64,
    mass: f64,
}

/// A sum of uniform pieces; need not be normalised.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Density {
    pieces: Vec<Piece>,
}

impl Density {
    /// Spreads `mass` over `(from, to)`; nothing where either is empty.
    pub fn spread(&mut self, from: f64, to: f64, mass: f64) {
        if mass > 0.0 && to > from {
            self.pieces.push(Piece { from, to, mass });
        }
    }

    /// Adds `other` times `weight`.
    pub fn add(&mut self, other: &Self, weight: f64) {
        if weight > 0.0 {
            self.pieces.extend(other.pieces.iter().map(|p| Piece { mass: p.mass * weight, ..*p }));
        }
    }

    /// The whole mass.
    pub fn mass(&self) -> f64 {
        self.pieces.iter().map(|p| p.mass).sum()
    }

    /// The values below which the shares `shares` (ascending) of the mass lie; `None` where there is no mass.
    pub fn quantiles<const N: usize>(&self, shares: [f64; N]) -> Option<[f64; N]> {
        let total = self.mass();
        if total.is_nan() || total <= 0.0 {
            return None;
        }
        // The edges of all pieces, with the change of slope there.
        let mut edges: Vec<(f64, f64)> = Vec::with_capacity(2 * self.pieces.len());
        for p in &self.pieces {
            let slope = p.mass / (p.to - p.from);
            edges.push((p.from, slope));
            edges.push((p.to, -slope));
        }
        edges.sort_by(|a, b| a.0.total_cmp(&b.0));
        let last = edges[edges.len() - 1].0;
        let mut found = [last; N];
        let (mut below, mut slope, mut at, mut next) = (0.0, 0.0_f64, edges[0].0, 0);
        for (edge, change) in edges {
            let gained = slope.max(0.0) * (edge - at);
            while next < N && below + gained >= shares[next] * total && gained > 0.0 {
                found[next] = at + (shares[next] * total - below).max(0.0) / slope;
                next += 1;
            }
            below += gained;
            slope += change;
            at = edge;
        }
        Some(found)
    }
}

/// Mass in equal bins, for stories that are sums of ten thousands of pieces.
#[derive(Clone, Debug)]
pub(super) struct Bins {
    from: f64,
    width: f64,
    /// Mass of pieces that begin or end in a bin, and the change of the mass a bin where a piece covers it whole.
    partial: Vec<f64>,
    change: Vec<f64>,
}

/// How many bins: over 30 s they are 15 ms wide, a hundredth of the narrowest bracket.
const BINS: usize = 2000;

impl Bins {
    /// Bins over `(from, to)`; what lies outside counts for the outermost.
    pub(super) fn over(from: f64, to: f64) -> Self {
        let width = ((to - from) / BINS as f64).max(1e-9);
        Self { from, width, partial: vec![0.0; BINS], change: vec![0.0; BINS + 1] }
    }

    /// Spreads `mass` over `(from, to)`.
    pub(super) fn spread(&mut self, from: f64, to: f64, mass: f64) {
        if mass <= 0.0 || to < from {
            return;
        }
        let at = |x: f64| ((x - self.from) / self.width).clamp(0.0, BINS as f64 - 1e-6);
        let (a, b) = (at(from), at(to));
        let (i, j) = (a as usize, b as usize);
        if i == j {
            self.partial[i] += mass;
            return;
        }
        let each = mass / (b - a);
        self.partial[i] += each * (i as f64 + 1.0 - a);
        self.partial[j] += each * (b - j as f64);
        self.change[i + 1] += each;
        self.change[j] -= each;
    }

    /// The same as a density.
    pub(super) fn density(&self) -> Density {
        let mut density = Density::default();
        let mut whole = 0.0;
        for (i, (partial, change)) in self.partial.iter().zip(&self.change).enumerate() {
            whole += change;
            let from = self.from + i as f64 * self.width;
            let mass = partial + whole;
            // Sums of tiny terms that cancel leave dust.
            if mass > 1e-300 {
                density.spread(from, from + self.width, mass);
            }
        }
        density
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_the_same_mass_as_pieces() {
        let (mut bins, mut pieces) = (Bins::over(0.0, 30.0), Density::default());
        for (a, b, m) in [(1.0, 1.001, 0.5), (0.5, 20.0, 2.0), (29.0, 30.0, 0.1)] {
            bins.spread(a, b, m);
            pieces.spread(a, b, m);
        }
        let shares = [0.01, 0.3, 0.9];
        let (a, b) = (bins.density().quantiles(shares).unwrap(), pieces.quantiles(shares).unwrap());
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 0.02), "{a:?} {b:?}");
        assert!((bins.density().mass() - pieces.mass()).abs() < 1e-9);
    }

    #[test]
    fn quantiles_of_overlapping_pieces_add_up() {
        let mut d = Density::default();
        d.spread(0.0, 10.0, 1.0);
        d.spread(4.0, 6.0, 1.0);
        let [low, middle, high] = d.quantiles([0.05, 0.5, 0.95]).unwrap();
        assert!((low - 1.0).abs() < 1e-9 && (middle - 5.0).abs() < 1e-9 && (high - 9.0).abs() < 1e-9);
        assert!(Density::default().quantiles([0.5]).is_none());
    }
}
