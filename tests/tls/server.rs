//! A server through TLS that does what a test wants, and tells who came and how.

use super::support::{Authority, Pair};
use ring::aead;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    ConnectionTrafficSecrets, HandshakeKind, RootCertStore, ServerConfig, ServerConnection,
    StreamOwned, SupportedProtocolVersion,
};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What it does with a connection whose handshake is over.
#[derive(Clone, Debug)]
pub(super) enum Manner {
    /// answers every request with this JSON
    Answer(&'static str),
    /// the same, each when it is told to
    Hold(&'static str, Arc<Mutex<Receiver<()>>>),
    /// sends everybody there
    Redirect(String),
    /// closes, without a word
    Leave,
    /// ends the stream in the middle of a body, but not that of TLS
    Cut,
    /// answers so many requests with this JSON, and sends records without end after the next one, or at once
    Flood(&'static str, usize, Moment, Record),
}

/// What a flood is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// as many session tickets as go into one record
    Tickets,
    /// one session ticket
    Ticket,
    KeyUpdate,
    /// application data without any
    Empty,
}

/// When a flood begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// when the next request has come
    Asked,
    /// when the last answer has gone
    Idle,
}

/// One connection.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub(super) kind: HandshakeKind,
    /// what the client showed
    pub(super) shown: Option<Vec<u8>>,
    pub(super) requests: usize,
    /// sends without end
    pub(super) flooding: bool,
}

type Stream = StreamOwned<ServerConnection, TcpStream>;

pub(super) struct TlsServer {
    pub(super) url: String,
    visits: Arc<Mutex<Vec<Visit>>>,
    stopping: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    accepting: Option<JoinHandle<()>>,
}

impl TlsServer {
    /// `clients`: who has to have signed them, if they are to show something.
    pub(super) fn start(pair: &Pair, clients: Option<&Authority>, manner: Manner) -> TlsServer {
        TlsServer::speaking(rustls::ALL_VERSIONS, pair, clients, manner)
    }

    /// Some versions only.
    pub(super) fn speaking(
        versions: &[&'static SupportedProtocolVersion],
        pair: &Pair,
        clients: Option<&Authority>,
        manner: Manner,
    ) -> TlsServer {
        let config = Arc::new(config(versions, pair, clients));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let visits: Arc<Mutex<Vec<Visit>>> = Arc::default();
        let stopping: Arc<AtomicBool> = Arc::default();
        let open: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let (told, ends, held) = (visits.clone(), stopping.clone(), open.clone());
        let accepting = std::thread::spawn(move || {
            let mut workers = Vec::new();
            for stream in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    break;
                }
                let stream = stream.unwrap();
                held.lock().unwrap().push(stream.try_clone().unwrap());
                let connection = ServerConnection::new(config.clone()).unwrap();
                let (visits, manner) = (Arc::clone(&told), manner.clone());
                workers.push(std::thread::spawn(move || {
                    let _ = serve(StreamOwned::new(connection, stream), &visits, &manner);
                }));
            }
            for worker in workers {
                worker.join().unwrap();
            }
        });
        TlsServer {
            url,
            visits,
            stopping,
            open,
            accepting: Some(accepting),
        }
    }

    /// All whose handshake was over.
    pub(super) fn visits(&self) -> Vec<Visit> {
        self.visits.lock().unwrap().clone()
    }

    /// Closes all connections as if it had crashed.
    pub(super) fn hang_up(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        let address = self.url.strip_prefix("https://").unwrap();
        let _ = TcpStream::connect(address);
        self.hang_up();
        if let Some(accepting) = self.accepting.take() {
            let ended = accepting.join();
            self.hang_up();
            ended.unwrap();
        }
    }
}

/// A certificate and its key, in memory only.
pub(super) fn pair_of(cert: &str, key: &str) -> Pair {
    let der = CertificateDer::from_pem_slice(cert.as_bytes()).unwrap();
    Pair {
        cert: cert.into(),
        key: key.into(),
        cert_file: String::new(),
        key_file: String::new(),
        der: der.to_vec(),
    }
}

