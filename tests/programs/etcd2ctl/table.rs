//! Lines that both tools run, and what is to be said of them.

use super::bench::{self, Ended, Side};
use crate::support::Version;

/// What both do with a line.
#[derive(Clone, Copy, Debug)]
pub enum Row {
    /// The same to the last byte.
    Same(&'static str),
    /// The same, of a cluster that is healthy.
    Healthy(&'static str),
    /// The same, but for the text of help: the first line and the code.
    Usage(&'static str),
    /// The same, but each has its own words on standard error. Why.
    OwnWords(&'static str, &'static str),
    /// The same code, and something is said. Why no more than that.
    CodeOnly(&'static str, &'static str),
    /// A wanted difference: what etcd2ctl does, and why.
    Differs {
        /// What is typed.
        line: &'static str,
        /// Exit code.
        code: i32,
        /// What it prints.
        stdout: &'static str,
        /// The reason.
        why: &'static str,
    },
}

/// Runs the rows, one after the other, against fresh servers of a version.
#[track_caller]
pub fn compare(version: Version, rows: &[Row]) {
    let Some(sides) = bench::sides(version) else {
        return;
    };
    for row in rows {
        row.check(&sides);
    }
}

impl Row {
    #[track_caller]
    fn check(self, [theirs, ours]: &[Side; 2]) {
        let (Row::Same(line)
        | Row::Healthy(line)
        | Row::Usage(line)
        | Row::OwnWords(line, _)
        | Row::CodeOnly(line, _)
        | Row::Differs { line, .. }) = self;
        let [theirs, ours] = [theirs, ours].map(|side| {
            if line.contains("member ") {
                side.settle();
            }
            steady(match self {
                Row::Healthy(_) => side.run_until_healthy(line),
                _ => side.run(line),
            })
        });
        let both = || format!("{line}\netcdctl: {theirs:#?}\netcd2ctl: {ours:#?}");
        match self {
            Row::Same(_) | Row::Healthy(_) => assert_eq!(theirs, ours, "{line}"),
            Row::Usage(_) => {
                assert_eq!(theirs.code, ours.code, "{}", both());
                assert_eq!(
                    theirs.stdout.lines().next(),
                    ours.stdout.lines().next(),
                    "{line}"
                );
                assert_eq!(theirs.stderr, ours.stderr, "{line}");
            }
            Row::OwnWords(_, why) => {
                assert_eq!(theirs.code, ours.code, "{} ({why})", both());
                assert_eq!(theirs.stdout, ours.stdout, "{line} ({why})");
                // a failure is never silent, a success not necessarily noisy
                assert_eq!(ours.stderr.is_empty(), ours.code == Some(0), "{}", both());
            }
            Row::CodeOnly(_, why) => {
                assert_eq!(theirs.code, ours.code, "{} ({why})", both());
                assert_ne!(ours.code, Some(0), "{}", both());
                assert!(!ours.stderr.is_empty(), "{}", both());
            }
            Row::Differs {
                code, stdout, why, ..
            } => {
                let told = (ours.code, ours.stdout.as_str());
                assert_eq!(told, (Some(code), stdout), "{} ({why})", both());
                assert_ne!((theirs.code, theirs.stdout.as_str()), told, "{}", both());
            }
        }
    }
}

/// Times differ, and seconds pass.
pub fn steady(mut ended: Ended) -> Ended {
    ended.stdout = each(&ended.stdout, "\"expiration\":\"", |time| {
        let end = time.find('"').expect("an end");
        assert!(end >= 20 && time[..end].ends_with('Z'), "{time}");
        ("TIME", end)
    });
    for name in ["\"ttl\":", "TTL: "] {
        ended.stdout = each(&ended.stdout, name, |rest| {
            let end = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            match rest[..end].parse() {
                Ok(900..=1000) => ("about 1000", end),
                _ => ("", 0),
            }
        });
    }
    ended
}

/// Puts something in the place of what follows each `name`, as many bytes as `put` says.
fn each(text: &str, name: &str, put: impl Fn(&str) -> (&'static str, usize)) -> String {
    let mut parts = text.split(name);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for rest in parts {
        let (instead, length) = put(rest);
        out.push_str(name);
        out.push_str(instead);
        out.push_str(&rest[length..]);
    }
    out
}
