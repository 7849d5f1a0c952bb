//! How much of an answer is decoded.

/// Limits of decoding.
#[derive(Clone, Copy, Debug)]
pub struct DecodeLimits {
    /// levels of directories
    pub depth: u32,
    /// nodes in one answer
    pub nodes: u32,
}
