//! Watchers and asynchronous calls through the C functions, on real servers: plain, under valgrind and with sanitizers.

use crate::support;

use support::{BlackHole, CProgram, Etcd, Program, Scripted, Step, Version};

fn watcher(program: &Program, version: Version) {
    let etcd = Etcd::start(version);
    assert_eq!(program.run(&[etcd.url()]).success().stderr, "");
}

fn submit(program: &Program, version: Version, calls: u32) {
    let etcd = Etcd::start(version);
    let mute = Scripted::steps(vec![Step::Read, Step::Silent]);
    let output = program.run(&[etcd.url(), mute.url(), &calls.to_string()]);
    assert_eq!(output.success().stderr, "");
}

#[test]
fn watchers() {
    let program = CProgram::new("watcher").build();
    watcher(&program, Version::V3_4);
    watcher(&program, Version::V3_5);
    watcher(&program, Version::V3_5Newest);
}

#[test]
fn watchers_under_valgrind() {
    if let Some(program) = CProgram::new("watcher").build().under_valgrind() {
        watcher(&program, Version::V3_4);
    }
}

#[test]
fn watchers_with_sanitizers() {
    if let Some(program) = CProgram::new("watcher").sanitized() {
        watcher(&program.build(), Version::V3_5);
    }
}

#[test]
fn the_host_exits_with_watchers_alive() {
    let etcd = Etcd::shared(Version::V3_4);
    let program = CProgram::new("watcher").build();
    program.run(&[etcd.url(), "exits"]).success();
    if let Some(program) = CProgram::new("watcher").sanitized() {
        program.build().run(&[etcd.url(), "exits"]).success();
    }
}

#[test]
fn submitted_calls() {
    let program = CProgram::new("submit").build();
    submit(&program, Version::V3_4, 10_000);
    submit(&program, Version::V3_5, 10_000);
}

#[test]
fn submitted_calls_under_valgrind() {
    if let Some(program) = CProgram::new("submit").build().under_valgrind() {
        submit(&program, Version::V3_4, 1000);
    }
}

#[test]
fn submitted_calls_with_sanitizers() {
    if let Some(program) = CProgram::new("submit").sanitized() {
        submit(&program.build(), Version::V3_5, 10_000);
    }
}

#[test]
fn the_library_is_closed_with_watchers_alive() {
    let etcd = Etcd::shared(Version::V3_4);
    let mute = Scripted::steps(vec![Step::Read, Step::Silent]);
    let library = support::tools::library().join("libetcd_v2.so.0");
    let program = CProgram::new("watch_dlopen").without_library().build();
    let output = program.run(&[library.to_str().unwrap(), etcd.url(), mute.url()]);
    assert_eq!(output.success().stdout, "fine\n");
}

/// Callbacks may end their own client.
#[test]
fn a_client_ends_inside_its_callbacks() {
    let etcd = Etcd::shared(Version::V3_5);
    let program = CProgram::new("end_inside");
    let sanitized = program.clone().sanitized().map(CProgram::build);
    let plain = program.build();
    let valgrind = plain.clone().under_valgrind();
    for program in [Some(plain), sanitized, valgrind].into_iter().flatten() {
        assert_eq!(program.run(&[etcd.url()]).success().stderr, "");
    }
}

/// At every moment of its life.
fn ends(program: &Program, version: Version, rounds: u32) {
    let etcd = Etcd::start(version);
    let nowhere = BlackHole::new();
    let output = program.run(&[etcd.url(), nowhere.url(), &rounds.to_string()]);
    let output = output.success();
    eprintln!("etcd {version}:\n{}", output.stdout);
    assert_eq!(output.stderr, "");
}

#[test]
fn ended_a_thousand_times() {
    let program = CProgram::new("watch_ends").build();
    ends(&program, Version::V3_4, 1000);
}

#[test]
fn ended_a_thousand_times_with_sanitizers() {
    if let Some(program) = CProgram::new("watch_ends").sanitized() {
        ends(&program.build(), Version::V3_5, 1000);
    }
}

/// The loop, its watchers and its calls, and whoever ends them.
#[test]
fn no_data_race_is_found() {
    if let Some(program) = CProgram::new("watch_ends").with_thread_sanitizer() {
        ends(&program.build(), Version::V3_4, 200);
    }
    if let Some(program) = CProgram::new("submit").with_thread_sanitizer() {
        submit(&program.build(), Version::V3_5, 2000);
    }
    if let Some(program) = CProgram::new("watcher").with_thread_sanitizer() {
        watcher(&program.build(), Version::V3_4);
    }
}
