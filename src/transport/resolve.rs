//! Names to addresses: on a helper thread, since `getaddrinfo` can neither be interrupted nor given a deadline.
use super::exchange_context::ExchangeContext;
use super::fault::{Fault, FaultKind};
use crate::error::Phase;
use crate::sys::notifier::Notifier;
use crate::sys::signals;
use rustix::{event::PollFlags, fd::AsFd};
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// More addresses than that are not tried.
const MOST: usize = 16;

/// Looks up the name of one member. Nothing is cached; callers that come while a look-up runs share it, so that a
/// mute name server costs one thread, not one for each call.
#[derive(Debug)]
pub(crate) struct Names {
    host: Arc<str>,
    port: u16,
    running: Mutex<Option<Arc<LookUp>>>,
}

/// All that the helper thread knows and owns.
#[derive(Debug)]
pub(crate) struct LookUp {
    state: Mutex<LookupState>,
    done: Notifier,
}

#[derive(Default)]
struct LookupState {
    outcome: Option<Result<Vec<SocketAddr>, String>>,
    /// those who want to be called rather than poll
    calls: Vec<Box<dyn FnOnce() + Send>>,
}

impl fmt::Debug for LookupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LookupState").field(&self.outcome).finish()
    }
}

impl Names {
    pub(super) fn new(host: Arc<str>, port: u16) -> Names {
        Names {
            host,
            port,
            running: Mutex::new(None),
        }
    }

    /// Waits for the addresses until `end`.
    pub(super) fn look_up(
        &self,
        context: &ExchangeContext<'_>,
        end: Instant,
    ) -> Result<Vec<SocketAddr>, Box<Fault>> {
        self.join_or_start()?.wait(context, end)
    }

    /// A look-up that ends when the test says so.
    #[cfg(test)]
    pub(super) fn hang(&self) -> Arc<LookUp> {
        let look_up = Arc::new(LookUp {
            state: Mutex::default(),
            done: Notifier::new().unwrap(),
        });
        *lock(&self.running) = Some(look_up.clone());
        look_up
    }

    pub(crate) fn join_or_start(&self) -> Result<Arc<LookUp>, Box<Fault>> {
        self.running()
            .map_err(|text| Fault::new(Phase::Resolve, FaultKind::Local, text))
    }

    fn running(&self) -> Result<Arc<LookUp>, String> {
        let mut running = lock(&self.running);
        if let Some(look_up) = running.as_ref().filter(|l| !l.is_done()) {
            return Ok(look_up.clone());
        }
        let done =
            Notifier::new().map_err(|_| "no descriptor left for a name look-up".to_owned())?;
        let look_up = Arc::new(LookUp {
            state: Mutex::default(),
            done,
        });
        let (its, host, port) = (look_up.clone(), self.host.clone(), self.port);
        let _blocked = signals::Blocked::new();
        std::thread::Builder::new()
            .name("etcd_v2-resolve".into())
            .stack_size(512 * 1024)
            .spawn(move || its.run(&host, port))
            .map_err(|_| "no thread left for a name look-up".to_owned())?;
        *running = Some(look_up.clone());
        Ok(look_up)
    }
}

impl LookUp {
    fn wait(
        &self,
        context: &ExchangeContext<'_>,
        end: Instant,
    ) -> Result<Vec<SocketAddr>, Box<Fault>> {
        let began = Instant::now();
        let waited = context.wait(self.done.as_fd(), PollFlags::IN, end);
        waited.map_err(|stop| context.state.record.stopped(Phase::Resolve, stop, began))?;
        self.addresses()
    }

    fn is_done(&self) -> bool {
        lock(&self.state).outcome.is_some()
    }

    /// Has `call` run when it is done, by the thread that looks up; at once if it is done already.
    pub(crate) fn subscribe(&self, call: Box<dyn FnOnce() + Send>) {
        let mut state = lock(&self.state);
        if state.outcome.is_none() {
            state.calls.push(call);
            return;
        }
        drop(state);
        call();
    }

    /// What was found; only to be asked when it is done.
    pub(crate) fn addresses(&self) -> Result<Vec<SocketAddr>, Box<Fault>> {
        let text = match lock(&self.state).outcome.clone() {
            Some(Ok(addresses)) if !addresses.is_empty() => return Ok(addresses),
            Some(Err(text)) => text,
            _ => "name has no address".to_owned(),
        };
        Err(Fault::new(Phase::Resolve, FaultKind::Connection, text))
    }

