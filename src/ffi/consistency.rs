//! Consistency
//!
//! Every member answers plain reads from its own copy of the store. A member that is cut off from
//! its peers keeps doing so, with data of any age. A client therefore keeps a high-water mark, the
//! highest index and term that any member has reported, and recognises stale reads: after a
//! failover to a member that lags behind, the response is marked instead of silently returning older
//! data.
//!
//! This has a limit: a client that only ever reaches a member that is cut off cannot notice it. A
//! read with ETCD_V2_QUORUM is linearizable: it is never older than what was written before it was
//! sent. Writes are never stale.
use super::{
    convert::look,
    error::etcd_v2_error,
    options::{etcd_v2_options, set},
    response::etcd_v2_response,
    status::etcd_v2_status,
};
use crate::cluster::members::staleness::StalenessPolicy;
use crate::error::{Error, Result};

// enum etcd_v2_stale_policy: What happens to stale reads.
/// Staleness is not checked.
pub const ETCD_V2_STALE_IGNORE: i32 = 1;
/// A stale response is marked as such. The default.
pub const ETCD_V2_STALE_REPORT: i32 = 2;
/// A stale response is rejected, and another member is tried.
pub const ETCD_V2_STALE_REJECT: i32 = 3;

fn policy(number: i32) -> Result<StalenessPolicy> {
    match number {
        ETCD_V2_STALE_IGNORE => Ok(StalenessPolicy::Off),
        ETCD_V2_STALE_REPORT => Ok(StalenessPolicy::Tell),
        ETCD_V2_STALE_REJECT => Ok(StalenessPolicy::Refuse),
        other => Err(Error::invalid(
            "stale_policy",
            format_args!("{other} is none of ETCD_V2_STALE_..."),
        )),
    }
}

/// What becomes of an answer to a read without ETCD_V2_QUORUM that is older than what the client had
/// been told when it asked, by its index or by its term, or that is of another cluster:
///
///   ETCD_V2_STALE_IGNORE     nothing
///   ETCD_V2_STALE_REPORT    etcd_v2_response_is_stale() and etcd_v2_error_is_stale() say so
///   ETCD_V2_STALE_REJECT  another member is asked; when all are behind, twice, the read ends as
///                         ETCD_V2_STALE, which names them and the numbers. A member that is behind
///                         for longer than half a second is avoided like one that fails, by
///                         watchers, too
///
/// A high-water mark that comes from one answer only, or from a member that two others contradict,
/// is discarded after ten seconds, so that a wrong index does not make every other answer stale for
/// ever. A linearizable read or a write refutes it at once. The cluster ID is treated alike. With
/// REFUSE, the cluster ID is final once two different members have reported it: after the cluster
/// is recreated, create a new client. With the other policies the client follows the new cluster
/// and discards its marks. Watchers report ETCD_V2_LOSS_RECREATED with all three policies.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_stale_policy(
    options: *mut etcd_v2_options,
    stale: i32,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe {
        set(options, err, |o| {
            o.set_stale(policy(stale)?);
            Ok(())
        })
    }
}

/// Whether this answer to a read is older than what the client had been told when it asked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_response_is_stale(response: *const etcd_v2_response) -> bool {
    // SAFETY: NULL or alive, see the header
    unsafe { look(response) }.is_some_and(etcd_v2_response::is_stale)
}

/// The same of what etcd refused, such as a key that is not there (yet); true for ETCD_V2_STALE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_error_is_stale(error: *const etcd_v2_error) -> bool {
    // SAFETY: NULL or alive, see the header
    unsafe { look(error) }.is_some_and(|e| e.error().detail().stale)
}
