//! Watch options
//!
//! How a watcher starts, what it does when its consumer is too slow, and which callback it uses.
//! Create them, change what should differ from the defaults, start any number of watchers, free
//! them. Every setter takes `options` from etcd_v2_watch_options_new(). A value outside the
//! documented range gives ETCD_V2_INVALID_ARGUMENT and changes nothing.
use super::{
    convert::{self, Handle, borrow, c_string, null},
    error::etcd_v2_error,
    event::etcd_v2_event,
    fallible::guard,
    status::etcd_v2_status,
    userdata::{FreeUser, UserData},
};
use crate::{
    client::Listener,
    error::{Error, Result},
    watch::{
        options::{OnFull, OnLost, WatchOptions},
        state::State,
    },
};
use std::{
    ffi::{c_char, c_void},
    sync::{Arc, Mutex, PoisonError},
};

// enum etcd_v2_lost_policy: What a watcher does when history is lost.
/// Delivers a GAP event, and continues from now. The default.
pub const ETCD_V2_ON_LOST_GAP: i32 = 1;
/// Lists the keys; differences become SYNTHETIC events.
pub const ETCD_V2_ON_LOST_RESYNC: i32 = 2;
/// The watcher ends with ETCD_V2_HISTORY_CLEARED.
pub const ETCD_V2_ON_LOST_FAIL: i32 = 3;

// enum etcd_v2_full_policy: What a watcher does when its queue is full.
/// Reading from etcd pauses until there is room. The default.
pub const ETCD_V2_ON_FULL_BLOCK: i32 = 1;
/// What does not fit is dropped, and a GAP stands in its place.
pub const ETCD_V2_ON_FULL_GAP: i32 = 2;

/// Receives each event of a watcher, in order, on the background thread of the client, one at a
/// time; the first one may arrive before etcd_v2_watch() returns. `event` and everything read from
/// it are borrowed until the callback returns. The callback may call every function except those
/// that wait for a watcher or a submitted call of the same client. It may cancel and free its
/// watcher, which makes this call the last, and it may free the client. It must not free `event`.
pub type etcd_v2_event_fn =
    Option<unsafe extern "C-unwind" fn(event: *const etcd_v2_event, user: *mut c_void)>;

/// Told each change of a watcher's state, in order, on the thread of the client, never at the same
/// time as the watcher's etcd_v2_event_fn, whose rules hold here, too.
///
///   `state`    one of ETCD_V2_WATCHER_...
///   `why`      one line: what went wrong, with RECONNECTING and CLOSED, otherwise ""; lives until
///              this returns
///   `attempt`  with RECONNECTING, tries since something worked, from 1; otherwise 0
///
/// CLOSED is the last; it is not told of a watcher that was cancelled or freed.
pub type etcd_v2_state_fn = Option<
    unsafe extern "C-unwind" fn(state: i32, why: *const c_char, attempt: i32, user: *mut c_void),
>;

/// How a watcher is to be. One thread at a time.
pub struct etcd_v2_watch_options(Mutex<WatchSettings>);

impl Handle for etcd_v2_watch_options {}

/// All of it; a copy shares what the callbacks hold.
#[derive(Clone, Default)]
pub(super) struct WatchSettings {
    pub(super) options: WatchOptions,
    on_event: Option<Callback<etcd_v2_event_fn>>,
    on_state: Option<Callback<etcd_v2_state_fn>>,
}

#[derive(Clone)]
struct Callback<F> {
    function: F,
    user: Arc<UserData>,
}

impl WatchSettings {
    /// The callbacks as closures, which hold what they need.
    pub(super) fn listener(&self) -> Listener {
        let mut listener = Listener::default();
        if let Some(Callback {
            function: Some(function),
            user,
        }) = self.on_event.clone()
        {
            listener.on_event = Some(Box::new(move |event| {
                let event = etcd_v2_event::new(event);
                // SAFETY: the header asks for a function of this type; the event lives until it returns
                unsafe { function(&event, user.data()) };
            }));
        }
        if let Some(Callback {
            function: Some(function),
            user,
        }) = self.on_state.clone()
        {
            listener.on_state = Some(Box::new(move |state| {
                let (why, attempt) = match state {
                    State::Reconnecting { why, attempt } => (c_string(why), *attempt),
                    State::Closed(Some(error)) => (c_string(&error.to_string()), 0),
                    _ => Default::default(),
                };
                let attempt = i32::try_from(attempt).unwrap_or(i32::MAX);
                // SAFETY: the header asks for a function of this type; the text lives until it returns
                unsafe { function(state.code(), why.as_ptr(), attempt, user.data()) };
            }));
        }
        listener
    }
}

