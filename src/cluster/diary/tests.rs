use super::listeners::OnLog;
use super::*;
use crate::transport::endpoint::Endpoint;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts how often it is formatted.
struct Costly<'a>(&'a AtomicUsize);

impl fmt::Display for Costly<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fetch_add(1, Ordering::Relaxed);
        f.write_str("two\nlines")
    }
}

fn member(url: &str) -> Member {
    let options = crate::client::Options::default();
    Member::new(Endpoint::parse("url", url).unwrap(), options.settings())
}

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn push(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn listeners(&self, level: Level) -> Listeners {
        let [log, curl, trace] = [(); 3].map(|()| self.clone());
        Listeners {
            log: Some((
                level,
                Arc::new(move |level, text| log.push(format!("{level:?}: {text}"))),
            )),
            curl: Some(Arc::new(move |command| curl.push(command))),
            trace: Some(Arc::new(move |t| {
                trace.push(format!("{:?} {} {}", t.moment, t.request, t.target));
            })),
            retry: None,
        }
    }
}

#[test]
fn nothing_is_formatted_that_nobody_hears() {
    let formatted = AtomicUsize::new(0);
    let told = Told::default();
    let silent = Diary::default();
    let warned = Diary::new(told.listeners(Level::Warn));
    for level in [Level::Info, Level::Debug] {
        silent.log(level, format_args!("{}", Costly(&formatted)));
        warned.log(level, format_args!("{}", Costly(&formatted)));
    }
    silent.log(Level::Error, format_args!("{}", Costly(&formatted)));
    assert_eq!(formatted.load(Ordering::Relaxed), 0);
    warned.log(Level::Warn, format_args!("{}", Costly(&formatted)));
    assert_eq!(formatted.load(Ordering::Relaxed), 1);
    assert_eq!(told.take(), ["Warn: two lines"]);
}

#[test]
fn a_request_begins_and_ends_once_and_shows_no_condition_but_to_the_shell() {
    let told = Told::default();
    let diary = Arc::new(Diary::new(told.listeners(Level::Debug)));
    let wire = Wire::get("/v2/keys/a?prevValue=canary&prevIndex=7");
    let now = Instant::now();
    let mut entry = diary.open(Kind::Call, &wire, now);
    entry.attempt(&member("a:1"), &wire);
    entry.close(Ok(()), now);
    entry.close(Ok(()), now);
    drop(entry);
    let target = "/v2/keys/a?prevValue=***&prevIndex=7";
    let said = told.take();
    assert_eq!(
        said.iter()
            .filter(|line| line.starts_with("curl"))
            .map(|line| line.contains("canary"))
            .collect::<Vec<_>>(),
        [true]
    );
    let others: Vec<_> = said.iter().filter(|l| !l.starts_with("curl")).collect();
    assert_eq!(
        others,
        [
            "Debug: request 1, GET /v2/keys/a: begins",
            &format!("Begin 1 {target}"),
            "Debug: request 1, GET /v2/keys/a: ended after 0 ms",
            &format!("End 1 {target}"),
        ]
    );
    assert_eq!(diary.counts().get(Count::Answered), 1);

    // one that is forgotten is told, too
    drop(diary.open(Kind::Watch, &wire, now));
    assert_eq!(told.take().len(), 4);
    let counts = diary.counts();
    assert_eq!((counts.get(Count::Cancelled), counts.in_flight()), (1, 0));
    assert_eq!(counts.get(Count::WatchPolls), 1);
}

#[test]
fn what_a_listener_does_is_not_told_to_it() {
    let inner = Arc::new(Mutex::new(None::<Arc<Diary>>));
    let calls = Arc::new(AtomicUsize::new(0));
    let (again, count) = (inner.clone(), calls.clone());
    let listener: OnLog = Arc::new(move |_, _| {
        count.fetch_add(1, Ordering::Relaxed);
        if let Some(diary) = &*again.lock().unwrap() {
            diary.log(Level::Error, format_args!("again"));
        }
    });
    let diary = Arc::new(Diary::new(Listeners {
        log: Some((Level::Debug, listener)),
        ..Listeners::default()
    }));
    *inner.lock().unwrap() = Some(diary.clone());
    diary.log(Level::Error, format_args!("first"));
    diary.log(Level::Error, format_args!("second"));
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    inner.lock().unwrap().take();
}

#[test]
fn attempts_after_the_first_are_counted_by_where_they_go() {
    let diary = Arc::new(Diary::default());
    let wire = Wire::get("/");
    let mut entry = diary.open(Kind::Call, &wire, Instant::now());
    let (a, b) = (member("a:1"), member("b:1"));
    for asked in [&a, &a, &b, &a] {
        entry.attempt(asked, &wire);
    }
    let counted =
        [Count::Retries, Count::Reconnects, Count::Failovers].map(|c| diary.counts().get(c));
    assert_eq!(counted, [3, 1, 2]);
    assert_eq!(diary.counts().in_flight(), 1);
}
