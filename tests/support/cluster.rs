//! Several servers that are one cluster, and what can be done to them while it runs.

use super::etcd::{Etcd, START_LIMIT, Setup, Version};
use super::proxy::Mode;
use super::{http, process, wait_for};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Several servers that are one cluster.
#[derive(Debug)]
pub struct Cluster {
    setup: Setup,
    members: Vec<Etcd>,
    /// members that there ever were
    named: usize,
}

impl Cluster {
    /// `n` members, all healthy.
    pub fn start(version: Version, n: usize) -> Cluster {
        Setup::new(version).timing(50, 500).cluster(n)
    }

    /// The same, and members can be cut off from each other: [`Cluster::isolate`].
    pub fn isolatable(version: Version, n: usize) -> Cluster {
        let setup = Setup::new(version).timing(50, 500);
        setup.isolatable().cluster(n)
    }

    pub(super) fn of(setup: Setup, members: Vec<Etcd>) -> Cluster {
        let named = members.len();
        Cluster {
            setup,
            members,
            named,
        }
    }

    /// All members, `n1` first.
    pub fn members(&self) -> &[Etcd] {
        &self.members
    }

    /// A member by its place.
    pub fn member(&self, i: usize) -> &Etcd {
        &self.members[i]
    }

    /// Comma-separated URLs of all.
    pub fn endpoints(&self) -> String {
        self.members
            .iter()
            .map(Etcd::url)
            .collect::<Vec<_>>()
            .join(",")
    }

    /// Place of the leader, as soon as a running member says that it is one. No member may be paused.
    #[track_caller]
    pub fn leader(&self) -> usize {
        self.leader_among(&(0..self.members.len()).collect::<Vec<_>>())
    }

    /// Place of the leader of those at `places`, as soon as one of them says that it is one: what the others believe,
    /// which are dead, paused or isolated, does not matter.
    #[track_caller]
    pub fn leader_among(&self, places: &[usize]) -> usize {
        wait_for("a leader", START_LIMIT, || {
            let leads = |i: &usize| {
                let member = &self.members[*i];
                member.pid().is_some() && member.is_leader()
            };
            places.iter().copied().find(|i| leads(i))
        })
    }

    /// Places of all but the leader.
    #[track_caller]
    pub fn followers(&self) -> Vec<usize> {
        self.all_but(self.leader())
    }

    /// Places of all but this one.
    pub fn all_but(&self, i: usize) -> Vec<usize> {
        (0..self.members.len()).filter(|j| *j != i).collect()
    }

    /// Waits until every member runs and is healthy. None may be paused.
    #[track_caller]
    pub fn wait_until_healthy(&self) {
        let end = Instant::now() + START_LIMIT;
        for member in &self.members {
            let healthy = member.until_healthy(end);
            assert!(healthy, "{} is not well:\n{}", member.name(), member.log());
        }
    }

    /// Makes another member the leader, by a pause of the present one; returns its place.
    #[track_caller]
    pub fn move_leader(&self) -> usize {
        let old = self.leader();
        self.members[old].pause();
        let new = self.leader_among(&self.all_but(old));
        self.members[old].resume();
        new
    }

    /// Cuts a member off from its peers, both ways; its client port stays open. Nothing passes any more when it returns.
    /// It is a member of an [`Cluster::isolatable`] cluster.
    ///
    /// It takes an election timeout until an isolated leader knows, and until the others have a new one:
    /// [`Cluster::leader_among`] the others waits for that.
    pub fn isolate(&self, i: usize) {
        self.isolate_by(i, Mode::Refuse);
    }

    /// The same, with what happens to bytes between it and its peers.
    pub fn isolate_by(&self, i: usize, mode: Mode) {
        for j in self.all_but(i) {
            self.cut_by(i, j, mode);
        }
    }

    /// Cuts the wire between two members, both ways.
    pub fn cut(&self, i: usize, j: usize) {
        self.cut_by(i, j, Mode::Refuse);
    }

