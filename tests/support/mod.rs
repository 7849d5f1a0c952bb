//! What the integration tests share; each test binary says `mod support;`.
//!
//! | module | what it gives |
//! |---|---|
//! | [`api`] | the Rust API in few words |
//! | [`authority`] | certificates for one test |
//! | [`black_hole`] | [`BlackHole`]: an address that never finishes a connection |
//! | [`cluster`] | [`Cluster`]: several servers; members isolated from their peers, added, removed, the leader moved |
//! | [`etcd`] | real servers: [`Etcd`], started on free loopback ports, gone with the test |
//! | [`dns`] | a name server that says what the test wants |
//! | [`gateway`] | [`Gateway`]: in front of a server, changes, withholds or replaces its answers |
//! | [`header`] | what the header declares |
//! | [`http`] | a tiny HTTP client, to look at a server without the library under test |
//! | [`proxy`] | [`Proxy`]: a wire to a server that is cut, slowed or muted while connections live |
//! | [`scripted`] | [`Scripted`]: a server that does exactly what the test says, on TCP or a unix socket |
//! | [`cprogram`] | [`CProgram`]: C and C++ built against the header and the release library, run with a time limit |
//! | [`tools`] | compilers, valgrind, make, and what to do when one is missing |
//! | [`process`] | child processes that never outlive the test, folders that go with it |

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    unused_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

pub mod api;
pub mod authority;
pub mod black_hole;
pub mod cluster;
pub mod cprogram;
pub mod dns;
pub mod etcd;
pub mod gateway;
pub mod header;
pub mod http;
pub mod process;
pub mod proxy;
pub mod scripted;
pub mod tools;

pub use authority::{Authority, Pair, Wish};
pub use black_hole::BlackHole;
pub use cluster::Cluster;
pub use cprogram::{CProgram, Output, Program};
pub use etcd::{Etcd, Version};
pub use gateway::Gateway;
pub use process::TempDir;
pub use proxy::{Mode, Proxy};
pub use scripted::{Conversation, Scripted, Step};

use std::time::{Duration, Instant};

/// Folder of the package.
pub fn root() -> &'static std::path::Path {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// An enum that knows all of its variants.
macro_rules! with_all {
    ($(#[$of:meta])* $vis:vis enum $name:ident { $($(#[$each:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$of])*
        $vis enum $name { $($(#[$each])* $variant),+ }

        impl $name {
            $vis const ALL: [$name; [$($name::$variant),+].len()] = [$($name::$variant),+];
        }
    };
}
pub(crate) use with_all;

/// Asks again and again until there is an answer; panics with `what` when none came in time.
#[track_caller]
pub fn wait_for<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    // it excludes a hang: how long a busy machine takes is no business of a test
    let limit = limit.max(Duration::from_secs(120));
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
