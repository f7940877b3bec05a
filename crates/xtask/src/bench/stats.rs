//! Summaries of repeated measurements.

use serde_json::{Value, json};

/// Measurements of one thing.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds one.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The middle one; not a number when there is none.
    pub fn median(&self) -> f64 {
        self.rank(0.5)
    }

    /// The smallest.
    pub fn min(&self) -> f64 {
        self.rank(0.0)
    }

    /// The largest.
    pub fn max(&self) -> f64 {
        self.rank(1.0)
    }

    fn rank(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
    }

    /// Median with the range around it.
    pub fn show(&self) -> String {
        format!("{:.2} ({:.2}..{:.2})", self.median(), self.min(), self.max())
    }

    /// For a file of figures.
    pub fn json(&self) -> Value {
        json!({"median": self.median(), "min": self.min(), "max": self.max(), "n": self.0.len()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_odd_number_is_the_middle_one() {
        let mut samples = Samples::default();
        for value in [3.0, 1.0, 2.0] {
            samples.add(value);
        }
        assert_eq!((samples.min(), samples.median(), samples.max()), (1.0, 2.0, 3.0));
        assert_eq!(samples.show(), "2.00 (1.00..3.00)");
    }
}
