//! The loop: waits for sockets, times and commands, and lets tasks decide.
//!
//! Nothing here calls itself: whatever ends an exchange puts it into `ended`, which is worked off between two events.

use super::capacity::Capacity;
use super::commands::{Closed, Command, Commands};
use super::connection::Connection;
use super::decoder::DecoderThread;
use super::exchange::{Exchange, Stage};
use super::pool::Pool;
use super::slab::{Slab, SlabKey};
use super::task::{Context, PoolClass, RequestSpec, Task, TaskAction};
use super::timers::Timers;
use crate::cluster::members::member::Member;
use crate::cluster::members::member_set::MemberSet;
use crate::error::Phase;
use crate::protocol::method::Method;
use crate::protocol::response_head::Head;
use crate::transport::config::TransportConfig;
use crate::transport::exchange_state::Fed;
use crate::transport::fault::{Fault, FaultKind};
use crate::transport::warmup;
use mio::{Events, Poll, Token};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Of the waker; no connection gets so far.
pub(super) const WAKER: Token = Token(usize::MAX);
/// Read at once; one buffer serves all connections.
const BUFFER: usize = 64 * 1024;
/// Events taken at once.
const EVENTS: usize = 1024;
/// How long is read before it is the turn of timers and commands.
const TURN: Duration = Duration::from_millis(20);
/// Commands carried out at once: who makes thousands of watchers has the first connected before the last begin.
const ORDERS: usize = 64;

/// What the thread needs to know of the client.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) member_set: Arc<MemberSet>,
    pub(crate) settings: TransportConfig,
    /// of each member; long polls do not count
    pub(crate) max_connections: usize,
}

/// How an exchange ended.
pub(super) enum Ended {
    /// with an answer; whether its connection may be used again
    Answered(bool),
    /// without
    Failed(Box<Fault>),
    /// the task has seen enough, and says what follows
    Left(TaskAction),
}

/// A task with what it runs.
pub(super) struct TaskSlot {
    pub(super) task: Box<dyn Task>,
    pub(super) exchange: Option<SlabKey>,
}

/// Everything that the thread has.
pub(super) struct Core {
    pub(super) setup: Setup,
    pub(super) commands: Arc<Commands>,
    pub(super) decoder: DecoderThread,
    pub(super) poll: Poll,
    pub(super) tasks: Slab<TaskSlot>,
    pub(super) exchanges: Slab<Exchange>,
    pub(super) connections: Slab<Connection>,
    pub(super) pools: Slab<Pool>,
    pub(super) owner_times: Timers,
    pub(super) exchange_times: Timers,
    pub(super) idle_times: Timers,
    pub(super) ended: VecDeque<(SlabKey, Ended)>,
    /// commands that were taken and not carried out yet
    pub(super) orders: VecDeque<Command>,
    /// connections that have more to be read than one turn may take; each once
    pub(super) unread: VecDeque<SlabKey>,
    /// when what was read in this turn is enough, and timers and commands come first
    turn_end: Instant,
    pub(super) input: Vec<u8>,
    pub(super) output: Vec<u8>,
    pub(super) now: Instant,
}

impl Core {
    pub(super) fn new(setup: Setup, commands: Arc<Commands>, poll: Poll) -> Core {
        Core {
            setup,
            commands,
            decoder: DecoderThread::default(),
            poll,
            tasks: Slab::default(),
            exchanges: Slab::default(),
            connections: Slab::default(),
            pools: Slab::default(),
            owner_times: Timers::default(),
            exchange_times: Timers::default(),
            idle_times: Timers::default(),
            ended: VecDeque::new(),
            orders: VecDeque::new(),
            unread: VecDeque::new(),
            turn_end: Instant::now(),
            input: vec![0; BUFFER],
            output: Vec::new(),
            now: Instant::now(),
        }
    }

