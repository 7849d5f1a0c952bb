//! Just enough of DER to say what is wrong with a key, and to find the key in a certificate of version 1.

/// Object identifiers of algorithms and curves that are known by name, but not supported.
const KNOWN: &[(&[u8], &str)] = &[
    (
        &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23],
        "an EC key on P-521",
    ),
    (
        &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a],
        "an EC key on secp256k1",
    ),
    (
        &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x21],
        "an EC key on P-224",
    ),
    (&[0x06, 0x03, 0x2b, 0x65, 0x71], "an Ed448 key"),
    (
        &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01],
        "a DSA key",
    ),
];
const RSA: &[u8] = &[
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
];
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// What sort of private key it is, as far as the sort is the reason why it is not supported.
pub(super) fn kind(key: &[u8], pkcs1: bool) -> Option<String> {
    let has = |id: &[u8]| key.windows(id.len()).any(|part| part == id);
    if let Some((_, name)) = KNOWN.iter().find(|(id, _)| has(id)) {
        return Some((*name).to_owned());
    }
    let inner = match pkcs1 {
        true => Some(key),
        false if has(RSA) => {
            // version, algorithm, and the key as PKCS#1
            let (fields, _) = value(SEQUENCE, key)?;
            let (_, fields) = value(INTEGER, fields)?;
            let (_, fields) = value(SEQUENCE, fields)?;
            Some(value(OCTETS, fields)?.0)
        }
        false => None,
    };
    let (fields, _) = value(SEQUENCE, inner?)?;
    let (_, fields) = value(INTEGER, fields)?;
    let (modulus, _) = value(INTEGER, fields)?;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let first = modulus.get(zeros)?;
    let bits = 8 * (modulus.len() - zeros) - first.leading_zeros() as usize;
    Some(format!("an RSA key of {bits} bits"))
}

/// The public key of a certificate of X.509 version 1, as a SubjectPublicKeyInfo; `None` for any other.
pub(super) fn key_of_version_1(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = value(SEQUENCE, certificate)?;
    let (fields, _) = value(SEQUENCE, certificate)?;
    // no version: that is 1
    let (_, mut fields) = value(INTEGER, fields)?;
    // algorithm, issuer, validity, subject
    for _ in 0..4 {
        fields = value(SEQUENCE, fields)?.1;
    }
    let after = value(SEQUENCE, fields)?.1;
    // unique identifiers and extensions are of later versions
    let key = fields.len().checked_sub(after.len())?;
    after.is_empty().then(|| fields.get(..key)).flatten()
}

/// The content of the first element, which must have this tag, and what follows it.
fn value(tag: u8, input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, rest) = input.split_first()?;
    let (length, mut rest) = rest.split_first()?;
    let mut length = usize::from(*length);
    if length >= 0x80 {
        let digits = length - 0x80;
        if digits == 0 || digits > 3 {
            return None;
        }
        let (bytes, after) = rest.split_at_checked(digits)?;
        length = bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        rest = after;
    }
    let content = rest.split_at_checked(length)?;
    (*found == tag).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named() {
        let short = [
            &[0x30, 0x82, 0x00, 0x87, 2, 1, 0, 2, 0x81, 0x81, 0][..],
            &[0xff; 128],
        ]
        .concat();
        assert_eq!(
            kind(&short, true).as_deref(),
            Some("an RSA key of 1024 bits")
        );
        for cut in 0..short.len() {
            assert_eq!(kind(&short[..cut], true), None, "{cut}");
        }
        let p521 = [&[0x30, 9][..], KNOWN[0].0].concat();
        assert_eq!(kind(&p521, false).as_deref(), Some("an EC key on P-521"));
        assert_eq!(kind(b"", false), None);
        assert_eq!(kind(&[0x30, 0x84, 255, 255, 255, 255, 2], true), None);
    }
}
