//! Queries for SRV records, and what answers say.

use super::verdict::{Judged, judge, same};
use simple_dns::{CLASS, Name, OPCODE, Packet, PacketFlag, QCLASS, QTYPE, Question, TYPE};

/// What a message says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It is no answer to this question.
    Nothing,
    /// It had no room: ask over TCP.
    Cut,
    /// It is one.
    Answer(Judged),
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
    // before all else: what is for nobody costs nothing, however long it is
    if simple_dns::header_buffer::id(bytes) != Ok(id) {
        return Said::Nothing;
    }
    let Ok(packet) = Packet::parse(bytes) else {
        // a message that was cut need not be whole
        return match simple_dns::header_buffer::has_flags(bytes, PacketFlag::TRUNCATION) {
            Ok(true) => Said::Cut,
            _ => Said::Nothing,
        };
    };
    let answers =
        packet.has_flags(PacketFlag::RESPONSE) && packet.opcode() == OPCODE::StandardQuery;
    let asked = match packet.questions.as_slice() {
        [question] => {
            same(&question.qname, name)
                && question.qtype == QTYPE::TYPE(TYPE::SRV)
                && question.qclass == QCLASS::CLASS(CLASS::IN)
                && !question.unicast_response
        }
        _ => false,
    };
    match answers && asked {
        false => Said::Nothing,
        true if packet.has_flags(PacketFlag::TRUNCATION) => Said::Cut,
        true => Said::Answer(judge(&packet, name)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::verdict::{DnsRecord, DnsVerdict};
    use super::*;
    use simple_dns::rdata::{RData, SRV};
    use simple_dns::{RCODE, ResourceRecord};

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
        let record = DnsRecord {
            priority: 1,
            weight: 2,
            host: "a.example.com".into(),
            port: 1,
        };
        let good = answer(7, |_| ());
        let records = DnsVerdict::Records(vec![record]);
        assert_eq!(read(&good, 7, NAME), Said::Answer(Judged::Final(records)));
        assert_eq!(read(&good, 7, &NAME.to_uppercase()), read(&good, 7, NAME));
        assert_eq!(read(&good, 8, NAME), Said::Nothing);
        assert_eq!(
            read(&good, 7, "_etcd-client._tcp.example.org"),
            Said::Nothing
        );
        let query = query(7, NAME).unwrap();
        assert_eq!(read(&query, 7, NAME), Said::Nothing);
        let none = answer(7, |packet| {
            packet.answers.clear();
            *packet.rcode_mut() = RCODE::NameError;
        });
        assert!(matches!(
            read(&none, 7, NAME),
            Said::Answer(Judged::Final(DnsVerdict::Absent(_)))
        ));
        let ill = answer(7, |packet| *packet.rcode_mut() = RCODE::ServerFailure);
        assert!(matches!(
            read(&ill, 7, NAME),
            Said::Answer(Judged::Final(DnsVerdict::Failed(_)))
        ));
        let cut = answer(7, |packet| packet.set_flags(PacketFlag::TRUNCATION));
        assert_eq!(read(&cut, 7, NAME), Said::Cut);
        assert_eq!(read(&cut[..cut.len() - 5], 7, NAME), Said::Cut);
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
