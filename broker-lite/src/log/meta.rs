//! `meta.properties`: what it says and how.

use std::fmt::Write as _;

use ottla_protocol::ids::{NodeId, Uuid};

/// `meta.properties`: whose data directory it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct MetaProperties {
    pub(crate) cluster_id: String,
    pub(crate) node_id: NodeId,
    pub(crate) directory_id: Uuid,
}

pub(super) fn format_meta(meta: &MetaProperties) -> String {
    let mut text = String::from("version=1\n");
    let MetaProperties { cluster_id, node_id, directory_id } = meta;
    // a String takes everything
    let _ = writeln!(text, "cluster.id={cluster_id}");
    let _ = writeln!(text, "node.id={node_id}");
    let _ = writeln!(text, "directory.id={directory_id}");
    text
}

pub(super) fn parse_meta(bytes: &[u8]) -> Result<MetaProperties, String> {
    let text = core::str::from_utf8(bytes).map_err(|_| "not a text".to_owned())?;
    let value = |name: &str| {
        let mut pairs = text.lines().filter_map(|line| line.split_once('='));
        let value = pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim());
        value.ok_or_else(|| format!("{name} is missing"))
    };
    if value("version")? != "1" {
        return Err("not of version 1".to_owned());
    }
    let node_id = value("node.id")?.parse().map_err(|_| "node.id is no number".to_owned())?;
    let directory_id = Uuid::parse(value("directory.id")?);
    let directory_id = directory_id.ok_or_else(|| "directory.id is no id".to_owned())?;
    let cluster_id = value("cluster.id")?.to_owned();
    Ok(MetaProperties { cluster_id, node_id: NodeId(node_id), directory_id })
}
