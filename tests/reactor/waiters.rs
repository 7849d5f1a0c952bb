//! Several threads wait for one watcher or one queue: each thing that comes wakes a thread that takes it, whatever it
//! came together with.

use super::dice::Dice;
use super::*;
use etcd_v2::client::{CompletionQueue, Listener, Watcher};
use etcd_v2::status::Status;
use etcd_v2::watch::event::Event;
use etcd_v2::watch::options::WatchOptions;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use support::gateway::Answer;
use support::{Etcd, Gateway, Scripted, Version, wait_for};

/// A crowd of threads, each of which takes one thing and ends.
struct Crowd<T> {
    threads: Vec<JoinHandle<()>>,
    told: Receiver<T>,
}

impl<T: Send + 'static> Crowd<T> {
    /// When this returns all of them sleep.
    fn new(n: usize, take: impl Fn() -> T + Send + Sync + 'static) -> Crowd<T> {
        let take = Arc::new(take);
        let (entered, entries) = channel();
        let (tell, told) = channel();
        let spawn = |_| {
            let (take, tell, entered): (_, Sender<T>, _) =
                (Arc::clone(&take), tell.clone(), entered.clone());
            std::thread::spawn(move || {
                // SAFETY: has no preconditions
                entered.send(unsafe { libc::gettid() }).unwrap();
                let _ = tell.send(take());
            })
        };
        let threads: Vec<JoinHandle<()>> = (0..n).map(spawn).collect();
        for id in entries.iter().take(n) {
            wait_for("the thread sleeps", LONG, || {
                let stat = std::fs::read_to_string(format!("/proc/self/task/{id}/stat")).ok()?;
                let state = stat.rsplit(") ").next()?.chars().next();
                (state == Some('S')).then_some(())
            });
        }
        Crowd { threads, told }
    }

    /// What the first `n` of them took; `free` lets the others go when one goes on sleeping.
    #[track_caller]
    fn take(&self, n: usize, free: impl FnOnce()) -> Vec<T> {
        let mut taken = Vec::new();
        while taken.len() < n {
            match self.told.recv_timeout(LONG) {
                Ok(one) => taken.push(one),
                Err(_) => {
                    free();
                    panic!("{} of {n} threads were woken", taken.len());
                }
            }
        }
        taken
    }

    fn join(self) {
        for thread in self.threads {
            thread.join().unwrap();
        }
    }
}

fn watch(client: &Client, key: &str, snapshot: bool) -> Arc<Watcher> {
    let mut options = WatchOptions::default();
    options.set_recursive(true);
    options.set_snapshot_first(snapshot).unwrap();
    let key = Key::parse("key", key).unwrap();
    Arc::new(client.watch(&key, &options, Listener::default()).unwrap())
}

fn crowd(watcher: &Arc<Watcher>, n: usize) -> Crowd<Result<Option<Event>>> {
    let watcher = Arc::clone(watcher);
    Crowd::new(n, move || watcher.next(None))
}

/// Every thread told a different event.
fn judge(taken: Vec<Result<Option<Event>>>) {
    let mut told: Vec<(u64, String)> = taken
        .into_iter()
        .map(|result| {
            let event = result.unwrap().expect("an event");
            let key = event.node().map(|node| node.key().to_owned());
            (event.index(), key.unwrap_or_default())
        })
        .collect();
    let n = told.len();
    told.sort();
    told.dedup();
    assert_eq!(told.len(), n, "{told:?}");
}

/// A listing is told with one wake-up. The poll behind it is withheld: when it is heard of, all threads are woken.
#[test]
fn a_snapshot_wakes_as_many_threads_as_it_has_events() {
    let etcd = Etcd::start(Version::V3_4);
    let gateway = Gateway::to(etcd.url(), |line, head| match line.contains("wait=true") {
        true => Answer::Withheld,
        false => Answer::Head(head),
    });
    let client = client(gateway.url());
    let mut dice = Dice::new(8);
    let mut by_the_snapshot = 0;
    for round in 0..10 {
        let folder = format!("/listed/{round}");
        let listed = 3 + dice.below(20) as usize;
        for i in 0..listed {
            etcd.set(&format!("{folder}/{i}"), "value=x");
        }
        // so that nothing comes before all of them wait
        etcd.pause();
        let watcher = watch(&client, &folder, true);
        let n = 2 + dice.below(listed as u64 - 2) as usize;
        let crowd = crowd(&watcher, n);
        etcd.resume();
        judge(crowd.take(n, || watcher.cancel()));
        by_the_snapshot += u32::from(watcher.state().code() == 1);
        crowd.join();
    }
    // on a busy machine the poll may be given up before all threads have run
    assert!(by_the_snapshot >= 5, "{by_the_snapshot} of 10");
}

