//! The end of a client, while there is something to do.

use super::*;
use etcd_v2::status::Status;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use support::{Scripted, Step};

#[test]
fn what_is_pending_is_cancelled_and_what_was_sent_is_unknown() {
    let mute = Scripted::steps(vec![Step::Read, Step::Silent]);
    let mut options = options(mute.url());
    options.set_max_connections(2).unwrap();
    let client = Client::new(&options).unwrap();
    let write = submit(&client, &set("/a", "x"));
    let read = submit(&client, &get("/a"));
    mute.wait_for_requests(2);
    let waiting: Vec<_> = (0..10).map(|_| submit(&client, &set("/b", "x"))).collect();
    drop(client);
    // dropped means ended
    api::refused(write.try_recv().unwrap(), Status::OUTCOME_UNKNOWN);
    api::refused(read.try_recv().unwrap(), Status::CANCELLED);
    for call in &waiting {
        api::refused(call.try_recv().unwrap(), Status::CANCELLED);
    }
    mute.wait_until_idle();
    assert_eq!(mute.requests().len(), 2);
}

#[test]
fn a_client_may_end_inside_a_completion() {
    let server = Scripted::json(&api::node_json("1"));
    for _ in 0..50 {
        let client = Arc::new(Mutex::new(Some(client(server.url()))));
        let (tell, told) = channel();
        let mine = client.clone();
        let held = client.lock().unwrap();
        let submitted = held.as_ref().unwrap();
        let last = tell.clone();
        submitted
            .submit(&get("/a"), move |result| {
                let client = mine.lock().unwrap().take();
                drop(client);
                tell.send(("first", result.map(|_| ()))).unwrap();
            })
            .unwrap();
        // blocked behind the completion above, or answered before
        submitted
            .submit(&get("/b"), move |result| {
                last.send(("second", result.map(|_| ()))).unwrap();
            })
            .unwrap();
        drop(held);
        let mut told: Vec<_> = (0..2).map(|_| told.recv_timeout(LONG).unwrap()).collect();
        told.sort_by_key(|(name, _)| *name);
        assert!(told[0].1.is_ok(), "{told:?}");
        if let Err(error) = &told[1].1 {
            assert_eq!(error.status(), Status::CANCELLED, "{error:?}");
        }
    }
    server.wait_until_idle();
}

#[test]
fn a_client_that_submitted_nothing_has_no_thread() {
    let server = Scripted::json(&api::node_json("1"));
    let client = client(server.url());
    client.execute(&get("/a")).unwrap();
    assert_eq!(client.turns(), 0);
    only(&submit(&client, &get("/a"))).unwrap();
    assert_ne!(client.turns(), 0);
}
