//! What servers say, in the forms in which a machine is told.

use crate::cluster::members::continuity::Standing;
use crate::error::Phase;
use crate::outcome::transmission::Sent;
use crate::protocol::answer::{Verdict, judge};
use crate::protocol::decode_limits::DecodeLimits;
use crate::protocol::http_request::ResponseKind;
use crate::protocol::response_head::Head;
use crate::transport::fault::{Fault, FaultKind};
use crate::watch::driver::Purpose;
use std::time::{Duration, Instant};

pub(in crate::watch) fn head(status: u16, index: u64, cluster: u64) -> Head {
    Head {
        status,
        etcd_index: index,
        cluster_id: (&*format!("{cluster:x}")).into(),
        content_type: "application/json".into(),
        ..Head::default()
    }
}

pub(in crate::watch) fn verdict(head: Head, body: &str, purpose: Purpose) -> Verdict {
    let expect = match purpose {
        Purpose::Poll => ResponseKind::Event,
        Purpose::Snapshot => ResponseKind::Keys,
        Purpose::Probe => ResponseKind::Anything,
    };
    let limits = DecodeLimits {
        depth: 100,
        nodes: 100_000,
    };
    judge(head, body.as_bytes().to_vec(), expect, &limits)
}

pub(in crate::watch) fn fault(kind: FaultKind, phase: Phase, body_began: bool) -> Fault {
    Fault {
        text: format!("{kind:?} in {phase:?}"),
        received: u64::from(phase == Phase::Body),
        body_began,
        ..Fault::of(phase, kind, Sent::Fully)
    }
}

/// Of a member whose store was never anything else.
pub(in crate::watch) fn always(now: Instant) -> Option<Standing> {
    let far = now + Duration::from_secs(1 << 30);
    Some(Standing {
        life: 1,
        restarted: false,
        lower: false,
        since: now.checked_sub(Duration::from_secs(1000)).unwrap_or(now),
        met: None,
        proven: far,
        seen: far,
        floor: 0,
    })
}

/// 0 when there is none.
pub(in crate::watch) fn wait_index(target: &str) -> u64 {
    target
        .split_once("waitIndex=")
        .map_or(0, |(_, number)| number.parse().unwrap())
}
