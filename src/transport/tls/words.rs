//! What went wrong with TLS, in words.
use crate::display::one_line;
use rustls::{AlertDescription, CertificateError, Error, pki_types::UnixTime};

/// What the other side speaks, when it is not TLS.
pub(super) fn foreign(first: &[u8]) -> Option<&'static str> {
    match first {
        [b'H', b'T', b'T', b'P', b'/'] => {
            Some("the server answers in clear text: this is a port for http://")
        }
        // the types of records
        [0x14..=0x18, 3, ..] | [] => None,
        _ => Some("the server answers in something that is not TLS"),
    }
}

/// An error, without the endpoint. `identity`: the server could be shown a certificate.
pub(super) fn of(error: &Error, identity: bool) -> String {
    match error {
        Error::AlertReceived(alert) => refused(*alert, identity),
        Error::InvalidCertificate(why) => format!("the server's certificate {}", certificate(why)),
        Error::PeerIncompatible(_) => {
            format!(
                "nothing in common with the server: {}",
                one_line(&error.to_string())
            )
        }
        _ => one_line(&error.to_string()),
    }
}

fn refused(alert: AlertDescription, identity: bool) -> String {
    use AlertDescription::*;
    let said = format!("{alert:?}");
    let about_us = matches!(
        alert,
        BadCertificate
            | UnsupportedCertificate
            | CertificateRevoked
            | CertificateExpired
            | CertificateUnknown
            | UnknownCA
            | CertificateRequired
            | AccessDenied
            | NoCertificate
    );
    match (about_us, identity) {
        (true, false) => format!("the server wants a client certificate, and none is set ({said})"),
        (true, true) => format!("the server does not accept the client certificate ({said})"),
        // older servers say so when they miss a certificate, too
        (false, false) if alert == HandshakeFailure => format!(
            "the server refused: no common cipher, or it wants a client certificate ({said})"
        ),
        _ if alert == UnrecognisedName => {
            format!("the server does not know the name that it was asked for ({said})")
        }
        _ if alert == ProtocolVersion => {
            format!("the server has no version of TLS in common with us: 1.2 and 1.3 ({said})")
        }
        _ => format!("the server refused ({said})"),
    }
}

fn certificate(why: &CertificateError) -> String {
    match why {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("expired on {}", date(*not_after))
        }
        CertificateError::Expired => "has expired".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("is not valid before {}", date(*not_before))
        }
        CertificateError::NotValidYet => "is not valid yet".to_owned(),
        CertificateError::UnknownIssuer => {
            "is signed by an authority that is not among those that are trusted".to_owned()
        }
        // made anew, perhaps
        CertificateError::BadSignature => {
            "is signed by an authority that shares the name of a trusted one, but not its key"
                .to_owned()
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let expected = expected.to_str();
            match presented.is_empty() {
                true => {
                    format!("names no host, not even `{expected}` (a common name does not count)")
                }
                false => {
                    let names: Vec<String> = presented.iter().map(|name| bare(name)).collect();
                    format!(
                        "is for {}, not for `{expected}`",
                        one_line(&names.join(", "))
                    )
                }
            }
        }
        CertificateError::Other(other) => one_line(&other.0.to_string()),
        CertificateError::InvalidPurposeContext { .. } | CertificateError::InvalidPurpose => {
            "is not for servers: its extended key usage lacks serverAuth".to_owned()
        }
        other => format!("is not valid: {}", one_line(&other.to_string())),
    }
}

/// `DnsName("a")` and `IpAddress(1.2.3.4)` as names that people use.
fn bare(name: &str) -> String {
    let inner = name
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    format!("`{}`", inner.unwrap_or(name).trim_matches('"'))
}

/// `2031-12-24 18:00:00 UTC`.
pub(super) fn date(time: UnixTime) -> String {
    let seconds = time.as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // years that begin in March, so that the odd day is the last one
    let era = (days + 719_468) / 146_097;
    let of_era = (days + 719_468) % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, turn) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!(
        "{:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        era * 400 + year + turn,
        rest / 3_600,
        rest / 60 % 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn dates() {
        for (seconds, shown) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_868_799, "2000-02-29 23:59:59 UTC"),
            (1_956_592_800, "2032-01-01 18:00:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
            (253_402_300_799, "9999-12-31 23:59:59 UTC"),
        ] {
            let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
            assert_eq!(date(time), shown);
        }
    }

    #[test]
    fn names_are_told_as_people_write_them() {
        assert_eq!(bare("DnsName(\"a.example\")"), "`a.example`");
        assert_eq!(bare("IpAddress(127.0.0.1)"), "`127.0.0.1`");
        assert_eq!(bare("odd"), "`odd`");
    }

    #[test]
    fn what_is_not_tls_is_told_by_its_first_bytes() {
        assert!(foreign(b"HTTP/").is_some_and(|text| text.contains("http://")));
        assert!(foreign(b"SSH-2").is_some_and(|text| text.contains("not TLS")));
        assert_eq!(foreign(&[0x15, 3, 1, 0, 2]), None);
        assert_eq!(foreign(b""), None);
    }
}
