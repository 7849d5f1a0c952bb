//! Members without the v2 API are skipped; if no member has it, the watcher ends with UNSUPPORTED.

use super::*;

/// So many consecutive members without the API end the watcher: more than a cluster has.
const ALL: u8 = 8;

impl Machine {
    /// Whether the member is asked for its version first, since any server written in Go answers "404 page not found".
    pub(super) fn inquires(&mut self, error: &Error) -> bool {
        let detail = error.detail();
        if !is_no_page(detail.http_status, &detail.body) {
            return false;
        }
        self.then = self.settled_task();
        (self.kind, self.preference) = (ExchangeKind::Version, MemberPreference::Same);
        true
    }

    /// The answer to `/version`.
    pub(super) fn on_version(&mut self, now: Instant, verdict: Verdict) -> MemberVerdict {
        let told = match &verdict {
            Verdict::Success(response) => explain(response.head().status, response.body()),
            _ => None,
        };
        self.leave_member();
        let Some(error) = told else {
            self.absent = 0;
            self.retry(now, "the answer is not etcd's: there is no such page");
            return MemberVerdict::Bad;
        };
        self.absent += 1;
        if self.absent >= ALL {
            self.close(Some(error));
            return MemberVerdict::Bad;
        }
        self.retry(now, &error.detail().message);
        MemberVerdict::Bad
    }
}
