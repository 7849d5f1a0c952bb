//! Every rule by example, and every example in every cut.
use super::{
    super::{
        body::BodyDecoder,
        framing::Framing,
        parse_error::{FlawKind, ParseError},
    },
    LIMIT,
    corpus::{BAD, CHUNKED, CHUNKS, ETCD, GOOD, corpus},
    run, whole,
};
use crate::{error::Phase, protocol::method::Method};

#[test]
fn good_answers() {
    for (method, text, status, body, keep_alive, surplus) in GOOD {
        let seen = whole(*method, text.as_bytes());
        assert_eq!(seen.error, None, "{text}");
        assert_eq!(seen.heads.len(), 1, "{text}");
        assert_eq!(seen.heads[0].status, *status, "{text}");
        assert_eq!(String::from_utf8_lossy(&seen.data), *body);
        assert_eq!(seen.end, Some((*keep_alive, *surplus)), "{text}");
        assert_eq!(seen.phase, Some(Phase::Body));
        assert_eq!(
            seen.began,
            !body.is_empty() || text.ends_with("chunked\r\n\r\n0\r\n\r\n"),
            "{text}"
        );
    }
    let head = &whole(Method::Get, ETCD.as_bytes()).heads[0];
    assert_eq!(
        (head.etcd_index, head.raft_index, head.raft_term),
        (7, 12, 2)
    );
    assert_eq!(head.cluster_id.to_string(), "cdf818194e3a8c32");
    assert_eq!(head.content_type, "application/json");
}

#[test]
fn bad_answers() {
    for (method, text, why, head) in BAD {
        let seen = whole(*method, text.as_bytes());
        let error = seen.error.unwrap();
        assert!(error.text.contains(why), "{text}: {error}");
        assert_eq!(seen.heads.len(), usize::from(*head), "{text}");
        assert_eq!(
            seen.phase,
            Some(if *head { Phase::Body } else { Phase::Head }),
            "{text}"
        );
        let kind = match *why {
            _ if why.contains("closed") => FlawKind::Connection,
            _ if why.contains("larger") => FlawKind::TooLarge,
            _ => FlawKind::Protocol,
        };
        assert_eq!((error.kind, seen.end), (kind, None), "{text}");
    }
    for (chunks, why) in CHUNKS {
        let seen = whole(Method::Get, format!("{CHUNKED}{chunks}").as_bytes());
        let error = seen.error.unwrap();
        assert!(error.text.contains(why), "{chunks}: {error}");
        assert_eq!(
            (seen.began, seen.end),
            (!chunks.is_empty(), None),
            "{chunks}"
        );
    }
}

/// A server that says garbage and then waits is found out by its first bytes.
#[test]
fn other_protocols_need_no_blank_line() {
    for bytes in [
        &b"SSH-2.0"[..],
        b"\x15\x03\x01",
        b"\0\0\x06\x04",
        b"HTTP/3",
        b"<html>",
    ] {
        let seen = run(Method::Get, bytes.chunks(1), false);
        assert!(seen.error.unwrap().text.contains("not HTTP/1"), "{bytes:?}");
    }
    assert_eq!(run(Method::Get, [&b"HTTP/"[..]], false).error, None);
}

#[test]
fn every_cut_means_the_same() {
    for (method, bytes) in corpus() {
        let expected = whole(method, &bytes);
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(
            run(method, bytes.chunks(1), true),
            expected,
            "byte by byte: {text}"
        );
        // all pairs of a long one would take seconds
        let step = if bytes.len() > 150 { 5 } else { 1 };
        for first in 0..=bytes.len() {
            for second in (first..=bytes.len()).step_by(step) {
                let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                let seen = run(method, pieces, true);
                assert_eq!(seen, expected, "cut at {first} and {second}: {text}");
            }
        }
    }
}

