//! Members
//!
//! Lists and changes the members of the cluster. Listing works without a quorum, since every member
//! answers from its own copy; with authentication on, changes require the credentials of a user
//! with the role "root". Everything read from a list is borrowed and valid until the list is freed.
//!
//! To add a member, first call etcd_v2_member_add(), then start the new server with
//! `--initial-cluster-state existing`. It counts towards the quorum even before it has started, and
//! until then etcd refuses to add another.
use super::{
    client::etcd_v2_client,
    convert::{self, Handle, borrow, look, text, try_c_string},
    error::etcd_v2_error,
    fallible::guard,
    status::etcd_v2_status,
    texts::Texts,
};
use crate::client::Client;
use crate::client::admin::Members;
use crate::error::Result;
use crate::protocol::admin::members::Member;
use crate::sys::memory::{self, OutOfMemory};
use std::{
    ffi::{CString, c_char},
    ptr,
};

/// A list of members. Read-only: any number of threads may read one list at once.
pub struct etcd_v2_members(Vec<etcd_v2_member>);

/// A member of the cluster; belongs to its list.
pub struct etcd_v2_member {
    id: CString,
    name: CString,
    peer_urls: Texts,
    client_urls: Texts,
    leads: bool,
}

impl Handle for etcd_v2_members {}

impl etcd_v2_members {
    fn new(members: &Members) -> std::result::Result<etcd_v2_members, OutOfMemory> {
        let leads = |member: &Member| member.id == members.leader;
        let each = memory::each(&members.list, |m| etcd_v2_member::new(m, leads(m)))?;
        Ok(etcd_v2_members(each))
    }
}

impl etcd_v2_member {
    fn new(member: &Member, leads: bool) -> std::result::Result<etcd_v2_member, OutOfMemory> {
        Ok(etcd_v2_member {
            id: try_c_string(&member.id)?,
            name: try_c_string(&member.name)?,
            peer_urls: Texts::new(&member.peer_urls)?,
            client_urls: Texts::new(&member.client_urls)?,
            leads,
        })
    }
}

/// Every call with a list as its answer.
///
/// # Safety
/// The handle is NULL or alive, `out` and `err` are NULL or places for pointers.
unsafe fn run(
    client: *const etcd_v2_client,
    out: *mut *mut etcd_v2_members,
    err: *mut *mut etcd_v2_error,
    call: impl FnOnce(&Client) -> Result<Members>,
) -> etcd_v2_status {
    // SAFETY: the caller's promise
    unsafe {
        guard(err, || {
            convert::clear(out);
            let members = call(&borrow("client", client)?.0)?;
            convert::try_give(out, || etcd_v2_members::new(&members))
        })
    }
}

/// Lists the members in order of their ids; free the list with etcd_v2_members_free(). The member
/// that answers is asked for the leader, too, see etcd_v2_member_is_leader().
/// Also returns ETCD_V2_UNSUPPORTED when there is no v2 API, or one before etcd 2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_member_list(
    client: *const etcd_v2_client,
    out: *mut *mut etcd_v2_members,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and out pointers as the header asks
    unsafe { run(client, out, err, Client::members) }
}

/// Asks for the leader: a list of one. Free it with etcd_v2_members_free().
/// Also returns ETCD_V2_LEADER_ELECTION (301) while there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_member_leader(
    client: *const etcd_v2_client,
    out: *mut *mut etcd_v2_members,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and out pointers as the header asks
    unsafe { run(client, out, err, Client::leader) }
}

/// Adds a member: `peer_urls` are where the others will find it, comma-separated, such as
/// "http://10.0.0.9:2380". `*out` is a list of one, the new member with its id; free it with
/// etcd_v2_members_free(). Never sent twice.
/// Also returns ETCD_V2_CONFLICT when a member has one of these URLs, and ETCD_V2_OUTCOME_UNKNOWN
/// when etcd fails (HTTP status 500), which is also how it refuses while an added member has not
/// started or members are not connected: list the members before you repeat it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_member_add(
    client: *const etcd_v2_client,
    peer_urls: *const c_char,
    out: *mut *mut etcd_v2_members,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text and out pointers as the header asks
    unsafe {
        run(client, out, err, |client| {
            client.add_member(text("peer_urls", peer_urls)?)
        })
    }
}

