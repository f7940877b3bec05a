//! How Get, GetNext, GetBulk and TestSet are answered (RFC 2741 section 7.2.3).

use crate::oid::Oid;
use crate::pdu::{Range, ResponseError};
use crate::session::Query;
use crate::value::{Value, VarBind};

/// Most bindings of one answer; who wants more asks again.
const MAX_BINDINGS: usize = 2_000;

/// An ordered view of a part of the tree.
pub trait Mib {
    /// The value of `name`: an exception where there is none.
    fn get(&self, name: &Oid) -> Value;

    /// The first name after `from` (or `from` itself, with `include`) that has a value.
    fn next(&self, from: &Oid, include: bool) -> Option<VarBind>;

    /// Whether the value could be set.
    ///
    /// # Errors
    /// Why it cannot.
    fn test(&self, binding: &VarBind) -> Result<(), SetError>;
}

/// Why a value cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SetError {
    /// It is of another type.
    WrongType,
    /// It is out of range.
    WrongValue,
    /// There is no such instance.
    NoCreation,
    /// It is read only.
    NotWritable,
}

impl From<SetError> for ResponseError {
    fn from(e: SetError) -> Self {
        match e {
            SetError::WrongType => ResponseError::WRONG_TYPE,
            SetError::WrongValue => ResponseError::WRONG_VALUE,
            SetError::NoCreation => ResponseError::NO_CREATION,
            SetError::NotWritable => ResponseError::NOT_WRITABLE,
        }
    }
}

/// What a query is answered with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// What went wrong.
    pub error: ResponseError,
    /// With which binding, from 1.
    pub index: u16,
    /// Values.
    pub bindings: Vec<VarBind>,
}

impl Answer {
    /// An answer that only says whether it worked.
    pub fn error(error: ResponseError, index: u16) -> Self {
        Answer { error, index, bindings: Vec::new() }
    }
}

/// The answer to a query that reads or tests; those that write succeed, as whoever asks has
/// written.
pub fn answer(mib: &dyn Mib, query: &Query) -> Answer {
    let bindings = match query {
        Query::Get(ranges) => ranges
            .iter()
            .map(|range| VarBind::new(range.start.clone(), mib.get(&range.start)))
            .collect(),
        Query::Next(ranges) => ranges.iter().map(|range| next(mib, range)).collect(),
        Query::Bulk { non_repeaters, max_repetitions, ranges } => {
            bulk(mib, usize::from(*non_repeaters), *max_repetitions, ranges)
        }
        Query::Test(bindings) => {
            for (index, binding) in (1u16..).zip(bindings) {
                if let Err(e) = mib.test(binding) {
                    return Answer::error(e.into(), index);
                }
            }
            return Answer::default();
        }
        Query::Commit(_) | Query::Undo(_) => return Answer::default(),
    };
    Answer { bindings, ..Answer::default() }
}

fn next(mib: &dyn Mib, range: &Range) -> VarBind {
    mib.next(&range.start, range.include)
        .filter(|found| range.end.is_empty() || found.name < range.end)
        .unwrap_or_else(|| VarBind::new(range.start.clone(), Value::EndOfMibView))
}

