//! Asks name servers. Runs on a helper thread, and ends by itself after a few seconds whatever they do.

use super::message::{Said, query, read};
use super::verdict::{ALIASES, DnsVerdict, Judged};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// How long a server may take over UDP, the first and the second time; over TCP as long again.
const ROUNDS: [Duration; 2] = [Duration::from_millis(1000), Duration::from_millis(2000)];
/// Servers that are asked; the system does not ask more either.
const MOST: usize = 3;
/// Longest message, so that none is cut here: without EDNS a server sends 512 bytes at most, but not all keep to that.
const ROOM: usize = 65_535;

/// A name that is asked for.
struct Question {
    /// that of which something is to be known, or an alias of it
    name: String,
    aliases: usize,
    /// what the last server said; final unless it is a failure
    verdict: DnsVerdict,
}

/// What is sent to a server, and awaited from it.
struct Pending {
    /// place of the question
    of: usize,
    id: u16,
    query: Vec<u8>,
    sent: bool,
}

impl Question {
    fn is_open(&self) -> bool {
        matches!(self.verdict, DnsVerdict::Failed(_))
    }

    /// Takes in what a server said; what is to be sent next, if it named another name.
    fn judged(&mut self, of: usize, judged: Judged) -> Option<Pending> {
        match judged {
            Judged::Final(verdict) => self.verdict = verdict,
            Judged::Alias(_) if self.aliases == ALIASES => self.fail("too many aliases"),
            Judged::Alias(name) => {
                self.aliases += 1;
                self.name = name;
                return self.pending(of);
            }
        }
        None
    }

    fn pending(&mut self, of: usize) -> Option<Pending> {
        let id = RandomState::new().hash_one(of) as u16;
        let query = query(id, &self.name);
        if query.is_none() {
            self.fail("the name is too long");
        }
        Some(Pending {
            of,
            id,
            query: query?,
            sent: false,
        })
    }

    fn fail(&mut self, why: &str) {
        self.verdict = DnsVerdict::Failed(why.to_owned());
    }
}

/// Looks up all `names` at once; `server` instead of those of the system.
pub(super) fn look_up<const N: usize>(
    names: &[String; N],
    server: Option<SocketAddr>,
) -> [DnsVerdict; N] {
    let servers = server.map_or_else(of_the_system, |server| vec![server]);
    let mut questions = names.each_ref().map(|name| Question {
        name: name.clone(),
        aliases: 0,
        verdict: DnsVerdict::Failed("no name server answered".to_owned()),
    });
    for patience in ROUNDS {
        for server in servers.iter().take(MOST) {
            ask(&mut questions, *server, patience);
        }
    }
    questions.map(|question| question.verdict)
}

/// Asks one server for everything that is not known yet.
fn ask(questions: &mut [Question], server: SocketAddr, patience: Duration) {
    let open = questions
        .iter_mut()
        .enumerate()
        .filter(|(_, q)| q.is_open());
    let mut pending: Vec<Pending> = open.filter_map(|(of, q)| q.pending(of)).collect();
    if pending.is_empty() {
        return;
    }
    let mut cut = Vec::new();
    let end = Instant::now() + patience;
    if let Err(e) = over_udp(questions, &mut pending, &mut cut, server, end) {
        for one in pending {
            if let Some(question) = questions.get_mut(one.of) {
                question.fail(&format!("name server {server}: {}", plain(&e)));
            }
        }
    }
    let end = Instant::now() + patience;
    for one in cut {
        if let Some(question) = questions.get_mut(one.of) {
            over_tcp(question, one, server, end);
        }
    }
}

