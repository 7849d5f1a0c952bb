//! What a call in flight counts as, until its result is taken out.
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One call in flight.
#[derive(Debug)]
pub(super) struct Permit(pub(super) Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
