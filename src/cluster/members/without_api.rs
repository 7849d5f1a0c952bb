//! That nobody has the v2 API: said by each member of the list, one after the other, and by none of them anything else.

use crate::cluster::members::member::Member;
use crate::cluster::members::member_set::holds;
use std::sync::Arc;

/// The members that have said so in a row, as one watch was told.
#[derive(Debug, Default)]
pub struct WithoutApi(Vec<Arc<Member>>);

impl WithoutApi {
    /// One more says so; `first`: what was told last was something else. Whether those are all `members` now.
    pub fn told(&mut self, member: &Arc<Member>, first: bool, members: &[Arc<Member>]) -> bool {
        if first {
            self.0.clear();
        }
        if !holds(&self.0, member) {
            self.0.push(member.clone());
        }
        !members.is_empty() && members.iter().all(|member| holds(&self.0, member))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::endpoint::Endpoint;
    use crate::transport::config::TransportConfig;

    #[test]
    fn all_are_those_of_the_list_in_one_row() {
        let member = |url| {
            let endpoint = Endpoint::parse("url", url).unwrap();
            Arc::new(Member::new(endpoint, &TransportConfig::default()))
        };
        let all = ["http://a:1", "http://b:1", "http://c:1"].map(member);
        let mut without = WithoutApi::default();
        // two of them, however often
        for round in 0..20 {
            assert!(!without.told(&all[round % 2], round == 0, &all));
        }
        assert!(without.told(&all[2], false, &all));
        // a row that was broken counts no more
        assert!(!without.told(&all[2], true, &all));
        assert!(!without.told(&all[0], false, &all));
        // who has left the list is not waited for, and who has joined it is
        assert!(without.told(&all[0], false, &[all[2].clone()]));
        assert!(!without.told(&all[0], false, &all));
        // nobody is known: nobody has said anything
        assert!(!without.told(&all[0], false, &[]));
    }
}
