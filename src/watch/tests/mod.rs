mod broken;
mod chaos;
pub(super) mod consumer;
mod rules;
pub(super) mod said;
mod script;
pub(super) mod store;
mod world;
