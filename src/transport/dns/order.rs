//! The order of RFC 2782: by priority, and by chance within one, so that a record of weight 3 comes first three times as
//! often as one of weight 1.

use super::verdict::DnsRecord;

/// Puts `records` into an order; `random` gives numbers below its argument.
pub(super) fn order(
    mut records: Vec<DnsRecord>,
    mut random: impl FnMut(u64) -> u64,
) -> Vec<DnsRecord> {
    // those without weight come first, so that they have a small chance at all
    records.sort_by_key(|record| (record.priority, record.weight != 0));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(priority) = records.first().map(|record| record.priority) {
        let equal = records.iter().take_while(|r| r.priority == priority);
        let sum: u64 = equal.map(|record| u64::from(record.weight)).sum();
        let drawn = random(sum + 1);
        let mut running = 0;
        let place = records.iter().position(|record| {
            running += u64::from(record.weight);
            running >= drawn
        });
        // the sum of all is not below what was drawn
        ordered.push(records.remove(place.unwrap_or(0)));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(priority: u16, weight: u16, host: &str) -> DnsRecord {
        DnsRecord {
            priority,
            weight,
            host: host.to_owned(),
            port: 1,
        }
    }

    fn hosts(records: &[DnsRecord]) -> Vec<&str> {
        records.iter().map(|record| record.host.as_str()).collect()
    }

    #[test]
    fn priorities_come_one_after_the_other() {
        let records = vec![
            record(20, 5, "c"),
            record(0, 0, "a"),
            record(10, 65535, "b"),
        ];
        assert_eq!(hosts(&order(records, |_| 0)), ["a", "b", "c"]);
        assert!(order(Vec::new(), |_| 0).is_empty());
    }

    #[test]
    fn weights_are_chances() {
        let records = || {
            vec![
                record(1, 1, "one"),
                record(1, 3, "three"),
                record(1, 0, "none"),
            ]
        };
        // every number that can be drawn first, once
        let mut first: Vec<String> = Vec::new();
        for drawn in 0..5 {
            let mut numbers = [drawn, 0, 0].into_iter();
            let ordered = order(records(), |below| numbers.next().unwrap().min(below - 1));
            assert_eq!(ordered.len(), 3);
            first.push(ordered[0].host.clone());
        }
        assert_eq!(first, ["none", "one", "three", "three", "three"]);
    }
}
