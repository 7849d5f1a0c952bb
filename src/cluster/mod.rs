//! The members of a cluster: which one to ask, for how long, and what a failure means.
