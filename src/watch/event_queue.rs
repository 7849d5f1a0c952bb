//! The events that wait for one consumer: bounded, in order, honest about what did not fit.

use super::batch::Batch;
use super::counters::WatchCounters;
use super::driver::Output;
use super::event::{Event, EventKind, Loss};
use super::options::OnFull;
use std::collections::VecDeque;
use std::sync::Arc;

/// Whether more may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// yes
    Accepted,
    /// what was pushed is in, but nothing more may be read from the server before [`EventQueue::drained`]
    Full,
    /// there is no memory for what was pushed, and nothing may come after it
    Lost,
}

#[derive(Debug)]
enum Item {
    Event(Event),
    Batch { batch: Arc<Batch>, at: usize },
}

/// A queue of events. At most `limit` items and one gap; a snapshot counts as one item, and at most two of them wait.
#[derive(Debug)]
pub struct EventQueue {
    items: VecDeque<Item>,
    limit: usize,
    on_full: OnFull,
    batches: u32,
    delivered: u64,
    dropped: u64,
    gaps: u64,
}

impl EventQueue {
    /// Room for `limit` events.
    pub fn new(limit: usize, on_full: OnFull) -> EventQueue {
        EventQueue {
            items: VecDeque::new(),
            limit: limit.max(1),
            on_full,
            batches: 0,
            delivered: 0,
            dropped: 0,
            gaps: 0,
        }
    }

    /// Takes what a machine told; states are not for the queue.
    pub fn push(&mut self, output: Output) -> Push {
        if !matches!(output, Output::State(_)) && self.items.try_reserve(1).is_err() {
            return Push::Lost;
        }
        match output {
            Output::Event(event) => self.push_event(event),
            Output::Batch(batch) => self.push_batch(batch),
            Output::State(_) => {}
        }
        if self.on_full == OnFull::Block && self.is_full() {
            Push::Full
        } else {
            Push::Accepted
        }
    }

    fn push_event(&mut self, event: Event) {
        match event.kind() {
            EventKind::Progress => {
                // a newer one says all that an older one does
                if let Some(Item::Event(last)) = self.items.back_mut() {
                    if last.kind() == EventKind::Progress {
                        *last = event;
                        return;
                    }
                }
                if self.is_full() {
                    return;
                }
            }
            EventKind::Gap => {
                if let Some(Item::Event(last)) = self.items.back_mut() {
                    if last.kind() == EventKind::Gap {
                        return last.merge(&event);
                    }
                }
                self.gaps += 1;
            }
            _ if self.drops() => return self.overflow(event.index(), 1),
            _ => {}
        }
        self.items.push_back(Item::Event(event));
    }

    fn push_batch(&mut self, batch: Arc<Batch>) {
        if batch.is_empty() {
            return;
        }
        if self.drops() {
            let (index, count) = (batch.index(), batch.len() as u64);
            return self.overflow(index, count);
        }
        self.batches += 1;
        self.items.push_back(Item::Batch { batch, at: 0 });
    }

    fn is_full(&self) -> bool {
        self.items.len() >= self.limit || self.batches > 1
    }

    fn drops(&self) -> bool {
        self.on_full == OnFull::Gap && self.is_full()
    }

    /// Tells one gap in place of all that is dropped in a row.
    fn overflow(&mut self, index: u64, count: u64) {
        self.dropped += count;
        self.push_event(Event::gap(index, index, Loss::Overflow));
    }

    /// The next event.
    pub fn pop(&mut self) -> Option<Event> {
        let event = self.take();
        self.delivered += u64::from(event.is_some());
        if self.items.is_empty() {
            // thousands of idle queues are empty
            self.items = VecDeque::new();
        }
        event
    }

    fn take(&mut self) -> Option<Event> {
        loop {
            let event = match self.items.front_mut()? {
                Item::Batch { batch, at } => {
                    if let Some(event) = batch.event(*at) {
                        *at += 1;
                        if *at < batch.len() {
                            return Some(event);
                        }
                        Some(event)
                    } else {
                        None
                    }
                }
                Item::Event(_) => None,
            };
            match self.items.pop_front()? {
                Item::Event(event) => return Some(event),
                Item::Batch { .. } => self.batches -= 1,
            }
            if event.is_some() {
                return event;
            }
        }
    }

    /// Whether a blocked upstream may read again: half of the room is free, so that it is not woken for every event.
    pub fn drained(&self) -> bool {
        self.items.len() <= self.limit / 2 && self.batches <= 1
    }

    /// Whether there is nothing to pop.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// What this queue counts: delivered, dropped, gaps.
    pub fn counters(&self) -> WatchCounters {
        WatchCounters {
            delivered: self.delivered,
            dropped: self.dropped,
            gaps: self.gaps,
            ..WatchCounters::default()
        }
    }
}

#[cfg(test)]
#[path = "event_queue_tests.rs"]
mod tests;
