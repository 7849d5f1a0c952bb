//! One request on its way over the members: whom to ask next, for how long, and when to stop. No I/O: drivers run the
//! exchanges and pauses that it asks for and tell how they ended.

use super::backoff::Backoff;
use super::budget::Budget;
use super::diary::Entry;
use super::diary::listeners::{Advice, Kind};
use super::guard::{Policy, View};
use super::member::Member;
use super::outcome::{self, Next};
use super::roster::Roster;
use super::search::{self, Quest};
use super::trail::Trail;
use super::visit::{Step, Visit};
use crate::error::Error;
use crate::outcome::copies::{Copies, Told};
use crate::protocol::answer;
use crate::protocol::response::Response;
use crate::protocol::wire::{Expect, Repeat, Wire};
use crate::status::Status;
use crate::transport::channel::{Answer, Limits, Settings};
use crate::transport::fault::{Fault, FaultKind};
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rounds of attempts over all members in one call, or as many as a member has addresses; without another address the second
/// round follows only a retriable error.
const ROUNDS: usize = 2;
/// Before the second round.
const BREATH: Duration = Duration::from_millis(200);

/// The terms on which a request is run.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Consent to send a plain set or delete again.
    pub allow_repeat: bool,
    /// How long.
    pub budget: Budget,
    /// Of decoding.
    pub decode: answer::Limits,
    /// Only to members that know `refresh`.
    pub refresh: bool,
    /// A read that any member answers from what it has.
    pub plain_read: bool,
    /// A write or a read of keys that the members agree on.
    pub consensus: bool,
}

impl Terms {
    /// Those of a read that comes before.
    pub fn of_a_read(self) -> Terms {
        Terms {
            refresh: false,
            plain_read: false,
            consensus: false,
            ..self
        }
    }
}

/// What the driver has to do.
#[derive(Debug)]
pub enum Todo {
    /// Run [`Pursuit::exchange`], then tell [`Pursuit::answered`] or [`Pursuit::failed`].
    Exchange,
    /// Let this time pass, then go on with [`Pursuit::go`].
    Pause(Duration),
    /// Nothing more.
    End(std::result::Result<Box<Response>, Told>),
}

/// A request on its way.
#[derive(Debug)]
pub struct Pursuit<W> {
    wire: W,
    terms: Terms,
    repeatable: bool,
    trail: Trail,
    tried: Vec<Arc<Member>>,
    round: usize,
    /// the largest number of addresses of any member
    ways: usize,
    /// somebody may say something else when asked again in this call
    hope: bool,
    /// the host wants one more attempt, whatever the rules say
    urged: bool,
    /// members that have said something, and cannot help
    answered: Vec<Arc<Member>>,
    /// members that have answered, and how long the last answer took
    took: Vec<(Arc<Member>, Duration)>,
    /// for others, once all have failed
    quest: Quest,
    entry: Option<Entry>,
    present: Option<Present<W>>,
}

/// The try in progress.
#[derive(Debug)]
struct Present<W> {
    visit: Visit<W>,
    limits: Limits,
    /// the same, for what is asked before the request leaves
    before: Limits,
    began: Instant,
    /// what an answer may not be older than
    view: View,
    /// the remote address of the last exchange
    peer: Option<SocketAddr>,
}

impl<W: Deref<Target = Wire> + Clone> Pursuit<W> {
    /// Nothing asked yet; begin with [`Pursuit::go`].
    pub fn new(wire: W, terms: Terms, now: Instant) -> Pursuit<W> {
        Pursuit {
            repeatable: outcome::repeatable(wire.repeat, terms.allow_repeat),
            trail: Trail::of(now, Copies::of(&wire)),
            wire,
            terms,
            tried: Vec::new(),
            round: 1,
            ways: 1,
            hope: false,
            urged: false,
            answered: Vec::new(),
            took: Vec::new(),
            quest: Quest::default(),
            entry: None,
            present: None,
        }
    }

