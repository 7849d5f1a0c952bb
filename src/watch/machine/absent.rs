//! Members without the v2 API are skipped; if no member has it, the watcher ends with UNSUPPORTED.

use super::*;

/// So many consecutive answers end the watcher at the earliest: one URL may stand for several servers.
const LEAST: u8 = 8;

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
        self.absent = self.absent.saturating_add(1);
        self.retry(now, &error.detail().message);
        self.without_api = Some(error);
        MemberVerdict::WithoutApi {
            first: self.absent == 1,
        }
    }

    /// Every member has said so in a row: whom this machine asks, its driver knows.
    pub fn on_without_api(&mut self) {
        if self.absent >= LEAST {
            let error = self.without_api.take();
            self.close(error);
        }
    }
}
