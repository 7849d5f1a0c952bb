//! `X-Etcd-Cluster-Id`: lower-case hexadecimal digits from etcd, any text from others.
use std::fmt;

/// The id of a cluster as an answer tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterId {
    /// 0: it is none
    number: u64,
    /// as it was told, unless that is what etcd makes of the number
    text: Option<Box<str>>,
}

impl ClusterId {
    /// Whether none was told.
    pub fn is_empty(&self) -> bool {
        self.number == 0 && self.text.is_none()
    }

    /// As a number, if it is one; no cluster is number 0.
    pub fn number(&self) -> Option<u64> {
        Some(self.number).filter(|number| *number != 0)
    }
}

impl From<&str> for ClusterId {
    fn from(text: &str) -> ClusterId {
        let digit = |sum: u64, byte: &u8| match byte {
            b'0'..=b'9' => Some(sum << 4 | u64::from(byte - b'0')),
            b'a'..=b'f' => Some(sum << 4 | u64::from(byte - b'a' + 10)),
            _ => None,
        };
        let bytes = text.as_bytes();
        match bytes.iter().try_fold(0, digit) {
            Some(number) if bytes.len() <= 16 && !bytes.starts_with(b"0") => {
                ClusterId { number, text: None }
            }
            _ => ClusterId {
                number: u64::from_str_radix(text, 16).unwrap_or(0),
                text: Some(text.into()),
            },
        }
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => f.write_str(text),
            None if self.number == 0 => Ok(()),
            None => write!(f, "{:x}", self.number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_told_as_it_came() {
        for (text, number) in [
            ("cdf818194e3a8c32", Some(0xcdf8_1819_4e3a_8c32)),
            ("ffffffffffffffff", Some(u64::MAX)),
            ("1", Some(1)),
            ("", None),
            ("0", None),
            ("00", None),
            ("0001f", Some(0x1f)),
            ("CDF8", Some(0xcdf8)),
            ("+1f", Some(0x1f)),
            ("10000000000000000", None),
            ("cluster", None),
            ("\u{fffd}", None),
        ] {
            let id = ClusterId::from(text);
            assert_eq!((id.to_string().as_str(), id.number()), (text, number));
            assert_eq!(id.is_empty(), text.is_empty());
        }
    }
}
