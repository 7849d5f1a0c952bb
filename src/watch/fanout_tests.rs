use super::*;
use crate::error::Phase;
use crate::transport::fault::FaultKind;
use crate::watch::driver::{HeaderDecision, PollAction, Purpose};
use crate::watch::event::{Event, EventKind};
use crate::watch::event_queue::EventQueue;
use crate::watch::options::OnFull;
use crate::watch::tests::consumer::Consumer;
use crate::watch::tests::said::{always, fault, head, verdict, wait_index};
use crate::watch::tests::store::{Found, Op, Store, files, wanted};
use std::collections::BTreeMap;
use std::time::Instant;

const KEY: &str = "/w";

struct Guest {
    queue: EventQueue,
    consumer: Consumer,
    begun: u64,
    resync: bool,
    live: bool,
}

/// One member that answers at once, and everybody who watches it.
struct Hall {
    fanout: Fanout,
    store: Store,
    now: Instant,
    dice: PollSchedule,
    upstreams: Vec<UpstreamId>,
    /// open polls: index asked for, store index at registration
    open: BTreeMap<UpstreamId, (u64, u64)>,
    guests: BTreeMap<WatcherId, Guest>,
    starts: u64,
}

impl Hall {
    fn new(seed: u64) -> Hall {
        let mut store = Store {
            index: 3,
            history: vec![None; 3],
            ..Store::default()
        };
        store.apply(&Op::Set("/w/a".into(), "first".into()));
        Hall {
            fanout: Fanout::new(seed),
            store,
            now: Instant::now(),
            dice: PollSchedule::new(seed),
            upstreams: Vec::new(),
            open: BTreeMap::new(),
            guests: BTreeMap::new(),
            starts: 0,
        }
    }

    fn roll(&mut self, sides: u64) -> u64 {
        (self.dice.dice() >> 16) % sides
    }

    fn watch(&mut self, set: impl FnOnce(&mut WatchOptions)) -> WatcherId {
        let mut options = WatchOptions::default();
        options.set_recursive(true);
        set(&mut options);
        let key = Key::parse("key", KEY).unwrap();
        let joined = self
            .fanout
            .watch(&key, &options, Duration::from_secs(45))
            .unwrap();
        let begun = match options.start {
            Start::At(index) => index,
            _ => self.store.index + 1,
        };
        let guest = Guest {
            queue: EventQueue::new(options.queue_limit, options.on_full),
            consumer: Consumer::default(),
            begun,
            resync: options.snapshot_first(),
            live: joined.state.code() == 2,
        };
        self.guests.insert(joined.watcher, guest);
        joined.watcher
    }

    fn deliver(&mut self, id: UpstreamId) {
        let guests = &mut self.guests;
        self.fanout.deliver(id, |watcher, output| {
            let guest = guests.get_mut(&watcher).expect("a guest");
            if let Output::State(state) = &output {
                guest.live = state.code() == 2;
            }
            guest.queue.push(output)
        });
    }

    fn effects(&mut self) {
        while let Some(effect) = self.fanout.effect() {
            match effect {
                Effect::Poll(id) if !self.upstreams.contains(&id) => self.upstreams.push(id),
                Effect::Poll(_) => {}
                Effect::Drop(id) => {
                    self.upstreams.retain(|&other| other != id);
                    self.open.remove(&id);
                }
            }
        }
    }

    /// Lets everything happen that can happen now.
    fn settle(&mut self) {
        for _ in 0..100_000 {
            self.effects();
            let ids = self.upstreams.clone();
            if !ids.into_iter().any(|id| self.advance(id)) {
                return;
            }
        }
        panic!("a hot loop");
    }

