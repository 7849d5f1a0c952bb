//! A member that does not even connect.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// An address that swallows connection attempts: its queue is full, so that the kernel answers no more of them.
pub struct BlackHole {
    url: String,
    _listener: TcpListener,
    _filling: Vec<TcpStream>,
}

impl BlackHole {
    pub fn new() -> BlackHole {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        // SAFETY: integers only; a second listen() changes the length of the queue
        assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
        let address: SocketAddr = listener.local_addr().unwrap();
        // one is enough; who is paused while it connects to a full queue and who is not look alike
        let mut filling = vec![TcpStream::connect(address).expect("a place in the queue")];
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(150)) {
            filling.push(stream);
            assert!(filling.len() < 64, "the queue never fills");
        }
        BlackHole {
            url: format!("http://{address}"),
            _listener: listener,
            _filling: filling,
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}
