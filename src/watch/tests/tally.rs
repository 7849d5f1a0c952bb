//! Which of many histories are run, and what became of them.

use std::ops::Range;

/// The long form is for who has minutes.
pub(super) fn is_long() -> bool {
    std::env::var_os("ETCD_V2_TEST_HISTORIES").is_some_and(|form| form == "long")
}

/// Of random histories: ETCD_V2_TEST_HISTORIES is `long`, or says from which to which, such as `1200..2400`.
pub(super) fn seeds() -> Range<u64> {
    let form = std::env::var("ETCD_V2_TEST_HISTORIES").unwrap_or_default();
    let part = form.split_once("..");
    let part = part.and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    part.unwrap_or(0..if is_long() { 100_000 } else { 300 })
}

/// A share of the histories: ETCD_V2_TEST_PART is such as `3/16`, the third of sixteen.
pub(super) struct Part {
    number: u64,
    of: u64,
}

impl Part {
    pub(super) fn asked_for() -> Part {
        let text = std::env::var("ETCD_V2_TEST_PART").unwrap_or("1/1".into());
        let part = text.split_once('/').and_then(|(number, of)| {
            let part = Part {
                number: number.parse().ok()?,
                of: of.parse().ok()?,
            };
            (1..=part.of).contains(&part.number).then_some(part)
        });
        part.unwrap_or_else(|| panic!("ETCD_V2_TEST_PART is {text:?}, not such as 3/16"))
    }

    pub(super) fn has(&self, number: u64) -> bool {
        number % self.of == self.number - 1
    }
}

#[derive(Default)]
pub(super) struct ConnectionMetrics {
    runs: u64,
    failed: Vec<String>,
}

impl ConnectionMetrics {
    pub(super) fn add(&mut self, failure: Option<String>) {
        self.runs += 1;
        if let Some(why) = failure {
            println!("failed: {why}");
            self.failed.push(why);
        }
    }

    /// None may have failed.
    pub(super) fn end(mut self, of: &str) {
        let (runs, count) = (self.runs, self.failed.len());
        println!("{runs} {of}, {count} failed");
        self.failed.sort_by_key(String::len);
        self.failed.truncate(5);
        assert!(count == 0, "{count} of {runs} {of}: {:#?}", self.failed);
    }
}
