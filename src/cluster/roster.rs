//! The list of members and which of them is asked first. The list may change while calls run: a member is known by its
//! [`Arc`], never by its place.

use super::diary::Diary;
use super::diary::listeners::Level;
use super::guard::Guard;
use super::health::Health;
use super::scout::Scout;
use super::selection::Chooser;
use crate::transport::channel::{Channel, Settings};
use crate::transport::dns::directory::Directory;
use crate::transport::endpoint::Endpoint;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
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
/// Whom to ask is decided in [`Roster::pick`] and nowhere else: both drivers, calls and watches come to it. Rules of
/// choice (which of the members without a penalty; which answer makes a member one to be passed over) go there, and what
/// they have to know of one member into [`Member`].
#[derive(Debug)]
pub struct Roster {
    list: RwLock<List>,
    settings: Settings,
    guard: Guard,
    scout: Arc<Scout>,
    chooser: Chooser,
    directory: Option<Directory>,
    diary: Arc<Diary>,
}

impl Roster {
    /// The first of `endpoints` is the first choice, as the header promises: whoever has a member nearby names it first.
    pub fn new(endpoints: &[Endpoint], settings: &Settings) -> Roster {
        let roster = Roster {
            list: RwLock::default(),
            settings: settings.clone(),
            guard: Guard::default(),
            scout: Arc::default(),
            chooser: Chooser::default(),
            directory: None,
            diary: Arc::default(),
        };
        roster.change().fill(&[endpoints, &[], &[]], settings);
        roster
    }

    /// What the answers have told of the cluster.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Looks into this directory.
    pub fn with_directory(self, directory: Option<Directory>) -> Roster {
        Roster { directory, ..self }
    }

    /// Where else members are found.
    pub fn directory(&self) -> Option<&Directory> {
        self.directory.as_ref()
    }

    /// Tells this diary.
    pub fn with_diary(self, diary: Arc<Diary>) -> Roster {
        Roster { diary, ..self }
    }

    /// With this guard.
    pub fn with_guard(self, guard: Guard) -> Roster {
        Roster { guard, ..self }
    }

    /// With this rule of choice.
    pub fn with_chooser(self, chooser: Chooser) -> Roster {
        let mut list = self.change();
        list.pinned = AtomicUsize::new(chooser.first(list.members.len()));
        drop(list);
        Roster { chooser, ..self }
    }

    /// The rule of choice.
    pub fn chooser(&self) -> &Chooser {
        &self.chooser
    }

    /// Where all is told.
    pub fn diary(&self) -> &Arc<Diary> {
        &self.diary
    }

    /// A list of one that tells the same diary, for what is asked of this member and of no other.
    pub fn alone(&self, member: Arc<Member>) -> Roster {
        let list = List {
            members: vec![member],
            ..List::default()
        };
        Roster {
            list: RwLock::new(list),
            settings: self.settings.clone(),
            guard: Guard::default(),
            scout: Arc::default(),
            chooser: Chooser::default(),
            directory: None,
            diary: self.diary.clone(),
        }
    }

    /// When others are looked for.
    pub fn scout(&self) -> &Arc<Scout> {
        &self.scout
    }

    /// Of sockets and pools, for every member.
    pub fn settings(&self) -> &Settings {
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
        let of = |member| {
            let has = |source: &Source| list.of(*source).iter().any(|m| Arc::ptr_eq(m, member));
            Source::ALL.into_iter().find(has).unwrap_or(Source::Seed)
        };
        let members = list.members.iter();
        members.map(|member| (member.clone(), of(member))).collect()
    }

    /// Changes when the caller replaces the list: what was asked of the old one tells nothing about the new one.
    pub fn epoch(&self) -> u64 {
        self.list().epoch
    }