fn config(
    versions: &[&'static SupportedProtocolVersion],
    pair: &Pair,
    clients: Option<&Authority>,
) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            let pem = authority.pem().as_bytes();
            roots
                .add(CertificateDer::from_pem_slice(pem).unwrap())
                .unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(pair.cert.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    // certificates are not looked at: some are of a kind that nobody should have
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let pair = SingleCertAndKey::from(CertifiedKey::new(chain, key));
    let mut config = builder.with_cert_resolver(Arc::new(pair));
    // so that floods can be made of any record
    config.enable_secret_extraction = true;
    config
}

/// Sends records until the client closes, protected as it expects them.
fn flood(
    mut connection: ServerConnection,
    socket: &mut TcpStream,
    record: Record,
) -> io::Result<()> {
    if record == Record::KeyUpdate {
        loop {
            connection.refresh_traffic_keys().unwrap();
            while connection.wants_write() {
                connection.write_tls(socket)?;
            }
        }
    }
    let (inner, plain): (u8, Vec<u8>) = match record {
        Record::Empty => (0x17, Vec::new()),
        Record::KeyUpdate => unreachable!("its key changes with each"),
        Record::Ticket | Record::Tickets => {
            // lifetime, age, no nonce, a ticket of one byte, no extensions
            let ticket = [4, 0, 0, 14, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 7, 0, 0];
            let count = if record == Record::Ticket { 1 } else { 900 };
            (0x16, ticket.repeat(count))
        }
    };
    let (mut sequence, secrets) = connection.dangerous_extract_secrets().unwrap().tx;
    let (algorithm, key, iv) = match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&aead::AES_128_GCM, key, iv),
        ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&aead::AES_256_GCM, key, iv),
        ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => {
            (&aead::CHACHA20_POLY1305, key, iv)
        }
        _ => panic!("a new kind of secret"),
    };
    let key = aead::LessSafeKey::new(aead::UnboundKey::new(algorithm, key.as_ref()).unwrap());
    loop {
        let mut nonce: [u8; 12] = iv.as_ref().try_into().unwrap();
        for (byte, of_sequence) in nonce[4..].iter_mut().zip(sequence.to_be_bytes()) {
            *byte ^= of_sequence;
        }
        sequence += 1;
        let mut sealed = plain.clone();
        sealed.push(inner);
        let length = (sealed.len() + 16) as u16;
        let [high, low] = length.to_be_bytes();
        let head = [0x17, 3, 3, high, low];
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(nonce, aead::Aad::from(head), &mut sealed)
            .unwrap();
        socket.write_all(&[&head, &sealed[..]].concat())?;
    }
}

fn serve(mut stream: Stream, visits: &Mutex<Vec<Visit>>, manner: &Manner) -> io::Result<()> {
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    let shown = stream.conn.peer_certificates();
    let visit = Visit {
        kind: stream.conn.handshake_kind().unwrap(),
        shown: shown
            .and_then(|chain| chain.first())
            .map(|own| own.to_vec()),
        requests: 0,
        flooding: false,
    };
    let place = {
        let mut visits = visits.lock().unwrap();
        visits.push(visit);
        visits.len() - 1
    };
    match manner {
        Manner::Leave => {}
        Manner::Cut => {
            read_request(&mut stream)?;
            stream.write_all(b"HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\n\r\n{\"action\":\"get\",")?;
            stream.flush()?;
        }
        Manner::Flood(json, answers, moment, record) => {
            for _ in 0..*answers {
                read_request(&mut stream)?;
                visits.lock().unwrap()[place].requests += 1;
                let length = json.len();
                write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nContent-Length: {length}\r\n\r\n{json}"
                )?;
                stream.flush()?;
            }
            if *moment == Moment::Asked {
                read_request(&mut stream)?;
            }
            visits.lock().unwrap()[place].flooding = true;
            let (connection, mut socket) = stream.into_parts();
            let gone = flood(connection, &mut socket, *record);
            visits.lock().unwrap()[place].flooding = false;
            return gone;
        }
        Manner::Answer(_) | Manner::Hold(..) | Manner::Redirect(_) => {
            let (first, body) = match manner {
                Manner::Redirect(to) => (format!("307 Moved\r\nLocation: {to}"), ""),
                Manner::Answer(json) | Manner::Hold(json, _) => {
                    ("200 OK\r\nX-Etcd-Index: 7".to_owned(), *json)
                }
                _ => unreachable!(),
            };
            let length = body.len();
            while read_request(&mut stream)? {
                visits.lock().unwrap()[place].requests += 1;
                if let Manner::Hold(_, go) = manner {
                    let _ = go.lock().unwrap().recv();
                }
                write!(
                    stream,
                    "HTTP/1.1 {first}\r\nContent-Length: {length}\r\n\r\n{body}"
                )?;
                stream.flush()?;
            }
        }
    }
    stream.sock.shutdown(Shutdown::Both)
}

/// False at the end.
fn read_request(stream: &mut Stream) -> io::Result<bool> {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        if let Some(end) = text.find("\r\n\r\n") {
            let told = text.split("content-length: ").nth(1);
            let length = told.and_then(|rest| rest.split("\r\n").next()?.parse().ok());
            if request.len() >= end + 4 + length.unwrap_or(0) {
                return Ok(true);
            }
        }
        match stream.read(&mut piece)? {
            0 => return Ok(false),
            n => request.extend_from_slice(&piece[..n]),
        }
    }
}