    fn run(&self, host: &str, port: u16) {
        let outcome = match (host, port).to_socket_addrs() {
            Ok(addresses) => Ok(in_turns(addresses.collect())),
            // the text of getaddrinfo changes with the locale, and says no more than this
            Err(_) => Err("name not found".to_owned()),
        };
        self.finish(outcome);
    }

    fn finish(&self, outcome: Result<Vec<SocketAddr>, String>) {
        let mut state = lock(&self.state);
        state.outcome = Some(outcome);
        let calls = std::mem::take(&mut state.calls);
        drop(state);
        self.done.notify();
        for call in calls {
            call();
        }
    }
}

/// The families take turns, in the order of the system otherwise (RFC 8305, 4).
fn in_turns(mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let mut seen = std::collections::HashSet::new();
    addresses.retain(|a| seen.insert(*a));
    let Some(first) = addresses.first().map(SocketAddr::is_ipv6) else {
        return addresses;
    };
    let (mut ours, mut others): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|a| a.is_ipv6() == first);
    ours.reverse();
    others.reverse();
    let mut turns = Vec::new();
    while turns.len() < MOST && !(ours.is_empty() && others.is_empty()) {
        turns.extend(ours.pop());
        turns.extend(others.pop());
    }
    turns
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::method::Method;

    #[test]
    fn families_take_turns() {
        let all = |list: &[&str]| -> Vec<SocketAddr> {
            list.iter().map(|a| a.parse().unwrap()).collect()
        };
        let sorted = all(&["[::1]:1", "[::2]:1", "[::1]:1", "1.1.1.1:1", "1.1.1.2:1"]);
        let turns = all(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1"]);
        assert_eq!(in_turns(sorted), turns);
        assert_eq!(in_turns(Vec::new()), Vec::new());
    }

    fn context(cancel: Option<&crate::transport::cancel::Cancel>) -> ExchangeContext<'_> {
        let long = std::time::Duration::from_secs(20);
        let limits = crate::transport::exchange_limits::ExchangeLimits {
            deadline: Instant::now() + long,
            connect: long,
            send: long,
            head: long,
            body: long,
            max_body: 0,
        };
        ExchangeContext::new(Method::Get, &limits, cancel, Instant::now())
    }

    /// A look-up that ends when the test says so.
    fn slow() -> (Names, Arc<LookUp>) {
        let names = Names::new("nobody.asks.for.this".into(), 7);
        let look_up = names.hang();
        (names, look_up)
    }

    #[test]
    fn callers_share_a_running_look_up() {
        let (names, look_up) = slow();
        let address: SocketAddr = "1.2.3.4:7".parse().unwrap();
        std::thread::scope(|scope| {
            let callers: Vec<_> = (0..4)
                .map(|_| {
                    let joined = names.join_or_start().unwrap();
                    assert!(Arc::ptr_eq(&joined, &look_up));
                    scope.spawn(move || {
                        let context = context(None);
                        joined.wait(&context, context.state.limits.deadline)
                    })
                })
                .collect();
            let told = Arc::new(std::sync::atomic::AtomicBool::new(false));
            let tell = told.clone();
            let now = std::sync::atomic::Ordering::SeqCst;
            look_up.subscribe(Box::new(move || tell.store(true, now)));
            look_up.finish(Ok(vec![address]));
            assert!(told.load(now));
            for caller in callers {
                assert_eq!(caller.join().unwrap().unwrap(), [address]);
            }
        });
    }

    #[test]
    fn a_mute_name_server_is_given_up() {
        let (names, look_up) = slow();
        let patient = context(None);
        let end = Instant::now() + std::time::Duration::from_millis(20);
        let fault = names.look_up(&patient, end).unwrap_err();
        assert_eq!(
            (fault.phase, fault.kind),
            (Phase::Resolve, FaultKind::Timeout)
        );
        assert!(
            fault.text.starts_with("name not resolved within"),
            "{fault:?}"
        );

        let token = crate::transport::cancel::Cancel::new().unwrap();
        token.fire();
        let cancelled = context(Some(&token));
        let fault = names
            .look_up(&cancelled, cancelled.state.limits.deadline)
            .unwrap_err();
        assert_eq!(
            (fault.phase, fault.kind),
            (Phase::Resolve, FaultKind::Cancelled)
        );
        // both joined the one that runs, none started another
        assert!(Arc::ptr_eq(&names.join_or_start().unwrap(), &look_up));
    }
}
