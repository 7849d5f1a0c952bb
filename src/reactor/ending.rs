//! Ends of exchanges and of tasks, and what follows for the others.

use super::commands::{Closed, Command};
use super::core::{Core, Ended, TaskSlot, context};
use super::decoder::Job;
use super::exchange::{Exchange, Stage};
use super::pool::Pool;
use super::slab::SlabKey;
use crate::cluster::retry::retry_policy;
use crate::error::Phase;
use crate::protocol::body::Body;
use crate::protocol::http_request::Idempotency;
use crate::transport::fault::{Fault, FaultKind};

impl Core {
    /// Finishes what has ended, and whatever ends because of that.
    pub(super) fn work_off(&mut self) {
        while let Some((key, ended)) = self.ended.pop_front() {
            self.finish(key, ended);
        }
    }

    fn finish(&mut self, key: SlabKey, ended: Ended) {
        let reusable = matches!(ended, Ended::Answered(true));
        if matches!(ended, Ended::Answered(_)) && self.read_beside(key, reusable) {
            return;
        }
        let Some(mut exchange) = self.detach(key, reusable) else {
            return;
        };
        let (task, pool) = (exchange.task, exchange.pool);
        let Some(held) = self.tasks.get_mut(task) else {
            return self.tidy(pool);
        };
        held.exchange = None;
        let context = context(&self.setup, &self.commands, task, self.now);
        let mut blamed = false;
        let next = match ended {
            Ended::Answered(_) => held.task.on_end(Ok(exchange.answer(self.now)), &context),
            Ended::Left(next) => next,
            Ended::Failed(fault) => {
                let fault = exchange.state.complete(fault);
                blamed = retry_policy::decide(&fault, Idempotency::Safe, true).blame;
                if let Some(pool) = self.pools.get(pool) {
                    pool.member.channel().dialer().judge(&fault);
                }
                held.task.on_end(Err(fault), &context)
            }
        };
        drop(exchange);
        self.follow(task, next);
        if blamed {
            self.shun(pool);
        }
        self.tidy(pool);
    }

