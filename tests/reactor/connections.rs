//! How many connections there are, and what goes over which.

use super::*;
use etcd_v2::status::Status;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use support::{Conversation, Etcd, Scripted, Step, Version, wait_for};

/// Answers every request, and remembers how many connections were busy at once.
fn counting(most: &Arc<AtomicUsize>) -> Scripted {
    let (most, busy) = (most.clone(), AtomicUsize::new(0));
    Scripted::tcp(move |conversation: &mut Conversation| -> io::Result<()> {
        while conversation.read_request()?.is_some() {
            most.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            conversation.wait(Duration::from_millis(1));
            busy.fetch_sub(1, Ordering::SeqCst);
            conversation.answer_json(&api::node_json("1"))?;
        }
        Ok(())
    })
}

#[test]
fn no_more_connections_are_made_than_allowed_and_they_are_used_again() {
    let most = Arc::new(AtomicUsize::new(0));
    let server = counting(&most);
    let mut options = options(server.url());
    options.set_max_connections(5).unwrap();
    let client = Client::new(&options).unwrap();
    let calls: Vec<_> = (0..300).map(|_| submit(&client, &get("/a"))).collect();
    for call in &calls {
        assert_eq!(api::value(only(call)), "1");
    }
    assert_eq!(server.requests().len(), 300);
    server.wait_for_connections(5);
    assert_eq!(server.connections(), 5);
    assert!(most.load(Ordering::SeqCst) > 1);
}

#[test]
fn who_waits_in_line_for_too_long_was_never_sent() {
    let mute = Scripted::steps(vec![Step::Read, Step::Silent]);
    let mut options = options(mute.url());
    options.set_max_connections(1).unwrap();
    let client = Client::new(&options).unwrap();
    let mut short = set("/a", "x");
    short.deadline = Some(Duration::from_millis(50));
    let first = submit(&client, &set("/first", "x"));
    mute.wait_for_requests(1);
    let error = api::refused(only(&submit(&client, &short)), Status::TIMEOUT);
    assert!(!error.detail().outcome_unknown);
    drop(client);
    api::refused(only(&first), Status::OUTCOME_UNKNOWN);
    assert_eq!(mute.requests().len(), 1);
}

#[test]
fn who_waits_in_line_at_a_member_that_fails_goes_to_another() {
    let all = Arc::new(AtomicBool::new(false));
    let submitted = all.clone();
    let dying = Scripted::tcp(move |conversation: &mut Conversation| -> io::Result<()> {
        conversation.read_request()?;
        while !submitted.load(Ordering::SeqCst) && !conversation.stopping() {
            conversation.wait(Duration::from_millis(5));
        }
        conversation.reset()
    });
    let alive = Scripted::json(&api::node_json("1"));
    let mut options = options(&format!("{},{}", dying.url(), alive.url()));
    options.set_max_connections(1).unwrap();
    let client = Client::new(&options).unwrap();
    let calls: Vec<_> = (0..20)
        .map(|i| submit(&client, &set(&format!("/{i}"), "x")))
        .collect();
    all.store(true, Ordering::SeqCst);
    // the one that was sent may have been applied, those behind it went on
    api::refused(only(&calls[0]), Status::OUTCOME_UNKNOWN);
    for call in &calls[1..] {
        assert_eq!(api::value(only(call)), "1");
    }
    assert_eq!(dying.requests().len(), 1);
    assert_eq!(alive.requests().len(), 19);
}

#[test]
fn an_idle_connection_that_ends_is_noticed_at_once() {
    let server = Scripted::scripts(vec![
        vec![Step::Read, Step::json(&api::node_json("1")), Step::Close],
        vec![Step::Read, Step::json(&api::node_json("2")), Step::Again],
    ]);
    let client = client(server.url());
    assert_eq!(api::value(only(&submit(&client, &get("/a")))), "1");
    server.wait_until_idle();
    // a write would be lost on it
    assert_eq!(api::value(only(&submit(&client, &set("/a", "2")))), "2");
    assert_eq!(server.connections(), 2);
}

#[test]
fn idle_connections_have_an_age_and_a_number() {
    let server = Scripted::json(&api::node_json("1"));
    let mut short = options(server.url());
    short.set_idle_timeout_ms(50).unwrap();
    let client = Client::new(&short).unwrap();
    only(&submit(&client, &get("/a"))).unwrap();
    server.wait_until_idle();
    let turns = client.turns();
    assert!(turns < 20, "{turns}");

    let mut none = options(server.url());
    none.set_max_idle_connections(0).unwrap();
    let client = Client::new(&none).unwrap();
    only(&submit(&client, &get("/a"))).unwrap();
    server.wait_until_idle();

    let mut one = options(server.url());
    one.set_max_idle_connections(1).unwrap();
    let client = Client::new(&one).unwrap();
    let calls: Vec<_> = (0..30).map(|_| submit(&client, &get("/a"))).collect();
    for call in &calls {
        only(call).unwrap();
    }
    wait_for("one connection left", LONG, || {
        (server.open_connections() == 1).then_some(())
    });
}