/// Leaves in `pending` what was not answered, and in `cut` what has no room in a datagram.
fn over_udp(
    questions: &mut [Question],
    pending: &mut Vec<Pending>,
    cut: &mut Vec<Pending>,
    server: SocketAddr,
    end: Instant,
) -> io::Result<()> {
    let any: IpAddr = match server.is_ipv6() {
        true => Ipv6Addr::UNSPECIFIED.into(),
        false => Ipv4Addr::UNSPECIFIED.into(),
    };
    // connected, so that nobody else is heard
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    let mut room = vec![0; ROOM];
    while !pending.is_empty() {
        for one in pending.iter_mut().filter(|one| !one.sent) {
            one.sent = true;
            socket.send(&one.query)?;
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        let length = match socket.recv(&mut room) {
            Ok(length) => length,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => continue,
            Err(e) => return Err(e),
        };
        let bytes = room.get(..length).unwrap_or_default();
        for one in std::mem::take(pending) {
            let Some(question) = questions.get_mut(one.of) else {
                continue;
            };
            match read(bytes, one.id, &question.name) {
                Said::Nothing => pending.push(one),
                Said::Cut => cut.push(one),
                Said::Answer(judged) => pending.extend(question.judged(one.of, judged)),
            }
        }
    }
    Ok(())
}

/// One question, and those for its aliases, each over a connection of its own.
fn over_tcp(question: &mut Question, first: Pending, server: SocketAddr, end: Instant) {
    let mut next = Some(first);
    while let Some(one) = next.take() {
        let why = match exchange(server, &one.query, end) {
            Err(e) => format!("{}, over TCP", plain(&e)),
            Ok(bytes) => match read(&bytes, one.id, &question.name) {
                Said::Answer(judged) => {
                    next = question.judged(one.of, judged);
                    continue;
                }
                Said::Cut => "the answer does not even fit over TCP".to_owned(),
                Said::Nothing => "what it said over TCP is no answer".to_owned(),
            },
        };
        question.fail(&format!("name server {server}: {why}"));
    }
}

/// A message and its answer, each behind its length.
fn exchange(server: SocketAddr, query: &[u8], end: Instant) -> io::Result<Vec<u8>> {
    let left = || {
        let left = end.saturating_duration_since(Instant::now());
        // zero would be no limit
        left.max(Duration::from_millis(1))
    };
    let mut stream = TcpStream::connect_timeout(&server, left())?;
    let length = u16::try_from(query.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    stream.set_write_timeout(Some(left()))?;
    stream.write_all(&[&length.to_be_bytes(), query].concat())?;
    let mut length = [0; 2];
    fill(&mut stream, &mut length, end)?;
    let mut bytes = vec![0; u16::from_be_bytes(length).into()];
    fill(&mut stream, &mut bytes, end)?;
    Ok(bytes)
}

/// Reads so much; a server that drips gets no more time than one that is silent.
fn fill(stream: &mut TcpStream, mut room: &mut [u8], end: Instant) -> io::Result<()> {
    while !room.is_empty() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(room) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => room = room.get_mut(n..).unwrap_or_default(),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// In words that do not change with the locale.
fn plain(e: &io::Error) -> &'static str {
    match e.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "no answer",
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::InvalidInput => "the name is too long",
        _ => "cannot be reached",
    }
}

/// Name servers of the system.
fn of_the_system() -> Vec<SocketAddr> {
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    match servers(&text) {
        none if none.is_empty() => vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 53)],
        some => some,
    }
}

fn servers(text: &str) -> Vec<SocketAddr> {
    let words = text.lines().map(|line| {
        let mut words = line.split_whitespace();
        (words.next(), words.next())
    });
    let named = words.filter_map(|words| match words {
        (Some("nameserver"), Some(address)) => address.parse::<IpAddr>().ok(),
        _ => None,
    });
    named.map(|ip| SocketAddr::new(ip, 53)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_of_the_system_are_read_as_it_does() {
        let text = "# nameserver 9.9.9.9\nsearch a b\nnameserver 10.0.0.1\n nameserver\t::1 # x\n\
                    nameserver nobody\nnameserver fe80::1%eth0\noptions timeout:1\n";
        let told: Vec<String> = servers(text).iter().map(ToString::to_string).collect();
        assert_eq!(told, ["10.0.0.1:53", "[::1]:53"]);
        assert!(servers("").is_empty());
    }
}
