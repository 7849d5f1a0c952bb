mod chaos;
mod rules;
mod store;
mod world;
