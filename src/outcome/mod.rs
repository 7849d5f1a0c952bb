//! What became of a write: not applied if that is proven, applied if etcd says so, and unknown otherwise.
//!
//! [`proof::NotApplied`] is the proof, [`transmission`] knows how much of a copy left, [`copies::Copies`] keeps count of what has left, and an error of a request is given
//! out as [`copies::Told`], which says "not applied" only if every copy has its proof. [`answer::judge`] reads answers,
//! `proving_refusals` knows what etcd itself says before or instead of applying.

pub mod answer;
pub mod copies;
pub mod proof;
pub(crate) mod proving_refusals;
pub mod transmission;

#[cfg(test)]
mod tests;
