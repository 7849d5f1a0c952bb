//! watch and exec-watch: what both tell of the same changes, and how they end.

use super::bench::{self, Ended, Side};
use super::table::{self, Row::*, steady};
use crate::support::{Version, http, wait_for};
use std::time::Duration;

/// What is done to the server, and how many lines the watch has printed after it.
type Step = (Change, usize);

#[derive(Clone, Copy, Debug)]
enum Change {
    Put(&'static str, &'static str),
    Delete(&'static str),
}
use Change::{Delete, Put};

impl Change {
    #[track_caller]
    fn make(self, side: &Side) {
        let reply = match self {
            Put(key, form) => http::put(&side.etcd().key_url(key), form),
            Delete(key) => http::delete(&side.etcd().key_url(key)),
        };
        let reply = reply.expect("an answer");
        assert!(
            matches!(reply.status, 200 | 201),
            "{self:?}: {}",
            reply.text()
        );
    }
}

/// Both start with the same line on a fresh server, see the same changes, and end by themselves or by Ctrl-C.
#[track_caller]
fn compare(version: Version, line: &str, steps: &[Step], interrupted: bool) -> Option<Ended> {
    let sides = bench::sides(version)?;
    let [theirs, ours] = sides.map(|side| {
        let running = side.start(line);
        watched(&side);
        for (change, lines) in steps {
            change.make(&side);
            running.until_lines(*lines);
        }
        if interrupted {
            running.interrupt();
        }
        without_poll_index(steady(running.end(line)))
    });
    assert_eq!(theirs, ours, "{line}");
    assert_eq!(ours.code, Some(0), "{line}: {ours:?}");
    Some(ours)
}

/// "Index:" is where the store stood when the poll began. A watcher renews its polls, so that one that begins after the change
/// tells a higher index than one that waited for it.
#[track_caller]
fn without_poll_index(mut ended: Ended) -> Ended {
    let number = |line: &str, name| {
        let text = line.strip_prefix(name)?;
        Some(text.parse::<u64>().expect("an index"))
    };
    let mut modified = 0;
    let mut lines: Vec<&str> = ended.stdout.split('\n').collect();
    for line in &mut lines {
        if let Some(index) = number(line, "Modified-Index: ") {
            modified = index;
        }
        if let Some(index) = number(line, "Index: ") {
            assert!(index + 1 >= modified, "{ended:?}");
            *line = "Index: OF-THE-POLL";
        }
    }
    ended.stdout = lines.join("\n");
    ended
}

/// Waits until the server has a watcher: from then on nothing is missed.
#[track_caller]
fn watched(side: &Side) {
    wait_for("a watcher", Duration::from_secs(60), || {
        let stats = http::get(&format!("{}/v2/stats/store", side.etcd().url())).ok()?;
        (stats.json()["watchers"].as_u64() == Some(1)).then_some(())
    });
}

#[test]
fn they_tell_one_change_and_end() {
    for (line, lines) in [
        ("watch /w", 1),
        ("watch w/", 1),
        ("-o json watch /w", 1),
        ("-o extended watch /w", 7),
        ("watch --recursive /w", 2),
        ("-o json watch -r /w", 2),
    ] {
        let steps = [(Put("/w", "value=1&ttl=1000"), lines)];
        compare(Version::V3_4, line, &steps, false);
    }
}

#[test]
fn they_tell_every_change_until_interrupted() {
    let plain = [
        (Put("/w", "value=1"), 1),
        (Put("/w", "value=two%0Alines"), 3),
        (Put("/w?prevValue=two%0Alines", "value=3"), 4),
        (Put("/w?prevExist=true", "value="), 5),
        (Delete("/w"), 6),
        (Put("/w?prevExist=false", "value=5"), 7),
        (Delete("/w?prevValue=5"), 8),
        (Put("/w", "value=6&ttl=1"), 10),
    ];
    for version in Version::ALL {
        compare(version, "watch --forever /w", &plain, true);
    }
    let deep = [
        (Put("/w/a", "value=1"), 2),
        (Put("/other", "value=1"), 2),
        (Put("/w/d?dir=true", "ttl=1000"), 2),
        (Put("/w/d/e", "value=2"), 4),
        (Delete("/w/d/e"), 6),
        (Delete("/w/d?dir=true"), 6),
        (Put("/w/a", "value=3&ttl=1000"), 8),
        (Delete("/w?recursive=true"), 8),
        (Put("/w/b", "value=4"), 10),
    ];
    for line in ["watch -f -r /w", "-o json watch --forever --recursive /w"] {
        compare(Version::V3_4, line, &deep, true);
    }
    let extended = [
        (Put("/w", "value=1"), 7),
        (Put("/w", "value=2"), 15),
        (Delete("/w"), 21),
    ];
    compare(Version::V3_4, "-o extended watch -f /w", &extended, true);
}

#[test]
fn they_begin_after_an_index() {
    table::compare(
        Version::V3_4,
        &[
            Same("set /w 1"),
            Same("set /w 2"),
            Same("set /v 3"),
            Same("rm /w"),
            Same("watch /w --after-index 3"),
            Same("watch --after-index 4 /w"),
            Same("-o json watch --after-index 4 -r /"),
            Same("watch --after-index 1 /w"),
            Same("watch --after-index=6 /w"),
        ],
    );
}

#[test]
fn a_program_runs_for_each_change() {
    let steps = [
        (Put("/w/a", "value=1"), 5),
        (Put("/w/b", "value=two%20words"), 10),
        (Put("/w/d?dir=true", ""), 10),
        (Delete("/w/a"), 15),
    ];
    let script = "'env | grep ^ETCD_WATCH_ | sort; wc -c'";
    let told = compare(
        Version::V3_4,
        &format!("exec-watch --recursive /w -- sh -c {script}"),
        &steps,
        true,
    );
    if let Some(told) = told {
        let first = "ETCD_WATCH_ACTION=set\nETCD_WATCH_KEY=/w/a\nETCD_WATCH_MODIFIED_INDEX=4\nETCD_WATCH_VALUE=1\n0\n";
        assert!(told.stdout.starts_with(first), "{told:?}");
        assert_eq!(told.stderr, "Ignored dir /w/d change\n");
    }
    let one = [(Put("/w", "value=1"), 5), (Put("/w", "value="), 10)];
    for line in [
        format!("exec-watch sh -c {script} /w"),
        format!("exec-watch --after-index=3 sh -c {script} w"),
        format!("exec-watch --after-index=3 -- sh -c {script} w"),
    ] {
        compare(Version::V3_4, &line, &one, true);
    }
}

/// A wanted difference: Debian's etcdctl loses the "--" that its documentation tells to write, unless a flag without a
/// value stands before the key, and then takes the last argument of the program for the key.
#[test]
fn two_dashes_divide_the_key_from_the_program() {
    for line in [
        "exec-watch /w -- sh -c 'echo $ETCD_WATCH_KEY $ETCD_WATCH_VALUE'",
        "exec-watch /w --after-index 3 -- sh -c 'echo $ETCD_WATCH_KEY $ETCD_WATCH_VALUE'",
        "exec-watch --after-index 3 /w -- sh -c 'echo $ETCD_WATCH_KEY $ETCD_WATCH_VALUE'",
    ] {
        let side = bench::ours(Version::V3_4);
        let running = side.start(line);
        watched(&side);
        Put("/w", "value=1").make(&side);
        running.until_lines(1);
        running.interrupt();
        let ended = running.end(line);
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(0), "/w 1\n"),
            "{line}: {ended:?}"
        );
    }
}

