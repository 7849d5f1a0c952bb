//! The thread of a client from its first turn to its last, which it may not reach: a callback may end it.

use super::commands::{Closed, Commands};
use super::core::Core;
use crate::sys::panics;
use crate::sys::thread::ThreadState;
use crate::sys::unwind;
use std::cell::RefCell;
use std::mem::{self, ManuallyDrop};
use std::rc::Rc;
use std::sync::Arc;

/// Whatever happens in it, the host survives, and everything pending is ended.
pub(super) fn run(core: Core, life: &Arc<ThreadState>) {
    unwind::at_end(Last(core.commands.clone()));
    let core = part(core, life, |core| _ = core.run());
    // of a loop that broke: its tasks tell so when they are dropped before their time
    let core = core.and_then(|mut core| {
        let late = core.commands.close(Closed::Broken);
        core.orders.extend(late);
        part(core, life, Core::drop_owners)
    });
    let core = core.and_then(|core| part(core, life, |core| drop(core.commands.exhume())));
    // the last of the client may be in it, with what its listeners hold
    drop(core);
}

/// What is left to be done where the core cannot be reached any more.
struct Last(Arc<Commands>);

impl Drop for Last {
    fn drop(&mut self) {
        // those that were not begun are not told either: this is no place to run code of the host
        mem::forget(self.0.close(Closed::Lost));
    }
}

/// A part of its life, from which the core comes back, unless a callback ended the thread.
fn part(core: Core, life: &Arc<ThreadState>, body: impl FnOnce(&mut Core)) -> Option<Core> {
    let back = Rc::new(RefCell::new(None));
    let held = RunningCore {
        core: Some(core),
        life: life.clone(),
        returned: false,
        back: back.clone(),
    };
    let _ = panics::catch(move || {
        // all of it
        let mut held = held;
        held.core.as_mut().map(body);
        held.returned = true;
    });
    back.take()
}

/// The core while the loop has it.
struct RunningCore {
    core: Option<Core>,
    life: Arc<ThreadState>,
    returned: bool,
    back: Rc<RefCell<Option<Core>>>,
}

impl Drop for RunningCore {
    fn drop(&mut self) {
        let Some(core) = self.core.take() else {
            return;
        };
        if self.returned || !unwind::is_forced() {
            self.back.replace(Some(core));
            return;
        }
        // also when a callback of those that end here unwinds once more: then the rest is told nothing
        let _ending = self.life.ending();
        let mut core = ManuallyDrop::new(core);
        core.close(Closed::Lost);
        drop(core.commands.exhume());
        drop(ManuallyDrop::into_inner(core));
    }
}
