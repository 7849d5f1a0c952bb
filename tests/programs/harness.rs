//! The harness itself: what other tests lean on.

use crate::support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;
use support::etcd::free_ports;
use support::{
    CProgram, Cluster, Conversation, Etcd, Scripted, Step, TempDir, Version, http, wait_for,
};

#[test]
fn a_server_of_each_version_answers_and_is_gone_afterwards() {
    for version in Version::ALL {
        let etcd = Etcd::start(version);
        let reply = http::get(&format!("{}/version", etcd.url())).unwrap();
        assert!(
            reply
                .text()
                .contains(&format!("\"etcdserver\":\"{}.", version.minor())),
            "{}",
            reply.text()
        );
        let index = etcd.set("/a", "value=1");
        assert_eq!(
            (etcd.value("/a").as_deref(), etcd.index()),
            (Some("1"), index)
        );
        assert_eq!(etcd.value("/b"), None);

        etcd.restart();
        assert_eq!(etcd.value("/a").as_deref(), Some("1"));

        etcd.pause();
        let mut mute = TcpStream::connect(("127.0.0.1", etcd.port())).unwrap();
        mute.set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        mute.write_all(b"GET /version HTTP/1.0\r\n\r\n").unwrap();
        assert!(mute.read(&mut [0; 1]).is_err());
        etcd.resume();
        mute.set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        assert_eq!(mute.read(&mut [0; 1]).unwrap(), 1);

        let (pid, folder) = (etcd.pid().unwrap(), etcd.dir().path().to_owned());
        drop(etcd);
        assert!(!folder.exists());
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }
}

#[test]
fn a_cluster_elects_another_leader() {
    let cluster = Cluster::start(Version::V3_5, 3);
    assert_eq!(cluster.endpoints().split(',').count(), 3);
    let first = cluster.leader();
    assert_eq!(cluster.followers().len(), 2);
    cluster.member(first).kill();
    let second = cluster.leader();
    assert_ne!(first, second);
    cluster.member(first).restart();
    assert_eq!(
        cluster
            .members()
            .iter()
            .filter(|m| m.pid().is_some())
            .count(),
        3
    );
}

#[test]
fn a_scripted_server_records_and_follows() {
    let server = Scripted::json("{\"action\":\"get\"}");
    let reply = http::put(&format!("{}/v2/keys/a", server.url()), "value=x").unwrap();
    assert_eq!((reply.status, reply.etcd_index()), (200, 7));
    // an answer goes with what was asked
    assert_eq!(reply.json()["action"], "set");
    assert_eq!(server.request_lines(), ["PUT /v2/keys/a HTTP/1.1"]);
    assert!(server.requests()[0].ends_with(b"value=x"));
    server.wait_until_idle();
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_scripted_server_closes_resets_and_goes_with_silent_connections() {
    let scripts = [
        vec![Step::Close],
        vec![Step::Read, Step::Reset],
        vec![Step::Silent],
    ];
    // a port that nobody else is given when it is free again
    let port = free_ports(1)[0];
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let server = Scripted::on(listener, move |c| c.follow(&scripts[c.number().min(2)]));
    let address = server.url().strip_prefix("http://").unwrap().to_owned();
    let connect = || {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").map(|()| stream)
    };
    if let Ok(mut closed) = connect() {
        // a reset instead is allowed: our bytes came after its close
        assert_eq!(closed.read(&mut [0; 1]).unwrap_or(0), 0);
    }
    server.wait_until_idle();
    let reset = connect().unwrap().read(&mut [0; 1]).unwrap_err();
    assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
    let _silent = connect().unwrap();
    server.wait_for_connections(3);
    drop(server);
    assert!(TcpStream::connect(&address).is_err());
}

#[test]
fn a_scripted_server_listens_on_a_unix_socket() {
    let server = Scripted::unix(|c: &mut Conversation| {
        while c.read_request()?.is_some() {
            c.answer_json("{}")?;
        }
        Ok(())
    });
    let path = server.url().strip_prefix("unix://").unwrap();
    let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
    stream
        .write_all(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n")
        .unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[test]
#[should_panic = "seen by the test"]
fn a_panic_in_a_script_fails_the_test() {
    let server = Scripted::tcp(|_| panic!("seen by the test"));
    let _ = http::get(server.url());
    server.wait_for_connections(1);
    server.wait_until_idle();
}

#[test]
fn a_program_that_hangs_is_ended() {
    let folder = TempDir::new("hang");
    let source = folder.join("hang.c");
    std::fs::write(
        &source,
        "#include <unistd.h>\nint main(void) { return pause(); }\n",
    )
    .unwrap();
    let output = CProgram::of(&source)
        .without_library()
        .build()
        .limit(Duration::from_millis(200))
        .run(&[]);
    assert!(output.timed_out && !output.status.success());
}

#[test]
fn sanitizer_and_valgrind_see_what_they_are_for() {
    let folder = TempDir::new("bad");
    let source = folder.join("bad.c");
    let text = "#include <stdlib.h>\nint main(int n, char **v) {\n\
        volatile char *p = malloc(10); (void)v; p[9 + n] = 1; free((void *)p); return 0; }\n";
    std::fs::write(&source, text).unwrap();
    let program = CProgram::of(&source).without_library().build();
    assert!(!program.has_sanitizer());
    if let Some(checked) = program.under_valgrind() {
        assert_eq!(checked.run(&[]).status.code(), Some(99));
    }
    if let Some(sanitized) = CProgram::of(&source).without_library().sanitized() {
        let program = sanitized.build();
        assert!(program.has_sanitizer());
        let output = program.run(&[]);
        assert!(
            !output.status.success() && output.stderr.contains("heap-buffer-overflow"),
            "{output:?}"
        );
    }
}

#[test]
fn what_never_comes_is_told() {
    let result =
        std::panic::catch_unwind(|| wait_for("rain", Duration::from_millis(20), || None::<()>));
    let words = result.unwrap_err().downcast::<String>().unwrap();
    assert!(words.contains("rain"), "{words}");
}
