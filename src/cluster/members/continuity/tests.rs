//! How many reads a member has to answer so that what it says is proven.

use super::*;

/// Reads of so long a time in which an audit is wanted at every instant.
fn reads(record: &Continuity, begin: Instant, time: Duration, urgent: bool) -> u32 {
    let (mut reads, mut passed) = (0, Duration::ZERO);
    while passed < time {
        let now = begin + passed;
        let need = Need { until: now, urgent };
        if let Ok(mut audit) = record.begin(need, now) {
            audit.http_request(record, now);
            reads += 1;
            record.end(audit, now);
        }
        passed += Duration::from_millis(10);
    }
    reads
}

#[test]
fn what_is_wanted_all_the_time_costs_one_read_a_second_after_the_first_three() {
    let begin = Instant::now();
    // an audit that brings nothing is not repeated faster for an event, either
    for urgent in [false, true] {
        let record = Continuity::default();
        let time = Duration::from_millis(10_005);
        assert_eq!(reads(&record, begin, time, urgent), 3 + 10);
        // a pause earns three again, and no more
        let later = begin + Duration::from_secs(100);
        assert_eq!(reads(&record, later, Duration::from_millis(995), urgent), 3);
    }
}

#[test]
fn reads_that_were_made_for_events_are_owed_for_three_seconds_at_most() {
    let (record, begin) = (Continuity::default(), Instant::now());
    let place = |now| Need {
        until: now,
        urgent: false,
    };
    let mut audit = record.begin(place(begin), begin).unwrap();
    for _ in 0..50 {
        audit.http_request(&record, begin);
    }
    record.end(audit, begin);
    for (millis, may) in [(0, false), (3_990, false), (4_000, true)] {
        let now = begin + Duration::from_millis(millis);
        assert_eq!(record.begin(place(now), now).is_ok(), may, "{millis} ms");
    }
}
