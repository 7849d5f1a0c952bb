//! Tables of answers and alerts, and random writes through a gateway that applies or not and answers anything.

mod alerts;
mod answers;
mod gateway;
