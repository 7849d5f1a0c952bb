//! A store that behaves like a member of etcd: 1000 events of history, lag, snapshots, and what a server tells wrongly.

use std::collections::BTreeMap;
use std::fmt::Write;

#[derive(Clone, Debug, PartialEq)]
pub(in crate::watch) struct Val {
    /// `None`: a directory
    pub(in crate::watch) value: Option<String>,
    pub(in crate::watch) created: u64,
    pub(in crate::watch) modified: u64,
}

#[derive(Clone, Debug)]
pub(in crate::watch) enum Op {
    Set(String, String),
    Update(String, String),
    Delete(String),
    Refresh(String),
    Internal,
}

#[derive(Clone, Debug)]
pub(in crate::watch) struct Told {
    pub(in crate::watch) index: u64,
    pub(in crate::watch) key: String,
    pub(in crate::watch) removed: bool,
    pub(in crate::watch) body: String,
    /// directories and files that were there below a removed one
    pub(in crate::watch) below: Vec<String>,
}

/// One member's copy.
#[derive(Clone, Debug, Default)]
pub(in crate::watch) struct Store {
    pub(in crate::watch) index: u64,
    pub(in crate::watch) nodes: BTreeMap<String, Val>,
    /// one entry per index from 1; refreshes and internal changes tell nothing
    pub(in crate::watch) history: Vec<Option<Told>>,
}

pub(in crate::watch) enum Found<'a> {
    Cleared(String),
    Event(&'a Told),
    Nothing,
}

