//! Keys in their order, each with what is kept of its node: few large pieces of memory, so that a lack of it can be told.

use super::CachedNode;
use crate::sys::memory::OutOfMemory;
use std::ops::Range;

/// Removed rows that are kept before the table is made anew, if they are the half of all.
const KEPT: usize = 64;

#[derive(Clone, Copy, Debug)]
struct TableRow {
    start: usize,
    len: u32,
    node: CachedNode,
}

/// A sorted table.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// the keys, one behind the other
    text: String,
    /// in the order in which they came; some are removed
    rows: Vec<TableRow>,
    /// numbers of rows, by key
    order: Vec<u32>,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Room for so many keys, and so many bytes of them.
    pub(super) fn reserve(&mut self, keys: usize, bytes: usize) -> Result<(), OutOfMemory> {
        self.rows.try_reserve_exact(keys)?;
        self.order.try_reserve_exact(keys)?;
        self.text.try_reserve_exact(bytes)?;
        Ok(())
    }

    pub(super) fn try_clone(&self) -> Result<Table, OutOfMemory> {
        let mut copy = Table::default();
        copy.reserve(self.len(), self.iter().map(|(key, _)| key.len()).sum())?;
        for (key, node) in self.iter() {
            copy.append(key, *node)?;
        }
        Ok(copy)
    }

    /// In the order of the keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &CachedNode)> {
        (0..self.len()).filter_map(|place| self.at(place))
    }

    /// Key number `place` in their order.
    pub(super) fn at(&self, place: usize) -> Option<(&str, &CachedNode)> {
        let row = self.rows.get(*self.order.get(place)? as usize)?;
        let key = self.text.get(row.start..row.start + row.len as usize)?;
        Some((key, &row.node))
    }

    pub(super) fn get(&self, key: &str) -> Option<&CachedNode> {
        let place = self.find(key).ok()?;
        self.at(place).map(|(_, node)| node)
    }

    /// Its place, or where it would be.
    fn find(&self, key: &str) -> Result<usize, usize> {
        self.order
            .binary_search_by(|row| self.text_of(*row).cmp(key))
    }

    pub(super) fn insert(&mut self, key: &str, node: CachedNode) -> Result<(), OutOfMemory> {
        let place = match self.find(key) {
            Err(place) => place,
            Ok(place) => {
                let row = self.order.get(place).copied().unwrap_or_default();
                if let Some(row) = self.rows.get_mut(row as usize) {
                    row.node = node;
                }
                return Ok(());
            }
        };
        let row = self.add(key, node)?;
        self.order.insert(place, row);
        Ok(())
    }

    /// The same for a key that is behind all others.
    pub(super) fn append(&mut self, key: &str, node: CachedNode) -> Result<(), OutOfMemory> {
        let row = self.add(key, node)?;
        self.order.push(row);
        Ok(())
    }

    fn add(&mut self, key: &str, node: CachedNode) -> Result<u32, OutOfMemory> {
        let number = u32::try_from(self.rows.len()).map_err(|_| OutOfMemory)?;
        let len = u32::try_from(key.len()).map_err(|_| OutOfMemory)?;
        self.rows.try_reserve(1)?;
        self.order.try_reserve(1)?;
        self.text.try_reserve(key.len())?;
        let start = self.text.len();
        self.text.push_str(key);
        self.rows.push(TableRow { start, len, node });
        Ok(number)
    }

    pub(super) fn remove(&mut self, key: &str) {
        if let Ok(place) = self.find(key) {
            self.remove_places(place..place + 1);
        }
    }

    /// Removes every key below the directory `key`.
    pub(super) fn remove_below(&mut self, key: &str) {
        // a zero is what follows a slash
        let range = self.first_behind(key, "/")..self.first_behind(key, "0");
        self.remove_places(range);
    }

    /// The place of the first key that is not before `key` with `end`.
    fn first_behind(&self, key: &str, end: &str) -> usize {
        self.order.partition_point(|row| {
            let other = self.text_of(*row);
            let order = match other.split_at_checked(key.len()) {
                Some((begin, rest)) => begin.cmp(key).then_with(|| rest.cmp(end)),
                None => other.cmp(key),
            };
            order.is_lt()
        })
    }

    fn text_of(&self, row: u32) -> &str {
        let row = self.rows.get(row as usize);
        let range = row.map(|row| row.start..row.start + row.len as usize);
        let text = range.and_then(|range| self.text.get(range));
        text.unwrap_or_default()
    }

    fn remove_places(&mut self, places: Range<usize>) {
        self.order.drain(places);
        if self.order.is_empty() {
            *self = Table::default();
        } else if self.rows.len() > KEPT && self.order.len() < self.rows.len() / 2 {
            // without memory for that it stays as it is
            if let Ok(small) = self.try_clone() {
                *self = small;
            }
        }
    }

    /// The text in which [`Table::span_at`] finds the keys.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    pub(super) fn span_at(&self, place: usize) -> Option<Range<usize>> {
        let row = self.rows.get(*self.order.get(place)? as usize)?;
        Some(row.start..row.start + row.len as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// As a sorted map of owned keys, through any changes.
    #[test]
    fn it_is_a_sorted_map() {
        let mut dice = crate::watch::poll_schedule::PollSchedule::new(7);
        let mut dice = move |sides: u64| dice.dice() % sides;
        let (mut table, mut map) = (Table::default(), BTreeMap::new());
        const PARTS: [&str; 7] = ["a", "a-", "a0", "ab", "ä", "b", "~"];
        for step in 0..20_000_u64 {
            let mut key = String::new();
            for _ in 0..=dice(3) {
                key.push('/');
                key.push_str(PARTS[dice(7) as usize]);
            }
            match dice(8) {
                0 => {
                    table.remove(&key);
                    map.remove(&key);
                }
                1 => {
                    table.remove_below(&key);
                    let first = format!("{key}/");
                    map.retain(|other: &String, _| !other.starts_with(&first));
                }
                2 if dice(50) == 0 => table = table.try_clone().unwrap(),
                _ => {
                    let node = CachedNode {
                        created: step,
                        modified: step,
                        dir: false,
                        print: 0,
                    };
                    table.insert(&key, node).unwrap();
                    map.insert(key.clone(), node);
                }
            }
            assert_eq!(table.get(&key), map.get(&key), "{key}");
            if step % 50 == 0 {
                let all = table.iter().map(|(key, node)| (key.to_owned(), *node));
                assert!(all.eq(map.clone()), "{table:?}");
                assert!(
                    table.rows.len() <= KEPT.max(2 * table.len() + 1),
                    "{table:?}"
                );
            }
        }
    }
}
