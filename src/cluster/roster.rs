//! The list of members and which of them is asked first. The list may change while calls run: a member is known by its
//! [`Arc`], never by its place.

use super::diary::Diary;
use super::guard::Guard;
use super::health::Health;
use crate::transport::channel::{Channel, Settings};
use crate::transport::endpoint::Endpoint;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::Instant;

/// One member: the way to it and what is known of it.
#[derive(Debug)]
pub struct Member {
    channel: Channel,
    health: Mutex<Health>,
    /// Lets the common case, a member without failures, skip the lock.
    troubled: AtomicBool,
    refreshes: AtomicBool,
    gone: AtomicBool,
}

impl Member {
    /// Opens nothing yet.
    pub fn new(endpoint: Endpoint, settings: &Settings) -> Member {
        Member {
            channel: Channel::new(endpoint, settings),
            health: Mutex::default(),
            troubled: AtomicBool::new(false),
            refreshes: AtomicBool::new(false),
            gone: AtomicBool::new(false),
        }
    }

    /// Somebody that a member redirects to, and that nobody has named: gets no credentials.
    pub fn stranger(endpoint: Endpoint, settings: &Settings) -> Member {
        let settings = Settings {
            credentials: Arc::default(),
            ..settings.clone()
        };
        Member::new(endpoint, &settings)
    }

    /// The way to it.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Its URL.
    pub fn url(&self) -> &Arc<str> {
        self.channel.endpoint().url()
    }

    /// It failed; its idle connections are not trusted either.
    pub fn fail(&self, now: Instant) {
        self.health
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fail(now);
        self.troubled.store(true, Ordering::Release);
        self.channel.forget_idle();
    }

    /// It answered.
    pub fn succeed(&self) {
        if self.troubled.swap(false, Ordering::AcqRel) {
            self.health
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .succeed();
        }
    }

    /// The end of its present penalty, if it has one.
    pub fn penalised_until(&self, now: Instant) -> Option<Instant> {
        if !self.troubled.load(Ordering::Acquire) {
            return None;
        }
        self.health
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .penalised_until(now)
    }

    /// Whether it has no penalty.
    #[cfg(test)]
    pub(super) fn is_trusted(&self, now: Instant) -> bool {
        self.penalised_until(now).is_none()
    }

    /// Whether its version is known to understand `refresh`.
    pub fn refreshes(&self) -> bool {
        self.refreshes.load(Ordering::Relaxed)
    }

    /// Its version understands `refresh`; servers only ever get newer.
    pub fn set_refreshes(&self) {
        self.refreshes.store(true, Ordering::Relaxed);
    }

    /// Whether it was on the list and is no more. What runs with it ends by itself, nothing new is begun.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Nobody asks it any more: what is idle is closed.
    fn leave(&self) {
        self.gone.store(true, Ordering::Relaxed);
        self.channel.forget_idle();
    }
}

/// Where the URL of a member is from. The same URL may have several sources; it goes when the last of them drops it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Named by the caller; never dropped but by the caller.
    Seed,
    /// From the list of a member.
    Synced,
}

/// The members at one time.
#[derive(Debug, Default)]
struct List {
    /// of both kinds, each URL once, seeds first
    members: Vec<Arc<Member>>,
    seeds: Vec<Arc<Member>>,
    synced: Vec<Arc<Member>>,
    /// where in `members` the one is that is asked first
    pinned: AtomicUsize,
}

/// All members.
///
/// Whom to ask is decided in [`Roster::pick`] and nowhere else: both drivers, calls and watches come to it. Rules of
/// choice (which of the members without a penalty; which answer makes a member one to be passed over) go there, and what
/// they have to know of one member into [`Member`].
#[derive(Debug)]
pub struct Roster {
    list: RwLock<List>,
    settings: Settings,
    guard: Guard,
    diary: Arc<Diary>,
}

impl Roster {
    /// The first of `endpoints` is the first choice, as the header promises: whoever has a member nearby names it first.
    pub fn new(endpoints: &[Endpoint], settings: &Settings) -> Roster {
        let roster = Roster {
            list: RwLock::default(),
            settings: settings.clone(),
            guard: Guard::default(),
            diary: Arc::default(),
        };
        roster.replace(Source::Seed, endpoints);
        roster
    }

    /// What the answers have told of the cluster.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Tells this diary.
    pub fn with_diary(self, diary: Arc<Diary>) -> Roster {
        Roster { diary, ..self }
    }

