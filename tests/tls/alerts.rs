//! An alert after the handshake, over a write that is applied meanwhile.

use super::api::{self, Verbs};
use super::support::etcd::Setup;
use super::support::{Authority, Version, Wish, wait_for};
use super::ways::{client, trust};
use etcd_v2::protocol::request::Operation;
use etcd_v2::status::Status;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A relay in front of a port with TLS. It hands on all records, and one of garbage behind the request.
struct Relay {
    url: String,
    requests: Arc<AtomicUsize>,
}

impl Relay {
    /// `secrets`: how many protected records of the client come before its request.
    fn to(url: &str, secrets: usize) -> Relay {
        let upstream = url.strip_prefix("https://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let requests: Arc<AtomicUsize> = Arc::default();
        let counted = Arc::clone(&requests);
        // ends with the process
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (client, counted) = (stream.unwrap(), Arc::clone(&counted));
                let server = TcpStream::connect(&upstream).unwrap();
                let (mut back, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || {
                    let _ = io::copy(&mut back, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                });
                std::thread::spawn(move || carry(client, server, secrets, &counted));
            }
        });
        Relay { url, requests }
    }
}

fn carry(
    mut client: TcpStream,
    mut server: TcpStream,
    secrets: usize,
    requests: &AtomicUsize,
) -> io::Result<()> {
    let mut seen = 0;
    loop {
        let mut record = vec![0; 5];
        client.read_exact(&mut record)?;
        let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
        record.resize(5 + length, 0);
        client.read_exact(&mut record[5..])?;
        let protected = record[0] == 23;
        seen += usize::from(protected);
        if protected && seen == secrets + 1 {
            requests.fetch_add(1, Ordering::SeqCst);
            record.extend([23, 3, 3, 0, 32]);
            record.extend([0x5a; 32]);
        }
        server.write_all(&record)?;
    }
}

#[test]
fn garbage_behind_a_request_leaves_a_write_unknown() {
    // 3.5.1 is built with a Go that speaks 1.2 to us, 3.4.23 with one that speaks 1.3: its Finished is protected
    for (version, secrets) in [(Version::V3_4, 1), (Version::V3_5, 0)] {
        let authority = Authority::new("ours");
        let pair = authority.issue(&Wish::server());
        let etcd = Setup::new(version).secure(&pair).start();
        let (mut unknown, mut done) = (0, 0);
        for round in 0..8 {
            let relays = [(); 2].map(|()| Relay::to(etcd.secure_url(), secrets));
            let both = format!("{},{}", relays[0].url, relays[1].url);
            let through = client(&both, |options| trust(&authority, options));
            let folder = format!("/queue{round}");
            match through.execute(&api::call(Operation::CreateInOrder, &folder)) {
                // the answer overtook the alert
                Ok(_) => done += 1,
                Err(error) => {
                    assert_eq!(
                        error.status(),
                        Status::OUTCOME_UNKNOWN,
                        "{version}: {error:?}"
                    );
                    assert!(error.detail().outcome_unknown, "{version}: {error:?}");
                    unknown += 1;
                }
            }
            let sent = relays
                .iter()
                .map(|relay| relay.requests.load(Ordering::SeqCst));
            assert_eq!(sent.sum::<usize>(), 1, "{version}: sent once");
            let direct = api::client(etcd.url(), 20_000);
            let made = wait_for("the write to be applied", Duration::from_secs(20), || {
                let answer = direct.get(&folder).ok()?;
                Some(answer.node()?.child_count())
            });
            assert_eq!(made, 1, "{version}");
        }
        assert_eq!(unknown + done, 8);
    }
}
