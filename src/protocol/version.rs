//! What `/version` says.

/// Major and minor version of the cluster, or of the server while the cluster has not decided.
pub fn of(body: &[u8]) -> Option<(u32, u32)> {
    let text = std::str::from_utf8(body).ok()?.trim();
    // 2.0 and 0.4 answer in plain text
    if let Some(plain) = text.strip_prefix("etcd ") {
        return numbers(plain);
    }
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    let field = |name| json.get(name).and_then(|v| v.as_str()).and_then(numbers);
    field("etcdcluster").or_else(|| field("etcdserver"))
}

fn numbers(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn every_form_that_servers_have_sent() {
        assert_eq!(
            of(br#"{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}"#),
            Some((3, 4))
        );
        assert_eq!(
            of(br#"{"etcdserver":"3.5.1","etcdcluster":"2.2.0"}"#),
            Some((2, 2))
        );
        assert_eq!(
            of(br#"{"etcdserver":"2.3.8","etcdcluster":"not_decided"}"#),
            Some((2, 3))
        );
        assert_eq!(of(b"etcd 2.0.13"), Some((2, 0)));
        for other in [
            "",
            "404 page not found\n",
            "{}",
            "[]",
            "etcd",
            "etcd x.y",
            "{\"etcdserver\":3}",
        ] {
            assert_eq!(of(other.as_bytes()), None, "{other}");
        }
    }
}
