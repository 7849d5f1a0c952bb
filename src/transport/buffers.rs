//! Input and output of one connection: small at rest, as large as an exchange needs.
use super::exchange_context;
use ureq::unversioned::transport::Buffers;

/// At rest; the head of every etcd answer fits.
const SMALL: usize = 16 * 1024;
/// For requests without much in them.
const SMALLEST: usize = 4 * 1024;
/// For bodies that come faster than they are read, or go.
const LARGE: usize = 64 * 1024;
/// Longest head, trailer or chunk line: what needs more is not HTTP.
const LONGEST: usize = 80 * 1024;

/// Memory of one connection.
#[derive(Debug, Default)]
pub(super) struct Memory {
    input: Vec<u8>,
    start: usize,
    filled: usize,
    output: Vec<u8>,
    progress: bool,
}

impl Memory {
    /// Room to receive into; empty when what came so far is too long for anything.
    pub(super) fn room(&mut self, much: bool) -> &mut [u8] {
        if self.start == self.filled {
            self.start = 0;
            self.filled = 0;
        }
        let least = if much { LARGE } else { SMALL };
        if self.input.len() < least {
            self.input.resize(least, 0);
        }
        if self.filled == self.input.len() {
            if self.start > 0 {
                self.input.copy_within(self.start..self.filled, 0);
                self.filled -= self.start;
                self.start = 0;
            } else {
                let more = (self.input.len() * 2).min(LONGEST);
                self.input.resize(more.max(self.input.len()), 0);
            }
        }
        self.input.get_mut(self.filled..).unwrap_or_default()
    }

    /// Lets `look` change what came so far and say how many bytes at its front are void.
    pub(super) fn drop_front(&mut self, look: impl FnOnce(&mut [u8]) -> usize) {
        let came = self.input.get_mut(self.start..self.filled);
        let void = came.map(look).unwrap_or(0);
        self.start = (self.start + void).min(self.filled);
    }

    /// The first `amount` bytes of the output.
    pub(super) fn to_send(&self, amount: usize) -> &[u8] {
        self.output.get(..amount).unwrap_or(&self.output)
    }

    /// Gives back what a resting connection does not need.
    pub(super) fn shrink(&mut self) {
        if self.output.len() > SMALL {
            self.output = Vec::new();
        }
        if self.input.len() > SMALL && self.start == self.filled {
            self.input = Vec::new();
            self.start = 0;
            self.filled = 0;
        }
    }
}

impl Buffers for Memory {
    fn output(&mut self) -> &mut [u8] {
        // the head has to fit as a whole, a body may come in parts: the attempt knows how long they are
        let needed = exchange_context::with(|a| {
            let body = usize::try_from(a.record.request.body)
                .unwrap_or(LARGE)
                .min(LARGE);
            a.head_room.max(body)
        });
        let needed = needed.unwrap_or(0).max(SMALLEST);
        if self.output.len() < needed {
            self.output.resize(needed, 0);
        }
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        self.input.get(self.start..self.filled).unwrap_or_default()
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.room(false)
    }

    fn input_appended(&mut self, amount: usize) {
        self.filled = (self.filled + amount).min(self.input.len());
    }

    fn input_consume(&mut self, amount: usize) {
        self.progress = amount > 0;
        self.start = (self.start + amount).min(self.filled);
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        self.room(false);
        let _ = self.output();
        (
            self.input.get_mut(self.filled..).unwrap_or_default(),
            &mut self.output,
        )
    }

    fn can_use_input(&self) -> bool {
        self.progress && self.start < self.filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_grows_to_its_bound_and_moves_down() {
        let mut memory = Memory::default();
        let mut total = 0;
        loop {
            let room = memory.room(false).len();
            if room == 0 {
                break;
            }
            memory.input_appended(room);
            total += room;
        }
        assert_eq!(total, LONGEST);
        assert_eq!(memory.input().len(), LONGEST);
        memory.input_consume(10);
        assert!(memory.can_use_input());
        assert_eq!(memory.room(false).len(), 10);
        memory.input_consume(LONGEST);
        assert!(memory.input().is_empty() && !memory.can_use_input());
        memory.shrink();
        assert_eq!(memory.room(false).len(), SMALL);
    }
}
