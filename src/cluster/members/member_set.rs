//! The list of members and which of them is asked first. The list may change while calls run: a member is known by its
//! [`Arc`], never by its place.

use crate::cluster::members::balancer::Balancer;
use crate::cluster::members::member::Member;
use crate::cluster::members::staleness::StalenessTracker;
use crate::cluster::members::sync_limiter::SyncLimiter;
use crate::protocol::endpoint::Endpoint;
use crate::telemetry::Telemetry;
use crate::telemetry::hooks::Level;
use crate::transport::config::TransportConfig;
use crate::transport::dns::directory::Directory;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

/// Where the URL of a member is from. The same URL may have several sources; it goes when the last of them drops it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Named by the caller; never dropped but by the caller.
    Seed = 0,
    /// Found in the DNS.
    Dns = 1,
    /// From the list of a member.
    Synced = 2,
}

impl Source {
    /// All of them; whose members are asked first.
    const ALL: [Source; 3] = [Source::Seed, Source::Dns, Source::Synced];
}

/// The members at one time.
#[derive(Debug, Default)]
struct List {
    /// of all sources, each URL once
    members: Vec<Arc<Member>>,
    /// in the order of [`Source::ALL`]
    by_source: [Vec<Arc<Member>>; 3],
    /// how often the caller has replaced all of it
    epoch: u64,
    /// where in `members` the one is that is asked first
    pinned: AtomicUsize,
}

/// All members.
///
/// Whom to ask is decided in [`MemberSet::pick`] and nowhere else: both drivers, calls and watches come to it. Rules of
/// choice (which of the members without a penalty; which answer makes a member one to be passed over) go there, and what
/// they have to know of one member into [`Member`].
#[derive(Debug)]
pub struct MemberSet {
    list: RwLock<List>,
    settings: TransportConfig,
    staleness: StalenessTracker,
    sync_limiter: Arc<SyncLimiter>,
    balancer: Balancer,
    directory: Option<Directory>,
    telemetry: Arc<Telemetry>,
}

impl MemberSet {
    /// The first of `endpoints` is the first choice, as the header promises: whoever has a member nearby names it first.
    pub fn new(endpoints: &[Endpoint], settings: &TransportConfig) -> MemberSet {
        let member_set = MemberSet {
            list: RwLock::default(),
            settings: settings.clone(),
            staleness: StalenessTracker::default(),
            sync_limiter: Arc::default(),
            balancer: Balancer::default(),
            directory: None,
            telemetry: Arc::default(),
        };
        member_set.change().fill(&[endpoints, &[], &[]], settings);
        member_set
    }

    /// What the answers have told of the cluster.
    pub fn staleness(&self) -> &StalenessTracker {
        &self.staleness
    }

    /// Looks into this directory.
    pub fn with_directory(self, directory: Option<Directory>) -> MemberSet {
        MemberSet { directory, ..self }
    }

    /// Where else members are found.
    pub fn directory(&self) -> Option<&Directory> {
        self.directory.as_ref()
    }

    /// Tells this telemetry.
    pub fn with_telemetry(self, telemetry: Arc<Telemetry>) -> MemberSet {
        MemberSet { telemetry, ..self }
    }

    /// With this guard.
    pub fn with_staleness(self, staleness: StalenessTracker) -> MemberSet {
        MemberSet { staleness, ..self }
    }

    /// With this rule of choice.
    pub fn with_balancer(self, balancer: Balancer) -> MemberSet {
        let mut list = self.change();
        list.pinned = AtomicUsize::new(balancer.first(list.members.len()));
        drop(list);
        MemberSet { balancer, ..self }
    }

    /// The rule of choice.
    pub fn balancer(&self) -> &Balancer {
        &self.balancer
    }

    /// Where all is told.
    pub fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    /// A list of one that tells the same telemetry, for what is asked of this member and of no other.
    pub fn alone(&self, member: Arc<Member>) -> MemberSet {
        let list = List {
            members: vec![member],
            ..List::default()
        };
        MemberSet {
            list: RwLock::new(list),
            settings: self.settings.clone(),
            staleness: StalenessTracker::default(),
            sync_limiter: Arc::default(),
            balancer: Balancer::default(),
            directory: None,
            telemetry: self.telemetry.clone(),
        }
    }

    /// When others are looked for.
    pub fn sync_limiter(&self) -> &Arc<SyncLimiter> {
        &self.sync_limiter
    }

