//! Members in clear text are used only when the DNS has said that there are none with TLS.

use super::*;
use api::Verbs;
use etcd_v2::client::Options;
use etcd_v2::transport::credentials::Authorization;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::dns::{Message, NameServer, Record, Reply, Srv};
use support::with_all;

with_all! {
    /// What is said to one of the two queries of a case.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Shape {
        /// a record that can be used
        Good,
        /// the same, by way of an alias
        GoodAlias,
        /// more than fits into 4,096 bytes, all of it over UDP
        Huge,
        /// the same, cut there and whole over TCP
        HugeOverTcp,
        Empty,
        /// cut, and empty over TCP
        EmptyOverTcp,
        /// an alias, whose target is asked for next: it has no records
        Alias,
        /// the same, but that question fails
        AliasFails,
        /// an alias of itself
        AliasLoop,
        Dot,
        TwoDots,
        /// the port is 0
        NoPort,
        /// the target is no host name
        NoHost,
        /// the only record is of another name
        OtherOwner,
        /// the only record is of class CHAOS
        OtherClassOfRecord,
        /// names the servers of the zone instead
        Referral,
        /// neither recursive nor authoritative
        Lame,
        /// cut, and TCP is closed without a word
        CutAlone,
        /// cut over TCP as well
        CutTwice,
        /// ends in the middle of a record
        Damaged,
        /// ends in the middle of a record, over TCP
        DamagedOverTcp,
        /// what it asks for is missing
        NoQuestion,
        NoQuestionGood,
        OtherId,
        OtherName,
        OtherType,
        OtherClass,
        OtherClassGood,
        /// the query itself comes back
        Echo,
        /// from another port
        Stranger,
        Silence,
    }
}

/// What an answer proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    Members,
    None,
    Nothing,
}

const ELSEWHERE: &str = "elsewhere.example";
const CUT: u16 = 0x0200;
const RESPONSE: u16 = 0x8000;

impl Shape {
    fn reply(self, good: Srv, code: u16) -> Reply {
        use Shape::*;
        let good = || Record::srv(good);
        let of = |answers: Vec<Record>| Message::of(answers).code(code);
        let empty = || of(Vec::new());
        let huge = || {
            let unused = (
                9,
                0,
                1,
                "a-name-that-fills-the-answer-to-the-end.example.com",
            );
            let mut answers = vec![good()];
            answers.resize(80, Record::srv(unused));
            of(answers)
        };
        let cut = |mut message: Message| {
            message.answers.clear();
            message.flags |= CUT;
            message
        };
        let asking = |question: (&'static str, u16, u16)| Message {
            question: Some(question),
            ..empty()
        };
        let message = match self {
            Good => of(vec![good()]),
            GoodAlias => {
                let mut end = good();
                end.owner = ELSEWHERE;
                of(vec![Record::cname("", ELSEWHERE), end])
            }
            Huge => huge(),
            HugeOverTcp => return Reply::Made(cut(huge()), Some(huge())),
            Empty => empty(),
            EmptyOverTcp => return Reply::Made(cut(empty()), Some(empty())),
            Alias => of(vec![Record::cname("", "none.example")]),
            AliasFails => of(vec![Record::cname("", "fails.example")]),
            AliasLoop => of(vec![
                Record::cname("", ELSEWHERE),
                Record::cname(ELSEWHERE, "again.example"),
                Record::cname("again.example", ELSEWHERE),
            ]),
            Dot => of(vec![Record::srv((0, 0, 0, ""))]),
            TwoDots => of(vec![Record::srv((0, 0, 0, "")), Record::srv((1, 0, 0, ""))]),
            NoPort => of(vec![Record::srv((0, 0, 0, "localhost"))]),
            NoHost => of(vec![Record::srv((0, 0, 1, "local host"))]),
            OtherOwner => {
                let mut other = good();
                other.owner = ELSEWHERE;
                of(vec![other])
            }
            OtherClassOfRecord => {
                let mut other = good();
                other.class = 3;
                of(vec![other])
            }
            Referral => Message {
                authority: vec![Record::ns("example.com", "ns.example.com")],
                ..empty()
            },
            Lame => Message {
                flags: RESPONSE | code,
                ..empty()
            },
            CutAlone => cut(empty()),
            CutTwice => {
                let cut = cut(huge());
                return Reply::Made(cut.clone(), Some(cut));
            }
            Damaged => Message {
                cut: 3,
                ..of(vec![good()])
            },
            DamagedOverTcp => {
                let whole = of(vec![good()]);
                let damaged = Message {
                    cut: 3,
                    ..whole.clone()
                };
                return Reply::Made(cut(whole), Some(damaged));
            }
            NoQuestion => Message {
                question: None,
                ..empty()
            },
            NoQuestionGood => Message {
                question: None,
                ..of(vec![good()])
            },
            OtherId => Message { id: 1, ..empty() },
            OtherName => asking((ELSEWHERE, 33, 1)),
            OtherType => asking(("", 1, 1)),
            OtherClass => asking(("", 33, 3)),
            OtherClassGood => Message {
                answers: vec![good()],
                ..asking(("", 33, 3))
            },
            Echo => Message {
                flags: 0x0100,
                ..empty()
            },
            Stranger => return Reply::Stranger(empty()),
            Silence => return Reply::Silence,
        };
        Reply::Made(message, None)
    }

