//! Percent-encoding: everything but the unreserved characters of RFC 3986 becomes `%XX`.

const fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Encoded length of each byte: 1 or 3.
static COST: [u8; 256] = {
    let mut table = [3; 256];
    let mut byte = 0;
    while byte < 256 {
        if unreserved(byte as u8) {
            table[byte] = 1;
        }
        byte += 1;
    }
    table
};

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Length of `text` once encoded.
pub(crate) fn encoded_len(text: &str) -> usize {
    text.bytes()
        .map(|b| usize::from(COST[usize::from(b)]))
        .sum()
}

/// Appends `text`, encoded.
pub(crate) fn encode_into(out: &mut String, text: &str) {
    encode(out, text, |byte| COST[usize::from(byte)] == 1);
}

/// Appends `path`, encoded but for its slashes.
pub(crate) fn encode_path_into(out: &mut String, path: &str) {
    encode(out, path, |byte| {
        byte == b'/' || COST[usize::from(byte)] == 1
    });
}

/// Runs that need no escape are copied whole.
fn encode(out: &mut String, text: &str, plain: impl Fn(u8) -> bool) {
    let mut run = 0;
    for (at, byte) in text.bytes().enumerate() {
        if plain(byte) {
            continue;
        }
        // inside a multi-byte character there is no run, and no boundary to slice at
        out.push_str(text.get(run..at).unwrap_or_default());
        out.push('%');
        out.push(char::from(HEX[usize::from(byte >> 4)]));
        out.push(char::from(HEX[usize::from(byte & 15)]));
        run = at + 1;
    }
    out.push_str(text.get(run..).unwrap_or_default());
}

/// Percent-decodes once; invalid sequences stay as they are.
pub(super) fn decoded(mut rest: &[u8]) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let (&first, after) = rest.split_first()?;
        rest = after;
        if first != b'%' {
            return Some(first);
        }
        let [high, low, after @ ..] = rest else {
            return Some(first);
        };
        let digit = |b: u8| char::from(b).to_digit(16);
        let (Some(high), Some(low)) = (digit(*high), digit(*low)) else {
            return Some(first);
        };
        rest = after;
        u8::try_from(high * 16 + low).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_and_its_cost() {
        for c in (0u8..128).map(char::from) {
            let text = c.to_string();
            let mut out = String::new();
            encode_into(&mut out, &text);
            assert_eq!(out.len(), encoded_len(&text));
            let plain = c.is_ascii_alphanumeric() || "-._~".contains(c);
            let expected = if plain {
                text
            } else {
                format!("%{:02X}", c as u32)
            };
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn characters_of_several_bytes_between_runs() {
        let mut out = String::from("<");
        encode_into(&mut out, "aä€b😀;+ c");
        assert_eq!(out, "<a%C3%A4%E2%82%ACb%F0%9F%98%80%3B%2B%20c");
        assert_eq!(out.len() - 1, encoded_len("aä€b😀;+ c"));
    }
}
