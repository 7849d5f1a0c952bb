//! The bench of faults itself: clusters that are hurt on purpose, and the wire that other tests cut.

use crate::support;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use support::{Cluster, Mode, Proxy, Scripted, Step, Version, http, wait_for};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

/// A server that answers every request with ten bytes.
fn ten() -> Scripted {
    let ten = Step::Write(b"0123456789".to_vec());
    Scripted::steps(vec![Step::Read, ten, Step::Again])
}

fn connect(proxy: &Proxy) -> TcpStream {
    let address = proxy.url().replace("http://", "");
    let stream = TcpStream::connect(address).unwrap();
    let limit = Some(Duration::from_secs(20));
    stream.set_read_timeout(limit).unwrap();
    stream
}

fn ask(mut stream: &TcpStream) -> Vec<u8> {
    stream.write_all(REQUEST).unwrap();
    let mut answer = [0; 10];
    stream.read_exact(&mut answer).unwrap();
    answer.to_vec()
}

/// What comes until the end.
fn rest(mut stream: &TcpStream) -> Result<Vec<u8>, ErrorKind> {
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes);
    end.map(|_| bytes).map_err(|e| e.kind())
}

fn is_mute(mut stream: &TcpStream) -> bool {
    let short = Some(Duration::from_millis(100));
    stream.set_read_timeout(short).unwrap();
    let got = stream.read(&mut [0; 1]);
    let long = Some(Duration::from_secs(20));
    stream.set_read_timeout(long).unwrap();
    matches!(got, Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

#[test]
fn a_proxy_passes_counts_and_goes() {
    let server = ten();
    let proxy = Proxy::to(server.url());
    let stream = connect(&proxy);
    for _ in 0..3 {
        assert_eq!(ask(&stream), b"0123456789");
    }
    assert_eq!(proxy.request_lines(), ["GET / HTTP/1.1"; 3]);
    assert_eq!((proxy.connections(), proxy.open_connections()), (1, 1));
    drop(stream);
    server.wait_until_idle();
    let stream = connect(&proxy);
    ask(&stream);
    drop(proxy);
    assert_eq!(rest(&stream), Ok(Vec::new()));
}

#[test]
fn a_proxy_cuts_at_a_byte_of_either_direction() {
    let server = ten();
    let proxy = Proxy::to(server.url());
    for live in [false, true] {
        for n in [0, 1, 9, 10] {
            proxy.set(Mode::Pass);
            let mut stream = connect(&proxy);
            if live {
                ask(&stream);
            }
            proxy.set(Mode::CutAnswer(n));
            stream.write_all(REQUEST).unwrap();
            assert_eq!(rest(&stream).unwrap(), b"0123456789"[..n as usize]);
        }
        let before = server.requests().len();
        proxy.set(Mode::Pass);
        let mut stream = connect(&proxy);
        if live {
            ask(&stream);
        }
        let last = REQUEST.len() as u64 - 1;
        proxy.set(Mode::CutRequest(last));
        stream.write_all(REQUEST).unwrap();
        assert_eq!(rest(&stream), Ok(Vec::new()));
        assert_eq!(server.requests().len(), before + usize::from(live));
    }
}

#[test]
fn a_proxy_slows() {
    let server = ten();
    let proxy = Proxy::to(server.url());
    let stream = connect(&proxy);
    let started = Instant::now();
    proxy.set(Mode::Delay(Duration::from_millis(50)));
    ask(&stream);
    assert!(started.elapsed() >= Duration::from_millis(100));
    let started = Instant::now();
    proxy.set(Mode::Drip(3, Duration::from_millis(20)));
    ask(&stream);
    // 18 bytes there, 10 bytes back
    assert!(started.elapsed() >= Duration::from_millis(8 * 20));
    // a change wakes who waits
    proxy.set(Mode::Delay(Duration::from_secs(3600)));
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| ask(&stream));
        proxy.wait_for_requests(3);
        proxy.set(Mode::Pass);
        assert_eq!(asking.join().unwrap(), b"0123456789");
    });
}

#[test]
fn a_proxy_mutes_live_connections_and_new_ones() {
    for mode in [Mode::BlackHole, Mode::HalfOpen] {
        let server = ten();
        let proxy = Proxy::to(server.url());
        let mut live = connect(&proxy);
        ask(&live);
        proxy.set(mode);
        let mut new = connect(&proxy);
        for stream in [&mut live, &mut new] {
            stream.write_all(REQUEST).unwrap();
        }
        proxy.wait_for_requests(3);
        assert!(is_mute(&live) && is_mute(&new));
        assert_eq!(server.requests().len(), 1);
        if mode == Mode::HalfOpen {
            server.wait_until_idle();
        }
        // what lost something does not go on as if it had not
        proxy.set(Mode::Pass);
        assert_eq!(rest(&live), Ok(Vec::new()));
        assert_eq!(rest(&new), Ok(Vec::new()));
        ask(&connect(&proxy));
    }
}