    /// Begins, or goes on after a pause.
    pub fn go(&mut self, now: Instant, roster: &Roster) -> Todo {
        if self.entry.is_none() {
            self.entry = Some(roster.diary().open(Kind::Call, &self.wire, now));
        }
        let todo = self.on(now, roster);
        self.told(todo, now)
    }

    /// To the next member.
    fn on(&mut self, now: Instant, roster: &Roster) -> Todo {
        let urged = std::mem::take(&mut self.urged);
        if self.terms.budget.left(now).is_zero() {
            return Todo::End(Err(self.trail.take().out_of_time(now)));
        }
        if self.quest.is_running() {
            let todo = self.quest.go(now, roster);
            return self.sought(todo, now, roster);
        }
        if let Some(member) = roster.pick(now, &self.tried) {
            return self.visit(member, now, roster);
        }
        if urged && !self.tried.is_empty() {
            self.tried.clear();
            return self.on(now, roster);
        }
        let Terms { budget, decode, .. } = self.terms;
        if self
            .quest
            .begin(budget, decode, &self.answered, now, roster)
        {
            return self.on(now, roster);
        }
        let breath = Backoff::new(BREATH, BREATH).pause();
        // most of the time left belongs to the next attempt
        let breath = breath.min(self.terms.budget.left(now) / 4);
        let slow = self.slow(now + breath);
        let all_slow = !slow.is_empty() && roster.pick(now, &slow).is_none();
        let elsewhere = self.round < self.ways;
        let hope = elsewhere || (self.round < ROUNDS && self.hope);
        if !hope || all_slow {
            self.nobody(roster);
            return Todo::End(Err(self.trail.take().exhausted()));
        }
        self.round += 1;
        self.hope = false;
        self.tried = slow;
        Todo::Pause(breath)
    }

    /// The members whose last answer took longer than the time that is left at `then`.
    fn slow(&self, then: Instant) -> Vec<Arc<Member>> {
        let left = self.terms.budget.left(then);
        // another address of it may be faster
        let alone = |member: &Member| member.channel().dialer().ways() == 1;
        let slow = self.took.iter();
        let slow = slow.filter(|(member, took)| *took >= left && alone(member));
        slow.map(|(member, _)| member.clone()).collect()
    }

    /// A member has answered with an error.
    fn heard(&mut self, member: &Arc<Member>, took: Duration) {
        self.took.retain(|(known, _)| !Arc::ptr_eq(known, member));
        self.took.push((member.clone(), took));
    }

    /// Nobody was asked because nobody is known: that has a reason, too.
    fn nobody(&mut self, roster: &Roster) {
        if let (true, Some(directory)) = (roster.is_empty(), roster.directory()) {
            let last = directory.last().and_then(std::result::Result::err);
            let why = last.unwrap_or_else(|| "no member is known yet".to_owned());
            self.trail.nameless(directory.name(), &why);
        }
    }

    /// Goes on with the search, and after it with those that were found.
    fn sought(&mut self, todo: search::Todo, now: Instant, roster: &Roster) -> Todo {
        match todo {
            search::Todo::Exchange => Todo::Exchange,
            search::Todo::Pause(time) => Todo::Pause(time),
            search::Todo::End => self.on(now, roster),
        }
    }

    fn visit(&mut self, member: Arc<Member>, now: Instant, roster: &Roster) -> Todo {
        // an attempt is one connection: behind a name the next one goes to another address
        let ways = member.channel().dialer().ways();
        self.ways = self.ways.max(ways);
        let members = roster.len();
        let left = members.saturating_sub(self.tried.len()) + ways.saturating_sub(self.round);
        // a single address may be that of a load balancer
        let again = members == 1 && ways == 1 && self.round < ROUNDS;
        let budget = self.terms.budget;
        let share = |repeatable| budget.limits(now, left, again, repeatable);
        let (limits, before) = (share(self.repeatable), share(true));
        let view = roster.guard().view();
        self.trail.known.get_or_insert_with(|| view.known());
        let visit = Visit::new(
            member,
            self.wire.clone(),
            self.terms.refresh,
            self.terms.decode,
        )
        .inquiring();
        if let Some(entry) = &mut self.entry {
            let (asked, wire) = visit.exchange();
            entry.attempt(asked, wire);
        }
        if visit.is_copy() {
            self.trail.copies.begin();
        }
        self.present = Some(Present {
            visit,
            limits,
            before,
            began: now,
            view,
            peer: None,
        });
        Todo::Exchange
    }