#[test]
fn no_end_before_the_end() {
    for (method, text, _, _, keep_alive, surplus) in GOOD {
        let open = &(!keep_alive && !text.contains("Connection"));
        let bytes = &text.as_bytes()[..text.len() - surplus];
        for length in 0..bytes.len() {
            let seen = run(*method, [&bytes[..length]], false);
            assert_eq!(
                (&seen.end, &seen.error),
                (&None, &None),
                "{length} of {text}"
            );
            let seen = whole(*method, &bytes[..length]);
            if seen.end.is_some() {
                // only what has no framing may end early
                let head = text.find("\r\n\r\n").unwrap() + 4;
                assert!(*open && length >= head, "{length} of {text}");
            }
            assert_ne!(seen.end.is_some(), seen.error.is_some());
        }
    }
}

#[test]
fn heads_are_bounded() {
    let fill = |lines: usize, length: usize| {
        let line = format!("a: {}\r\n", "b".repeat(length));
        format!("HTTP/1.1 204 OK\r\n{}\r\n", line.repeat(lines))
    };
    let judge = |text: &str| {
        let seen = whole(Method::Get, text.as_bytes());
        for size in [1, 1000, 65_535, 65_536] {
            assert_eq!(run(Method::Get, text.as_bytes().chunks(size), true), seen);
        }
        seen.error.map(|error| error.text.into_owned())
    };
    assert_eq!(judge(&fill(128, 1)), None);
    let many = judge(&fill(129, 1)).unwrap();
    assert_eq!(many, "head of the answer has more than 128 headers");
    let other = fill(1, 0).len();
    assert_eq!(judge(&fill(1, 65_536 - other)), None);
    let long = Some("head of the answer is longer than 64 KiB".to_owned());
    assert_eq!(judge(&fill(1, 65_537 - other)), long);
    assert_eq!(judge(&fill(1, 100_000)), long);
    // also when they never come to their end, or are bad as well
    assert_eq!(judge(fill(1, 65_536).trim_end()), long);
    assert_eq!(judge(&fill(1, 100_000).replace("a:", "a")), long);
    // interim heads count
    assert_eq!(judge(&"HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000)), long);
}

#[test]
fn extensions_and_trailers_are_bounded() {
    let long = "x".repeat(16 * 1024);
    for (body, good) in [
        (format!("1;{long}\r\na\r\n0\r\n\r\n"), true),
        (format!("1;{long}x\r\na\r\n0\r\n\r\n"), false),
        (format!("1;{long}\r\na\r\n0\r\nT\r\n\r\n"), false),
        (format!("0\r\n{long}\r\n\r\n"), true),
        (format!("0\r\n{long}\r\nx\r\n\r\n"), false),
        (format!("1{}\r\n", " ".repeat(16 * 1024 + 1)), false),
    ] {
        let seen = whole(Method::Get, format!("{CHUNKED}{body}").as_bytes());
        let error = seen
            .error
            .map(|error| error.text.contains("longer than 16 KiB"));
        assert_eq!(error, (!good).then_some(true));
    }
}

#[test]
fn a_body_without_framing_is_bounded_and_its_beginning_told() {
    let text = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(700));
    let seen = whole(Method::Get, text.as_bytes());
    assert_eq!(seen.data.len() as u64, LIMIT);
    assert_eq!(seen.error, Some(ParseError::too_large(LIMIT)));
    assert_eq!(run(Method::Get, text.as_bytes().chunks(7), true), seen);
}

#[test]
fn expected_length() {
    for (framing, before, after) in [
        (Framing::None, Some(0), Some(0)),
        (Framing::Length(3), Some(3), Some(2)),
        (Framing::Chunked, None, None),
        (Framing::UntilClose, None, None),
    ] {
        let mut body = BodyDecoder::new(framing, LIMIT);
        assert_eq!((body.expected(), body.began()), (before, false));
        body.advance(&mut &b"1"[..]).unwrap();
        assert_eq!(
            (body.expected(), body.began()),
            (after, framing != Framing::None)
        );
    }
}