fn node_json(key: &str, val: &Val, index: Option<u64>) -> String {
    let modified = index.unwrap_or(val.modified);
    let kind = match (&val.value, index) {
        (None, _) => r#""dir":true,"#.to_owned(),
        (Some(_), Some(_)) => String::new(),
        (Some(value), None) => format!(r#""value":"{value}","#),
    };
    format!(
        r#"{{"key":"{key}",{kind}"modifiedIndex":{modified},"createdIndex":{}}}"#,
        val.created
    )
}

impl Store {
    pub(in crate::watch) fn apply(&mut self, op: &Op) {
        self.index += 1;
        let index = self.index;
        let told = match op {
            Op::Internal => None,
            Op::Refresh(key) => {
                if let Some(val) = self.nodes.get_mut(key) {
                    val.modified = index;
                }
                None
            }
            Op::Set(key, value) | Op::Update(key, value) => self.write(op, key, value),
            Op::Delete(key) => self.remove(key),
        };
        self.history.push(told);
    }

    fn write(&mut self, op: &Op, key: &str, value: &str) -> Option<Told> {
        let index = self.index;
        let parents: Vec<_> = key
            .match_indices('/')
            .skip(1)
            .map(|(at, _)| &key[..at])
            .collect();
        let in_the_way = |k: &str| self.nodes.get(k).is_some_and(|v| v.value.is_some());
        let old = self.nodes.get(key).cloned();
        if parents.iter().any(|k| in_the_way(k)) || old.as_ref().is_some_and(|v| v.value.is_none())
        {
            return None;
        }
        let update = matches!(op, Op::Update(..));
        if update && old.is_none() {
            return None;
        }
        for parent in parents {
            self.nodes.entry(parent.to_owned()).or_insert(Val {
                value: None,
                created: index,
                modified: index,
            });
        }
        let created = old.as_ref().filter(|_| update).map_or(index, |v| v.created);
        let val = Val {
            value: Some(value.to_owned()),
            created,
            modified: index,
        };
        let prev = old.map_or(String::new(), |v| {
            format!(r#","prevNode":{}"#, node_json(key, &v, None))
        });
        let action = if update { "update" } else { "set" };
        let body = format!(
            "{{\"action\":\"{action}\",\"node\":{}{prev}}}\n",
            node_json(key, &val, None)
        );
        self.nodes.insert(key.to_owned(), val);
        Some(Told {
            index,
            key: key.to_owned(),
            removed: false,
            body,
            below: Vec::new(),
        })
    }

    fn remove(&mut self, key: &str) -> Option<Told> {
        let index = self.index;
        let old = self.nodes.remove(key)?;
        let inside = format!("{key}/");
        let below: Vec<_> = self
            .nodes
            .keys()
            .filter(|k| k.starts_with(&inside))
            .cloned()
            .collect();
        for k in &below {
            self.nodes.remove(k);
        }
        let body = format!(
            "{{\"action\":\"delete\",\"node\":{},\"prevNode\":{}}}\n",
            node_json(key, &old, Some(index)),
            node_json(key, &old, None)
        );
        Some(Told {
            index,
            key: key.to_owned(),
            removed: true,
            body,
            below,
        })
    }

    /// What a poll finds in the history; it is wider than what is told live.
    pub(in crate::watch) fn look(&self, key: &str, recursive: bool, from: u64) -> Found<'_> {
        if from == 0 || from > self.index {
            return Found::Nothing;
        }
        let oldest = self.index.saturating_sub(999).max(1);
        if from < oldest {
            return Found::Cleared(format!(
                r#"{{"errorCode":401,"message":"The event in requested index is outdated and cleared","cause":"the requested history has been cleared [{oldest}/{from}]","index":{}}}"#,
                self.index
            ));
        }
        let told = self.history[from as usize - 1..]
            .iter()
            .flatten()
            .find(|t| {
                t.key == key
                    || (recursive && below(&t.key, key))
                    || (t.removed && key.starts_with(&t.key))
            });
        told.map_or(Found::Nothing, Found::Event)
    }

    /// What an open poll, registered at `after`, is told.
    pub(in crate::watch) fn live(
        &self,
        key: &str,
        recursive: bool,
        after: u64,
        from: u64,
    ) -> Option<&Told> {
        let start = after.max(from.saturating_sub(1)) as usize;
        self.history
            .get(start..)?
            .iter()
            .flatten()
            .find(|t| wanted(t, key, recursive))
    }

    pub(in crate::watch) fn listing(&self, key: &str, recursive: bool) -> Result<String, String> {
        let root = Val {
            value: None,
            created: 0,
            modified: 0,
        };
        let val = if key == "/" {
            Some(&root)
        } else {
            self.nodes.get(key)
        };
        let Some(val) = val else {
            return Err(format!(
                r#"{{"errorCode":100,"message":"Key not found","cause":"{key}","index":{}}}"#,
                self.index
            ));
        };
        let mut out = String::from(r#"{"action":"get","node":"#);
        self.write_node(&mut out, key.trim_end_matches('/'), val, recursive, 0);
        out.push_str("}\n");
        Ok(out)
    }

    fn write_node(&self, out: &mut String, key: &str, val: &Val, recursive: bool, level: u32) {
        let flat = node_json(key, val, None);
        if val.value.is_some() || (level > 0 && !recursive) {
            out.push_str(&flat);
            return;
        }
        let _ = write!(out, r#"{},"nodes":["#, &flat[..flat.len() - 1]);
        let inside = format!("{key}/");
        let mut first = true;
        for (k, v) in self.nodes.range(inside.clone()..) {
            let Some(name) = k.strip_prefix(&inside) else {
                break;
            };
            if name.contains('/') || name.starts_with('_') {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.push(',');
            }
            self.write_node(out, k, v, recursive, level + 1);
        }
        out.push_str("]}");
    }
}

fn below(key: &str, ancestor: &str) -> bool {
    let ancestor = ancestor.trim_end_matches('/');
    key.strip_prefix(ancestor)
        .is_some_and(|rest| rest.starts_with('/'))
}

fn hidden(key: &str, ancestor: &str) -> bool {
    key[ancestor.trim_end_matches('/').len()..].contains("/_")
}

/// Whether a live watch is told.
pub(in crate::watch) fn wanted(told: &Told, key: &str, recursive: bool) -> bool {
    told.key == key
        || (recursive && below(&told.key, key) && !hidden(&told.key, key))
        || (told.removed && told.below.iter().any(|k| k == key))
}

/// Whether it may also be told, from the history, though the key did not exist.
pub(in crate::watch) fn allowed(told: &Told, key: &str, recursive: bool) -> bool {
    wanted(told, key, recursive) || (told.removed && below(key, &told.key))
}

/// The files that a watch of `key` sees.
pub(in crate::watch) fn files(
    store: &Store,
    key: &str,
    recursive: bool,
) -> BTreeMap<String, (String, u64)> {
    let seen = |k: &str| k == key || (recursive && below(k, key) && !hidden(k, key));
    let file = |(k, v): (&String, &Val)| {
        let value = v.value.clone().filter(|_| seen(k))?;
        Some((k.clone(), (value, v.created)))
    };
    store.nodes.iter().filter_map(file).collect()
}
