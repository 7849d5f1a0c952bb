//! Mutated answers, and chunks next to a reader that is too simple to be wrong.
use super::{
    super::{body::BodyDecoder, framing::Framing, head::ways_agree},
    corpus::corpus,
    run, whole,
};

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as usize % end.max(1)
    }

    /// Cuts into pieces of random lengths.
    fn cut<'a>(&mut self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let length = 1 + self.below(bytes.len().min(40));
            pieces.push(&bytes[..length]);
            bytes = &bytes[length..];
        }
        pieces
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        const LIKELY: &[u8] = b"\r\n\t ;:,0123456789aAfFgHT/.\0\x7f\xff";
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len() + 1);
            let byte = LIKELY[self.below(LIKELY.len())];
            match self.below(5) {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 => bytes.truncate(at),
                3 => {
                    let part = bytes[at..bytes.len().min(at + 12)].to_vec();
                    let to = self.below(bytes.len() + 1);
                    bytes.splice(to..to, part);
                }
                _ if at < bytes.len() => bytes[at] = byte,
                _ => {}
            }
        }
    }
}

#[test]
fn whatever_comes_nothing_breaks() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let corpus: Vec<_> = corpus().collect();
    let (mut ends, mut flaws, mut plain) = (0, 0, 0);
    for _ in 0..30_000 {
        let (method, bytes) = &corpus[random.below(corpus.len())];
        let mut bytes = bytes.clone();
        random.mutate(&mut bytes);
        let expected = whole(*method, &bytes);
        let text = String::from_utf8_lossy(&bytes);
        if let Some(agree) = ways_agree(&bytes, *method) {
            assert!(agree, "{text:?}");
            plain += 1;
        }
        assert!(expected.data.len() <= bytes.len());
        assert_ne!(expected.end.is_some(), expected.error.is_some(), "{text:?}");
        ends += usize::from(expected.end.is_some());
        flaws += usize::from(expected.error.is_some());
        let pieces = random.cut(&bytes);
        assert_eq!(
            run(*method, pieces.iter().copied(), true),
            expected,
            "{text:?} as {pieces:?}"
        );
        assert_eq!(run(*method, bytes.chunks(1), true), expected, "{text:?}");
    }
    assert!(
        ends > 3000 && flaws > 3000 && plain > 3000,
        "{ends} ends, {flaws} flaws, {plain} plain heads: the mutations are one-sided"
    );
}

/// Data and length of a complete chunked body, read in the simplest way.
fn naive(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let text: String = bytes.iter().map(|b| *b as char).collect();
    let clean = |s: &str| s.chars().all(|c| c == '\t' || !(c < ' ' || c == '\x7f'));
    let (mut data, mut rest) = (Vec::new(), text.as_str());
    loop {
        let (line, after) = rest.split_once("\r\n")?;
        let (size, extension) = line.split_once(';').unwrap_or((line, ""));
        let size = size.trim_end_matches([' ', '\t']);
        let hex = size.chars().all(|c| c.is_ascii_hexdigit()) && (1..=16).contains(&size.len());
        if !hex || !clean(extension) {
            return None;
        }
        let size = usize::from_str_radix(size, 16).ok()?;
        rest = after;
        if size == 0 {
            break;
        }
        let chunk: Vec<u8> = rest.chars().take(size).map(|c| c as u8).collect();
        if chunk.len() < size {
            return None;
        }
        data.extend(chunk);
        let after: String = rest.chars().skip(size).collect();
        let length = rest.len() - after.len();
        rest = rest[length..].strip_prefix("\r\n")?;
    }
    loop {
        let (line, after) = rest.split_once("\r\n")?;
        rest = after;
        match line {
            "" => return Some((data, bytes.len() - rest.chars().count())),
            line if clean(line) => {}
            _ => return None,
        }
    }
}

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<(Vec<u8>, usize)> {
    let mut body = BodyDecoder::new(Framing::Chunked, u64::MAX);
    let (mut data, mut taken) = (Vec::new(), 0);
    for piece in pieces {
        let mut input = piece;
        while let Some(part) = body.advance(&mut input).ok()? {
            data.extend_from_slice(part);
        }
        taken += piece.len() - input.len();
        if body.is_done() {
            return Some((data, taken));
        }
    }
    assert!(body.end_of_stream().is_err());
    None
}

#[test]
fn chunks_are_what_a_naive_reader_finds() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut complete, mut broken) = (0, 0);
    for round in 0..6000 {
        let (mut data, mut bytes) = (Vec::new(), Vec::new());
        for _ in 0..random.below(5) {
            let chunk: Vec<u8> = (0..=random.below(40))
                .map(|_| b"a\r\n0;"[random.below(5)])
                .collect();
            let extension = ["", ";a", "; a=\"b c\"", " ", "\t;;"][random.below(5)];
            let size = match random.below(3) {
                0 => format!("{:x}", chunk.len()),
                1 => format!("{:X}", chunk.len()),
                _ => format!("{:05x}", chunk.len()),
            };
            bytes.extend(format!("{size}{extension}\r\n").into_bytes());
            bytes.extend(&chunk);
            bytes.extend(b"\r\n");
            data.extend(chunk);
        }
        let end = [
            "0\r\n\r\n",
            "000;x\r\n\r\n",
            "0\r\nA: b\r\n\r\n",
            "0\r\nA: b\r\n c\r\n\r\n",
        ];
        bytes.extend(end[random.below(4)].as_bytes());
        assert_eq!(naive(&bytes), Some((data, bytes.len())));
        bytes.extend(&b"surplus"[..random.below(8)]);
        if round % 3 > 0 {
            random.mutate(&mut bytes);
        }
        let expected = naive(&bytes);
        match &expected {
            Some(_) => complete += 1,
            None => broken += 1,
        }
        let pieces = random.cut(&bytes);
        assert_eq!(
            decode(pieces),
            expected,
            "{:?}",
            String::from_utf8_lossy(&bytes)
        );
        assert_eq!(
            decode([&bytes[..]]),
            expected,
            "{:?}",
            String::from_utf8_lossy(&bytes)
        );
    }
    assert!(
        complete > 2000 && broken > 1000,
        "{complete} complete, {broken} broken"
    );
}
