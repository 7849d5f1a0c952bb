//! RFC 3339 timestamps of etcd to Unix nanoseconds.

/// Unix nanoseconds; `None` for what is no timestamp or lies outside of the years 1677 to 2262, where 64 bits end.
pub fn unix_ns(text: &str) -> Option<i64> {
    let mut scan = Scan(text.as_bytes());
    let year = scan.number(4)?;
    scan.one_of(b"-")?;
    let month = scan.number(2)?;
    scan.one_of(b"-")?;
    let day = scan.number(2)?;
    scan.one_of(b"Tt")?;
    let hour = scan.number(2)?;
    scan.one_of(b":")?;
    let minute = scan.number(2)?;
    scan.one_of(b":")?;
    let second = scan.number(2)?;
    let nanos = scan.fraction()?;
    let offset_minutes = match scan.one_of(b"Zz+-")? {
        sign @ (b'+' | b'-') => {
            let hours = scan.number(2)?;
            scan.one_of(b":")?;
            let minutes = scan.number(2)?;
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = hours * 60 + minutes;
            if sign == b'-' { -offset } else { offset }
        }
        _ => 0,
    };
    let in_range = (1..=days_in_month(year, month)?).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
        && scan.0.is_empty();
    if !in_range {
        return None;
    }
    let minutes = days_from_epoch(year, month, day) * 1440 + hour * 60 + minute - offset_minutes;
    let ns = i128::from(minutes * 60 + second) * 1_000_000_000 + i128::from(nanos);
    i64::try_from(ns).ok()
}

fn days_in_month(year: i64, month: i64) -> Option<i64> {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(28 + i64::from(leap)),
        _ => None,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar; years that begin in March put the leap day last.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

struct Scan<'a>(&'a [u8]);

impl Scan<'_> {
    fn one_of(&mut self, set: &[u8]) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        set.contains(&first).then_some(first)
    }

    fn number(&mut self, digits: usize) -> Option<i64> {
        let (head, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        head.iter().try_fold(0, |n, b| {
            b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0'))
        })
    }

    /// A point and one to nine digits, or nothing.
    fn fraction(&mut self) -> Option<i64> {
        if self.0.first() != Some(&b'.') {
            return Some(0);
        }
        let digits = self
            .0
            .iter()
            .skip(1)
            .take_while(|b| b.is_ascii_digit())
            .count();
        if !(1..=9).contains(&digits) {
            return None;
        }
        self.one_of(b".")?;
        let number = self.number(digits)?;
        Some((digits..9).fold(number, |n, _| n * 10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps() {
        const S: i64 = 1_000_000_000;
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59.999999999Z", -1),
            ("2026-11-22T18:43:52.88223749Z", 1_795_373_032_882_237_490),
            ("2026-11-22T18:43:52Z", 1_795_373_032 * S),
            ("2026-11-22T18:43:52.1Z", 1_795_373_032 * S + S / 10),
            ("2026-11-22T18:43:52.123456789Z", 1_795_373_032_123_456_789),
            ("2026-11-22T19:43:52+01:00", 1_795_373_032 * S),
            ("2026-11-22T13:13:52-05:30", 1_795_373_032 * S),
            ("2026-11-22t18:43:52z", 1_795_373_032 * S),
            ("2024-02-29T00:00:00Z", 1_709_164_800 * S),
            ("2024-03-01T00:00:00Z", 1_709_251_200 * S),
            ("2000-02-29T12:00:00Z", 951_825_600 * S),
            ("2100-03-01T00:00:00Z", 4_107_542_400 * S),
            ("1900-03-01T00:00:00Z", -2_203_891_200 * S),
            ("2038-01-19T03:14:08Z", 2_147_483_648 * S),
            ("2262-04-11T23:47:16.854775807Z", i64::MAX),
            ("1677-09-21T00:12:43.145224192Z", i64::MIN),
        ] {
            assert_eq!(unix_ns(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_timestamp_or_out_of_range() {
        for text in [
            "",
            "x",
            "0001-01-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999999-23:59",
            "2262-04-11T23:47:16.854775808Z",
            "1677-09-21T00:12:43.145224191Z",
            "2023-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-32T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.1234567890Z",
            "2026-01-01T00:00:00.12",
            "2026-01-01T00:00:00+1:00",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+00:60",
            "2026-01-01T00:00:00Zx",
            "2026-01-01 00:00:00Z",
            "+026-01-01T00:00:00Z",
            "2026-1-01T00:00:00Z",
            "２026-01-01T00:00:00Z",
            "12026-01-01T00:00:00Z",
        ] {
            assert_eq!(unix_ns(text), None, "{text}");
        }
        let whole = "2026-11-22T18:43:52.882+01:00";
        assert!((0..whole.len()).all(|cut| unix_ns(&whole[..cut]).is_none()));
    }

    #[test]
    fn days_follow_each_other() {
        let mut expected = days_from_epoch(1600, 1, 1);
        assert_eq!(days_from_epoch(1970, 1, 1), 0);
        for year in 1600..2400 {
            for month in 1..=12 {
                for day in 1..=days_in_month(year, month).unwrap() {
                    assert_eq!(
                        days_from_epoch(year, month, day),
                        expected,
                        "{year} {month} {day}"
                    );
                    expected += 1;
                }
            }
        }
    }
}