    fn proves(self, code: u16) -> Proof {
        use Shape::*;
        let absent = [Empty, EmptyOverTcp, Alias];
        match (self, code) {
            (Good | GoodAlias | Huge | HugeOverTcp, 0) => Proof::Members,
            (Dot, 0) => Proof::None,
            (shape, 0 | 3) if absent.contains(&shape) => Proof::None,
            // the code is that of the end of the alias; and who denies a name need not know what is below it
            (AliasFails | Referral | Lame, 3) => Proof::None,
            _ => Proof::Nothing,
        }
    }
}

struct Case {
    tls: (Shape, u16),
    clear: (Shape, u16),
    password: String,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |tls, clear| {
        let password = format!("secret{:03}", cases.len());
        cases.push(Case {
            tls,
            clear,
            password,
        });
    };
    for shape in Shape::ALL {
        for code in 0..16 {
            add((shape, code), (Shape::Good, 0));
            add((Shape::Empty, 3), (shape, code));
        }
    }
    cases
}

/// A client with a password that knows only the domain of its case.
fn client(server: &NameServer, number: usize, password: &str) -> Client {
    let mut options = Options::default();
    let domain = format!("case{number}.example");
    options.set_discovery_srv(&domain, None).unwrap();
    options.set_dns_server(&server.address()).unwrap();
    options.set_deadline_ms(LONG.as_millis() as i64).unwrap();
    options.set_authorization(Some(Authorization::basic("me", password).unwrap()));
    Client::new(&options).unwrap()
}

/// Every code × every shape × both names: clear text exactly when it is proven that there are no members with TLS, and no
/// byte of a password without that.
#[test]
fn clear_text_only_when_there_is_proof_that_tls_is_not_offered() {
    let member = Scripted::json(&node_json("1"));
    let port: u16 = member.url().rsplit(':').next().unwrap().parse().unwrap();
    let cases = cases();
    assert_eq!(cases.len(), 31 * 16 * 2);
    let said: Vec<_> = cases.iter().map(|case| (case.tls, case.clear)).collect();
    let server = NameServer::new(move |name, _| match name {
        "none.example" => Reply::Made(Message::of(Vec::new()), None),
        "fails.example" => Reply::Code(2),
        _ => {
            let number = name.split_once(".case").unwrap().1;
            let number: usize = number.strip_suffix(".example").unwrap().parse().unwrap();
            let (tls, clear) = said[number];
            match name.starts_with("_etcd-client-ssl.") {
                // nobody is there
                true => tls.0.reply((0, 0, 1, "localhost"), tls.1),
                false => clear.0.reply((0, 0, port, "localhost"), clear.1),
            }
        }
    });
    let next = AtomicUsize::new(0);
    let served: Mutex<HashMap<usize, bool>> = Mutex::default();
    std::thread::scope(|scope| {
        // most of them wait for a name server that does not answer
        for _ in 0..200 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let Some(case) = cases.get(number) else {
                        return;
                    };
                    let client = client(&server, number, &case.password);
                    let answer = client.get("/a");
                    served.lock().unwrap().insert(number, answer.is_ok());
                }
            });
        }
    });
    let heard = member.requests();
    let served = served.into_inner().unwrap();
    let mut wrong = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let secret = Authorization::basic("me", &case.password).unwrap();
        let secret = secret.header().as_bytes().to_vec();
        let told = heard
            .iter()
            .any(|request| request.windows(secret.len()).any(|part| part == secret));
        let tls = case.tls.0.proves(case.tls.1);
        let clear = case.clear.0.proves(case.clear.1);
        let right = tls == Proof::None && clear == Proof::Members;
        if (told, served[&number]) != (right, right) {
            wrong.push(format!(
                "TLS {:?}, clear {:?}: password told {told}, served {}",
                case.tls, case.clear, served[&number]
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cases:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
