//! `FILE_CHECK`: the number in a file as weight or fault. Core reads the file;
//! this is the arithmetic.

/// What a file's number means to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// The server is well, and this is added to its weight.
    Add(i32),
    /// The server has failed.
    Fault,
}

/// What `value` means under `weight`: with weight 0 any other value than 0 is
/// a fault (`reverse`: the value 0); else value times weight (negated by
/// `reverse`) is added, saturated to 32 bits, and the least number is a fault.
pub fn read(value: i64, weight: i32, reverse: bool) -> Reading {
    if weight == 0 {
        return if (value != 0) == reverse { Reading::Add(0) } else { Reading::Fault };
    }
    let sign = if reverse { -1 } else { 1 };
    let product = value.saturating_mul(i64::from(weight)).saturating_mul(sign);
    match product.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) {
        n if n == i64::from(i32::MIN) => Reading::Fault,
        n => Reading::Add(i32::try_from(n).unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_product_is_added_and_its_least_value_is_a_fault() {
        for (value, weight, reverse, want) in [
            (3, 2, false, Reading::Add(6)),
            (3, 2, true, Reading::Add(-6)),
            (-2_147_483_648, 2, false, Reading::Fault),
            (-2_147_483_648, 2, true, Reading::Add(i32::MAX)),
            (i64::MAX, i32::MAX, false, Reading::Add(i32::MAX)),
            (i64::MIN, i32::MAX, false, Reading::Fault),
            (0, 5, false, Reading::Add(0)),
        ] {
            assert_eq!(read(value, weight, reverse), want, "{value} x {weight} {reverse}");
        }
    }

    #[test]
    fn weight_zero_makes_the_value_good_or_bad() {
        assert_eq!(read(0, 0, false), Reading::Add(0));
        assert_eq!(read(7, 0, false), Reading::Fault);
        assert_eq!(read(0, 0, true), Reading::Fault);
        assert_eq!(read(7, 0, true), Reading::Add(0));
    }
}
