//! The judge of runs finds nothing wrong with either broker: what it holds against one, it must not
//! hold against Apache Kafka.

use ottla_runtime::Clock;
use ottla_tests::judge::history::Act;
use ottla_tests::judge::judge;
use ottla_tests::session::{Session, topic_name};
use ottla_tests::workload::{PARTITIONS, Workload};

use super::world::World;

const SEEDS: u64 = 3;
const STEPS: usize = 60;
/// Rests are this much shorter than in runs on a clock of their own.
const HASTE: u32 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_see_of_it_is_sound() {
    let world = World::new().await;
    let clock = Clock::system();
    for seed in 0..SEEDS {
        let workload = Workload::from_seed(seed, STEPS).hastened(HASTE);
        let prefix = world.name("judged");
        let mut made = Vec::new();
        for topic in workload.topics() {
            let name = topic_name(&prefix, topic);
            world.create(&name, |topic| topic.partitions(PARTITIONS)).await;
            made.push(name);
        }
        let session = Session::new(&workload, &clock, &prefix);
        let connect = |_| (world.client.clone(), world.producer());
        session.carry_out(&connect).await;
        let history = session.read_all(&connect).await;
        let report = judge(&history).unwrap();
        assert!(report.is_sound(), "seed {seed}:\n{}", report.lines(&history).join("\n"));
        let sends = history.ops.iter().filter(|op| matches!(op.act, Act::Send(_))).count();
        assert!(sends > 10, "it was worth judging: {sends} sends");
        world.admin().delete_topics(&made).await;
    }
    world.end().await;
}
