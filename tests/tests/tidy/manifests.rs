//! Rules about Cargo.toml: few dependencies, one version of each, each with its reason.

use super::Complaint;

/// What each crate may depend on; `dev` marks what only its tests may.
pub(crate) const ALLOWED: &[(&str, &str)] = &[
    (
        "protocol",
        "bytes bytestring crc32c flate2 lz4_flex serde snap zstd dev:proptest \
         dev:serde_json dev:stats_alloc",
    ),
    ("runtime", "futures thiserror tokio tracing dev:tokio"),
    (
        "client",
        "bytes fastrand futures murmur2 ottla-protocol ottla-runtime rustls serde serde_json \
         thiserror tokio tokio-rustls tower tower-layer tower-service tracing webpki-roots dev:proptest dev:tokio",
    ),
    (
        "broker-lite",
        "bytes clap crc32c fastrand futures ottla ottla-protocol ottla-runtime rustix serde_json thiserror \
         tokio tracing tracing-subscriber dev:futures dev:proptest dev:stats_alloc dev:tempfile dev:tokio",
    ),
    ("examples", "broker-lite futures indicatif ottla tempfile tokio"),
    (
        "tests",
        "broker-lite bytes fastrand futures ottla ottla-protocol ottla-runtime peak_alloc proc-macro2 \
         rcgen serde serde_json stats_alloc syn tempfile tokio tokio-rustls tracing",
    ),
];

/// Every shared dependency says in its line why it is there.
pub(crate) fn reasons(root: &str) -> Vec<Complaint> {
    let lines = section(root, "workspace.dependencies");
    let external = lines.filter(|line| !line.contains("path = "));
    let bare = external.filter(|line| line.split_once(" # ").is_none_or(|(_, why)| why.len() < 8));
    bare.map(|line| format!("Cargo.toml: say why: {line}")).collect()
}

/// A crate depends on what was agreed, at the version the workspace has.
pub(crate) fn direct(path: &str, manifest: &str, allowed: &str) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let allowed: Vec<_> = allowed.split_whitespace().collect();
    for (name, mark) in [("dependencies", ""), ("dev-dependencies", "dev:")] {
        for line in section(manifest, name) {
            let dependency = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if !allowed.contains(&&*format!("{mark}{dependency}")) {
                complaints.push(format!("{path}: {mark}{dependency} was not agreed on"));
            }
            if !line.contains("workspace = true") {
                complaints.push(format!("{path}: {dependency} names its own version"));
            }
        }
    }
    if section(manifest, "build-dependencies").next().is_some() {
        complaints.push(format!("{path}: build scripts make every build slower"));
    }
    complaints
}

fn section<'a>(manifest: &'a str, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let head = format!("[{name}]");
    let inside = manifest.lines().skip_while(move |line| *line != head).skip(1);
    let inside = inside.take_while(|line| !line.starts_with('['));
    inside.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[test]
fn each_rule_finds_what_it_forbids() {
    let root =
        "[workspace.dependencies]\nbytes = \"1\" # shared slices\nrand = \"1\"\n[lints]\nx = 1\n";
    assert_eq!(reasons(root), ["Cargo.toml: say why: rand = \"1\""]);
    let manifest = "[dependencies]\nbytes.workspace = true\nrand = \"1\"\n\n[dev-dependencies]\n\
                    tokio = { workspace = true }\n\n[build-dependencies]\ncc.workspace = true\n";
    let complaints = direct("x/Cargo.toml", manifest, "bytes tokio");
    assert_eq!(complaints.len(), 4, "{complaints:#?}");
    assert!(direct("x", "[dependencies]\nbytes.workspace = true\n", "bytes").is_empty());
}