    /// An answer that would hold up the loop is read elsewhere, while its connection is free for others.
    fn read_beside(&mut self, key: SlabKey, reusable: bool) -> bool {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return false;
        };
        let Some(connection) = exchange.is_long() else {
            return false;
        };
        let held = self.tasks.get(exchange.task);
        let Some((expect, limits)) = held.and_then(|held| held.task.reading()) else {
            return false;
        };
        let (status, body, abandoned) = exchange.leave(self.now);
        let (pool, admitted) = (exchange.pool, std::mem::take(&mut exchange.admitted));
        self.arm(key);
        match reusable {
            true => self.rest(connection),
            false => self.close_connection(connection),
        }
        if let Some(pool) = self.pools.get_mut(pool).filter(|_| admitted) {
            pool.leave();
        }
        self.tidy(pool);
        let job = Job {
            exchange: key,
            body,
            status,
            expect,
            limits,
            abandoned,
        };
        if let Err(job) = self.decoder.push(job, &self.commands) {
            self.read(key, job.body);
        }
        true
    }

    /// The answer of an exchange that waits for that was read.
    pub(super) fn read(&mut self, key: SlabKey, body: Body) {
        if let Some(exchange) = self.exchanges.get_mut(key) {
            if let Stage::Reading(reading) = &mut exchange.stage {
                reading.body = Some(Box::new(body));
            }
            self.ended.push_back((key, Ended::Answered(false)));
        }
    }

    /// Takes an exchange out of everything. Its connection stays only if it may be used again.
    fn detach(&mut self, key: SlabKey, reusable: bool) -> Option<Exchange> {
        let exchange = self.exchanges.remove(key)?;
        self.exchange_times.clear(key.index());
        match &exchange.stage {
            Stage::Running(connection) if reusable => self.rest(*connection),
            Stage::Running(connection)
            | Stage::Priming(connection, ..)
            | Stage::Shaking(connection) => self.close_connection(*connection),
            Stage::Racing(_, flying, _) => {
                for connection in flying {
                    self.close_connection(*connection);
                }
            }
            Stage::Waiting | Stage::Resolving(_) | Stage::Knocking(..) | Stage::Reading(..) => {}
        }
        if let Some(pool) = self.pools.get_mut(exchange.pool) {
            pool.exchanges = pool.exchanges.saturating_sub(1);
            let timings = exchange.state.record.timings(self.now);
            pool.member.channel().metrics().end(&timings);
            if exchange.admitted {
                pool.leave();
            }
        }
        Some(exchange)
    }

    pub(super) fn drop_exchange(&mut self, task: SlabKey) -> Option<Exchange> {
        let key = self.tasks.get_mut(task)?.exchange.take()?;
        let exchange = self.detach(key, false)?;
        self.tidy(exchange.pool);
        Some(exchange)
    }

    /// Whoever waits for a connection to a member that failed is better off elsewhere, if there is an elsewhere.
    fn shun(&mut self, pool: SlabKey) {
        let Some(pool) = self.pools.get_mut(pool) else {
            return;
        };
        if self.setup.member_set.len() < 2
            || self.setup.member_set.find(pool.member.url()).is_none()
        {
            return;
        }
        for key in pool.dissolve() {
            let text = "the member failed while this waited for a connection";
            let fault = Fault::new(Phase::Connect, FaultKind::Connection, text);
            self.ended.push_back((key, Ended::Failed(fault)));
        }
    }

    /// After something of this pool ended.
    fn tidy(&mut self, key: SlabKey) {
        while let Some(waiting) = self.pools.get_mut(key).and_then(Pool::serve) {
            // else its deadline has passed in the meantime
            if self.exchanges.get(waiting).is_some() {
                if let Some(pool) = self.pools.get_mut(key) {
                    pool.admit();
                }
                self.admit(waiting);
            }
        }
        self.trim(key);
        if self.pools.get(key).is_some_and(Pool::is_unused) {
            self.pools.remove(key);
        }
    }

    /// After members have left.
    pub(super) fn sweep(&mut self) {
        let pools: Vec<SlabKey> = self.pools.keys().collect();
        for key in pools {
            self.tidy(key);
        }
    }

    pub(super) fn cancel(&mut self, key: SlabKey) {
        let exchange = self.drop_exchange(key);
        self.owner_times.clear(key.index());
        let Some(held) = self.tasks.remove(key) else {
            return;
        };
        let fault: Option<Box<Fault>> = exchange.map(|mut exchange| {
            let fault = exchange.state.stopped(FaultKind::Cancelled);
            exchange.state.complete(fault)
        });
        let context = context(&self.setup, &self.commands, key, self.now);
        held.task.close(fault, &context);
    }

    /// Has every task tell that the loop broke.
    pub(super) fn drop_owners(&mut self) {
        let keys: Vec<SlabKey> = self.tasks.keys().collect();
        for key in keys {
            drop(self.tasks.remove(key));
        }
        while let Some(order) = self.orders.pop_front() {
            drop(order);
        }
    }

    /// Ends all that is there, once, even if a callback ends the thread meanwhile and this is called again.
    pub(super) fn close(&mut self, why: Closed) {
        let late = self.commands.close(why);
        self.orders.extend(late);
        // nobody is to be served because of others that end
        let pools: Vec<SlabKey> = self.pools.keys().collect();
        for key in pools {
            if let Some(pool) = self.pools.get_mut(key) {
                pool.dissolve();
            }
        }
        while let Some(command) = self.orders.pop_front() {
            if let Command::Add(task) = command {
                let exchange = None;
                self.tasks.insert(TaskSlot { task, exchange });
            }
        }
        // first those whose end cannot be the end of the thread
        for quiet in [true, false] {
            let keys: Vec<SlabKey> = self.tasks.keys().collect();
            for key in keys {
                let held = self.tasks.get(key);
                if held.is_some_and(|held| held.task.is_quiet() == quiet) {
                    self.cancel(key);
                }
            }
        }
        let idle: Vec<SlabKey> = self.connections.keys().collect();
        for key in idle {
            self.close_connection(key);
        }
    }
}
