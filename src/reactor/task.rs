//! Who wants something exchanged, and decides what follows from the answer.

use super::commands::{Command, Commands};
use super::slab::SlabKey;
use crate::cluster::members::member::Member;
use crate::cluster::members::member_set::MemberSet;
use crate::protocol::decode_limits::DecodeLimits;
use crate::protocol::http_request::{HttpRequest, ResponseKind};
use crate::protocol::response_head::Head;
use crate::transport::answer::Answer;
use crate::transport::exchange_limits::ExchangeLimits;
use crate::transport::exchange_state::ExchangeControl;
use crate::transport::fault::Fault;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Instant;

/// A task of exchanges, one at a time. The loop calls it on its thread and does what it says; its rules are without I/O
/// and without a clock of their own.
pub(crate) trait Task: Send {
    /// The first thing that is called.
    fn start(&mut self, context: &Context<'_>) -> TaskAction;

    /// The request of the running exchange; asked for whenever a part of it can be written.
    fn http_request(&self) -> Option<&HttpRequest>;

    /// How the answer of the running exchange is read, if that can be done before it is told.
    fn reading(&self) -> Option<(ResponseKind, DecodeLimits)> {
        None
    }

    /// Status and headers came.
    fn on_head(&mut self, _: &Head, _: &Context<'_>) -> ExchangeControl<TaskAction> {
        ExchangeControl::Stay
    }

    /// The silence has passed, and our side of the connection is closed: what still comes is the end.
    fn on_finish(&mut self, _: &Context<'_>) {}

    /// The exchange is over.
    fn on_end(&mut self, outcome: Result<Answer, Box<Fault>>, context: &Context<'_>) -> TaskAction;

    /// The time of [`TaskAction::Wake`] has come.
    fn on_timer(&mut self, context: &Context<'_>) -> TaskAction;

    /// Somebody used the [`TaskHandle`].
    fn on_wake(&mut self, _: &Context<'_>) -> TaskAction {
        TaskAction::Keep
    }

    /// It was cancelled, or the client ends: the last thing that is called. `fault` is the end of the running exchange.
    fn close(self: Box<Self>, fault: Option<Box<Fault>>, context: &Context<'_>);

    /// The loop had ended before this came to it: nobody is told anything, since who sent it is.
    fn refuse(self: Box<Self>) {}

    /// Whether its end runs no code of the host.
    fn is_quiet(&self) -> bool {
        true
    }
}

/// What a task is given to decide with.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) member_set: &'a MemberSet,
    pub(super) commands: &'a Arc<Commands>,
    pub(super) key: SlabKey,
    /// when the connection of the running exchange was made; known while its head is reported
    pub(crate) connected: Option<Instant>,
    /// and its remote address; known while its head is reported
    pub(crate) peer: Option<SocketAddr>,
}

impl Context<'_> {
    /// How other threads reach this task.
    pub(crate) fn handle(&self) -> TaskHandle {
        TaskHandle {
            commands: Arc::downgrade(self.commands),
            key: self.key,
        }
    }

    /// Has something done by the loop, after this.
    pub(super) fn order(&self, command: Command) {
        let _ = self.commands.push(command);
    }
}

/// What is to be done for a task.
#[derive(Debug)]
pub(crate) enum TaskAction {
    /// drop the running exchange if there is one, and run this
    Exchange(RequestSpec),
    /// call [`Task::on_timer`] then, and at no other time
    Wake(Instant),
    /// go on as it is
    Keep,
    /// drop the running exchange, and the task
    End,
}

/// An exchange to be run.
#[derive(Debug)]
pub(crate) struct RequestSpec {
    pub(crate) member: Arc<Member>,
    pub(crate) limits: ExchangeLimits,
    pub(crate) pool_class: PoolClass,
    pub(crate) way: Way,
}

/// Which address of its member an exchange goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Way {
    /// an idle connection, or else the first address that has not failed lately
    #[default]
    Any,
    /// a new connection, to another address than that of the exchange of this task, if there is one
    Beside(TaskId),
    /// only this address
    Only(SocketAddr),
}

/// Identifies a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskId(pub(super) SlabKey);

/// Which connections an exchange may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PoolClass {
    /// one of the limited number for each member, if need be after waiting in line
    Shared,
    /// any, and one more if there is none: for what stays on it for long
    Own,
}

/// How other threads reach a task. Does nothing once that is gone.
#[derive(Clone, Debug)]
pub(crate) struct TaskHandle {
    commands: Weak<Commands>,
    key: SlabKey,
}

impl TaskHandle {
    /// Has [`Task::on_wake`] called.
    pub(crate) fn wake(&self) {
        self.push(Command::WakeTask(self.key));
    }

    /// Identifies it for [`Way::Beside`].
    pub(crate) fn task(&self) -> TaskId {
        TaskId(self.key)
    }

    /// Has [`Task::close`] called.
    pub(crate) fn cancel(&self) {
        self.push(Command::Cancel(self.key));
    }

    fn push(&self, command: Command) {
        if let Some(commands) = self.commands.upgrade() {
            let _ = commands.push(command);
        }
    }
}
