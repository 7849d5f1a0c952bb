//! Queries for SRV records, and what answers say.

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};

/// Records of one answer that are used.
const MOST: usize = 128;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) priority: u16,
    pub(super) weight: u16,
    /// without a dot at its end
    pub(super) host: String,
    pub(super) port: u16,
}

/// What an answer says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It is no answer to this question.
    Nothing,
    /// It has no room here: ask over TCP.
    TooMuch,
    /// The records; none when there is no such name.
    Records(Vec<Record>),
    /// The server cannot tell.
    Failure(String),
}

/// The bytes of a query; `None` when `name` cannot be one.
pub(super) fn query(id: u16, name: &str) -> Option<Vec<u8>> {
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let (kind, class) = (QTYPE::TYPE(TYPE::SRV), QCLASS::CLASS(CLASS::IN));
    let question = Question::new(Name::new(name).ok()?, kind, class, false);
    packet.questions.push(question);
    packet.build_bytes_vec().ok()
}

/// Reads what came, which may be anything.
pub(super) fn read(bytes: &[u8], id: u16, name: &str) -> Said {
    let Ok(packet) = Packet::parse(bytes) else {
        // a message that was cut need not be whole
        return match simple_dns::header_buffer::has_flags(bytes, PacketFlag::TRUNCATION) {
            Ok(true) if simple_dns::header_buffer::id(bytes) == Ok(id) => Said::TooMuch,
            _ => Said::Nothing,
        };
    };
    let same = |other: &Name<'_>| other.to_string().eq_ignore_ascii_case(name);
    let ours = packet
        .questions
        .iter()
        .all(|question| same(&question.qname));
    if packet.id() != id || !packet.has_flags(PacketFlag::RESPONSE) || !ours {
        return Said::Nothing;
    }
    if packet.has_flags(PacketFlag::TRUNCATION) {
        return Said::TooMuch;
    }
    match packet.rcode() {
        RCODE::NoError => {}
        RCODE::NameError => return Said::Records(Vec::new()),
        other => return Said::Failure(format!("the name server answered {other:?}")),
    }
    let record = |answer: &simple_dns::ResourceRecord<'_>| match &answer.rdata {
        RData::SRV(srv) if same(&answer.name) => Some(Record {
            priority: srv.priority,
            weight: srv.weight,
            host: srv.target.to_string().trim_end_matches('.').to_owned(),
            port: srv.port,
        }),
        _ => None,
    };
    let records = packet.answers.iter().filter_map(record);
    // a lone dot says that there is no such service
    let records = records.filter(|record| !record.host.is_empty());
    Said::Records(records.take(MOST).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use simple_dns::ResourceRecord;
    use simple_dns::rdata::SRV;

    const NAME: &str = "_etcd-client._tcp.example.com";

    fn answer(id: u16, change: impl FnOnce(&mut Packet<'_>)) -> Vec<u8> {
        let mut packet = Packet::new_reply(id);
        let (kind, class) = (QTYPE::TYPE(TYPE::SRV), QCLASS::CLASS(CLASS::IN));
        let name = || Name::new(NAME).unwrap();
        packet
            .questions
            .push(Question::new(name(), kind, class, false));
        for (target, port) in [("a.example.com", 1), ("", 2)] {
            let srv = SRV {
                priority: 1,
                weight: 2,
                port,
                target: Name::new(target).unwrap(),
            };
            let record = ResourceRecord::new(name(), CLASS::IN, 60, RData::SRV(srv));
            packet.answers.push(record);
        }
        change(&mut packet);
        packet.build_bytes_vec().unwrap()
    }

    #[test]
    fn a_query_asks_for_what_it_should() {
        let bytes = query(7, NAME).unwrap();
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!(packet.id(), 7);
        assert_eq!(packet.questions.len(), 1);
        assert_eq!(packet.questions[0].qname.to_string(), NAME);
        assert_eq!(packet.questions[0].qtype, QTYPE::TYPE(TYPE::SRV));
        assert!(packet.has_flags(PacketFlag::RECURSION_DESIRED));
        assert!(query(7, &"a".repeat(64)).is_none());
        assert!(query(7, &"a.".repeat(128)).is_none());
    }

    #[test]
    fn answers_are_read_and_others_passed_over() {
        let record = Record {
            priority: 1,
            weight: 2,
            host: "a.example.com".into(),
            port: 1,
        };
        let good = answer(7, |_| ());
        assert_eq!(read(&good, 7, NAME), Said::Records(vec![record]));
        assert_eq!(read(&good, 7, &NAME.to_uppercase()), read(&good, 7, NAME));
        assert_eq!(read(&good, 8, NAME), Said::Nothing);
        assert_eq!(
            read(&good, 7, "_etcd-client._tcp.example.org"),
            Said::Nothing
        );
        let query = query(7, NAME).unwrap();
        assert_eq!(read(&query, 7, NAME), Said::Nothing);
        let none = answer(7, |packet| *packet.rcode_mut() = RCODE::NameError);
        assert_eq!(read(&none, 7, NAME), Said::Records(Vec::new()));
        let ill = answer(7, |packet| *packet.rcode_mut() = RCODE::ServerFailure);
        assert!(matches!(read(&ill, 7, NAME), Said::Failure(_)));
        let cut = answer(7, |packet| packet.set_flags(PacketFlag::TRUNCATION));
        assert_eq!(read(&cut, 7, NAME), Said::TooMuch);
        assert_eq!(read(&cut[..cut.len() - 5], 7, NAME), Said::TooMuch);
    }

    #[test]
    fn any_bytes_are_survived() {
        let good = answer(7, |_| ());
        for at in 0..good.len() {
            read(&good[..at], 7, NAME);
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                read(&bad, 7, NAME);
            }
        }
    }
}
