//! Which version `/version` means.

use super::admin::versions;

/// Major and minor version of the cluster, or of the server while the cluster has not decided.
pub fn of(body: &[u8]) -> Option<(u32, u32)> {
    let versions = versions::read(body).ok()?;
    numbers(&versions.cluster).or_else(|| numbers(&versions.server))
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
