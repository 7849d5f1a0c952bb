use super::*;
use crate::protocol::endpoint::Endpoint;
use crate::telemetry::hooks::OnLog;
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

fn channel(url: &str) -> Channel {
    let options = crate::client::Options::default();
    Channel::new(Endpoint::parse("url", url).unwrap(), options.settings())
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

    fn hooks(&self, level: Level) -> Hooks {
        let [log, curl, trace] = [(); 3].map(|()| self.clone());
        Hooks {
            log: Some((
                level,
                Arc::new(move |level, text| log.push(format!("{level:?}: {text}"))),
            )),
            curl: Some(Arc::new(move |command| curl.push(command))),
            trace: Some(Arc::new(move |t| {
                trace.push(format!("{:?} {} {}", t.event, t.request, t.target));
            })),
            retry: None,
        }
    }
}

#[test]
fn nothing_is_formatted_that_nobody_hears() {
    let formatted = AtomicUsize::new(0);
    let told = Told::default();
    let silent = Telemetry::default();
    let warned = Telemetry::new(told.hooks(Level::Warn));
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
    let telemetry = Arc::new(Telemetry::new(told.hooks(Level::Debug)));
    let http_request = HttpRequest::get("/v2/keys/a?prevValue=canary&prevIndex=7");
    let now = Instant::now();
    let mut span = telemetry.open(RequestKind::Call, &http_request, now);
    span.attempt(&channel("a:1"), &http_request);
    span.close(Ok(()), now);
    span.close(Ok(()), now);
    drop(span);
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
    assert_eq!(telemetry.metrics().get(Metric::Answered), 1);

    // one that is forgotten is told, too
    drop(telemetry.open(RequestKind::Watch, &http_request, now));
    assert_eq!(told.take().len(), 4);
    let metrics = telemetry.metrics();
    assert_eq!(
        (metrics.get(Metric::Cancelled), metrics.in_flight()),
        (1, 0)
    );
    assert_eq!(metrics.get(Metric::WatchPolls), 1);
}

#[test]
fn what_a_listener_does_is_not_told_to_it() {
    let inner = Arc::new(Mutex::new(None::<Arc<Telemetry>>));
    let calls = Arc::new(AtomicUsize::new(0));
    let (again, count) = (inner.clone(), calls.clone());
    let listener: OnLog = Arc::new(move |_, _| {
        count.fetch_add(1, Ordering::Relaxed);
        if let Some(telemetry) = &*again.lock().unwrap() {
            telemetry.log(Level::Error, format_args!("again"));
        }
    });
    let telemetry = Arc::new(Telemetry::new(Hooks {
        log: Some((Level::Debug, listener)),
        ..Hooks::default()
    }));
    *inner.lock().unwrap() = Some(telemetry.clone());
    telemetry.log(Level::Error, format_args!("first"));
    telemetry.log(Level::Error, format_args!("second"));
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    inner.lock().unwrap().take();
}

#[test]
fn attempts_after_the_first_are_counted_by_where_they_go() {
    let telemetry = Arc::new(Telemetry::default());
    let http_request = HttpRequest::get("/");
    let mut span = telemetry.open(RequestKind::Call, &http_request, Instant::now());
    let (a, b) = (channel("a:1"), channel("b:1"));
    for asked in [&a, &a, &b, &a] {
        span.attempt(asked, &http_request);
    }
    let counted = [Metric::Retries, Metric::Reconnects, Metric::Failovers]
        .map(|c| telemetry.metrics().get(c));
    assert_eq!(counted, [3, 1, 2]);
    assert_eq!(telemetry.metrics().in_flight(), 1);
}
