use super::*;
use std::time::Duration;

fn endpoints(urls: &[&str]) -> Vec<Endpoint> {
    let parse = |url: &&str| Endpoint::parse("url", url).unwrap();
    urls.iter().map(parse).collect()
}

fn member_set(urls: &[&str]) -> MemberSet {
    let settings = TransportConfig {
        max_idle: 1,
        idle_age: Duration::from_secs(1),
        ..TransportConfig::default()
    };
    MemberSet::new(&endpoints(urls), &settings)
}

fn urls(member_set: &MemberSet) -> Vec<String> {
    let members = member_set.members();
    members.iter().map(|m| m.url().to_string()).collect()
}

#[test]
fn who_stays_keeps_everything_and_who_leaves_is_not_asked() {
    let now = Instant::now();
    let member_set = member_set(&["a:1", "b:1", "c:1"]);
    let [a, b, c] = ["http://a:1", "http://b:1", "http://c:1"].map(|u| member_set.find(u).unwrap());
    b.fail(now, None);
    member_set.pin(&c);
    member_set.reset(&endpoints(&["d:1", "b:1", "c:1", "b:1"]));
    assert_eq!(
        urls(&member_set),
        ["http://d:1", "http://b:1", "http://c:1"]
    );
    assert!(Arc::ptr_eq(&member_set.find("http://b:1").unwrap(), &b));
    assert!(!b.is_trusted(now));
    assert!(Arc::ptr_eq(&member_set.pick(now, &[]).unwrap(), &c));
    assert_eq!(
        [&a, &b, &c].map(|member| member.is_gone()),
        [true, false, false]
    );
    // a call that still holds it may have an answer, and pins nothing with it
    member_set.pin(&a);
    assert!(Arc::ptr_eq(&member_set.pick(now, &[]).unwrap(), &c));
    // the one that was asked first is gone: from the beginning
    member_set.reset(&endpoints(&["b:1", "d:1"]));
    assert_eq!(&**member_set.pick(now, &[]).unwrap().url(), "http://d:1");
    member_set.reset(&[]);
    assert!(member_set.is_empty() && member_set.pick(now, &[]).is_none());
}

#[test]
fn a_member_with_two_sources_goes_with_the_last() {
    let member_set = member_set(&["a:1", "b:1"]);
    let synced = |urls: &[&str]| member_set.replace(Source::Synced, &endpoints(urls), 0);
    assert!(synced(&["b:1", "c:1", "b:1"]));
    assert!(!synced(&["b:1", "c:1"]));
    assert!(member_set.replace(Source::Dns, &endpoints(&["d:1"]), 0));
    let told: Vec<_> = member_set
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
    let b = member_set.find("http://b:1").unwrap();
    assert!(!member_set.replace(Source::Seed, &endpoints(&["a:1"]), 0));
    assert!(!b.is_gone());
    assert_eq!(urls(&member_set), ["a", "d", "b", "c"].map(url));
    assert!(synced(&["c:1"]));
    assert_eq!(urls(&member_set), ["a", "d", "c"].map(url));
    assert!(b.is_gone());
}

#[test]
fn what_the_caller_names_anew_is_not_mixed_with_what_was_found_before() {
    let member_set = member_set(&["a:1"]);
    let before = member_set.epoch();
    assert!(member_set.replace(Source::Synced, &endpoints(&["b:1"]), before));
    member_set.reset(&endpoints(&["x:1"]));
    assert!(!member_set.replace(Source::Synced, &endpoints(&["b:1", "c:1"]), before));
    assert_eq!(urls(&member_set), ["http://x:1"]);
}
