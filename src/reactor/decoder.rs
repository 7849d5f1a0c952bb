//! Reads large answers on a thread of its own, so that the loop goes on with everything else meanwhile. The thread begins
//! with the first of them, and ends with the loop.

use super::commands::{Command, Commands};
use super::slab::SlabKey;
use crate::protocol::body::Body;
use crate::protocol::decode_limits::DecodeLimits;
use crate::protocol::http_request::ResponseKind;
use crate::sys::panics;
use crate::sys::thread::HostedThread;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

/// Decoding does not recurse.
const STACK: usize = 256 * 1024;

/// The answer of an exchange.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) exchange: SlabKey,
    pub(super) body: Body,
    pub(super) status: u16,
    pub(super) expect: ResponseKind,
    pub(super) limits: DecodeLimits,
    /// nobody wants it any more
    pub(super) abandoned: Arc<AtomicBool>,
}

/// The thread, if it was needed.
#[derive(Debug, Default)]
pub(super) struct DecoderThread(Option<Running>);

#[derive(Debug)]
struct Running {
    jobs: Option<Sender<Job>>,
    over: Arc<AtomicBool>,
    thread: Option<HostedThread>,
}

impl DecoderThread {
    /// Its end is a [`Command::Read`]. Given back if there is no thread for it.
    pub(super) fn push(&mut self, job: Job, commands: &Arc<Commands>) -> Result<(), Job> {
        if self.0.is_none() {
            self.0 = Running::start(commands);
        }
        match self.0.as_ref().and_then(|running| running.jobs.as_ref()) {
            Some(jobs) => jobs.send(job).map_err(|refused| refused.0),
            None => Err(job),
        }
    }
}

impl Running {
    fn start(commands: &Arc<Commands>) -> Option<Running> {
        let (jobs, taken) = channel();
        let (over, commands) = (Arc::<AtomicBool>::default(), commands.clone());
        let ends = over.clone();
        let body = move |_: &_| work(&taken, &ends, &commands);
        let thread = HostedThread::spawn("etcd_v2-decode", STACK, body).ok()?;
        Some(Running {
            jobs: Some(jobs),
            over,
            thread: Some(thread),
        })
    }
}

fn work(jobs: &Receiver<Job>, over: &AtomicBool, commands: &Commands) {
    while let Ok(mut job) = jobs.recv() {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let stopped = || over.load(Ordering::Relaxed) || job.abandoned.load(Ordering::Relaxed);
        let how = (job.expect, job.limits);
        // what cannot be read here is read by the loop
        let _ = panics::catch(|| job.body.read(job.status, how, &|| !stopped()));
        if stopped() {
            continue;
        }
        let _ = commands.push(Command::Read(job.exchange, Box::new(job.body)));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            thread.join();
        }
    }
}