    /// Whether it changes something.
    pub(super) fn is_write(&self) -> bool {
        self.wire.repeat != Repeat::Safe
    }

    /// This member is not asked in the first round.
    pub fn avoid(&mut self, member: Arc<Member>) {
        self.tried.push(member);
    }

    /// The exchange that [`Todo::Exchange`] asks for; `None` when it was not asked for.
    pub fn exchange(&self) -> Option<(&Arc<Member>, &Wire, &Limits)> {
        if self.quest.is_running() {
            return self.quest.exchange();
        }
        let present = self.present.as_ref()?;
        let (member, wire) = present.visit.exchange();
        let limits = match present.visit.is_copy() {
            true => &present.limits,
            false => &present.before,
        };
        Some((member, wire, limits))
    }

    /// The exchange brought an answer.
    pub fn answered(
        &mut self,
        answer: Answer,
        now: Instant,
        roster: &Roster,
        settings: &Settings,
    ) -> Todo {
        if self.quest.is_running() {
            let todo = self.quest.answered(answer, now, roster);
            let todo = self.sought(todo, now, roster);
            return self.told(todo, now);
        }
        let Some(present) = &mut self.present else {
            return self.go(now, roster);
        };
        present.peer = answer.course.peer;
        let policy = roster.guard().policy();
        let looks = self.terms.plain_read && policy != Policy::Off;
        let stale = looks.then(|| present.view.judge(&answer.head)).flatten();
        let asked = present.visit.exchange().0.number();
        roster.guard().see(asked, &answer.head, now);
        if self.terms.consensus && present.visit.is_copy() && answer.head.status < 300 {
            roster.guard().refute(&present.view, &answer.head);
        }
        if let Some(entry) = &self.entry {
            entry.answered(present.visit.exchange().0, &answer, now);
        }
        let was_before = !present.visit.is_copy() && !present.visit.is_inquiry();
        let (step, proof) = present.visit.answered(answer, roster, settings);
        // a copy that is inquired about has not ended yet
        let ended = !was_before && !present.visit.is_inquiry();
        if ended && !matches!(step, Some(Step::Done(_))) {
            self.trail.copies.end(proof);
        }
        let todo = match step {
            Some(step) => self.step(step.aged(stale, policy), now, roster),
            None => {
                if present.visit.is_copy() {
                    self.trail.copies.begin();
                }
                if let Some(entry) = &mut self.entry {
                    let (asked, wire) = present.visit.exchange();
                    entry.exchange(asked, wire);
                }
                Todo::Exchange
            }
        };
        self.told(todo, now)
    }

    /// The exchange brought none.
    pub fn failed(&mut self, fault: Box<Fault>, now: Instant, roster: &Roster) -> Todo {
        if self.quest.is_running() {
            let todo = self.quest.failed(fault, now, roster);
            let todo = self.sought(todo, now, roster);
            return self.told(todo, now);
        }
        let Some(present) = &mut self.present else {
            return self.go(now, roster);
        };
        if let Some(entry) = &self.entry {
            entry.failed(present.visit.exchange().0, &fault, now);
        }
        let begun = present.visit.is_copy() || present.visit.is_inquiry();
        let (step, proof) = present.visit.failed(fault);
        if begun {
            self.trail.copies.end(proof);
        }
        let todo = self.step(step, now, roster);
        self.told(todo, now)
    }

    /// The caller gave up between two exchanges.
    pub fn cancelled(&mut self) -> Told {
        let told = self.trail.take().cancelled();
        if let Some(entry) = &mut self.entry {
            entry.close(Err(told.error()), Instant::now());
        }
        told
    }

