//! Generators: `~SEQ`, `~SEQx` and `~LST`.

use super::Expander;
use crate::diag::{Code, Diag, Level};
use crate::source::{Line, Span};
use crate::value::{self, IntStyle};

use super::define::name_length;

/// Whether a line begins with a generator.
pub(super) fn is_generator(text: &str) -> bool {
    text.starts_with("~SEQ(") || text.starts_with("~SEQx(") || text.starts_with("~LST(")
}

/// A `~SEQ` as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sequence {
    first: i64,
    step: i64,
    last: i64,
}

impl Sequence {
    /// The values from the bounds as written: END; START END; START STEP END.
    fn new(bounds: &[i64]) -> Option<Self> {
        let toward = |from: i64, to: i64| if to >= from { 1 } else { -1 };
        match *bounds {
            [last] => {
                let first = if last < 0 { -1 } else { 1 };
                Some(Sequence { first, step: if last >= 1 { 1 } else { -1 }, last })
            }
            [first, last] => Some(Sequence { first, step: toward(first, last), last }),
            [first, step, last] => {
                let runs = step != 0 && (first == last || (step > 0) == (last > first));
                runs.then_some(Sequence { first, step, last })
            }
            _ => None,
        }
    }

    fn values(self) -> impl Iterator<Item = i64> {
        let past = move |v: i64| if self.step > 0 { v > self.last } else { v < self.last };
        let next = move |v: &i64| v.checked_add(self.step);
        std::iter::successors(Some(self.first), next).take_while(move |v| !past(*v))
    }
}

impl Expander<'_> {
    /// A line that begins with a generator.
    pub(super) fn generator(&mut self, line: Line<'_>) {
        let list = line.text.starts_with("~LST");
        let open = line.text.find('(').unwrap_or(0);
        let Some(close) = closing(line.text, open) else {
            return self.bad(&line, "definition", list);
        };
        let inner = line.text.get(open + 1..close).unwrap_or("");
        let rest = line.part(close + 1, line.text.len()).trim();
        self.nesting += 1;
        if list {
            self.list(&line, inner, rest);
        } else {
            let hex = line.text.starts_with("~SEQx");
            self.sequence(&line, inner, rest, hex);
        }
        self.nesting -= 1;
    }

    /// Reports a generator; `what` is wrong with it.
    fn bad(&mut self, line: &Line<'_>, what: &str, list: bool) {
        let name = if list { "~LST" } else { "~SEQ" };
        let cause = match what {
            "" => None,
            "too many values" => Some(format!("{name} specification has {what} '{}'", line.text)),
            what => Some(format!("Invalid {name} {what} '{}'", line.text)),
        };
        let text = format!("Invalid {name} specification '{}'", line.text);
        let mut diag = Diag::new(Level::General, Code::Sequence, line.whole(), text);
        diag.cause = cause;
        self.cx.report(diag);
    }

    fn sequence(&mut self, line: &Line<'_>, inner: &str, rest: Line<'_>, hex: bool) {
        let mut parts = inner.split(',').map(|p| p.trim_matches([' ', '\t']));
        let name = parts.next().unwrap_or("");
        if name.is_empty() || name_length(name) != name.len() || rest.text.is_empty() {
            return self.bad(line, "definition", false);
        }
        let bounds: Option<Vec<i64>> = parts.map(|p| self.bound(p)).collect();
        let Some(bounds) = bounds.filter(|b| (1..=3).contains(&b.len())) else {
            return self.bad(line, "definition", false);
        };
        let well = |s: &Sequence| !hex || (s.first >= 0 && s.last >= 0);
        let Some(sequence) = Sequence::new(&bounds).filter(well) else {
            return self.bad(line, "values", false);
        };
        let at = line.whole();
        for value in sequence.values() {
            let text = if hex { format!("{value:x}") } else { value.to_string() };
            if !self.generate(name, &text, at, rest) {
                return;
            }
        }
    }

    fn generate(&mut self, name: &str, value: &str, at: Span, rest: Line<'_>) -> bool {
        if !self.may_generate(at) {
            return false;
        }
        self.defs.set(name, value, at);
        self.line(rest);
        !self.stopped
    }

    /// A bound: a C integer, or a definition of one.
    fn bound(&mut self, word: &str) -> Option<i64> {
        let style = IntStyle { lenient: false, any_base: true };
        let number = |w: &str| match w {
            "" => None,
            w => value::integer(w, i64::MIN, i64::MAX, style).ok().map(|r| r.value),
        };
        if !word.starts_with('$') {
            return number(word);
        }
        number(self.text_of(word)?.trim())
    }

    /// `~LST(VAR, v...)` and `~LST({VAR...}, {v...}...)`.
    fn list(&mut self, line: &Line<'_>, inner: &str, rest: Line<'_>) {
        let Some(sets) = value_sets(inner).filter(|_| !rest.text.is_empty()) else {
            return self.bad(line, "definition", true);
        };
        let Some((names, values)) = sets.split_first().filter(|(_, values)| !values.is_empty())
        else {
            return self.bad(line, "", true);
        };
        if names.iter().any(|n| n.is_empty() || name_length(n) != n.len()) {
            return self.bad(line, "definition", true);
        }
        if values.iter().any(|set| set.len() > names.len()) {
            return self.bad(line, "too many values", true);
        }
        let at = line.whole();
        for set in values {
            if !self.may_generate(at) {
                return;
            }
            for (i, name) in names.iter().enumerate() {
                self.defs.set(name, set.get(i).unwrap_or(&""), at);
            }
            self.line(rest);
        }
    }
}