    /// Until it is told to stop.
    pub(super) fn run(&mut self) -> std::io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            let timeout = match self.orders.is_empty() {
                true => self.timeout(),
                false => Some(Duration::ZERO),
            };
            match self.poll.poll(&mut events, timeout) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => events.clear(),
                outcome => outcome?,
            }
            if self.orders.is_empty() {
                self.commands.take(&mut self.orders);
            }
            self.begin_turn();
            for event in events.iter().filter(|event| event.token() != WAKER) {
                self.now = Instant::now();
                self.ready(event);
                self.work_off();
            }
            self.go_on_reading();
            for _ in 0..self.orders.len().min(ORDERS) {
                let Some(order) = self.orders.pop_front() else {
                    break;
                };
                self.now = Instant::now();
                match order {
                    Command::Stop => {
                        self.close(Closed::Freed);
                        return Ok(());
                    }
                    Command::Add(task) => self.add(task),
                    Command::WakeTask(key) => self.ask(key, |task, context| task.on_wake(context)),
                    Command::Cancel(key) => self.cancel(key),
                    Command::Resolved(key) => self.resolved(key),
                    Command::Read(key, body) => self.read(key, *body),
                    Command::Sweep => self.sweep(),
                }
                self.work_off();
            }
            self.expire();
            self.exchanges.settle();
            self.connections.settle();
            self.tasks.settle();
            self.pools.settle();
            self.orders.give_back();
            self.ended.give_back();
            self.unread.give_back();
        }
    }

    fn begin_turn(&mut self) {
        self.now = Instant::now();
        self.turn_end = self.now + TURN;
    }

    /// Whether a connection that has something to be read has to stand in line.
    pub(super) fn is_turn_over(&self) -> bool {
        self.now >= self.turn_end
    }

    /// It has more to be read, and stands in line for that.
    pub(super) fn stand_in_line(&mut self, connection: SlabKey) {
        if let Some(on) = self.connections.get_mut(connection) {
            if !std::mem::replace(&mut on.queued, true) {
                self.unread.push_back(connection);
            }
        }
    }

    /// Those that stand in line, each once at most, and at least one.
    fn go_on_reading(&mut self) {
        self.begin_turn();
        for _ in 0..self.unread.len() {
            let Some(key) = self.unread.pop_front() else {
                return;
            };
            if let Some(on) = self.connections.get_mut(key) {
                on.queued = false;
            }
            self.receive(key);
            self.work_off();
            self.now = Instant::now();
            if self.is_turn_over() {
                return;
            }
        }
    }

    fn timeout(&self) -> Option<Duration> {
        if !self.unread.is_empty() || !self.commands.may_sleep() {
            return Some(Duration::ZERO);
        }
        let times = [&self.owner_times, &self.exchange_times, &self.idle_times];
        let next = times.into_iter().filter_map(Timers::next).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    fn expire(&mut self) {
        self.now = Instant::now();
        while let Some(index) = self.owner_times.due(self.now) {
            if let Some(key) = self.tasks.at(index) {
                self.ask(key, |task, context| task.on_timer(context));
                self.work_off();
            }
        }
        while let Some(index) = self.exchange_times.due(self.now) {
            if let Some(key) = self.exchanges.at(index) {
                self.overdue(key);
                self.work_off();
            }
        }
        while let Some(index) = self.idle_times.due(self.now) {
            if let Some(key) = self.connections.at(index) {
                self.close_connection(key);
            }
        }
    }

    fn overdue(&mut self, key: SlabKey) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        if exchange.state.end() <= self.now {
            if let Some(connection) = exchange.finish(self.now) {
                return self.finish_in_order(key, connection);
            }
            let fault = exchange.state.stopped(FaultKind::Timeout);
            self.ended.push_back((key, Ended::Failed(fault)));
            return;
        }
        match &exchange.stage {
            Stage::Racing(..) => self.race(key),
            Stage::Knocking(..) => self.knock(key),
            _ => {}
        }
        self.arm(key);
    }

    /// Closes our side, so that the server ends the answer: if nothing is held back on the way, that comes at once.
    fn finish_in_order(&mut self, key: SlabKey, connection: SlabKey) {
        if let Some(on) = self.connections.get_mut(connection) {
            on.stream.finish();
        }
        let task = self.exchanges.get(key).map(|exchange| exchange.task);
        if let Some(task) = task {
            if let Some(held) = self.tasks.get_mut(task) {
                let context = context(&self.setup, &self.commands, task, self.now);
                held.task.on_finish(&context);
            }
        }
        self.arm(key);
    }

    /// The clock of the exchange follows its state.
    pub(super) fn arm(&mut self, key: SlabKey) {
        if let Some(exchange) = self.exchanges.get(key) {
            self.exchange_times.set(key.index(), exchange.due());
        }
    }

    fn add(&mut self, task: Box<dyn Task>) {
        let exchange = None;
        let key = self.tasks.insert(TaskSlot { task, exchange });
        self.ask(key, |task, context| task.start(context));
    }

    fn ask(
        &mut self,
        key: SlabKey,
        question: impl FnOnce(&mut dyn Task, &Context<'_>) -> TaskAction,
    ) {
        let Some(held) = self.tasks.get_mut(key) else {
            return;
        };
        let context = context(&self.setup, &self.commands, key, self.now);
        let next = question(&mut *held.task, &context);
        self.follow(key, next);
    }

    pub(super) fn follow(&mut self, key: SlabKey, next: TaskAction) {
        match next {
            TaskAction::Keep => {}
            TaskAction::Wake(at) => self.owner_times.set(key.index(), at),
            TaskAction::Exchange(order) => {
                self.drop_exchange(key);
                self.begin(key, &order);
            }
            TaskAction::End => {
                self.drop_exchange(key);
                self.owner_times.clear(key.index());
                self.tasks.remove(key);
            }
        }
    }

    fn begin(&mut self, task: SlabKey, order: &RequestSpec) {
        let pool = self.pool_of(&order.member);
        let Some(held) = self.tasks.get_mut(task) else {
            return;
        };
        let http_request = held.task.http_request();
        let long = http_request.is_some_and(warmup::is_long);
        let method = http_request.map_or(Method::Get, |http_request| http_request.method);
        let key = self
            .exchanges
            .insert(Exchange::new(task, pool, order, (method, long), self.now));
        held.exchange = Some(key);
        let Some(pool) = self.pools.get_mut(pool) else {
            return;
        };
        pool.exchanges += 1;
        pool.member.channel().metrics().begin();
        if order.limits.deadline <= self.now {
            let fault = Fault::new(Phase::Connect, FaultKind::Timeout, "deadline passed");
            self.ended.push_back((key, Ended::Failed(fault)));
        } else if order.pool_class == PoolClass::Own {
            self.assign(key);
        } else if pool.enter(key) {
            self.admit(key);
        } else {
            self.arm(key);
        }
    }

    /// It has one of the limited connections, or leave to make one.
    pub(super) fn admit(&mut self, key: SlabKey) {
        if let Some(exchange) = self.exchanges.get_mut(key) {
            exchange.admitted = true;
        }
        self.assign(key);
    }

    fn pool_of(&mut self, member: &Arc<Member>) -> SlabKey {
        let known = self.pools.keys().find(|key| {
            let pool = self.pools.get(*key);
            pool.is_some_and(|pool| Arc::ptr_eq(&pool.member, member))
        });
        let limit = self.setup.max_connections;
        known.unwrap_or_else(|| self.pools.insert(Pool::new(member.clone(), limit)))
    }

    /// What came goes to the exchange, whose task may have an opinion.
    pub(super) fn feed(&mut self, key: SlabKey, amount: usize) -> Fed<TaskAction> {
        let (Some(exchange), Some(input)) = (self.exchanges.get_mut(key), self.input.get(..amount))
        else {
            return Fed::More;
        };
        let owner_key = exchange.task;
        let (Stage::Running(connection), Some(held)) =
            (&exchange.stage, self.tasks.get_mut(owner_key))
        else {
            return Fed::More;
        };
        let mut context = context(&self.setup, &self.commands, owner_key, self.now);
        let on = self.connections.get(*connection);
        context.connected = on.map(|on| on.since);
        context.peer = on.and_then(|on| on.peer);
        let heed = |head: &Head| held.task.on_head(head, &context);
        exchange.state.feed(input, self.now, heed)
    }
}

/// What a task is given.
pub(super) fn context<'a>(
    setup: &'a Setup,
    commands: &'a Arc<Commands>,
    key: SlabKey,
    now: Instant,
) -> Context<'a> {
    Context {
        now,
        member_set: &setup.member_set,
        commands,
        key,
        connected: None,
        peer: None,
    }
}
