//! How much of one copy of a request has left.

/// How much of the request left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /** nothing */
    None,
    /** not the last byte: the server cannot have run it */
    Partly,
    /** all of it */
    Fully,
}

/// The bytes of one copy: how many there are, and how many the kernel took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Transmission {
    /// bytes of the head, once it is complete
    pub(crate) head: Option<u64>,
    /// bytes of body to be sent
    pub(crate) body: u64,
    /// bytes that the kernel took
    pub(crate) taken: u64,
}

impl Transmission {
    /// A copy that left so far.
    #[cfg(test)]
    pub(crate) fn of(sent: Sent) -> Transmission {
        let taken = match sent {
            Sent::None => 0,
            Sent::Partly => 1,
            Sent::Fully => 2,
        };
        Transmission {
            head: Some(2),
            body: 0,
            taken,
        }
    }

    /// Bytes of the whole request, once that is known.
    pub(crate) fn whole(&self) -> Option<u64> {
        Some(self.head?.saturating_add(self.body))
    }

    /// How much of the request left.
    pub(crate) fn sent(&self) -> Sent {
        match self.whole() {
            _ if self.taken == 0 => Sent::None,
            Some(whole) if self.taken >= whole => Sent::Fully,
            _ => Sent::Partly,
        }
    }
}