    fn cut_by(&self, i: usize, j: usize, mode: Mode) {
        for (to, from) in [(i, j), (j, i)] {
            let proxy = self.members[to].proxy().expect("an isolatable cluster");
            proxy.set_line(line(self.members[from].name()), mode);
        }
    }

    /// Writes until no other member has the entries that an isolated one lacks, which has none beyond `known`: it needs a
    /// snapshot then. On a busy machine writes fail, and logs are compacted late. Only with `--log-level=info`.
    #[track_caller]
    pub fn fill_until_compacted(&self, isolated: usize, known: u64, mut write: impl FnMut()) {
        wait_for("compacted logs", Duration::from_secs(120), || {
            let others = self.all_but(isolated).into_iter();
            let compacted = others.map(|j| self.members[j].compacted()).min();
            if compacted > Some(known) {
                return Some(());
            }
            write();
            None
        });
    }

    /// Ends [`Cluster::isolate`] for a member. Members find each other again within some 100 ms.
    pub fn rejoin(&self, i: usize) {
        for j in self.all_but(i) {
            self.mend(i, j);
        }
    }

    /// Ends [`Cluster::cut`].
    pub fn mend(&self, i: usize, j: usize) {
        for (to, from) in [(i, j), (j, i)] {
            let proxy = self.members[to].proxy().expect("an isolatable cluster");
            proxy.free_line(line(self.members[from].name()));
        }
    }

    /// Adds a member to the running cluster and starts it; returns when it answers. Its place is the last.
    #[track_caller]
    pub fn add(&mut self) {
        self.named += 1;
        let mut new = self.setup.member(self.named);
        let body = format!("{{\"peerURLs\":[\"{}\"]}}", new.peer_url());
        // refused as long as the members have not been connected for 5 s
        wait_for("a member added", START_LIMIT, || {
            let json = [("Content-Type", "application/json")];
            let url = format!("{}/v2/members", self.running().url());
            let reply = http::request("POST", &url, &json, body.as_bytes()).ok()?;
            (reply.status == 201).then_some(())
        });
        let all: Vec<String> = self
            .members
            .iter()
            .chain([&new])
            .map(Etcd::introduction)
            .collect();
        new.found(&all, "existing");
        assert!(
            new.until_healthy(Instant::now() + START_LIMIT),
            "a member that was added did not start:\n{}",
            new.log()
        );
        self.members.push(new);
    }

    /// Removes a member from the running cluster and ends it.
    #[track_caller]
    pub fn remove(&mut self, i: usize) {
        let gone = self.members.remove(i);
        let id = self.id(&gone);
        wait_for("a member removed", START_LIMIT, || {
            let url = format!("{}/v2/members/{id}", self.running().url());
            let reply = http::delete(&url).ok()?;
            matches!(reply.status, 204 | 410).then_some(())
        });
    }

    /// A member's id, as the others know it.
    #[track_caller]
    pub fn id(&self, member: &Etcd) -> String {
        let list = http::get(&format!("{}/v2/members", self.running().url())).expect("members");
        let list = list.json();
        let mut members = list["members"].as_array().expect("a list").iter();
        let known = members.find(|m| m["name"] == member.name());
        let known = known.unwrap_or_else(|| panic!("no {} in {list}", member.name()));
        known["id"].as_str().expect("an id").to_owned()
    }

    fn running(&self) -> &Etcd {
        let mut members = self.members.iter();
        members
            .find(|m| m.pid().is_some() && !m.is_paused())
            .expect("a member that runs")
    }
}

/// On the proxies of peers, the line of a member.
fn line(name: &str) -> usize {
    name.strip_prefix('n')
        .and_then(|number| number.parse().ok())
        .expect("n1, n2, …")
}

/// Which member a connection comes from; 0 when it is none.
pub(super) fn line_of(peer: SocketAddr, own: SocketAddr) -> usize {
    let Some(pid) = process::owner(peer, own) else {
        return 0;
    };
    let arguments = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut arguments = arguments.split('\0');
    arguments
        .find_map(|argument| argument.strip_prefix("--name="))
        .map_or(0, line)
}