/// The `)` that ends a generator's parameters.
fn closing(text: &str, open: usize) -> Option<usize> {
    text.get(open..)?.find(')').map(|i| open + i)
}

/// `a, {b,c}, d` as sets of one or more words.
fn value_sets(text: &str) -> Option<Vec<Vec<&str>>> {
    let blank = [' ', '\t'];
    let mut sets = Vec::new();
    let mut rest = text.trim_matches(blank);
    loop {
        if let Some(inner) = rest.strip_prefix('{') {
            let (set, after) = inner.split_once('}')?;
            sets.push(set.split(',').map(|w| w.trim_matches(blank)).collect());
            rest = after.trim_start_matches(blank);
            if rest.is_empty() {
                return Some(sets);
            }
            rest = rest.strip_prefix(',')?;
        } else {
            let (word, after) = rest.split_once(',').map_or((rest, None), |(w, a)| (w, Some(a)));
            sets.push(vec![word.trim_matches(blank)]);
            let Some(after) = after else { return Some(sets) };
            rest = after;
        }
        rest = rest.trim_start_matches(blank);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(bounds: &[i64]) -> Vec<i64> {
        Sequence::new(bounds).map(|s| s.values().collect()).unwrap_or_default()
    }

    #[test]
    fn sequences_run_toward_their_end() {
        assert_eq!(values(&[3]), [1, 2, 3]);
        assert_eq!(values(&[0]), [1, 0]);
        assert_eq!(values(&[-2]), [-1, -2]);
        assert_eq!(values(&[5, 3]), [5, 4, 3]);
        assert_eq!(values(&[5, -2, 1]), [5, 3, 1]);
        assert_eq!(Sequence::new(&[1, 0, 3]), None);
        assert_eq!(Sequence::new(&[1, -1, 3]), None);
        assert_eq!(values(&[i64::MAX - 1, i64::MAX]), [i64::MAX - 1, i64::MAX]);
    }

    #[test]
    fn value_sets_may_have_braces() {
        assert_eq!(value_sets("A, b ,c").unwrap(), [["A"], ["b"], ["c"]]);
        let sets = value_sets("{I,J},{a,b},{c}, d").unwrap();
        assert_eq!(sets, vec![vec!["I", "J"], vec!["a", "b"], vec!["c"], vec!["d"]]);
        assert_eq!(value_sets("{a"), None);
    }
}
