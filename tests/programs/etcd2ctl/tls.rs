//! Authorities and certificates, by flags and by variables.

use super::bench;
use crate::support::etcd::Setup;
use crate::support::{Authority, Version, Wish};

#[test]
fn they_prove_themselves_alike() {
    let authority = Authority::new("ours");
    let server = authority.issue(&Wish::server());
    let client = authority.issue(&Wish::client("root"));
    let (ca, cert, key) = (authority.file(), &client.cert_file, &client.key_file);
    for version in Version::ALL {
        let setup = Setup::new(version).secure(&server);
        let etcd = setup.client_authority(&authority).start();
        let Some(sides) = bench::sides_at(etcd.secure_url()) else {
            return;
        };
        let flags = format!("--ca-file {ca} --cert-file {cert} --key-file {key}");
        for (line, works) in [
            (format!("{flags} set /tls one"), true),
            (format!("{flags} get /tls"), true),
            (format!("{flags} cluster-health"), true),
            (format!("--no-sync {flags} ls /"), true),
            (
                format!(
                    "ETCDCTL_CA_FILE={ca} ETCDCTL_CERT_FILE={cert} ETCDCTL_KEY_FILE={key} get /tls"
                ),
                true,
            ),
            (format!("--ca-file {ca} get /tls"), false),
            ("get /tls".to_owned(), false),
            (format!("--ca-file {ca}.not --no-sync get /tls"), false),
            (format!("--ca-file {ca} --cert-file {cert} get /tls"), false),
        ] {
            let [theirs, ours] =
                [&sides[0], &sides[1]].map(|side| match line.ends_with("cluster-health") {
                    true => side.run_until_healthy(&line),
                    false => side.run(&line),
                });
            assert_eq!(theirs.stdout, ours.stdout, "{line}: {theirs:?} {ours:?}");
            assert_eq!(ours.code == Some(0), works, "{line}: {ours:?}");
            assert_eq!(theirs.code, ours.code, "{line}: {theirs:?} {ours:?}");
        }
    }
}
