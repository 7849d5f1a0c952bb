//! Event
//!
//! What a watcher delivers. Everything read from an event, including its response and nodes, is
//! borrowed and valid until the event is freed. Events share the response they arrived in; none of
//! it is copied.
use super::{
    convert::{self, Handle, look},
    node::{etcd_v2_node, pointer},
    panic_boundary::shield,
    response::etcd_v2_response,
};
use crate::watch::event::Event;
use std::ptr;

// enum etcd_v2_event_type: Kinds of events.
/// A change reported by etcd.
pub const ETCD_V2_EVENT_CHANGE: i32 = 1;
/// A node that existed when the watch began.
pub const ETCD_V2_EVENT_SNAPSHOT: i32 = 2;
/// A change found by comparing snapshots after history was lost.
pub const ETCD_V2_EVENT_SYNTHETIC: i32 = 3;
/// Changes may be missing here.
pub const ETCD_V2_EVENT_GAP: i32 = 4;
/// No other change up to an index.
pub const ETCD_V2_EVENT_PROGRESS: i32 = 5;

// enum etcd_v2_loss: Why changes may be missing.
/// etcd's history of 1000 changes no longer contains them.
pub const ETCD_V2_LOSS_CLEARED: i32 = 1;
/// Perhaps another or an older cluster: indices may restart.
pub const ETCD_V2_LOSS_RECREATED: i32 = 2;
/// The queue was full, with ETCD_V2_ON_FULL_GAP.
pub const ETCD_V2_LOSS_OVERFLOW: i32 = 3;

/// What a watcher tells. Read-only: any number of threads may read one event at once.
pub struct etcd_v2_event {
    event: Event,
    response: Option<etcd_v2_response>,
}

impl Handle for etcd_v2_event {}

impl etcd_v2_event {
    pub(super) fn new(event: Event) -> etcd_v2_event {
        let response = event.response().cloned().map(etcd_v2_response::shared);
        etcd_v2_event { event, response }
    }
}

/// What it is, as one of ETCD_V2_EVENT_...; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_event_kind(event: *const etcd_v2_event) -> i32 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(event) }.map_or(0, |e| e.event.kind() as i32)
}

/// The answer that it came in, for its action, endpoint and so on: its own for CHANGE and SYNTHETIC,
/// the whole listing for SNAPSHOT, NULL for GAP and PROGRESS. SYNTHETIC ones have an action,
/// "create", "set", "update" or "delete", but no body. Not to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_event_response(
    event: *const etcd_v2_event,
) -> *const etcd_v2_response {
    // SAFETY: NULL or alive, see the header
    unsafe { look(event) }
        .and_then(|e| e.response.as_ref())
        .map_or(ptr::null(), ptr::from_ref)
}

/// The node that changed or was there; NULL for GAP and PROGRESS. Without a value when it was
/// deleted or has expired.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_event_node(event: *const etcd_v2_event) -> *const etcd_v2_node {
    // SAFETY: NULL or alive, see the header
    let event = unsafe { look(event) };
    shield(ptr::null(), || pointer(event.and_then(|e| e.event.node())))
}

/// The node as it was before; NULL when it did not exist, for SNAPSHOT, GAP and PROGRESS. That of
/// SYNTHETIC has its indices, but no value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_event_prev_node(
    event: *const etcd_v2_event,
) -> *const etcd_v2_node {
    // SAFETY: NULL or alive, see the header
    let event = unsafe { look(event) };
    shield(ptr::null(), || {
        pointer(event.and_then(|e| e.event.prev_node()))
    })
}

/// Of CHANGE the index that it made; of SNAPSHOT and SYNTHETIC that of the store that was listed; of
/// GAP the last one that may be missing; of PROGRESS the last one that was looked at.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_event_index(event: *const etcd_v2_event) -> u64 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(event) }.map_or(0, |e| e.event.index())
}

/// Of GAP the first index that may be missing, which with ETCD_V2_LOSS_RECREATED may be higher than
/// etcd_v2_event_index(); otherwise the same as that.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_event_first_index(event: *const etcd_v2_event) -> u64 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(event) }.map_or(0, |e| e.event.from())
}

/// Of GAP why changes may be missing, as one of ETCD_V2_LOSS_...; otherwise 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_event_loss(event: *const etcd_v2_event) -> i32 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(event) }
        .and_then(|e| e.event.loss())
        .map_or(0, |loss| loss as i32)
}

/// Frees the event with everything read from it. An event passed to a callback must not be
/// freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_event_free(event: *mut etcd_v2_event) {
    // SAFETY: NULL, or made by this library and not used any more, see the header
    unsafe { convert::free(event) }
}
