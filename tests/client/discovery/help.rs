//! Clients that know few members, and members that tell of others.

#![allow(dead_code, unreachable_pub)]

use super::api;
pub use super::api::{Client, node_json};
pub use super::support::{Conversation, Scripted};
pub use std::io;
pub use std::time::Duration;

pub const LONG: Duration = Duration::from_secs(30);

pub fn client(endpoints: &str) -> Client {
    api::client(endpoints, LONG.as_millis() as i64)
}

/// URLs of the members that it knows, in order.
pub fn urls(client: &Client) -> Vec<String> {
    let known = client.endpoints().unwrap();
    known.iter().map(|known| known.url.to_string()).collect()
}

/// A member that answers with this list, or with a node to everything else.
pub fn listing(status: u16, cluster: &str, body: &str) -> Scripted {
    let (cluster, body) = (cluster.to_owned(), body.to_owned());
    Scripted::tcp(move |conversation: &mut Conversation| -> io::Result<()> {
        while let Some((head, _)) = conversation.request()? {
            let headers = [("X-Etcd-Cluster-Id", cluster.as_str())];
            match head.contains(" /v2/members ") {
                true => conversation.answer(status, &headers, &body)?,
                false => conversation.answer(200, &headers, node_json("1"))?,
            }
        }
        Ok(())
    })
}

pub fn list(urls: &[&str]) -> String {
    let urls: Vec<String> = urls.iter().map(|url| format!("{url:?}")).collect();
    format!(
        r#"{{"members":[{{"id":"1","name":"a","peerURLs":[],"clientURLs":[{}]}}]}}"#,
        urls.join(",")
    )
}