    /// Where all is told.
    pub fn diary(&self) -> &Arc<Diary> {
        &self.diary
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

    /// Those of one source.
    pub fn of(&self, source: Source) -> Vec<Arc<Member>> {
        let list = self.list();
        match source {
            Source::Seed => list.seeds.clone(),
            Source::Synced => list.synced.clone(),
        }
    }

    /// Whom to ask next: the pinned member, else the next without a penalty, else the one whose penalty ends first.
    /// `tried` are those that this round has used up; `None` when that is all of them.
    pub fn pick(&self, now: Instant, tried: &[Arc<Member>]) -> Option<Arc<Member>> {
        let list = self.list();
        let (before, from) = list
            .members
            .split_at_checked(list.pinned.load(Ordering::Relaxed))?;
        let mut best: Option<(Instant, &Arc<Member>)> = None;
        for member in from.iter().chain(before) {
            if tried.iter().any(|t| Arc::ptr_eq(t, member)) {
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

    /// The members of one source are these from now on. Those that stay keep their connections, their health and the first
    /// place; says whether any came or went.
    pub fn replace(&self, source: Source, endpoints: &[Endpoint]) -> bool {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        let mut fresh: Vec<Arc<Member>> = Vec::new();
        for endpoint in endpoints {
            let same = |m: &&Arc<Member>| m.url() == endpoint.url();
            if fresh.iter().any(|m| same(&m)) {
                continue;
            }
            let known = list.members.iter().find(same).cloned();
            fresh.push(
                known.unwrap_or_else(|| Arc::new(Member::new(endpoint.clone(), &self.settings))),
            );
        }
        match source {
            Source::Seed => list.seeds = fresh,
            Source::Synced => list.synced = fresh,
        }
        let mut members = list.seeds.clone();
        let more = list.synced.iter();
        members.extend(more.filter(|m| !holds(&list.seeds, m)).cloned());
        let pinned = list.members.get(list.pinned.load(Ordering::Relaxed));
        let place = pinned.and_then(|p| members.iter().position(|m| Arc::ptr_eq(m, p)));
        let old = std::mem::replace(&mut list.members, members.clone());
        list.pinned = AtomicUsize::new(place.unwrap_or(0));
        drop(list);
        let gone: Vec<_> = old.iter().filter(|m| !holds(&members, m)).collect();
        gone.iter().for_each(|member| member.leave());
        !gone.is_empty() || members.iter().any(|m| !holds(&old, m))
    }

    fn list(&self) -> RwLockReadGuard<'_, List> {
        self.list.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn holds(members: &[Arc<Member>], member: &Arc<Member>) -> bool {
    members.iter().any(|m| Arc::ptr_eq(m, member))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn endpoints(urls: &[&str]) -> Vec<Endpoint> {
        let parse = |url: &&str| Endpoint::parse("url", url).unwrap();
        urls.iter().map(parse).collect()
    }

    fn roster(urls: &[&str]) -> Roster {
        let settings = Settings {
            max_idle: 1,
            idle_age: Duration::from_secs(1),
            ..Settings::default()
        };
        Roster::new(&endpoints(urls), &settings)
    }

    fn urls(roster: &Roster) -> Vec<String> {
        let members = roster.members();
        members.iter().map(|m| m.url().to_string()).collect()
    }

    #[test]
    fn who_stays_keeps_everything_and_who_leaves_is_not_asked() {
        let now = Instant::now();
        let roster = roster(&["a:1", "b:1", "c:1"]);
        let [a, b, c] = ["http://a:1", "http://b:1", "http://c:1"].map(|u| roster.find(u).unwrap());
        b.fail(now);
        roster.pin(&c);
        assert!(roster.replace(Source::Seed, &endpoints(&["d:1", "b:1", "c:1", "b:1"])));
        assert_eq!(urls(&roster), ["http://d:1", "http://b:1", "http://c:1"]);
        assert!(Arc::ptr_eq(&roster.find("http://b:1").unwrap(), &b));
        assert!(!b.is_trusted(now));
        assert!(Arc::ptr_eq(&roster.pick(now, &[]).unwrap(), &c));
        assert_eq!(
            (a.is_gone(), b.is_gone(), c.is_gone()),
            (true, false, false)
        );
        // a call that still holds it may have an answer, and pins nothing with it
        roster.pin(&a);
        assert!(Arc::ptr_eq(&roster.pick(now, &[]).unwrap(), &c));
        // the one that was asked first is gone: from the beginning
        assert!(roster.replace(Source::Seed, &endpoints(&["b:1", "d:1"])));
        assert_eq!(&**roster.pick(now, &[]).unwrap().url(), "http://d:1");
        assert!(!roster.replace(Source::Seed, &endpoints(&["b:1", "d:1"])));
        assert!(roster.replace(Source::Seed, &[]));
        assert!(roster.is_empty() && roster.pick(now, &[]).is_none());
    }

    #[test]
    fn a_member_with_two_sources_goes_with_the_last() {
        let roster = roster(&["a:1", "b:1"]);
        assert!(roster.replace(Source::Synced, &endpoints(&["b:1", "c:1"])));
        assert_eq!(urls(&roster), ["http://a:1", "http://b:1", "http://c:1"]);
        let b = roster.find("http://b:1").unwrap();
        assert!(!roster.replace(Source::Seed, &endpoints(&["a:1"])));
        assert!(!b.is_gone());
        assert_eq!(urls(&roster), ["http://a:1", "http://b:1", "http://c:1"]);
        assert!(roster.replace(Source::Synced, &endpoints(&["c:1"])));
        assert_eq!(urls(&roster), ["http://a:1", "http://c:1"]);
        assert!(b.is_gone());
        assert!(roster.replace(Source::Synced, &[]));
        assert_eq!(urls(&roster), ["http://a:1"]);
    }
}
