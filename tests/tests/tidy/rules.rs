//! Rules about what code may name, judged on its tokens, so that macro bodies count too.

use super::code::{alert, each, is_below};
use super::{Complaint, Source};

/// Where the async shell lives; everything else is values, machines, ledgers and stores.
const ASYNC: &[&str] = &[
    "runtime/src/",
    "examples/",
    // handles
    "client/src/lib.rs",
    "client/src/client.rs",
    "client/src/admin/",
    "client/src/cluster/mod.rs",
    "client/src/consumer/mod.rs",
    "client/src/consumer/offsets.rs",
    "client/src/consumer/stream.rs",
    "client/src/producer/mod.rs",
    "client/src/producer/stream.rs",
    "broker-lite/src/cluster.rs",
    "broker-lite/src/fault/",
    // what a handle and its driver share
    "client/src/consumer/receive.rs",
    "client/src/producer/delivery.rs",
    "client/src/producer/memory.rs",
    "client/src/producer/shared.rs",
    // net
    "client/src/net/",
    "broker-lite/src/net/",
    // handlers: a Fetch waits for an append
    "broker-lite/src/api/",
    "broker-lite/src/replica/waiters.rs",
    // one node, one process
    "broker-lite/src/broker.rs",
    "broker-lite/src/main.rs",
    "broker-lite/src/cli/",
];

fn may_be_async(path: &str) -> bool {
    is_below(path, ASYNC) || path.ends_with("/driver.rs") || path.contains("/driver/")
}

/// `async`, `.await` and tokio stand in drivers, `net/`, handles and the binary, nowhere else.
pub(crate) fn only_drivers_are_async(source: &Source) -> Vec<Complaint> {
    if may_be_async(&source.path) {
        return Vec::new();
    }
    let why = "is for drivers, net/ and public handles: make this a machine, or a driver.rs";
    each(source, &["async", ". await", "tokio"], why)
}

/// Clock and tasks come from `ottla_runtime`, so that tests can move, pause and kill them.
pub(crate) fn seams(source: &Source) -> Vec<Complaint> {
    if source.path.starts_with("runtime/") || source.path.starts_with("examples/") {
        return Vec::new();
    }
    let mut complaints = each(
        source,
        &["tokio :: time", "Instant :: now", "SystemTime", "std :: time :: Instant"],
        "asks a clock that no test can move: use ottla_runtime::Clock",
    );
    let main = source.path == "broker-lite/src/main.rs" || source.path.contains("/src/cli/");
    if !main {
        let spawns = ["tokio :: spawn", "task :: spawn", "spawn_blocking", "Handle :: spawn"];
        complaints.extend(each(source, &spawns, "escapes its node: use ottla_runtime::Scope"));
        complaints.extend(each(source, &["thread :: spawn"], "escapes its node: no threads here"));
    }
    complaints.extend(each(source, &["unbounded_channel"], "has no bound: use a bounded queue"));
    complaints
}

/// Files of the broker are read and written in one place, which tests replace. A client reads
/// certificates, and nothing else.
pub(crate) fn files(source: &Source) -> Vec<Complaint> {
    let allowed = [
        "broker-lite/src/log/disk.rs",
        "broker-lite/src/log/disk/",
        "broker-lite/src/cli/",
        "client/src/net/pem.rs",
    ];
    if is_below(&source.path, &allowed) || source.path.starts_with("examples/") {
        return Vec::new();
    }
    each(source, &["std :: fs", "fs ::", "File :: open", "OpenOptions"], "goes past log/disk.rs")
}

/// The client and the broker are two programs that happen to share a repository.
pub(crate) fn strangers(source: &Source) -> Vec<Complaint> {
    let path = &*source.path;
    let binary = ["broker-lite/src/main.rs", "broker-lite/src/cli/"];
    if path.starts_with("client/") {
        each(source, &["broker_lite"], "must not be known to the client")
    } else if path.starts_with("broker-lite/") && !is_below(path, &binary) {
        each(source, &["ottla ::"], "must not be known to the broker's library")
    } else if path.starts_with("protocol/") {
        let names = ["tokio", "std :: net", "std :: time", "ottla_runtime", "futures"];
        each(source, &names, "does I/O or knows time: protocol is bytes in, values out")
    } else {
        Vec::new()
    }
}

/// A fair `select!` draws from an unseeded generator: runs would not replay.
pub(crate) fn select_is_biased(source: &Source) -> Vec<Complaint> {
    let tokens = &source.tokens;
    let calls = tokens.windows(4).filter(|w| w[0].text == "select" && w[1].text == "!");
    let unfair = calls.filter(|w| matches!(&*w[2].text, "{" | "(") && w[3].text != "biased");
    unfair.map(|w| alert(source, w[0].line, "select! begins with `biased;`")).collect()
}

