//! Whether reading goes on, asked while something large is read.

/// Says now and then, while something large is read, whether reading goes on.
pub(crate) type GoOn<'a> = &'a dyn Fn() -> bool;

/// Bytes between two questions whether to go on: well under a millisecond of reading.
pub(crate) const STRIDE: usize = 64 * 1024;
