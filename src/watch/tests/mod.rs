mod chaos;
mod rules;
pub(super) mod store;
pub(super) mod world;