#[test]
fn no_burst_leaves_a_thread_asleep_that_has_something_to_take() {
    let etcd = Etcd::start(Version::V3_5);
    let mut dice = Dice::new(9);
    let client = client(etcd.url());
    for round in 0..60 {
        let folder = format!("/burst/{round}");
        let n = 2 + dice.below(5) as usize;
        let listed = dice.below(n as u64 + 2) as usize;
        for i in 0..listed {
            etcd.set(&format!("{folder}/{i}"), "value=x");
        }
        etcd.pause();
        let watcher = watch(&client, &folder, true);
        let crowd = crowd(&watcher, n);
        etcd.resume();
        let free = || watcher.cancel();
        // the folder, too
        let early = if listed == 0 { 0 } else { listed + 1 }.min(n);
        judge(crowd.take(early, free));
        // the others: by changes, one by one or at once, or by the end
        let mut left = n - early;
        while left > 0 {
            wait_for("live", LONG, || (watcher.state().code() == 2).then_some(()));
            let some = 1 + dice.below(left as u64) as usize;
            match dice.below(4) {
                0 => {
                    let canceller = Arc::clone(&watcher);
                    std::thread::spawn(move || canceller.cancel())
                        .join()
                        .unwrap();
                    for end in crowd.take(left, free) {
                        assert_eq!(end.unwrap_err().status(), Status::CANCELLED);
                    }
                    left = 0;
                }
                1 => {
                    etcd.set(&format!("{folder}/single"), "value=x");
                    judge(crowd.take(1, free));
                    left -= 1;
                }
                _ => {
                    std::thread::scope(|scope| {
                        for i in 0..some {
                            let (etcd, folder) = (&etcd, &folder);
                            scope.spawn(move || {
                                etcd.set(&format!("{folder}/at-once-{i}"), "value=x")
                            });
                        }
                    });
                    judge(crowd.take(some, free));
                    left -= some;
                }
            }
        }
        crowd.join();
    }
}

#[test]
fn the_end_wakes_all_also_behind_the_last_events() {
    let etcd = Etcd::start(Version::V3_4);
    for lists in [false, true] {
        for name in ["a", "b"] {
            etcd.set(&format!("/ends/{name}"), "value=x");
        }
        let client = client(etcd.url());
        etcd.pause();
        let watcher = watch(&client, "/ends", lists);
        let crowd = crowd(&watcher, 5);
        etcd.resume();
        // the folder, too
        let early = if lists { 3 } else { 0 };
        judge(crowd.take(early, || watcher.cancel()));
        drop(client);
        for end in crowd.take(5 - early, || watcher.cancel()) {
            assert_eq!(end.unwrap_err().status(), Status::CLOSED);
        }
        crowd.join();
    }
}

#[test]
fn every_result_of_a_queue_wakes_a_thread() {
    let server = Scripted::json(&api::node_json("1"));
    let client = client(server.url());
    let queue = Arc::new(CompletionQueue::new());
    let mut dice = Dice::new(10);
    for round in 0..200 {
        let n = 2 + dice.below(6) as usize;
        let theirs = Arc::clone(&queue);
        let crowd = Crowd::new(n, move || theirs.next(None).unwrap().unwrap().user);
        let mut sent = 0;
        while sent < n {
            let some = 1 + dice.below((n - sent) as u64) as usize;
            for i in sent..sent + some {
                client
                    .submit_to(&get("/a"), &queue, round * 10 + i)
                    .unwrap();
            }
            sent += some;
            if dice.below(2) == 0 {
                // the next burst meets threads that sleep
                std::thread::yield_now();
            }
        }
        let free = || {
            for _ in 0..n {
                let _ = client.submit_to(&get("/a"), &queue, usize::MAX);
            }
        };
        let mut taken = crowd.take(n, free);
        taken.sort_unstable();
        assert_eq!(
            taken,
            (0..n).map(|i| round * 10 + i).collect::<Vec<usize>>()
        );
        crowd.join();
    }
}