#[test]
fn long_keys_go_through_both_versions() {
    for version in Version::ALL {
        let etcd = Etcd::shared(version);
        let client = client(etcd.url());
        let long = format!("/long/{}", "x".repeat(20_000));
        let calls: Vec<_> = (0..40)
            .map(|i| submit(&client, &set(&format!("{long}{i}"), &i.to_string())))
            .collect();
        for (i, call) in calls.iter().enumerate() {
            assert_eq!(api::value(only(call)), i.to_string());
        }
        let answer = only(&submit(&client, &get(&format!("{long}7"))));
        assert_eq!(api::value(answer), "7");
    }
}

#[test]
fn a_connection_is_primed_once_for_long_lines() {
    let server = Scripted::json(&api::node_json("1"));
    let mut options = options(server.url());
    options.set_max_connections(1).unwrap();
    let client = Client::new(&options).unwrap();
    let long = format!("/{}", "x".repeat(5_000));
    for _ in 0..3 {
        only(&submit(&client, &get(&long))).unwrap();
    }
    let lines = server.request_lines();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert_eq!(lines[0], "GET /version HTTP/1.1");
    assert_eq!(server.connections(), 1);
}

#[test]
fn large_bodies_go_both_ways_while_others_are_served() {
    let etcd = Etcd::shared(Version::V3_4);
    let client = client(etcd.url());
    let value = "v".repeat(900_000);
    let calls: Vec<_> = (0..8)
        .map(|i| submit(&client, &set(&format!("/large/{i}"), &value)))
        .collect();
    let small: Vec<_> = (0..100).map(|_| submit(&client, &get("/"))).collect();
    for call in &small {
        only(call).unwrap();
    }
    for call in &calls {
        assert_eq!(api::value(only(call)).len(), value.len());
    }
    let mut request = Request::new(Operation::Get, Key::parse("key", "/large").unwrap());
    let recursive = etcd_v2::protocol::request::flags::RECURSIVE;
    request.set_flags(recursive).unwrap();
    let all = only(&submit(&client, &Call::new(Ask::Keys(request)))).unwrap();
    assert!(all.body().len() > 8 * value.len());
}

#[test]
fn unix_sockets_and_names_lead_to_members_too() {
    let server = Scripted::unix(|conversation: &mut Conversation| {
        while conversation.read_request()?.is_some() {
            conversation.answer_json(&api::node_json("u"))?;
        }
        Ok(())
    });
    let unix = client(server.url());
    let calls: Vec<_> = (0..200).map(|_| submit(&unix, &get("/a"))).collect();
    for call in &calls {
        assert_eq!(api::value(only(call)), "u");
    }

    let etcd = Etcd::shared(Version::V3_4);
    let named = client(&format!("http://localhost:{}", etcd.port()));
    let calls: Vec<_> = (0..50).map(|_| submit(&named, &get("/"))).collect();
    for call in &calls {
        only(call).unwrap();
    }
    // no name server is waited for
    names::set("nobody.invalid", &[]);
    let nobody = client("http://nobody.invalid:2379");
    api::refused(only(&submit(&nobody, &get("/"))), Status::UNREACHABLE);
}

/// Reads a head and little more, answers and closes: the rest of the request is refused with a reset. It cannot have been
/// taken by the kernel either, since the buffers are small.
fn refusing(answer: &'static str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::net::sockopt::set_socket_recv_buffer_size(&listener, 16 * 1024).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.read_exact(&mut [0; 1_000]).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    url
}

#[test]
fn what_a_server_says_before_the_request_has_left_is_heard() {
    let value = "v".repeat(8_000_000);
    let in_order = || {
        let key = Key::parse("key", "/q").unwrap();
        let mut request = Request::new(Operation::CreateInOrder, key);
        request.set_value(value.as_bytes()).unwrap();
        Call::new(Ask::Keys(request))
    };
    let html = "HTTP/1.1 413 Too Large\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\nno!";
    for answer in [html, "", "HTTP/1.1 413 Too La"] {
        let client = client(&refusing(answer));
        let error = only(&submit(&client, &in_order())).unwrap_err();
        let same = client.execute(&in_order()).unwrap_err();
        assert_eq!(error.status(), same.status(), "{error:?} {same:?}");
        // it cannot have been run, so that it may be tried again, and its outcome is known
        assert!(!error.detail().outcome_unknown, "{error:?}");
        let spoke = answer == html;
        assert_eq!(error.detail().http_status, if spoke { 413 } else { 0 });
    }
}