    /// It ends before it has begun.
    pub(super) fn before(&self, error: Error) -> Told {
        self.trail.copies.tell(error, false)
    }

    /// The end is told, whoever finds it.
    fn told(&mut self, todo: Todo, now: Instant) -> Todo {
        if let (Todo::End(result), Some(entry)) = (&todo, &mut self.entry) {
            entry.close(result.as_ref().map(|_| ()).map_err(Told::error), now);
        }
        todo
    }

    /// The host has a say in whether it goes on, but not in whether a write is repeated: that has been decided before.
    fn consult(&mut self, now: Instant, roster: &Roster) -> Todo {
        let entry = self.entry.as_ref();
        match entry.map_or(Advice::Default, |e| e.consult(&self.trail, roster)) {
            Advice::Default => self.on(now, roster),
            Advice::Stop => Todo::End(Err(self.trail.take().exhausted())),
            Advice::Pause(time) => {
                self.urged = true;
                Todo::Pause(time.min(self.terms.budget.left(now)))
            }
        }
    }

    fn step(&mut self, step: Step, now: Instant, roster: &Roster) -> Todo {
        let Some(Present {
            visit, began, peer, ..
        }) = self.present.take()
        else {
            return self.on(now, roster);
        };
        let member = visit.member();
        // this attempt may have been the first to resolve the name
        self.ways = self.ways.max(member.channel().dialer().ways());
        // after a redirect it is not the member that was visited
        let asked = visit.exchange().0;
        let url = asked.url();
        let took = now.saturating_duration_since(began);
        if matches!(step, Step::Stale(..) | Step::Trouble(_)) {
            self.heard(member, took);
        }
        match step {
            Step::Done(response) => {
                member.succeed();
                roster.pin(member);
                return Todo::End(Ok(response));
            }
            Step::Quiet(_) => {
                let error = Error::new(Status::PROTOCOL, format!("{url}: empty answer"));
                return Todo::End(Err(self.trail.take().sign(error)));
            }
            Step::Refused(error) => {
                member.succeed();
                roster.pin(member);
                return Todo::End(Err(self.trail.take().refused(error)));
            }
            Step::Stale(error, blame) => {
                roster.diary().stale(url, &error);
                if blame {
                    member.fail(now, peer);
                }
                self.hope = true;
                self.trail.trouble(url, error, took);
                self.tried.push(member.clone());
            }
            Step::Trouble(error) => {
                // that a member has no such page says nothing about its health
                let page = matches!(self.wire.expect, Expect::Anything | Expect::Page(_))
                    && (400..500).contains(&error.detail().http_status);
                if !page {
                    member.fail(now, peer);
                    self.answered.push(member.clone());
                }
                let unknown = error.detail().outcome_unknown;
                self.hope |= error.detail().retriable;
                self.trail.trouble(url, error, took);
                if unknown && !self.repeatable {
                    return Todo::End(Err(self.trail.take().exhausted()));
                }
                self.tried.push(member.clone());
            }
            Step::Fault(fault) => {
                // TLS says the same again until somebody changes something
                self.hope |= fault.kind != FaultKind::Tls;
                let repeat = match visit.is_copy() {
                    true => self.wire.repeat,
                    // the request for the version before or after it
                    false => Repeat::Safe,
                };
                let peer = fault.course.peer;
                let outcome = outcome::judge(&fault, repeat, self.terms.allow_repeat);
                self.trail.fault(url, &fault, took);
                if outcome.blame {
                    member.fail(now, peer);
                }
                match outcome.next {
                    Next::Stop => return Todo::End(Err(self.trail.take().stopped(fault.kind))),
                    Next::Other => self.tried.push(member.clone()),
                    Next::Again => {
                        asked.channel().forget_idle();
                        if !self.terms.budget.left(now).is_zero() {
                            return self.visit(member.clone(), now, roster);
                        }
                    }
                }
            }
        }
        self.consult(now, roster)
    }
}

#[cfg(test)]
#[path = "pursuit_tests.rs"]
mod tests;
