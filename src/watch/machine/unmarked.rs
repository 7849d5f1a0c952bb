//! Members whose heads do not show the index of their store: a proxy has removed X-Etcd-Index. The error about a key that
//! is not there shows it in its body.

use super::*;

/// Told where the header is missed.
const MISSING: &str = "the X-Etcd-Index header is missing, perhaps removed by a proxy";

impl Machine {
    /// The exchange that `kind` needs cannot be used without an index: it is read first, if that is worth a try.
    pub(super) fn read_index(&mut self, kind: ExchangeKind) {
        self.then = kind;
        self.kind = ExchangeKind::Index;
        self.enter(State::Reconnecting {
            why: format!("{MISSING}: the index is read from an error instead").into(),
            attempt: self.pace.step().max(1),
        });
    }

    /// The read of a key that is not there, through the quorum: what is read through the quorum after it, also of another
    /// member, is not older.
    pub(super) fn index_request(&mut self) -> Result<HttpRequest> {
        let parent = match self.scope.key() {
            key if key.is_root() => "",
            key => key.text(),
        };
        let name = format!("{parent}/no-such-key-{:016x}", self.pace.dice());
        let mut request = Request::new(Operation::Get, Key::parse("key", &name)?);
        request.set_flags(flags::QUORUM)?;
        request.http_request()
    }

    /// Its answer.
    pub(super) fn on_index(&mut self, now: Instant, verdict: Verdict) -> MemberVerdict {
        self.kind = self.then;
        let index = match &verdict {
            Verdict::Refused(error) if is_absence(error) => error.detail().index,
            Verdict::Trouble(error) if self.inquires(error) => return MemberVerdict::Neither,
            // no other member would know the headers either, if it is a proxy that removes them
            Verdict::Refused(error) | Verdict::Trouble(error) => {
                let why = format!("{MISSING}, and {}", error.detail().message);
                self.leave_member();
                self.retry(now, &why);
                return MemberVerdict::Neither;
            }
            _ => 0,
        };
        if index == 0 {
            self.leave_member();
            self.retry(now, MISSING);
            return MemberVerdict::Neither;
        }
        self.known = self.known.max(index);
        match self.kind {
            ExchangeKind::Poll => {
                self.anchor(index);
                if self.withheld {
                    self.enter(State::Live);
                }
            }
            _ => self.index_read = index,
        }
        MemberVerdict::Good
    }

    /// Where a listing stands: as its head says, or not before the index that was read ahead of it, and not before its
    /// newest node. `None`: it has to be read first.
    pub(super) fn index_of(&mut self, response: &Response) -> Option<u64> {
        let read = std::mem::take(&mut self.index_read);
        match response.head().etcd_index {
            0 if read == 0 => None,
            0 => Some(newest(response).max(read)),
            index => Some(index),
        }
    }
}

/// Whether etcd says that a key is not there, in its own way.
pub(super) fn is_absence(error: &Error) -> bool {
    matches!(
        (error.status(), error.detail().http_status),
        (Status::KEY_NOT_FOUND, 404) | (Status::NOT_A_DIRECTORY, 400)
    )
}

/// The highest index of a node in it.
fn newest(response: &Response) -> u64 {
    let mut newest = 0;
    let mut number = 1;
    while let Some(node) = response.tree.get(number) {
        newest = newest.max(node.modified_index());
        number += 1;
    }
    newest
}
