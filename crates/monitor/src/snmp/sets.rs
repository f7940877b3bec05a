//! What managers set: committed as changes for core, and taken back by setting what was there.

use agentx::{Answer, Mib, Query, ResponseError, Value, VarBind, answer};
use ipc::msg::snapshot::Change;
use mib::Tree;
use std::collections::VecDeque;

/// Sets that may be taken back.
const MAX: usize = 16;

/// What was set lately.
#[derive(Debug, Default)]
pub(super) struct Sets {
    /// What was set, and what was there before.
    done: VecDeque<(Vec<VarBind>, Vec<VarBind>)>,
}

impl Sets {
    /// The answer to a query, and what it changes.
    pub fn answer(&mut self, tree: &Tree<'_>, query: &Query) -> (Answer, Vec<Change>) {
        match query {
            Query::Commit(bindings) => {
                let before = |b: &VarBind| VarBind::new(b.name.clone(), tree.get(&b.name));
                let before: Vec<VarBind> = bindings.iter().map(before).collect();
                let Some(changes) = changes(tree, bindings) else {
                    return (Answer::error(ResponseError::COMMIT_FAILED, 0), Vec::new());
                };
                if self.done.len() >= MAX {
                    self.done.pop_front();
                }
                self.done.push_back((bindings.clone(), before));
                (Answer::default(), changes)
            }
            Query::Undo(bindings) => {
                let found = self.done.iter().rposition(|(set, _)| set == bindings);
                let done = found.and_then(|n| self.done.remove(n));
                match done.and_then(|(_, before)| changes(tree, &before)) {
                    Some(changes) => (Answer::default(), changes),
                    None => (Answer::error(ResponseError::UNDO_FAILED, 0), Vec::new()),
                }
            }
            query => (answer(tree, query), Vec::new()),
        }
    }
}

fn changes(tree: &Tree<'_>, bindings: &[VarBind]) -> Option<Vec<Change>> {
    let of = |b: &VarBind| match b.value {
        Value::NoSuchInstance | Value::NoSuchObject => None,
        _ => tree.change(b).ok(),
    };
    bindings.iter().map(of).collect()
}
