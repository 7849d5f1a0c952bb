//! Every alert of TLS in every phase of a connection.

use super::super::proof::{Alert, Ground, NotApplied};

#[test]
fn an_alert_proves_something_in_one_phase_only() {
    // name, TLS 1.3, reused, a ticket or application data before it
    let phases = [
        ("1.3, first exchange, nothing heard", true, false, false),
        ("1.3, after a ticket", true, false, true),
        ("1.3, after application data", true, true, true),
        ("1.3, reused", true, true, false),
        ("1.2, first exchange", false, false, false),
        ("1.2, after application data", false, false, true),
        ("1.2, reused", false, true, false),
        ("1.2, reused, after application data", false, true, true),
    ];
    let (mut rows, mut proofs) = (0, Vec::new());
    for description in 0..=255 {
        for (phase, tls13, reused, heard) in phases {
            let proof = NotApplied::turned_away(Alert {
                description,
                tls13,
                reused,
                heard,
            });
            rows += 1;
            if let Some(proof) = proof {
                assert_eq!(proof.ground(), Ground::TurnedAway);
                proofs.push((description, phase));
            }
        }
    }
    let first = phases[0].0;
    let expected = [42, 43, 44, 45, 46, 48, 116].map(|alert| (alert, first));
    assert_eq!((rows, proofs), (2048, expected.to_vec()));
}