/// RFC 2741 section 7.2.3.3: the first ranges once, then rounds of the others, until all have
/// ended or there are enough.
fn bulk(mib: &dyn Mib, once: usize, rounds: u16, ranges: &[Range]) -> Vec<VarBind> {
    let (once, repeated) = ranges.split_at(once.min(ranges.len()));
    let mut all: Vec<VarBind> = once.iter().map(|range| next(mib, range)).collect();
    let mut repeated = repeated.to_vec();
    for _ in 0..rounds {
        if repeated.is_empty() || all.len() + repeated.len() > MAX_BINDINGS.max(ranges.len()) {
            break;
        }
        let mut ended = true;
        for range in &mut repeated {
            let found = next(mib, range);
            if found.value != Value::EndOfMibView {
                ended = false;
                range.start = found.name.clone();
                range.include = false;
            }
            all.push(found);
        }
        if ended {
            break;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    struct Few(BTreeMap<Oid, i32>);

    impl Mib for Few {
        fn get(&self, name: &Oid) -> Value {
            self.0.get(name).map_or(Value::NoSuchInstance, |v| Value::Integer(*v))
        }

        fn next(&self, from: &Oid, include: bool) -> Option<VarBind> {
            let found = self.0.iter().find(|(name, _)| *name > from || (include && *name == from));
            found.map(|(name, v)| VarBind::new(name.clone(), Value::Integer(*v)))
        }

        fn test(&self, binding: &VarBind) -> Result<(), SetError> {
            match (&binding.value, self.0.contains_key(&binding.name)) {
                (_, false) => Err(SetError::NoCreation),
                (Value::Integer(0..10), true) => Ok(()),
                (Value::Integer(_), true) => Err(SetError::WrongValue),
                _ => Err(SetError::WrongType),
            }
        }
    }

    fn oid(ids: &[u32]) -> Oid {
        Oid::from(ids)
    }

    fn few() -> Few {
        Few([(oid(&[1, 1]), 11), (oid(&[1, 3]), 13), (oid(&[2, 1]), 21)].into())
    }

    fn range(start: &[u32], include: bool, end: &[u32]) -> Range {
        Range { start: oid(start), include, end: oid(end) }
    }

    fn said(answer: &Answer) -> Vec<String> {
        answer.bindings.iter().map(|b| format!("{} {:?}", b.name, b.value)).collect()
    }

    #[test]
    fn a_walk_ends_at_the_end_of_its_range() {
        let ranges = vec![
            range(&[1, 1], true, &[2]),
            range(&[1, 1], false, &[2]),
            range(&[1, 3], false, &[2]),
            range(&[1, 3], false, &[]),
        ];
        let expected =
            [".1.1 Integer(11)", ".1.3 Integer(13)", ".1.3 EndOfMibView", ".2.1 Integer(21)"];
        assert_eq!(said(&answer(&few(), &Query::Next(ranges))), expected);
    }

    #[test]
    fn a_bulk_goes_round_until_all_have_ended() {
        let ranges =
            vec![range(&[0], false, &[]), range(&[1], false, &[2]), range(&[1, 3], false, &[])];
        let query = Query::Bulk { non_repeaters: 1, max_repetitions: 50, ranges };
        let expected = [
            ".1.1 Integer(11)",
            ".1.1 Integer(11)",
            ".2.1 Integer(21)",
            ".1.3 Integer(13)",
            ".2.1 EndOfMibView",
            ".1.3 EndOfMibView",
            ".2.1 EndOfMibView",
        ];
        assert_eq!(said(&answer(&few(), &query)), expected);
    }

    #[test]
    fn a_bulk_of_many_rounds_is_bounded() {
        let many: BTreeMap<Oid, i32> = (0..5_000u32).map(|n| (oid(&[1, n]), 0)).collect();
        let ranges = vec![range(&[1], false, &[])];
        let query = Query::Bulk { non_repeaters: 0, max_repetitions: u16::MAX, ranges };
        assert_eq!(answer(&Few(many), &query).bindings.len(), MAX_BINDINGS);
    }

    #[test]
    fn a_get_of_nothing_is_an_exception_and_no_error() {
        let query = Query::Get(vec![range(&[1, 2], false, &[]), range(&[2, 1], false, &[])]);
        let expected = [".1.2 NoSuchInstance", ".2.1 Integer(21)"];
        assert_eq!(said(&answer(&few(), &query)), expected);
    }

    #[test]
    fn the_first_binding_that_cannot_be_set_is_named() {
        let test = |value: Value, name: &[u32]| {
            let bindings =
                vec![VarBind::new(oid(&[1, 1]), Value::Integer(3)), VarBind::new(oid(name), value)];
            let answer = answer(&few(), &Query::Test(bindings));
            (answer.error, answer.index)
        };
        assert_eq!(test(Value::Integer(1), &[1, 3]), (ResponseError::NONE, 0));
        assert_eq!(test(Value::Integer(10), &[1, 3]), (ResponseError::WRONG_VALUE, 2));
        assert_eq!(test(Value::Null, &[1, 3]), (ResponseError::WRONG_TYPE, 2));
        assert_eq!(test(Value::Null, &[7]), (ResponseError::NO_CREATION, 2));
    }
}