#[test]
fn a_program_that_is_not_there_ends_it() {
    let Some(sides) = bench::sides(Version::V3_4) else {
        return;
    };
    let line = "exec-watch no-such-program /w";
    let [theirs, ours] = sides.map(|side| {
        let running = side.start(line);
        watched(&side);
        Put("/w", "value=1").make(&side);
        running.end(line)
    });
    assert_eq!((theirs.code, &theirs.stdout), (ours.code, &ours.stdout));
    assert_eq!(ours.code, Some(1));
    assert!(ours.stderr.contains("no-such-program"), "{ours:?}");
}

/// What etcd no longer has ends a watch, and says so.
#[test]
fn lost_history_is_told() {
    let Some(sides) = bench::sides(Version::V3_5) else {
        return;
    };
    let [theirs, ours] = sides.map(|side| {
        for _ in 0..1010 {
            Put("/h", "value=1").make(&side);
        }
        side.run("watch --after-index 1 /h")
    });
    assert_eq!((theirs.code, theirs.stdout), (ours.code, ours.stdout));
    assert_eq!(ours.code, Some(4));
    // in etcd's own words
    let words = "401: The event in requested index is outdated and cleared";
    assert!(ours.stderr.contains(words), "{}", ours.stderr);
}

/// A wanted difference: a watch goes on when its server comes back; etcdctl ends with 4.
#[test]
fn a_watch_outlives_its_server() {
    let Some(sides) = bench::sides(Version::V3_4) else {
        return;
    };
    let line = "watch --forever /w";
    let [theirs, ours] = sides.map(|side| {
        let running = side.start(line);
        watched(&side);
        side.etcd().restart();
        (side, running)
    });
    assert_eq!(theirs.1.end(line).code, Some(4));
    let (side, running) = ours;
    watched(&side);
    Put("/w", "value=1").make(&side);
    running.until_lines(1);
    running.interrupt();
    let ended = running.end(line);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

/// A wanted difference: who does not answer is not connected to, 2; etcdctl says 4 when it is `--timeout` that has passed.
#[test]
fn a_server_that_is_stopped_ends_a_read() {
    let Some(sides) = bench::sides(Version::V3_4) else {
        return;
    };
    let line = "--timeout 1s --total-timeout 4s get /a";
    let codes = sides.map(|side| {
        side.etcd().pause();
        let ended = side.run(line);
        side.etcd().resume();
        assert_eq!(ended.stdout, "");
        assert!(!ended.stderr.is_empty());
        ended.code
    });
    assert_eq!(codes, [Some(4), Some(2)]);
}
