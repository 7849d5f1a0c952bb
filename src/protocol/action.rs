//! What etcd did, by its answer.

/// What etcd did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /** not one of those below, or none */
    Unknown = 0,
    /** get */
    Get = 1,
    /** set */
    Set = 2,
    /** create */
    Create = 3,
    /** update */
    Update = 4,
    /** compareAndSwap */
    CompareAndSwap = 5,
    /** delete */
    Delete = 6,
    /** compareAndDelete */
    CompareAndDelete = 7,
    /** expire */
    Expire = 8,
}