/// State in a `static` is shared by all nodes and clients of a process, and outlives them.
pub(crate) fn statics(source: &Source) -> Vec<Complaint> {
    let holders = ["Mutex", "RwLock", "OnceLock", "LazyLock", "OnceCell", "Cell", "RefCell"];
    let mut complaints = each(source, &["thread_local !", "static mut"], "holds state");
    for (at, token) in source.tokens.iter().enumerate().filter(|(_, t)| t.text == "static") {
        let declared = source.tokens[at..].iter().take_while(|t| t.text != "=");
        let mut names = declared.map(|t| &*t.text);
        if names.any(|name| holders.contains(&name) || name.starts_with("Atomic")) {
            complaints.push(alert(source, token.line, "a static holds state"));
        }
    }
    complaints
}

/// `Drop` runs wherever a value happens to die: it may wake and count, not do I/O or spawn.
pub(crate) fn drops(source: &Source) -> Vec<Complaint> {
    let forbidden = ["spawn", "await", "block_on", "fs", "sync", "write_all", "sleep", "send"];
    let mut complaints = Vec::new();
    for at in 0..source.tokens.len().saturating_sub(1) {
        if source.tokens[at].text != "Drop" || source.tokens[at + 1].text != "for" {
            continue;
        }
        for token in super::code::body(&source.tokens[at..]) {
            if forbidden.contains(&&*token.text) {
                complaints.push(alert(source, token.line, &format!("Drop does `{}`", token.text)));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(rule: fn(&Source) -> Vec<Complaint>, path: &str, text: &str) -> usize {
        rule(&Source::parse(path, text)).len()
    }

    #[test]
    fn each_rule_finds_what_it_forbids() {
        type Rule = fn(&Source) -> Vec<Complaint>;
        let machine = "client/src/producer/outbox.rs";
        let rows: &[(Rule, &str, &str)] = &[
            (only_drivers_are_async, machine, "async fn f() {}"),
            (only_drivers_are_async, machine, "fn f() { join!(a.await) }"),
            (only_drivers_are_async, machine, "use tokio::sync::Notify;"),
            (seams, machine, "fn f() { Instant::now(); }"),
            (seams, machine, "fn f() { std::time::SystemTime::now(); }"),
            (seams, "client/src/net/driver.rs", "fn f() { tokio::spawn(x); }"),
            (seams, "broker-lite/src/cluster.rs", "fn f() { tokio::task::spawn_blocking(x); }"),
            (seams, "client/src/net/driver.rs", "use tokio::time;"),
            (seams, machine, "fn f() { std::thread::spawn(x); }"),
            (seams, machine, "fn f() { mpsc::unbounded_channel(); }"),
            (files, "broker-lite/src/log/segment.rs", "use std::fs;"),
            (files, "client/src/lib.rs", "fn f() { File::open(x); }"),
            (strangers, "client/src/lib.rs", "use broker_lite::Cluster;"),
            (strangers, "broker-lite/src/cluster.rs", "fn f(c: ottla::Client) {}"),
            (strangers, "protocol/src/frame.rs", "use tokio::io::AsyncRead;"),
            (select_is_biased, machine, "fn f() { tokio::select! { a = b => {} } }"),
            (statics, machine, "static N: AtomicU64 = AtomicU64::new(0);"),
            (statics, machine, "static CACHE: std::sync::OnceLock<u8> = OnceLock::new();"),
            (statics, machine, "thread_local! { static X: u8 = 0; }"),
            (drops, machine, "impl Drop for X { fn drop(&mut self) { self.scope.spawn(y); } }"),
            (drops, machine, "impl<T> Drop for X<T> { fn drop(&mut self) { self.f.sync(); } }"),
        ];
        for (rule, path, text) in rows {
            assert!(judge(*rule, path, text) > 0, "no complaint about {path}: {text}");
        }
    }

    #[test]
    fn each_rule_passes_what_it_allows() {
        type Rule = fn(&Source) -> Vec<Complaint>;
        let rows: &[(Rule, &str, &str)] = &[
            (only_drivers_are_async, "client/src/producer/driver.rs", "async fn f() { a.await }"),
            (only_drivers_are_async, "client/src/producer/outbox.rs", "// async\nfn f() {}"),
            (only_drivers_are_async, "client/src/a.rs", "#[cfg(test)] mod t { async fn f() {} }"),
            (seams, "runtime/src/clock.rs", "fn f() { Instant::now(); }"),
            (seams, "client/src/a.rs", "fn f(c: &Clock) { c.now(); scope.spawn(x); }"),
            (files, "broker-lite/src/log/disk.rs", "use std::fs;"),
            (strangers, "broker-lite/src/cli/produce.rs", "use ottla::Client;"),
            (strangers, "broker-lite/src/cluster.rs", "use ottla_protocol::ids::Offset;"),
            (select_is_biased, "client/src/a.rs", "fn f() { select! { biased; a = b => {} } }"),
            (statics, "client/src/a.rs", "static T: [&'static str; 1] = [\"a\"];"),
            (drops, "client/src/a.rs", "impl Drop for X { fn drop(&mut self) { wake(); } }"),
            (drops, "client/src/a.rs", "impl X { fn f(&self) { self.scope.spawn(y); } }"),
        ];
        for (rule, path, text) in rows {
            assert_eq!(judge(*rule, path, text), 0, "complaint about {path}: {text}");
        }
    }
}
