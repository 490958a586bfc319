//! One module for each API: its request, its response, and the structs inside them.

pub mod api_versions;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_topics;
pub mod describe_cluster;
pub mod describe_configs;
pub mod fetch;
pub mod find_coordinator;
pub mod init_producer_id;
pub mod leader_change;
pub mod list_offsets;
pub mod metadata;
pub mod produce;
pub mod snapshot;
pub mod voters;

#[cfg(test)]
mod tests;
