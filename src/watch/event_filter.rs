//! Which events belong to a watch. What a server tells from its history is wider than what it tells live.

use crate::protocol::action::Action;
use crate::protocol::key::Key;
use crate::protocol::response::Response;

/// What is watched.
#[derive(Clone, Debug)]
pub struct EventFilter {
    key: Key,
    recursive: bool,
}

impl EventFilter {
    /// `key`, or everything below it too.
    pub fn new(key: &Key, recursive: bool) -> EventFilter {
        EventFilter {
            key: key.clone(),
            recursive,
        }
    }

    /// The key that is watched.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Or everything below it too.
    pub fn is_recursive(&self) -> bool {
        self.recursive
    }

    /// Whether an event is one that a live watch would have been told.
    pub fn holds(&self, event: &Response) -> bool {
        let Some(node) = event.node() else {
            return false;
        };
        let key = node.key().trim_end_matches('/');
        let watched = self.key.text().trim_end_matches('/');
        if let Some(below) = below(key, watched) {
            // hidden below the watched path; the history of a server does not leave them out
            return below.is_empty()
                || (self.recursive && !below.split('/').any(|segment| segment.starts_with('_')));
        }
        // a directory above was removed; the history matches by string prefix, so /pre is told to /prefix
        let removed = matches!(event.action(), Action::Delete | Action::Expire);
        removed && below(watched, key).is_some()
    }

    /// Whether an event is of a directory above what is watched.
    pub fn is_inside(&self, event: &Response) -> bool {
        let watched = self.key.text().trim_end_matches('/');
        let key = event.node().map(|node| node.key().trim_end_matches('/'));
        key.and_then(|key| below(watched, key))
            .is_some_and(|rest| !rest.is_empty())
    }
}

/// What is left of `key` below `ancestor` without the separating slash; empty for the key itself.
fn below<'a>(key: &'a str, ancestor: &str) -> Option<&'a str> {
    let rest = key.strip_prefix(ancestor)?;
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix('/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::answer::{Verdict, judge};
    use crate::protocol::decode_limits::DecodeLimits;
    use crate::protocol::http_request::ResponseKind;
    use crate::protocol::response_head::Head;

    fn holds(watched: &str, recursive: bool, action: &str, key: &str) -> bool {
        let body = format!(
            r#"{{"action":"{action}","node":{{"key":"{key}","modifiedIndex":7,"createdIndex":7}}}}"#
        );
        let head = Head {
            status: 200,
            ..Head::default()
        };
        let limits = DecodeLimits {
            depth: 10,
            nodes: 10,
        };
        match judge(head, body.into_bytes(), ResponseKind::Event, &limits) {
            Verdict::Success(event) => {
                EventFilter::new(&Key::parse("key", watched).expect("a key"), recursive)
                    .holds(&event)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_key_itself_and_what_is_below() {
        assert!(holds("/a", false, "set", "/a"));
        assert!(holds("/a/", true, "set", "/a"));
        assert!(holds("/a", true, "set", "/a/b/c"));
        assert!(!holds("/a", false, "set", "/a/b"));
        assert!(!holds("/a", true, "set", "/ab"));
        assert!(holds("/", true, "set", "/x"));
        assert!(holds("/", true, "delete", "/x/y"));
    }

    #[test]
    fn hidden_keys_only_for_who_watches_inside() {
        assert!(!holds("/a", true, "set", "/a/_h/x"));
        assert!(!holds("/a", true, "set", "/a/b/_h"));
        assert!(holds("/a/_h", true, "set", "/a/_h/x"));
        assert!(holds("/_h", false, "set", "/_h"));
        assert!(!holds("/", true, "set", "/_etcd/x"));
    }

    #[test]
    fn removed_ancestors_by_segments() {
        assert!(holds("/a/b/c", false, "delete", "/a"));
        assert!(holds("/a/b/c", true, "expire", "/a/b"));
        assert!(!holds("/prefix", false, "delete", "/pre"));
        assert!(!holds("/a/b", false, "set", "/a"));
    }
}
