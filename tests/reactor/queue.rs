//! Results that wait to be taken out.

use super::*;
use etcd_v2::client::CompletionQueue;
use etcd_v2::status::Status;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use support::{Scripted, Step};

fn readable(fd: i32, time: Duration) -> bool {
    // SAFETY: the queue that owns the descriptor outlives this call
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    let time = Timespec::try_from(time).unwrap();
    poll(
        &mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)],
        Some(&time),
    ) == Ok(1)
}

#[test]
fn the_descriptor_is_readable_as_long_as_there_are_results() {
    let server = Scripted::json(&api::node_json("1"));
    let client = client(server.url());
    let queue = CompletionQueue::new();
    // asked for before or after the first result: it tells the same
    for round in 0..2 {
        for i in 0..3 {
            client.submit_to(&get("/a"), &queue, i).unwrap();
        }
        if round == 0 {
            support::wait_for("three results", LONG, || {
                (server.requests().len() == 3).then_some(())
            });
        }
        let fd = queue.descriptor().unwrap();
        for _ in 0..3 {
            assert!(readable(fd, LONG) && readable(fd, Duration::ZERO));
            let completed = queue.next(Some(LONG)).unwrap().unwrap();
            assert_eq!(api::value(completed.result), "1");
        }
        assert!(!readable(fd, Duration::ZERO));
        assert!(queue.next(Some(Duration::ZERO)).unwrap().is_none());
        assert!(
            queue
                .next(Some(Duration::from_millis(5)))
                .unwrap()
                .is_none()
        );
    }
}

#[test]
fn a_result_counts_as_in_flight_until_it_is_taken_out() {
    let server = Scripted::json(&api::node_json("1"));
    let mut options = options(server.url());
    options.set_max_in_flight(2).unwrap();
    let client = Client::new(&options).unwrap();
    let queue = CompletionQueue::new();
    for _ in 0..2 {
        client.submit_to(&get("/a"), &queue, ()).unwrap();
    }
    let fd = queue.descriptor().unwrap();
    assert!(readable(fd, LONG));
    let error = client.submit_to(&get("/a"), &queue, ()).unwrap_err();
    assert_eq!(error.status(), Status::LIMIT);
    queue.next(None).unwrap().unwrap().result.unwrap();
    client.submit_to(&get("/a"), &queue, ()).unwrap();
    drop(queue);
    // what was for the queue went with it
    support::wait_for("room", LONG, || {
        client.submit(&get("/a"), |_| {}).is_ok().then_some(())
    });
}

#[test]
fn queues_and_clients_end_in_any_order() {
    let mute = Scripted::steps(vec![Step::Read, Step::Silent]);
    let queue = CompletionQueue::new();
    let user = Arc::new(());
    for _ in 0..2 {
        let client = client(mute.url());
        client.submit_to(&get("/a"), &queue, user.clone()).unwrap();
    }
    for _ in 0..2 {
        let completed = queue
            .next(Some(Duration::ZERO))
            .unwrap()
            .expect("cancelled");
        api::refused(completed.result, Status::CANCELLED);
    }
    assert_eq!(Arc::strong_count(&user), 1);

    let client = client(mute.url());
    client.submit_to(&get("/a"), &queue, user.clone()).unwrap();
    drop(queue);
    drop(client);
    assert_eq!(Arc::strong_count(&user), 1);
}

#[test]
fn many_threads_take_each_result_once() {
    const ALL: usize = 2_000;
    let server = Scripted::json(&api::node_json("1"));
    let client = client(server.url());
    let queue = CompletionQueue::new();
    let taken = std::sync::Mutex::new(vec![0; ALL]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(completed) = queue.next(Some(LONG)).unwrap() {
                    completed.result.unwrap();
                    if completed.user == ALL {
                        break;
                    }
                    taken.lock().unwrap()[completed.user] += 1;
                }
            });
        }
        for i in 0..ALL {
            client.submit_to(&get("/a"), &queue, i).unwrap();
        }
        support::wait_for("all results", LONG, || {
            let taken = taken.lock().unwrap();
            taken.iter().all(|n| *n == 1).then_some(())
        });
        for _ in 0..4 {
            client.submit_to(&get("/a"), &queue, ALL).unwrap();
        }
    });
    assert!(taken.into_inner().unwrap().iter().all(|n| *n == 1));
}