    /// Of sockets and pools, for every member.
    pub fn settings(&self) -> &TransportConfig {
        &self.settings
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list().members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The member with this URL.
    pub fn find(&self, url: &str) -> Option<Arc<Member>> {
        let list = self.list();
        let found = list.members.iter().find(|m| **m.url() == *url);
        found.cloned()
    }

    /// All of them, in the order in which they are asked if nothing else speaks for one.
    pub fn members(&self) -> Vec<Arc<Member>> {
        self.list().members.clone()
    }

    /// All of them, each with its first source.
    pub fn sources(&self) -> Vec<(Arc<Member>, Source)> {
        let list = self.list();
        let mut sources = HashMap::new();
        for source in Source::ALL {
            for member in list.of(source) {
                // the first one counts
                sources.entry(Arc::as_ptr(member)).or_insert(source);
            }
        }
        let of = |member| sources.get(&Arc::as_ptr(member)).copied();
        let members = list.members.iter();
        members
            .map(|member| (member.clone(), of(member).unwrap_or(Source::Seed)))
            .collect()
    }

    /// Changes when the caller replaces the list: what was asked of the old one tells nothing about the new one.
    pub fn epoch(&self) -> u64 {
        self.list().epoch
    }

    /// Whom to ask next: the one that the rule of choice puts first, else the next without a penalty, else the one whose
    /// penalty ends first. `tried` are those that this round has used up; `None` when that is all of them.
    pub fn pick(&self, now: Instant, tried: &[Arc<Member>]) -> Option<Arc<Member>> {
        let list = self.list();
        let favourite = self.balancer.favourite();
        let favourite = favourite.iter().filter(|m| holds(&list.members, m));
        let pinned = list.pinned.load(Ordering::Relaxed);
        let start = self
            .balancer
            .start(pinned, list.members.len(), tried.is_empty());
        let (before, from) = list.members.split_at_checked(start)?;
        let mut best: Option<(Instant, &Arc<Member>)> = None;
        for member in favourite.chain(from).chain(before) {
            if holds(tried, member) {
                continue;
            }
            match member.penalised_until(now) {
                None => return Some(member.clone()),
                Some(until) if best.is_none_or(|(b, _)| until < b) => best = Some((until, member)),
                Some(_) => {}
            }
        }
        best.map(|(_, member)| member.clone())
    }

    /// This member answered: it is asked first from now on.
    pub fn pin(&self, member: &Arc<Member>) {
        let list = self.list();
        let pinned = list.pinned.load(Ordering::Relaxed);
        let is_it = |m: &Arc<Member>| Arc::ptr_eq(m, member);
        if list.members.get(pinned).is_some_and(is_it) {
            return;
        }
        if let Some(place) = list.members.iter().position(is_it) {
            list.pinned.store(place, Ordering::Relaxed);
        }
    }

    /// The caller names the members anew; what was found besides is forgotten. Those that stay keep their connections, their
    /// health and the first place.
    pub fn reset(&self, seeds: &[Endpoint]) {
        let mut list = self.change();
        list.epoch += 1;
        let changed = list.fill(&[seeds, &[], &[]], &self.settings);
        drop(list);
        self.tell(changed);
    }

    /// The members of one source are these from now on, unless the list is another one than in `epoch`. Says whether any
    /// came or went.
    pub fn replace(&self, source: Source, endpoints: &[Endpoint], epoch: u64) -> bool {
        let mut list = self.change();
        if list.epoch != epoch {
            return false;
        }
        let now = Source::ALL.map(|of| match of == source {
            true => endpoints.to_vec(),
            false => list.endpoints(of),
        });
        let changed = list.fill(&now.each_ref().map(Vec::as_slice), &self.settings);
        drop(list);
        self.tell(changed);
        changed
    }

    fn tell(&self, changed: bool) {
        if changed {
            let urls = self.members().into_iter().map(|m| m.url().to_string());
            let urls = urls.collect::<Vec<_>>().join(", ");
            self.telemetry
                .log(Level::Info, format_args!("the members are {urls}"));
            self.telemetry.changed();
        }
    }

    fn change(&self) -> RwLockWriteGuard<'_, List> {
        self.list.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self) -> RwLockReadGuard<'_, List> {
        self.list.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    fn of(&self, source: Source) -> &[Arc<Member>] {
        self.by_source
            .get(source as usize)
            .map_or(&[], Vec::as_slice)
    }

    fn endpoints(&self, source: Source) -> Vec<Endpoint> {
        let members = self.of(source).iter();
        members.map(|m| m.channel().endpoint().clone()).collect()
    }

    /// Members of these sources are the list from now on; says whether any came or went.
    fn fill(&mut self, sources: &[&[Endpoint]; 3], settings: &TransportConfig) -> bool {
        let mut members: Vec<Arc<Member>> = Vec::new();
        // lists may be long
        let all = self.members.iter();
        let mut known: HashMap<Arc<str>, Arc<Member>> =
            all.map(|m| (m.url().clone(), m.clone())).collect();
        let mut there = HashSet::new();
        let by_source = sources.map(|endpoints| {
            let mut of_source: Vec<Arc<Member>> = Vec::new();
            let mut here = HashSet::new();
            for endpoint in endpoints {
                let fresh = || Arc::new(Member::new(endpoint.clone(), settings));
                let member = known.entry(endpoint.url().clone()).or_insert_with(fresh);
                if here.insert(Arc::as_ptr(member)) {
                    of_source.push(member.clone());
                }
                if there.insert(Arc::as_ptr(member)) {
                    members.push(member.clone());
                }
            }
            of_source
        });
        let pinned = self.members.get(self.pinned.load(Ordering::Relaxed));
        let place = pinned.and_then(|p| members.iter().position(|m| Arc::ptr_eq(m, p)));
        self.pinned = AtomicUsize::new(place.unwrap_or(0));
        self.by_source = by_source;
        let old = std::mem::replace(&mut self.members, members);
        let before: HashSet<_> = old.iter().map(Arc::as_ptr).collect();
        let mut left = false;
        for gone in old.iter().filter(|m| !there.contains(&Arc::as_ptr(m))) {
            gone.leave();
            left = true;
        }
        left || there.iter().any(|m| !before.contains(m))
    }
}

pub(super) fn holds(members: &[Arc<Member>], member: &Arc<Member>) -> bool {
    members.iter().any(|m| Arc::ptr_eq(m, member))
}

#[cfg(test)]
#[path = "member_set_tests.rs"]
mod tests;
