//! The ways in which a client asks: what works for one of them has to work for all, and so has what does not.
//!
//! A further way is a further row of [`WAYS`]: something that reaches a member, and says why when it cannot.

use super::api;
use super::support::{Authority, Pair};
use etcd_v2::client::{Client, Listener, Options};
use etcd_v2::error::Result;
use etcd_v2::protocol::key::Key;
use etcd_v2::protocol::request::Operation;
use etcd_v2::transport::credentials::Authorization;
use etcd_v2::transport::tls::settings::PemSource;
use etcd_v2::watch::options::WatchOptions;
use etcd_v2::watch::state::State;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

pub(super) const LONG: Duration = Duration::from_secs(100);

/// `Ok` when it worked; the reason when it did not.
pub(super) type Way = fn(&Client) -> std::result::Result<(), String>;

pub(super) const WAYS: &[(&str, Way)] = &[
    ("call", call),
    ("submitted call", submitted),
    ("watch", watch),
    ("watch once", watch_once),
];

/// The same for what every server tells everybody who gets as far as asking, users or not.
pub(super) const LISTS: &[(&str, Way)] = &[("members", members), ("sync", sync)];

/// A client that was told what `set` says.
pub(super) fn client(endpoints: &str, set: impl FnOnce(&mut Options)) -> Client {
    let mut options = api::options(endpoints, 60_000);
    set(&mut options);
    Client::new(&options).unwrap_or_else(|e| panic!("{e:?}"))
}

/// It trusts this authority, and no other.
pub(super) fn trust(authority: &Authority, options: &mut Options) {
    let source = PemSource::file("ca_file", authority.file());
    options.tls_mut().set_authorities(source).unwrap();
}

/// It shows this certificate.
pub(super) fn show(pair: &Pair, options: &mut Options) {
    let cert = PemSource::file("cert_file", &pair.cert_file);
    let key = PemSource::file("key_file", &pair.key_file);
    options.tls_mut().set_identity(cert, key).unwrap();
}

/// It says that it is root.
pub(super) fn say(password: &str, options: &mut Options) {
    let authorization = Authorization::basic("root", password).unwrap();
    options.set_authorization(Some(authorization));
}

/// A write, as a plain call.
pub(super) fn set(client: &Client, key: &str, value: &str) -> Result<()> {
    let mut request = api::request(Operation::Set, key);
    request.set_value(value.as_bytes()).unwrap();
    let call = etcd_v2::client::Call::new(etcd_v2::client::Ask::Keys(request));
    client.execute(&call).map(drop)
}

fn call(client: &Client) -> std::result::Result<(), String> {
    set(client, "/call", "v").map_err(|e| format!("{:?}: {e}", e.status()))
}

fn submitted(client: &Client) -> std::result::Result<(), String> {
    let (tell, told) = channel();
    let call = api::call(Operation::Set, "/submitted");
    client
        .submit(&call, move |result| tell.send(result.map(drop)).unwrap())
        .unwrap();
    let result = told.recv_timeout(LONG).expect("a completion");
    result.map_err(|e| format!("{:?}: {e}", e.status()))
}

/// Two events, so that one comes over a connection that was used before.
fn watch(client: &Client) -> std::result::Result<(), String> {
    let (tell, told) = channel();
    let listener = Listener {
        on_state: Some(Box::new(move |state| {
            let _ = tell.send(state.clone());
        })),
        ..Listener::default()
    };
    let key = Key::parse("key", "/watch").unwrap();
    let watcher = client.watch(&key, &WatchOptions::default(), listener);
    let watcher = watcher.unwrap();
    let end = Instant::now() + LONG;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match told.recv_timeout(left).expect("a state in time") {
            State::Live => break,
            State::Reconnecting { why, .. } => return Err(why.to_string()),
            State::Closed(Some(error)) => return Err(format!("{:?}: {error}", error.status())),
            _ => {}
        }
    }
    for value in ["1", "2"] {
        set(client, "/watch", value).map_err(|e| e.to_string())?;
        let event = watcher.next(Some(Instant::now() + LONG)).unwrap();
        let event = event.expect("an event in time");
        assert_eq!(event.node().and_then(|node| node.value()), Some(value));
    }
    Ok(())
}

fn watch_once(client: &Client) -> std::result::Result<(), String> {
    use etcd_v2::client::Patience;
    set(client, "/once", "v").map_err(|e| format!("{:?}: {e}", e.status()))?;
    let key = Key::parse("key", "/once").unwrap();
    let change = client.watch_once(&key, false, 1, Patience::For(LONG), None);
    change
        .map(drop)
        .map_err(|e| format!("{:?}: {e}", e.status()))
}

fn members(client: &Client) -> std::result::Result<(), String> {
    let members = client
        .members()
        .map_err(|e| format!("{:?}: {e}", e.status()))?;
    assert_eq!(members.list.len(), 1);
    Ok(())
}

fn sync(client: &Client) -> std::result::Result<(), String> {
    client
        .sync(None, None)
        .map_err(|e| format!("{:?}: {e}", e.status()))
}
