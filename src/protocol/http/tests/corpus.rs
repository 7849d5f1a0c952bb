//! Answers, and what they mean.
use crate::protocol::method::Method;

pub(super) const ETCD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Etcd-Cluster-Id: cdf818194e3a8c32\r\n\
    X-Etcd-Index: 7\r\nX-Raft-Index: 12\r\nX-Raft-Term: 2\r\nDate: Mon, 05 Jan 2026 12:34:56 GMT\r\n\
    Content-Length: 92\r\n\r\n\
    {\"action\":\"get\",\"node\":{\"key\":\"/a\",\"value\":\"1\",\"modifiedIndex\":7,\"createdIndex\":7,\"x\":\"\"}}\r\n";

/// Method, answer, status, body, keep-alive, surplus.
pub(super) type Good = (Method, &'static str, u16, &'static str, bool, usize);

pub(super) const GOOD: &[Good] = &[
    (
        Method::Get,
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        200,
        "{}",
        true,
        0,
    ),
    (
        Method::Get,
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        200,
        "",
        true,
        0,
    ),
    (
        Method::Get,
        "HTTP/1.1 200\r\ncontent-length:1\r\n\r\nxHTTP",
        200,
        "x",
        true,
        4,
    ),
    (
        Method::Get,
        "HTTP/1.1 200 OK\r\n\r\nuntil\r\n\r\nthe end",
        200,
        "until\r\n\r\nthe end",
        false,
        0,
    ),
    (
        Method::Get,
        "HTTP/1.0 404 Not Found\r\nX: y\r\n\r\n",
        404,
        "",
        false,
        0,
    ),
    (
        Method::Get,
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
        200,
        "x",
        true,
        0,
    ),
    (
        Method::Get,
        "HTTP/1.1 200 OK\nContent-Length: 1\n\nx",
        200,
        "x",
        true,
        0,
    ),
    (
        Method::Get,
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
        200,
        "x",
        false,
        0,
    ),
    (
        Method::Get,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=\"y\"\r\nde\r\n0\r\n\r\n",
        200,
        "abcde",
        true,
        0,
    ),
    (
        Method::Get,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n00A \t;\r\n\r\n0\r\n\r\n12\n\r\n000\r\nT: a\r\nU: b\r\n\r\n!",
        200,
        "\r\n0\r\n\r\n12\n",
        true,
        1,
    ),
    (
        Method::Get,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        200,
        "",
        true,
        0,
    ),
    (
        Method::Head,
        "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n",
        200,
        "",
        true,
        0,
    ),
    (
        Method::Head,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        200,
        "",
        true,
        0,
    ),
    (
        Method::Put,
        "HTTP/1.1 204 No Content\r\n\r\n",
        204,
        "",
        true,
        0,
    ),
    (
        Method::Get,
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        304,
        "",
        true,
        0,
    ),
    (
        Method::Put,
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx",
        201,
        "x",
        true,
        0,
    ),
    (
        Method::Get,
        ETCD,
        200,
        "{\"action\":\"get\",\"node\":{\"key\":\"/a\",\"value\":\"1\",\"modifiedIndex\":7,\"createdIndex\":7,\"x\":\"\"}}\r\n",
        true,
        0,
    ),
];

/// Method, answer, a part of the error's text, whether the head was told before.
pub(super) type Bad = (Method, &'static str, &'static str, bool);

pub(super) const BAD: &[Bad] = &[
    (
        Method::Get,
        "SSH-2.0-OpenSSH\r\n",
        "is not HTTP/1: it begins otherwise",
        false,
    ),
    (
        Method::Get,
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "is not HTTP/1: it begins otherwise",
        false,
    ),
    (
        Method::Get,
        "HTTP/2.0 200 OK\r\n\r\n",
        "is not HTTP/1: it begins otherwise",
        false,
    ),
    (
        Method::Get,
        "HTTP/1.2 200 OK\r\n\r\n",
        "is not HTTP/1: ",
        false,
    ),
    (
        Method::Get,
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "is not HTTP/1: ",
        false,
    ),
    (
        Method::Get,
        "HTTP/1.1 099 OK\r\n\r\n",
        "status is below 100",
        false,
    ),
    (
        Method::Get,
        "HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\nPRI",
        "status 101, which nobody asked for",
        false,
    ),
    (
        Method::Get,
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "is not HTTP/1: ",
        false,
    ),
    (
        Method::Get,
        "HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n",
        "is not HTTP/1: ",
        false,
    ),
    (
        Method::Get,
        "HTTP/1.1 200 OK\r\na: b\rc\r\n\r\n",
        "is not HTTP/1: ",
        false,
    ),
    (
        Method::Get,
        "HTTP/1.1 200 OK\r\na : b\r\n\r\n",
        "is not HTTP/1: ",
        false,
    ),
    (
        Method::Get,
        "HTTP/1.1 200 OK\r\nno colon, no end",
        "closed inside the head",
        false,
    ),
    (
        Method::Get,
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "Content-Length is no number",
        false,
    ),
    (
        Method::Get,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "transfer coding other",
        false,
    ),
    (Method::Get, "", "connection closed before an answer", false),
    (
        Method::Get,
        "HTTP/1.1 100 Continue\r\n\r\n",
        "closed inside the head",
        false,
    ),
    (
        Method::Get,
        "HTTP/1.1 200 OK\r\nContent-Length: 601\r\n\r\n",
        "larger than 600 bytes",
        true,
    ),
    (
        Method::Get,
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
        "the body was cut",
        true,
    ),
    (
        Method::Get,
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        "the body was cut",
        true,
    ),
];

/// Broken chunks after a good head.
pub(super) const CHUNKS: &[(&str, &str)] = &[
    ("", "the body was cut"),
    ("3", "the body was cut"),
    ("3\r\nabc", "the body was cut"),
    ("3\r\nabc\r\n", "the body was cut"),
    ("3\r\nabc\r\n0\r\n", "the body was cut"),
    ("3\r\nabc\r\n0\r\n\r", "the body was cut"),
    ("0\r\nT: a\r\n", "the body was cut"),
    ("\r\n", "a chunk has no size"),
    (";x\r\n", "a chunk has no size"),
    (" 3\r\nabc", "a chunk has no size"),
    ("-1\r\n", "a chunk has no size"),
    ("3\nabc", "size of a chunk is no number"),
    ("3 3\r\nabc", "size of a chunk is no number"),
    ("0x3\r\nabc", "size of a chunk is no number"),
    ("3g\r\n", "size of a chunk is no number"),
    ("00000000000000003\r\nabc", "too many digits"),
    ("ffffffffffffffff\r\nabc", "larger than 600 bytes"),
    ("258\r\n", "the body was cut"),
    ("259\r\n", "larger than 600 bytes"),
    ("1\r\na\r\n258\r\n", "larger than 600 bytes"),
    ("3\rabc", "CR without LF"),
    ("3;a\rb\r\nabc", "CR without LF"),
    ("3;a\nb\r\nabc", "control character in a chunk extension"),
    ("3\r\nabcd\r\n", "a chunk is longer than its size"),
    ("3\r\nabc\n0\r\n\r\n", "a chunk is longer than its size"),
    ("3\r\nabc\r0\r\n\r\n", "a chunk is longer than its size"),
    ("0\r\n\n", "control character in a trailer"),
    ("0\r\na\0b\r\n\r\n", "control character in a trailer"),
    ("0\r\na\rb\r\n\r\n", "CR without LF"),
    ("0\r\n\rx", "CR without LF"),
];

pub(super) const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Every answer of the tables above.
pub(super) fn corpus() -> impl Iterator<Item = (Method, Vec<u8>)> {
    let good = GOOD.iter().map(|g| (g.0, g.1.to_owned()));
    let bad = BAD.iter().map(|b| (b.0, b.1.to_owned()));
    let chunks = CHUNKS
        .iter()
        .map(|c| (Method::Get, format!("{CHUNKED}{}", c.0)));
    good.chain(bad)
        .chain(chunks)
        .map(|(method, text)| (method, text.into_bytes()))
}