#[test]
fn a_proxy_refuses_and_resets() {
    let server = ten();
    let proxy = Proxy::to(server.url());
    let live = connect(&proxy);
    ask(&live);
    for _ in 0..3 {
        proxy.set(Mode::Refuse);
        let address = proxy.url().replace("http://", "");
        let refused = TcpStream::connect(address).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        proxy.set(Mode::Pass);
        ask(&connect(&proxy));
    }
    assert_eq!(rest(&live), Ok(Vec::new()));

    let live = connect(&proxy);
    ask(&live);
    proxy.set(Mode::Reset);
    assert_eq!(rest(&live), Err(ErrorKind::ConnectionReset));
    let new = connect(&proxy);
    assert_eq!(rest(&new), Err(ErrorKind::ConnectionReset));
    proxy.set(Mode::Pass);
    ask(&connect(&proxy));
}

#[test]
fn lines_of_a_proxy_are_treated_differently() {
    let server = ten();
    let proxy = Proxy::sorting(server.url(), {
        let first = std::sync::atomic::AtomicUsize::new(0);
        move |_, _| first.fetch_add(1, std::sync::atomic::Ordering::SeqCst)
    });
    let (a, mut b) = (connect(&proxy), connect(&proxy));
    ask(&a);
    ask(&b);
    proxy.set_line(1, Mode::BlackHole);
    b.write_all(REQUEST).unwrap();
    proxy.wait_for_requests(3);
    ask(&a);
    assert!(is_mute(&b));
    proxy.free_line(1);
    assert_eq!(rest(&b), Ok(Vec::new()));
    ask(&a);
}

fn an_isolated_member(version: Version, leads: bool, mode: Mode) {
    let cluster = Cluster::isolatable(version, 3);
    let alone = match leads {
        true => cluster.leader(),
        false => cluster.followers()[0],
    };
    let others = cluster.all_but(alone);
    cluster.member(alone).set("/a", "value=old");
    wait_for("all have the key", Duration::from_secs(20), || {
        let all = |m: &support::Etcd| m.value("/a").is_some();
        cluster.members().iter().all(all).then_some(())
    });

    cluster.isolate_by(alone, mode);
    let leader = cluster.leader_among(&others);
    cluster.member(leader).set_in_the_end("/a", "value=new");
    // its client port is open, and it does not know better
    assert_eq!(cluster.member(alone).value("/a").as_deref(), Some("old"));

    cluster.rejoin(alone);
    wait_for("it has caught up", Duration::from_secs(20), || {
        (cluster.member(alone).value("/a")? == "new").then_some(())
    });
    cluster.member(alone).set_in_the_end("/b", "value=1");
}

#[test]
fn an_isolated_leader_of_3_4_hands_out_old_data() {
    an_isolated_member(Version::V3_4, true, Mode::Refuse);
}

#[test]
fn an_isolated_follower_of_3_4_hands_out_old_data() {
    an_isolated_member(Version::V3_4, false, Mode::BlackHole);
}

#[test]
fn an_isolated_leader_of_3_5_hands_out_old_data() {
    an_isolated_member(Version::V3_5, true, Mode::BlackHole);
}

#[test]
fn an_isolated_follower_of_3_5_hands_out_old_data() {
    an_isolated_member(Version::V3_5, false, Mode::Refuse);
}

#[test]
fn members_come_and_go_and_the_leader_moves() {
    let mut cluster = Cluster::start(Version::V3_5, 3);
    cluster.member(0).set("/a", "value=1");
    let old = cluster.leader();
    assert_ne!(cluster.move_leader(), old);
    cluster.add();
    assert_eq!(cluster.member(3).value("/a").as_deref(), Some("1"));
    let list = format!("{}/v2/members", cluster.member(3).url());
    let count = |url: &str| {
        http::get(url).unwrap().json()["members"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(count(&list), 4);
    cluster.remove(0);
    assert_eq!(cluster.members().len(), 3);
    wait_for("three members", Duration::from_secs(20), || {
        (count(&list) == 3).then_some(())
    });
    // the one that went may have been the leader
    cluster.member(0).set_in_the_end("/a", "value=2");
}
