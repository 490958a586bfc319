//! `serve`: a broker until a signal.

use std::io::Write;
use std::path::PathBuf;

use broker_lite::Cluster;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::exit::Failure;
use super::pair;

/// Options of `serve`.
#[derive(Args, Debug)]
pub(super) struct Serve {
    /// Port to listen on; 0 takes a free one.
    #[arg(short, long, default_value_t = 9092)]
    port: u16,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Address that clients are told to use, if not the one listened on (Kafka:
    /// `advertised.listeners`); port 0 stands for the port listened on.
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    advertised: Option<(String, u16)>,
    /// Keeps everything in this directory, in Kafka's format.
    #[arg(short, long, value_name = "DIR", conflicts_with = "memory")]
    data: Option<PathBuf>,
    /// Keeps everything in memory, which is the default.
    #[arg(short, long)]
    memory: bool,
    /// What counts as written: `os` acknowledges what the operating system has, which survives the end
    /// of the process; `commit` what is on the device, which survives that of the machine (as
    /// `ottla.durability`, which topics have, too).
    #[arg(long, value_name = "os|commit", value_parser = ["os", "commit"])]
    durability: Option<String>,
    /// A topic to create if it does not exist; repeatable.
    #[arg(short, long, value_name = "NAME[:PARTITIONS]", value_parser = topic)]
    topic: Vec<(String, i32)>,
    /// A broker setting by Kafka's name, such as `log.segment.bytes=1048576`; repeatable.
    #[arg(short, long, visible_alias = "override", value_name = "NAME=VALUE", value_parser = pair)]
    config: Vec<(String, String)>,
    /// How many files of the data directory are open at a time; by default half of `ulimit -n`.
    #[arg(long, value_name = "N")]
    open_files_max: Option<usize>,
}

fn address(text: &str) -> Result<(String, u16), String> {
    let (host, port) = text.rsplit_once(':').ok_or("HOST:PORT expected")?;
    let port = port.parse().map_err(|_| format!("{port:?} is not a port"))?;
    let six = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let host = six.unwrap_or(host);
    if host.is_empty() || host.contains(['[', ']']) {
        return Err("HOST:PORT expected".to_owned());
    }
    if six.is_none() && host.contains(':') {
        return Err(format!("an IPv6 address stands in brackets: [{host}]:{port}"));
    }
    Ok((host.to_owned(), port))
}

fn topic(text: &str) -> Result<(String, i32), String> {
    let (name, partitions) = text.rsplit_once(':').unwrap_or((text, "1"));
    match partitions.parse() {
        Ok(partitions) if partitions > 0 => Ok((name.to_owned(), partitions)),
        _ => Err(format!("{partitions:?} is not a number of partitions")),
    }
}

impl Serve {
    pub(super) async fn run(self) -> Result<(), Failure> {
        // from here on a signal is a stop, also while starting
        let caught = |error| Failure::new("listening to signals", &error);
        let mut interrupt = signal(SignalKind::interrupt()).map_err(caught)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(caught)?;
        let host = self.host.clone();
        let cluster = self.start().await?;
        // clients may be told another address, and port 0 is any
        let host =
            if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host };
        tracing::info!("listening on {host}:{}", cluster.port());
        let ready = format!(
            "{{\"ready\":true,\"bootstrap\":{},\"pid\":{}}}",
            serde_json::Value::from(cluster.bootstrap()),
            std::process::id()
        );
        let mut stdout = std::io::stdout().lock();
        let told = writeln!(stdout, "{ready}").and_then(|()| stdout.flush());
        drop(stdout);
        if let Err(error) = told {
            // whoever started us may not want to know; the broker serves all the same
            tracing::debug!("nobody reads the ready line: {error}");
        }
        tokio::select! {
            biased;
            _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
        }
        let stopped = cluster.stop().await;
        stopped.map(drop).map_err(|error| Failure::new("stopping the broker", &error))
    }

    async fn start(self) -> Result<Cluster, Failure> {
        let mut builder = Cluster::builder().listen(&*self.host, self.port);
        let place = match &self.data {
            Some(dir) => format!("data in {}", dir.display()),
            None => "data in memory".to_owned(),
        };
        if let Some(dir) = self.data {
            builder = builder.data_dir(dir);
        }
        if let Some(max) = self.open_files_max {
            builder = builder.open_files_max(max);
        }
        if let Some((host, port)) = self.advertised {
            builder = builder.advertised(host, port);
        }
        for (name, partitions) in self.topic {
            builder = builder.topic(name, partitions);
        }
        if let Some(durability) = self.durability {
            builder = builder.config("ottla.durability", durability);
        }
        for (name, value) in self.config {
            builder = builder.config(name, value);
        }
        let what = format!("starting a broker on {}:{}, {place}", self.host, self.port);
        builder.start().await.map_err(|error| Failure::new(what, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_a_name_and_a_number_of_partitions() {
        assert_eq!(topic("orders:3"), Ok(("orders".to_owned(), 3)));
        assert_eq!(topic("orders"), Ok(("orders".to_owned(), 1)));
        for text in ["orders:0", "orders:-1", "orders:x", "orders:"] {
            assert!(topic(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_may_be_a_name_or_ipv6() {
        assert_eq!(address("kafka:9092"), Ok(("kafka".to_owned(), 9092)));
        assert_eq!(address("[::1]:0"), Ok(("::1".to_owned(), 0)));
        for text in ["kafka", ":9092", "kafka:99999", "[]:1", "::1:9092", "[::1:9092", "::1]:9092"]
        {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
