use super::*;
use std::time::Duration;

fn endpoints(urls: &[&str]) -> Vec<Endpoint> {
    let parse = |url: &&str| Endpoint::parse("url", url).unwrap();
    urls.iter().map(parse).collect()
}

fn roster(urls: &[&str]) -> Roster {
    let settings = Settings {
        max_idle: 1,
        idle_age: Duration::from_secs(1),
        ..Settings::default()
    };
    Roster::new(&endpoints(urls), &settings)
}

fn urls(roster: &Roster) -> Vec<String> {
    let members = roster.members();
    members.iter().map(|m| m.url().to_string()).collect()
}

#[test]
fn who_stays_keeps_everything_and_who_leaves_is_not_asked() {
    let now = Instant::now();
    let roster = roster(&["a:1", "b:1", "c:1"]);
    let [a, b, c] = ["http://a:1", "http://b:1", "http://c:1"].map(|u| roster.find(u).unwrap());
    b.fail(now, None);
    roster.pin(&c);
    roster.reset(&endpoints(&["d:1", "b:1", "c:1", "b:1"]));
    assert_eq!(urls(&roster), ["http://d:1", "http://b:1", "http://c:1"]);
    assert!(Arc::ptr_eq(&roster.find("http://b:1").unwrap(), &b));
    assert!(!b.is_trusted(now));
    assert!(Arc::ptr_eq(&roster.pick(now, &[]).unwrap(), &c));
    assert_eq!(
        [&a, &b, &c].map(|member| member.is_gone()),
        [true, false, false]
    );
    // a call that still holds it may have an answer, and pins nothing with it
    roster.pin(&a);
    assert!(Arc::ptr_eq(&roster.pick(now, &[]).unwrap(), &c));
    // the one that was asked first is gone: from the beginning
    roster.reset(&endpoints(&["b:1", "d:1"]));
    assert_eq!(&**roster.pick(now, &[]).unwrap().url(), "http://d:1");
    roster.reset(&[]);
    assert!(roster.is_empty() && roster.pick(now, &[]).is_none());
}

#[test]
fn a_member_with_two_sources_goes_with_the_last() {
    let roster = roster(&["a:1", "b:1"]);
    let synced = |urls: &[&str]| roster.replace(Source::Synced, &endpoints(urls), 0);
    assert!(synced(&["b:1", "c:1", "b:1"]));
    assert!(!synced(&["b:1", "c:1"]));
    assert!(roster.replace(Source::Dns, &endpoints(&["d:1"]), 0));
    let told: Vec<_> = roster
        .sources()
        .into_iter()
        .map(|(m, s)| (m.url().to_string(), s))
        .collect();
    let url = |host: &str| format!("http://{host}:1");
    assert_eq!(
        told,
        [
            (url("a"), Source::Seed),
            (url("b"), Source::Seed),
            (url("d"), Source::Dns),
            (url("c"), Source::Synced)
        ]
    );
    let b = roster.find("http://b:1").unwrap();
    assert!(!roster.replace(Source::Seed, &endpoints(&["a:1"]), 0));
    assert!(!b.is_gone());
    assert_eq!(urls(&roster), ["a", "d", "b", "c"].map(url));
    assert!(synced(&["c:1"]));
    assert_eq!(urls(&roster), ["a", "d", "c"].map(url));
    assert!(b.is_gone());
}

#[test]
fn what_the_caller_names_anew_is_not_mixed_with_what_was_found_before() {
    let roster = roster(&["a:1"]);
    let before = roster.epoch();
    assert!(roster.replace(Source::Synced, &endpoints(&["b:1"]), before));
    roster.reset(&endpoints(&["x:1"]));
    assert!(!roster.replace(Source::Synced, &endpoints(&["b:1", "c:1"]), before));
    assert_eq!(urls(&roster), ["http://x:1"]);
}
