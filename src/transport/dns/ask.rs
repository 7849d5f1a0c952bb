//! Asks name servers. Runs on a helper thread, and ends by itself after a few seconds whatever they do.

use super::message::{Record, Said, query, read};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// How long a server may take, the first and the second time.
const ROUNDS: [Duration; 2] = [Duration::from_millis(1000), Duration::from_millis(2000)];
/// Servers that are asked; the system does not ask more either.
const MOST: usize = 3;
/// Longest answer over UDP.
const ROOM: usize = 4096;

/// What was found for one name.
pub(super) type Found = Result<Vec<Record>, String>;

/// Looks up all `names` at once; `server` instead of those of the system.
pub(super) fn look_up(names: &[String], server: Option<SocketAddr>) -> Vec<Found> {
    let servers = server.map_or_else(of_the_system, |server| vec![server]);
    let mut found: Vec<Option<Found>> = vec![None; names.len()];
    for patience in ROUNDS {
        for server in servers.iter().take(MOST) {
            if let Err(e) = ask(names, *server, patience, &mut found) {
                for open in found.iter_mut().filter(|f| !matches!(f, Some(Ok(_)))) {
                    *open = Some(Err(format!("name server {server}: {}", plain(&e))));
                }
            }
        }
    }
    let silent = || Err("no name server answered".to_owned());
    let found = found.into_iter();
    found.map(|one| one.unwrap_or_else(silent)).collect()
}

/// Asks one server for everything that is not known yet.
fn ask(
    names: &[String],
    server: SocketAddr,
    patience: Duration,
    found: &mut [Option<Found>],
) -> io::Result<()> {
    let end = Instant::now() + patience;
    let mut open: Vec<(usize, u16, Vec<u8>)> = Vec::new();
    for (i, name) in names.iter().enumerate() {
        if matches!(found.get(i), Some(Some(Ok(_)))) {
            continue;
        }
        let id = RandomState::new().hash_one(i) as u16;
        let query = query(id, name).ok_or(io::ErrorKind::InvalidInput)?;
        open.push((i, id, query));
    }
    if open.is_empty() {
        return Ok(());
    }
    let any: IpAddr = match server.is_ipv6() {
        true => Ipv6Addr::UNSPECIFIED.into(),
        false => Ipv4Addr::UNSPECIFIED.into(),
    };
    // connected, so that nobody else is heard
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    for (_, _, query) in &open {
        socket.send(query)?;
    }
    let mut room = [0; ROOM];
    while !open.is_empty() {
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
        let mut still = Vec::new();
        for (i, id, query) in open {
            let name = names.get(i).map(String::as_str).unwrap_or_default();
            let said = match read(bytes, id, name) {
                Said::TooMuch => match over_tcp(server, &query, end) {
                    Ok(bytes) => read(&bytes, id, name),
                    Err(e) => Said::Failure(format!("name server {server}: {}", plain(&e))),
                },
                said => said,
            };
            let outcome = match said {
                Said::Nothing => {
                    still.push((i, id, query));
                    continue;
                }
                Said::Records(records) => Ok(records),
                Said::TooMuch => Err("the answer does not fit".to_owned()),
                Said::Failure(text) => Err(text),
            };
            if let Some(place) = found.get_mut(i) {
                *place = Some(outcome);
            }
        }
        open = still;
    }
    Ok(())
}

fn over_tcp(server: SocketAddr, query: &[u8], end: Instant) -> io::Result<Vec<u8>> {
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
