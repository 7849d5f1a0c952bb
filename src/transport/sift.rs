//! Takes the headers that matter to us out of the head of an answer before the engine sees it: each header that it does
//! not see saves it a name, a value and a place in a map. What frames the answer, and every odd head, it gets as it came.

use crate::protocol::response_head::Head;

/// Most lines of a head that is worth the work.
const MOST: usize = 24;

/// Looks through `bytes`, which begin with a head. Lines that the engine has no need of are taken out by moving what
/// stands before them; returns how many bytes at the front of `bytes` are now void.
pub(super) fn sift(bytes: &mut [u8], head: &mut Head) -> usize {
    let mut starts = [0; MOST];
    let Some(lines) = look(bytes, &mut starts) else {
        return 0;
    };
    let Some((&end, starts)) = starts.get(..=lines).and_then(<[usize]>::split_last) else {
        return 0;
    };
    let (mut end, mut keep) = (end, end);
    // from the last line to the first, so that every kept byte is moved once
    for &start in starts.iter().rev() {
        let line = bytes.get(start..end).unwrap_or_default();
        match kind(line) {
            LineKind::Frame => {
                keep -= line.len();
                bytes.copy_within(start..end, keep);
            }
            LineKind::Ours => take(line, head),
            LineKind::Origin => head.add_origin(),
            LineKind::Noise => {}
        }
        end = start;
    }
    keep
}

/// Fills in where the lines of a plain, complete head start, and where the last one ends; returns how many there are.
/// `None` leaves the head to the engine, which judges it as a whole.
fn look(bytes: &[u8], starts: &mut [usize; MOST]) -> Option<usize> {
    // interim answers are followed by another head
    if !bytes.starts_with(b"HTTP/1.1 ") || bytes.get(9) == Some(&b'1') {
        return None;
    }
    let mut start = 0;
    for (lines, slot) in starts.iter_mut().enumerate() {
        *slot = start;
        let rest = bytes.get(start..)?;
        if rest.starts_with(b"\r\n") {
            return (odd(bytes.get(..start)?) == 2 * lines).then_some(lines);
        }
        let length = memchr::memchr(b'\n', rest)?;
        // a line that begins with a space goes on where the last one ended
        if length == 0 || rest.get(length - 1) != Some(&b'\r') || rest.first() == Some(&b' ') {
            return None;
        }
        start += length + 1;
    }
    None
}

/// How many of them are not printable ASCII.
fn odd(bytes: &[u8]) -> usize {
    // counters of one byte fill a vector register, and none overflows within a part
    let parts = bytes.chunks(128).map(|part| {
        let odd = part.iter().map(|b| u8::from(!(b' '..0x7f).contains(b)));
        usize::from(odd.sum::<u8>())
    });
    parts.sum()
}

enum LineKind {
    Frame,
    Noise,
    /// of the headers for browsers the one that is counted
    Origin,
    Ours,
}

fn kind(line: &[u8]) -> LineKind {
    let begins = |name: &[u8]| {
        line.get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    match line.first() {
        Some(b'X' | b'x') if begins(b"x-etcd-") || begins(b"x-raft-") => LineKind::Ours,
        // sent with every answer of a member, for browsers and caches
        Some(b'A' | b'a') if begins(b"access-control-") => match line.get(21..28) {
            Some(name) if name.eq_ignore_ascii_case(b"origin:") => LineKind::Origin,
            _ => LineKind::Noise,
        },
        Some(b'D' | b'd') if begins(b"date:") => LineKind::Noise,
        _ => LineKind::Frame,
    }
}

fn take(line: &[u8], head: &mut Head) {
    let Some(colon) = memchr::memchr(b':', line) else {
        return;
    };
    let (name, value) = line.split_at(colon);
    head.set(name, value.get(1..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETCD: &str = "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Headers: accept, content-type\r\nContent-Type: application/json\r\n\
        X-Etcd-Cluster-Id: ab8e\r\nx-etcd-index: 42\r\nX-Raft-Index: 77\r\nX-Raft-Term: 3\r\n\
        Date: Sun, 22 Nov 2026 18:00:00 GMT\r\nContent-Length: 2\r\n\r\n{}";

    fn sifted(text: &str) -> (String, Head) {
        let mut bytes = text.as_bytes().to_vec();
        let mut head = Head::default();
        let void = sift(&mut bytes, &mut head);
        (
            String::from_utf8(bytes.split_off(void)).expect("text"),
            head,
        )
    }

    #[test]
    fn what_frames_the_answer_stays_and_what_is_ours_is_read() {
        let (rest, head) = sifted(ETCD);
        assert_eq!(
            rest,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        );
        assert_eq!(
            (
                head.etcd_index,
                head.raft_index,
                head.raft_term,
                head.cluster_id.as_str()
            ),
            (42, 77, 3, "ab8e")
        );
    }

    #[test]
    fn odd_heads_are_left_as_they_came() {
        for odd in [
            "",
            "HTTP/1.1 200 OK",
            "HTTP/1.0 200 OK\r\nX-Etcd-Index: 1\r\n\r\n",
            "HTTP/1.1 100 Continue\r\nDate: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX-Etcd-Index: 1\r\n folded\r\n\r\n",
            "HTTP/1.1 200 OK\nX-Etcd-Index: 1\n\n",
            "HTTP/1.1 200 OK\r\nX-Etcd-Index: \u{e9}\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX-Etcd-Index: 1\r\nDa",
        ] {
            assert_eq!(sifted(odd), (odd.to_owned(), Head::default()), "{odd:?}");
        }
        for cut in 0..ETCD.len() - 4 {
            let part = &ETCD[..cut];
            assert_eq!(sifted(part).0, part);
        }
    }
}
