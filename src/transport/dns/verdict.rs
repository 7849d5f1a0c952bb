//! What an answer proves about one service: its records, that there are none, or nothing.
//!
//! [`Absent`] is the only ground on which members in clear text may be used, so that only [`judge`] makes it, of an answer
//! that says so.

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, RCODE};

/// Records of one answer that are used.
const MOST: usize = 128;
/// Aliases that are followed from one name, in one answer or from question to question.
pub(super) const ALIASES: usize = 8;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DnsRecord {
    pub(super) priority: u16,
    pub(super) weight: u16,
    /// without a dot at its end
    pub(super) host: String,
    pub(super) port: u16,
}

/// Proof that a service is not offered: no such name, no such records, or a single record that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Absent(());

/// What is known of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DnsVerdict {
    /// at least one
    Records(Vec<DnsRecord>),
    Absent(Absent),
    /// nothing, and why
    Failed(String),
}

/// What an answer leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judged {
    Final(DnsVerdict),
    /// It ends at another name, which has to be asked for.
    Alias(String),
}

/// Judges an answer to a question for SRV records of `name`, class IN, that is not cut.
pub(super) fn judge(packet: &Packet<'_>, name: &str) -> Judged {
    let failed = |why: &str| Judged::Final(DnsVerdict::Failed(why.to_owned()));
    let absent = || Judged::Final(DnsVerdict::Absent(Absent(())));
    let code = packet.rcode();
    if !matches!(code, RCODE::NoError | RCODE::NameError) {
        return failed(&format!("the name server answered {code:?}"));
    }
    let Some(end) = end_of_aliases(packet, name) else {
        return failed("the answer has too many aliases, or they lead in a circle");
    };
    let (mut records, mut refused, mut others) = (Vec::new(), 0, 0);
    for answer in &packet.answers {
        let RData::SRV(srv) = &answer.rdata else {
            continue;
        };
        let host = srv.target.to_string();
        let host = host.trim_end_matches('.');
        if !(is_plain_in(answer) && same(&answer.name, &end)) {
            others += 1;
        } else if host.is_empty() {
            refused += 1;
        } else if records.len() < MOST {
            records.push(DnsRecord {
                priority: srv.priority,
                weight: srv.weight,
                host: host.to_owned(),
                port: srv.port,
            });
        }
    }
    if code == RCODE::NameError {
        return match records.len() + refused + others {
            0 => absent(),
            _ => failed("the answer has records of a name that it denies"),
        };
    }
    match (records.is_empty(), refused, others) {
        (false, ..) => Judged::Final(DnsVerdict::Records(records)),
        // RFC 2782: decidedly not available
        (true, 1, 0) => absent(),
        (true, 0, 0) if !end.eq_ignore_ascii_case(name) => Judged::Alias(end),
        (true, 0, 0) if knows(packet) => absent(),
        (true, 0, 0) => failed("the name server does not know, and refers to others"),
        _ => failed("the answer has records of other names, or several that deny the service"),
    }
}

/// The name at which the aliases in an answer end; `None` when they do not, or not soon.
fn end_of_aliases(packet: &Packet<'_>, name: &str) -> Option<String> {
    let mut end = name.to_owned();
    for _ in 0..=ALIASES {
        let alias = packet
            .answers
            .iter()
            .find_map(|answer| match &answer.rdata {
                RData::CNAME(target) if is_plain_in(answer) && same(&answer.name, &end) => {
                    Some(target.to_string())
                }
                _ => None,
            });
        match alias {
            Some(target) => end = target.trim_end_matches('.').to_owned(),
            None => return Some(end),
        }
    }
    None
}

/// Whether silence about a name means something: neither a referral nor of a server that only knows what it has heard.
fn knows(packet: &Packet<'_>) -> bool {
    let has = |find: fn(&RData<'_>) -> bool| packet.name_servers.iter().any(|r| find(&r.rdata));
    let refers =
        has(|data| matches!(data, RData::NS(_))) && !has(|data| matches!(data, RData::SOA(_)));
    let answers = packet.has_flags(PacketFlag::RECURSION_AVAILABLE)
        || packet.has_flags(PacketFlag::AUTHORITATIVE_ANSWER);
    answers && !refers
}

fn is_plain_in(record: &simple_dns::ResourceRecord<'_>) -> bool {
    record.class == CLASS::IN && !record.cache_flush
}

/// Whether it is this name, in whatever case.
pub(super) fn same(name: &Name<'_>, other: &str) -> bool {
    name.to_string().eq_ignore_ascii_case(other)
}