impl etcd_v2_watch_options {
    pub(super) fn copy(&self) -> WatchSettings {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Every setter: NULL checks, the lock, and the answer as a status. What `change` gives back is dropped with nothing
/// locked, since `free_user` may call anything.
///
/// # Safety
/// `options` is NULL or alive, `err` is NULL or a place for a pointer.
unsafe fn set<T>(
    options: *mut etcd_v2_watch_options,
    err: *mut *mut etcd_v2_error,
    change: impl FnOnce(&mut WatchSettings) -> Result<T>,
) -> etcd_v2_status {
    // SAFETY: the caller's promise
    unsafe {
        guard(err, || {
            let options = borrow("options", options)?;
            let changed = change(&mut options.0.lock().unwrap_or_else(PoisonError::into_inner));
            changed.map(drop)
        })
    }
}

fn on_lost(policy: i32) -> Result<OnLost> {
    match policy {
        ETCD_V2_ON_LOST_GAP => Ok(OnLost::Gap),
        ETCD_V2_ON_LOST_RESYNC => Ok(OnLost::Resync),
        ETCD_V2_ON_LOST_FAIL => Ok(OnLost::Fail),
        other => Err(Error::invalid(
            "policy",
            format_args!("{other} is none of ETCD_V2_ON_LOST_..."),
        )),
    }
}

fn on_full(policy: i32) -> Result<OnFull> {
    match policy {
        ETCD_V2_ON_FULL_BLOCK => Ok(OnFull::Block),
        ETCD_V2_ON_FULL_GAP => Ok(OnFull::Gap),
        other => Err(Error::invalid(
            "policy",
            format_args!("{other} is none of ETCD_V2_ON_FULL_..."),
        )),
    }
}

/// Makes options with the defaults; free them with etcd_v2_watch_options_free().
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_watch_options_new(
    out: *mut *mut etcd_v2_watch_options,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: out and err are NULL or places for pointers, see the header
    unsafe {
        guard(err, || {
            convert::required("out", out)?;
            convert::give(out, || etcd_v2_watch_options(Mutex::default()));
            Ok(())
        })
    }
}

/// Also watches everything below the key. Default: false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_watch_options_set_recursive(
    options: *mut etcd_v2_watch_options,
    recursive: bool,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe {
        set(options, err, |s| {
            s.options.set_recursive(recursive);
            Ok(())
        })
    }
}

/// Begins with the first change at or after `start_index`, at most 9223372036854775807; 0, the
/// default, begins with the first change after the watcher is live. Not together with a snapshot.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_watch_options_set_start_index(
    options: *mut etcd_v2_watch_options,
    start_index: u64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe { set(options, err, |s| s.options.set_start_index(start_index)) }
}

/// Starts with the existing nodes, as ETCD_V2_EVENT_SNAPSHOT events (parents before children,
/// otherwise in any order), followed by every later change. Default: false. Cannot be combined with
/// a start index.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_watch_options_set_snapshot_first(
    options: *mut etcd_v2_watch_options,
    snapshot_first: bool,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe {
        set(options, err, |s| {
            s.options.set_snapshot_first(snapshot_first)
        })
    }
}

/// Policy when etcd no longer has the next changes (it keeps only the last 1000): one of
/// ETCD_V2_ON_LOST_... RESYNC starts with a snapshot, because it can report a deletion only of a
/// key that it knew, and keeps every reported key in memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_watch_options_set_on_lost(
    options: *mut etcd_v2_watch_options,
    policy: i32,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe {
        set(options, err, |s| {
            s.options.set_on_lost(on_lost(policy)?);
            Ok(())
        })
    }
}

/// Capacity of the event queue read by etcd_v2_watcher_next(): 1 to 16777216 events, default 1024.
/// A snapshot occupies one place, whatever its size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_watch_options_set_queue_limit(
    options: *mut etcd_v2_watch_options,
    queue_limit: u64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe { set(options, err, |s| s.options.set_queue_limit(queue_limit)) }
}

/// Policy when the event queue is full: one of ETCD_V2_ON_FULL_... With BLOCK, a consumer that
/// falls behind by more than the 1000 changes that etcd keeps loses history. With GAP, events can
/// be missing, also with ETCD_V2_ON_LOST_RESYNC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_watch_options_set_on_full(
    options: *mut etcd_v2_watch_options,
    policy: i32,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe {
        set(options, err, |s| {
            s.options.set_on_full(on_full(policy)?);
            Ok(())
        })
    }
}

/// As etcd_v2_options_set_poll_timeout_ms(), for these watchers; ETCD_V2_TIMEOUT_DEFAULT: as
/// the client says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_watch_options_set_poll_timeout_ms(
    options: *mut etcd_v2_watch_options,
    poll_timeout_ms: i64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe { set(options, err, |s| s.options.set_max_poll_ms(poll_timeout_ms)) }
}