/// Gives the member `id` other peer URLs, comma-separated; the member itself listens elsewhere only
/// when it is started so. Repeated at another member when there is no answer, since twice is as good
/// as once.
/// Also returns ETCD_V2_NOT_FOUND, ETCD_V2_CONFLICT when another member has one of these URLs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_member_update(
    client: *const etcd_v2_client,
    id: *const c_char,
    peer_urls: *const c_char,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text and err as the header asks
    unsafe {
        guard(err, || {
            let client = borrow("client", client)?;
            client
                .0
                .update_member(text("id", id)?, text("peer_urls", peer_urls)?)
        })
    }
}

/// Removes the member `id` from the cluster for good: it stops, and its id is never used again.
/// Repeated at another member when there is no answer, since twice is as good as once; that it is
/// gone by then counts as success.
/// Also returns ETCD_V2_NOT_FOUND, and ETCD_V2_GONE when it was removed before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_member_remove(
    client: *const etcd_v2_client,
    id: *const c_char,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text and err as the header asks
    unsafe {
        guard(err, || {
            borrow("client", client)?.0.remove_member(text("id", id)?)
        })
    }
}

/// How many there are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_members_count(members: *const etcd_v2_members) -> usize {
    // SAFETY: NULL or alive, see the header
    unsafe { look(members) }.map_or(0, |m| m.0.len())
}

/// One of them; NULL beyond the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_members_at(
    members: *const etcd_v2_members,
    i: usize,
) -> *const etcd_v2_member {
    // SAFETY: NULL or alive, see the header
    let member = unsafe { look(members) }.and_then(|m| m.0.get(i));
    member.map_or(ptr::null(), ptr::from_ref)
}

/// Its id: hexadecimal digits, as etcd writes them, without leading zeros.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_member_id(member: *const etcd_v2_member) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { member.as_ref() }.map_or(ptr::null(), |m| m.id.as_ptr())
}

/// Its name; "" when it was added and has never started.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_member_name(member: *const etcd_v2_member) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { member.as_ref() }.map_or(ptr::null(), |m| m.name.as_ptr())
}

/// How many URLs the other members find it at.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_member_peer_url_count(member: *const etcd_v2_member) -> usize {
    // SAFETY: NULL or alive, see the header
    unsafe { member.as_ref() }.map_or(0, |m| m.peer_urls.count())
}

/// One of them; NULL beyond the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_member_peer_url_at(
    member: *const etcd_v2_member,
    i: usize,
) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { member.as_ref() }.map_or(ptr::null(), |m| m.peer_urls.at(i))
}

/// How many URLs clients find it at, as it publishes them; 0 when it has never started.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_member_client_url_count(member: *const etcd_v2_member) -> usize {
    // SAFETY: NULL or alive, see the header
    unsafe { member.as_ref() }.map_or(0, |m| m.client_urls.count())
}

/// One of them; NULL beyond the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_member_client_url_at(
    member: *const etcd_v2_member,
    i: usize,
) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { member.as_ref() }.map_or(ptr::null(), |m| m.client_urls.at(i))
}

/// Whether it leads the cluster. false for all of a list when there was no leader, or when it could
/// not be learnt within 2 seconds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_member_is_leader(member: *const etcd_v2_member) -> bool {
    // SAFETY: NULL or alive, see the header
    unsafe { member.as_ref() }.is_some_and(|m| m.leads)
}

/// Frees a list with all its members and text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_members_free(members: *mut etcd_v2_members) {
    // SAFETY: NULL, or made by this library and not used any more, see the header
    unsafe { convert::free(members) }
}