    fn advance(&mut self, id: UpstreamId) -> bool {
        if let Some(&(from, registered)) = self.open.get(&id) {
            let Some(told) = self.store.live(KEY, true, registered, from) else {
                return false;
            };
            let (body, head) = (told.body.clone(), head(200, registered, 1));
            self.open.remove(&id);
            let machine = self.fanout.machine(id).expect("a machine");
            machine.on_answer(self.now, verdict(head, &body, Purpose::Poll));
            machine.vouch(self.now, always(self.now));
            self.deliver(id);
            return true;
        }
        let machine = self.fanout.machine(id).expect("a machine");
        let exchange = match machine.poll(self.now) {
            PollAction::Start(exchange) => exchange,
            PollAction::Wait(Some(until)) => {
                self.now = until;
                return true;
            }
            PollAction::Wait(None) | PollAction::Prove(_) | PollAction::Closed => return false,
        };
        self.starts += 1;
        let index = self.store.index;
        if exchange.purpose == Purpose::Snapshot {
            let listing = self.store.listing(KEY, true);
            let head = head(if listing.is_ok() { 200 } else { 404 }, index, 1);
            machine.on_head(self.now, &head);
            let (Ok(body) | Err(body)) = listing;
            machine.on_answer(self.now, verdict(head, &body, exchange.purpose));
            machine.vouch(self.now, always(self.now));
        } else {
            let from = wait_index(&exchange.http_request.target);
            let (status, body) = match self.store.look(KEY, true, from) {
                Found::Cleared(body) => (400, Some(body)),
                Found::Event(told) => (200, Some(told.body.clone())),
                Found::Nothing => (200, None),
            };
            let head = head(status, index, 1);
            assert!(matches!(
                machine.on_head(self.now, &head),
                HeaderDecision::Stay(_)
            ));
            match body {
                Some(body) => {
                    machine.on_answer(self.now, verdict(head, &body, exchange.purpose));
                    machine.vouch(self.now, always(self.now));
                }
                None => {
                    self.open.insert(id, (from, index));
                }
            }
        }
        self.deliver(id);
        true
    }

    fn eat(&mut self, watcher: WatcherId, appetite: u64) {
        let guest = self.guests.get_mut(&watcher).expect("a guest");
        for _ in 0..appetite {
            let Some(event) = guest.queue.pop() else {
                break;
            };
            guest.consumer.take(&event, KEY);
        }
        if guest.queue.drained() {
            self.fanout.drained(watcher);
        }
    }

    fn cut(&mut self, id: UpstreamId) {
        self.effects();
        if self.open.remove(&id).is_some() {
            let machine = self.fanout.machine(id).expect("a machine");
            machine.on_fault(self.now, &fault(FaultKind::Connection, Phase::Body, false));
            self.deliver(id);
        }
    }

    fn set(&mut self, value: u64) {
        self.store.apply(&Op::Set("/w/a".into(), value.to_string()));
    }
}

#[test]
fn five_thousand_identical_watchers_cost_one_machine() {
    let mut hall = Hall::new(1);
    let ids: Vec<_> = (0..5000).map(|_| hall.watch(|_| {})).collect();
    hall.settle();
    assert_eq!((hall.fanout.upstreams(), hall.starts), (1, 1));
    hall.set(7);
    hall.settle();
    assert_eq!(hall.starts, 2);
    let mut first: Option<Event> = None;
    for id in &ids {
        let event = hall.guests.get_mut(id).and_then(|g| g.queue.pop()).unwrap();
        assert_eq!((event.kind(), event.index()), (EventKind::Change, 5));
        // one answer in memory
        let first = first.get_or_insert_with(|| event.clone());
        assert!(Arc::ptr_eq(
            first.response().unwrap(),
            event.response().unwrap()
        ));
    }
    for id in ids {
        hall.fanout.cancel(id);
    }
    assert!(hall.fanout.is_empty() && hall.fanout.upstreams() == 0);
    assert_eq!(std::iter::from_fn(|| hall.fanout.effect()).count(), 1);
    assert!(hall.fanout.families.is_empty());
}

#[test]
fn who_begins_behind_catches_up_and_joins() {
    let mut hall = Hall::new(2);
    hall.watch(|_| {});
    hall.settle();
    for value in 0..50 {
        hall.set(value);
        hall.settle();
    }
    let late = hall.watch(|o| o.set_start_index(10).unwrap());
    let same = hall.watch(|o| o.set_start_index(hall_next()).unwrap());
    assert_eq!(hall.fanout.upstreams(), 2);
    hall.settle();
    assert_eq!(hall.fanout.upstreams(), 1);
    assert!(hall.guests[&late].live && hall.guests[&same].live);
    hall.set(99);
    hall.settle();
    hall.eat(late, 1000);
    hall.eat(same, 1000);
    let told = &hall.guests[&late].consumer.indices;
    assert_eq!(*told, (10..=55).collect::<Vec<u64>>());
    assert_eq!(hall.guests[&same].consumer.indices, [55]);
    assert_eq!(hall.fanout.counters(same).polls, 1);
}

