//! One module for each API: its request, its response, and the structs inside them.

pub mod api_versions;
pub mod fetch;
pub mod metadata;
pub mod produce;

#[cfg(test)]
mod tests;