/// Delivers ETCD_V2_EVENT_PROGRESS events: the watcher has seen every change up to an index, and
/// there was none for this key. The first one after a snapshot marks the end of the snapshot.
/// Default: false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_watch_options_set_progress(
    options: *mut etcd_v2_watch_options,
    progress: bool,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe {
        set(options, err, |s| {
            s.options.set_progress(progress);
            Ok(())
        })
    }
}

/// Delivers events to `callback`, which must not be NULL, instead of queueing them. Replaces an
/// earlier callback.
///
///   `user`       given to `callback`; may be NULL
///   `free_user`  gets `user` when these options no longer have it and every watcher that was made
///                of them was freed, was cancelled or has ended; at once when this fails; may be NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_watch_options_set_callback(
    options: *mut etcd_v2_watch_options,
    callback: etcd_v2_event_fn,
    user: *mut c_void,
    free_user: Option<unsafe extern "C-unwind" fn(user: *mut c_void)>,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    let callback = given(callback, user, free_user);
    // SAFETY: handle and err as the header asks
    unsafe {
        set(options, err, |s| {
            required(callback.function.is_some())?;
            Ok(s.on_event.replace(callback))
        })
    }
}

/// Reports changes of the state to `callback`, which must not be NULL, independent of how events are
/// delivered. Everything else as in etcd_v2_watch_options_set_callback().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_watch_options_set_state_callback(
    options: *mut etcd_v2_watch_options,
    callback: etcd_v2_state_fn,
    user: *mut c_void,
    free_user: Option<unsafe extern "C-unwind" fn(user: *mut c_void)>,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    let callback = given(callback, user, free_user);
    // SAFETY: handle and err as the header asks
    unsafe {
        set(options, err, |s| {
            required(callback.function.is_some())?;
            Ok(s.on_state.replace(callback))
        })
    }
}

/// Whatever happens to it, what it holds is let go once.
fn given<F>(function: F, user: *mut c_void, free_user: FreeUser) -> Callback<F> {
    let user = Arc::new(UserData::new(user, free_user));
    Callback { function, user }
}

fn required(there: bool) -> Result<()> {
    there.then_some(()).ok_or_else(|| null("callback"))
}

/// Frees the options; watchers that were made of them keep what they need.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_watch_options_free(options: *mut etcd_v2_watch_options) {
    // SAFETY: NULL, or made by this library and not used any more, see the header
    unsafe { convert::free(options) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Status;
    use std::{
        ptr,
        sync::atomic::{AtomicUsize, Ordering},
    };

    unsafe extern "C-unwind" fn count(user: *mut c_void) {
        // SAFETY: the test gives a counter that outlives it
        unsafe { &*user.cast::<AtomicUsize>() }.fetch_add(1, Ordering::SeqCst);
    }

    unsafe extern "C-unwind" fn on_event(_: *const etcd_v2_event, _: *mut c_void) {}

    #[test]
    fn policies_are_the_constants_and_nothing_else() {
        assert!(matches!(on_lost(1), Ok(OnLost::Gap)));
        assert!(matches!(on_lost(2), Ok(OnLost::Resync)));
        assert!(matches!(on_lost(3), Ok(OnLost::Fail)));
        assert!(matches!(on_full(1), Ok(OnFull::Block)));
        assert!(matches!(on_full(2), Ok(OnFull::Gap)));
        for other in [0, -1, 4, i32::MAX] {
            assert!(on_lost(other).is_err() && on_full(other).is_err());
        }
    }

    #[test]
    fn what_a_callback_holds_is_let_go_once_whatever_happens() {
        let freed = AtomicUsize::new(0);
        let user = (&raw const freed).cast_mut().cast();
        let freed = || freed.load(Ordering::SeqCst);
        let mut options = ptr::null_mut();
        let none = ptr::null_mut();
        // SAFETY: options is freed last, NULL is allowed elsewhere
        unsafe {
            assert_eq!(etcd_v2_watch_options_new(&mut options, none), 0);
            let set = |options, callback| {
                etcd_v2_watch_options_set_callback(options, callback, user, Some(count), none)
            };
            let refused = Status::INVALID_ARGUMENT.0;
            assert_eq!(
                (set(ptr::null_mut(), Some(on_event)), freed()),
                (refused, 1)
            );
            assert_eq!((set(options, None), freed()), (refused, 2));
            assert_eq!((set(options, Some(on_event)), freed()), (0, 2));
            // the one before
            assert_eq!((set(options, Some(on_event)), freed()), (0, 3));
            let listeners = [(); 2].map(|()| (*options).copy().listener());
            etcd_v2_watch_options_free(options);
            assert_eq!(freed(), 3);
            assert!(listeners.iter().all(|l| l.on_event.is_some()));
            drop(listeners);
            assert_eq!(freed(), 4);
        }
    }
}
