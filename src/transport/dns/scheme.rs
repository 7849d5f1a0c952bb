//! Whether members are used with TLS or in clear text.

use super::order::order;
use super::verdict::{Absent, DnsRecord, DnsVerdict};
use crate::protocol::endpoint::Endpoint;
use std::hash::{BuildHasher, RandomState};

/// The endpoints of a domain, of what is known of its two services: that with TLS, and that without. Where there are members
/// with TLS, or where nobody can say so, nobody is led past them.
pub(super) fn choose(
    names: &[String; 2],
    [secure, clear]: [DnsVerdict; 2],
) -> Result<Vec<Endpoint>, String> {
    let [name, _] = names;
    match secure {
        DnsVerdict::Records(records) => endpoints("https", records),
        DnsVerdict::Absent(proof) => in_clear_text(&proof, clear),
        DnsVerdict::Failed(why) => Err(format!(
            "{name}: {why}; members without TLS are used only when the DNS says that there are none with it"
        )),
    }
}

/// Only with proof that TLS is not offered.
fn in_clear_text(_: &Absent, clear: DnsVerdict) -> Result<Vec<Endpoint>, String> {
    match clear {
        DnsVerdict::Records(records) => endpoints("http", records),
        DnsVerdict::Absent(_) => Err("no such records".to_owned()),
        DnsVerdict::Failed(why) => Err(why),
    }
}

fn endpoints(scheme: &str, records: Vec<DnsRecord>) -> Result<Vec<Endpoint>, String> {
    let random = |below: u64| RandomState::new().hash_one(below) % below.max(1);
    let mut good = Vec::new();
    let mut why = "no usable records".to_owned();
    for record in order(records, random) {
        let url = format!("{scheme}://{}:{}", record.host, record.port);
        match Endpoint::parse("SRV record", &url) {
            Ok(endpoint) => good.push(endpoint),
            Err(error) => why = error.detail().message.clone(),
        }
    }
    match good.is_empty() {
        true => Err(why),
        false => Ok(good),
    }
}