/// After four writes of the store's own and fifty of the test.
fn hall_next() -> u64 {
    55
}

#[test]
fn a_slow_consumer_stops_nobody_else() {
    let mut hall = Hall::new(3);
    let fast = hall.watch(|_| {});
    let slow = hall.watch(|o| o.set_queue_limit(2).unwrap());
    for value in 0..20 {
        hall.settle();
        hall.set(value);
    }
    hall.settle();
    hall.eat(fast, 100);
    assert_eq!(hall.guests[&fast].consumer.indices.len(), 20);
    assert_eq!(hall.fanout.upstreams(), 2);
    for _ in 0..40 {
        hall.eat(slow, 1);
        hall.settle();
    }
    assert_eq!(hall.guests[&slow].consumer.indices.len(), 20);
    assert_eq!(hall.fanout.upstreams(), 1);
}

#[test]
fn many_of_all_kinds_each_index_once() {
    for seed in 0..60 {
        let mut hall = Hall::new(seed);
        for value in 0..400 {
            if hall.guests.len() < 12 && hall.roll(12) == 0 {
                let (kind, limit, from) = (
                    hall.roll(6),
                    1 + hall.roll(30),
                    1 + hall.roll(hall_index(&hall)),
                );
                hall.watch(|o| {
                    o.set_queue_limit(limit).unwrap();
                    o.set_on_full(OnFull::Block);
                    match kind {
                        0 => o.set_start_index(from).unwrap(),
                        1 => o.set_snapshot_first(true).unwrap(),
                        2 | 3 => o.set_on_lost(OnLost::Resync),
                        _ => {}
                    }
                });
            }
            match hall.roll(10) {
                0 => hall.store.apply(&Op::Delete("/w".into())),
                1 => hall.store.apply(&Op::Internal),
                2 => hall
                    .store
                    .apply(&Op::Set(format!("/w/d/{}", value % 3), "x".into())),
                3 => hall.store.apply(&Op::Delete("/w/d".into())),
                _ => hall.set(value),
            }
            if hall.roll(3) == 0 {
                hall.settle();
            }
            for watcher in hall.guests.keys().copied().collect::<Vec<_>>() {
                let appetite = hall.roll(3);
                hall.eat(watcher, appetite);
            }
            if hall.roll(20) == 0 && !hall.upstreams.is_empty() {
                let at = hall.roll(hall.upstreams.len() as u64) as usize;
                hall.cut(hall.upstreams[at]);
            }
            if hall.roll(40) == 0 {
                if let Some(&watcher) = hall.guests.keys().next() {
                    hall.fanout.cancel(watcher);
                    hall.guests.remove(&watcher);
                }
            }
        }
        for round in 0..500 {
            if round % 50 == 0 {
                hall.set(1000 + round);
            }
            hall.settle();
            for watcher in hall.guests.keys().copied().collect::<Vec<_>>() {
                hall.eat(watcher, 1000);
            }
        }
        for guest in hall.guests.values() {
            let consumer = &guest.consumer;
            assert!(guest.queue.is_empty() && guest.live, "seed {seed}");
            assert_eq!(consumer.gaps, [], "seed {seed}");
            if guest.resync {
                assert_eq!(consumer.table, files(&hall.store, KEY, true), "seed {seed}");
                continue;
            }
            let history = hall.store.history.iter().flatten();
            let since = if consumer.indices.first() < Some(&guest.begun) {
                // joined others that had not told everything yet
                consumer.indices[0]
            } else {
                guest.begun
            };
            let expected: Vec<u64> = history
                .filter(|told| told.index >= since && wanted(told, KEY, true))
                .map(|told| told.index)
                .collect();
            // one that was not live yet may begin a little later
            let from = consumer.indices.first().copied().unwrap_or(0);
            let late = expected.iter().take_while(|&&index| index < from).count();
            assert!(
                late == 0 || guest.begun > 3 && late < 8,
                "seed {seed}: {late}"
            );
            assert_eq!(consumer.indices, expected[late..], "seed {seed}");
        }
        let families = hall.fanout.families.len();
        assert_eq!(hall.fanout.upstreams(), families, "seed {seed}");
    }
}

fn hall_index(hall: &Hall) -> u64 {
    hall.store.index
}