    /// Whom to ask next: the one that the rule of choice puts first, else the next without a penalty, else the one whose
    /// penalty ends first. `tried` are those that this round has used up; `None` when that is all of them.
    pub fn pick(&self, now: Instant, tried: &[Arc<Member>]) -> Option<Arc<Member>> {
        let list = self.list();
        let favourite = self.chooser.favourite();
        let favourite = favourite.iter().filter(|m| holds(&list.members, m));
        let pinned = list.pinned.load(Ordering::Relaxed);
        let start = self
            .chooser
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
            self.diary
                .log(Level::Info, format_args!("the members are {urls}"));
            self.diary.changed();
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
    fn fill(&mut self, sources: &[&[Endpoint]; 3], settings: &Settings) -> bool {
        let mut members: Vec<Arc<Member>> = Vec::new();
        let by_source = sources.map(|endpoints| {
            let mut of_source: Vec<Arc<Member>> = Vec::new();
            for endpoint in endpoints {
                let same = |m: &&Arc<Member>| m.url() == endpoint.url();
                let known = members.iter().chain(&self.members).find(same).cloned();
                let fresh = || Arc::new(Member::new(endpoint.clone(), settings));
                let member = known.unwrap_or_else(fresh);
                for list in [&mut of_source, &mut members] {
                    if !holds(list, &member) {
                        list.push(member.clone());
                    }
                }
            }
            of_source
        });
        let pinned = self.members.get(self.pinned.load(Ordering::Relaxed));
        let place = pinned.and_then(|p| members.iter().position(|m| Arc::ptr_eq(m, p)));
        self.pinned = AtomicUsize::new(place.unwrap_or(0));
        self.by_source = by_source;
        let old = std::mem::replace(&mut self.members, members);
        let mut gone = old.iter().filter(|m| !holds(&self.members, m)).peekable();
        let left = gone.peek().is_some();
        gone.for_each(|member| member.leave());
        left || self.members.iter().any(|m| !holds(&old, m))
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
        roster.reset(&endpoints(&["d:1", "b:1", "c:1", "b:1"]));
        assert_eq!(urls(&roster), ["http://d:1", "http://b:1", "http://c:1"]);
        assert!(Arc::ptr_eq(&roster.find("http://b:1").unwrap(), &b));
        assert!(!b.is_trusted(now));
        assert!(Arc::ptr_eq(&roster.pick(now, &[]).unwrap(), &c));
        assert_eq!(
            [&a, &b, &c].map(|member| member.is_gone()),
            [true, false, false]
        );
        // a call that still holds it may have an answer, and pins nothing with it
        roster.pin(&a);
        assert!(Arc::ptr_eq(&roster.pick(now, &[]).unwrap(), &c));
        // the one that was asked first is gone: from the beginning
        roster.reset(&endpoints(&["b:1", "d:1"]));
        assert_eq!(&**roster.pick(now, &[]).unwrap().url(), "http://d:1");
        roster.reset(&[]);
        assert!(roster.is_empty() && roster.pick(now, &[]).is_none());
    }

    #[test]
    fn a_member_with_two_sources_goes_with_the_last() {
        let roster = roster(&["a:1", "b:1"]);
        let synced = |urls: &[&str]| roster.replace(Source::Synced, &endpoints(urls), 0);
        assert!(synced(&["b:1", "c:1", "b:1"]));
        assert!(!synced(&["b:1", "c:1"]));
        assert!(roster.replace(Source::Dns, &endpoints(&["d:1"]), 0));
        let told: Vec<_> = roster
            .sources()
            .into_iter()
            .map(|(m, s)| (m.url().to_string(), s))
            .collect();
        let url = |host: &str| format!("http://{host}:1");
        assert_eq!(
            told,
            [
                (url("a"), Source::Seed),
                (url("b"), Source::Seed),
                (url("d"), Source::Dns),
                (url("c"), Source::Synced)
            ]
        );
        let b = roster.find("http://b:1").unwrap();
        assert!(!roster.replace(Source::Seed, &endpoints(&["a:1"]), 0));
        assert!(!b.is_gone());
        assert_eq!(urls(&roster), ["a", "d", "b", "c"].map(url));
        assert!(synced(&["c:1"]));
        assert_eq!(urls(&roster), ["a", "d", "c"].map(url));
        assert!(b.is_gone());
    }

    #[test]
    fn what_the_caller_names_anew_is_not_mixed_with_what_was_found_before() {
        let roster = roster(&["a:1"]);
        let before = roster.epoch();
        assert!(roster.replace(Source::Synced, &endpoints(&["b:1"]), before));
        roster.reset(&endpoints(&["x:1"]));
        assert!(!roster.replace(Source::Synced, &endpoints(&["b:1", "c:1"]), before));
        assert_eq!(urls(&roster), ["http://x:1"]);
    }
}
