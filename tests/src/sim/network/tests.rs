use super::*;
use crate::sim::FLIP_HERE;
use ottla_runtime::Instant;
use ottla_runtime::net::Listener;
use ottla_runtime::net::memory::MemoryListener;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LATENCY: Duration = Duration::from_millis(5);
const LONG: Duration = Duration::from_secs(60);

struct World {
    clock: Clock,
    network: Network,
    listener: MemoryListener,
}

impl World {
    fn new() -> Self {
        let clock = Clock::starting_at(0);
        let network = Network::new(&clock, Pace { latency: LATENCY, bytes_per_second: 1_000_000 });
        let listener = network.ports().bind("node", 9092).unwrap();
        Self { clock, network, listener }
    }

    async fn connected(&self) -> (Halves, Halves) {
        let near = self.network.link_of("client").connect("node", 9092).await.unwrap();
        (near, self.listener.accept().await.unwrap())
    }

    /// What arrives within a minute.
    async fn hear(&self, from: &mut Halves) -> Option<io::Result<Vec<u8>>> {
        let mut bytes = Vec::with_capacity(64);
        let read = self.clock.timeout(LONG, from.read.read_buf(&mut bytes)).await.ok()?;
        Some(read.map(|_| bytes))
    }
}

fn kind(heard: Option<io::Result<Vec<u8>>>) -> Option<io::ErrorKind> {
    heard.and_then(Result::err).map(|error| error.kind())
}

#[tokio::test(start_paused = true)]
async fn bytes_take_their_time_and_keep_their_order() {
    let world = World::new();
    let (mut near, mut far) = world.connected().await;
    assert_eq!(world.clock.now(), Instant::ZERO + LATENCY * 2, "a connection takes a round trip");
    let from = world.clock.now();
    near.write.write_all(&[1; 10]).await.unwrap();
    near.write.write_all(&[2; 10]).await.unwrap();
    let mut bytes = [0; 20];
    far.read.read_exact(&mut bytes).await.unwrap();
    assert_eq!(bytes, [[1; 10], [2; 10]].concat()[..]);
    let took = world.clock.now() - from;
    assert!(took >= LATENCY && took < LATENCY * 2, "{took:?}");
    near.write.write_all(&[3; 50_000]).await.unwrap();
    drop(near);
    let mut rest = Vec::new();
    far.read.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, [3; 50_000], "what was sent before the end comes before the end");
    let took = world.clock.now() - from;
    assert!(took >= Duration::from_millis(50), "50 kB at 1 MB/s in {took:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_held_comes_on_release_and_is_lost_on_heal() {
    let world = World::new();
    let (mut near, mut far) = world.connected().await;
    near.write.write_all(b"one").await.unwrap();
    world.network.hold("client", "node", Way::Both);
    assert!(world.hear(&mut far).await.is_none(), "held");
    let link = world.network.link_of("client");
    let connect = world.clock.timeout(LONG, link.connect("node", 9092)).await;
    assert!(connect.is_err(), "who connects waits");
    world.network.release("client", "node");
    assert_eq!(world.hear(&mut far).await.unwrap().unwrap(), b"one");
    world.network.hold("client", "node", Way::Both);
    near.write.write_all(b"two").await.unwrap();
    world.network.heal("client", "node");
    assert_eq!(kind(world.hear(&mut far).await), Some(io::ErrorKind::ConnectionReset));
    assert_eq!(kind(world.hear(&mut near).await), Some(io::ErrorKind::ConnectionReset));
    assert_eq!(world.network.struck()[&Struck::Cut], 1);
    assert_eq!(world.network.struck()[&Struck::Held], 1, "the second found nothing under way");
}

#[tokio::test(start_paused = true)]
async fn one_direction_alone_can_be_held() {
    let world = World::new();
    let (mut near, mut far) = world.connected().await;
    world.network.hold("client", "node", Way::Back);
    near.write.write_all(b"asked").await.unwrap();
    assert_eq!(world.hear(&mut far).await.unwrap().unwrap(), b"asked");
    far.write.write_all(b"told").await.unwrap();
    assert!(world.hear(&mut near).await.is_none());
    world.network.release_all();
    assert_eq!(world.hear(&mut near).await.unwrap().unwrap(), b"told");
}

#[tokio::test(start_paused = true)]
async fn a_request_arrives_although_its_sender_has_given_up() {
    let world = World::new();
    let (mut near, mut far) = world.connected().await;
    near.write.write_all(b"late").await.unwrap();
    world.network.delay("client", "node", LONG * 2);
    drop(near);
    assert!(world.hear(&mut far).await.is_none(), "not yet");
    world.clock.sleep(LONG).await;
    assert_eq!(world.hear(&mut far).await.unwrap().unwrap(), b"late");
    assert_eq!(world.hear(&mut far).await.unwrap().unwrap(), b"", "then the end");
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_vanished_says_nothing_until_it_is_back() {
    let world = World::new();
    let (mut near, far) = world.connected().await;
    world.network.vanish("node");
    drop(far);
    assert!(world.hear(&mut near).await.is_none(), "nobody said that it is gone");
    near.write.write_all(b"into the void").await.unwrap();
    assert!(world.hear(&mut near).await.is_none());
    world.network.come_back("node");
    assert_eq!(kind(world.hear(&mut near).await), Some(io::ErrorKind::ConnectionReset));
}

#[tokio::test(start_paused = true)]
async fn a_flipped_bit_hits_a_record_and_nothing_else() {
    let world = World::new();
    let (mut near, mut far) = world.connected().await;
    world.network.flip("node");
    near.write.write_all(b"no record").await.unwrap();
    assert_eq!(world.hear(&mut far).await.unwrap().unwrap(), b"no record");
    assert_eq!(world.network.struck()[&Struck::Flipped], 0);
    near.write.write_all(FLIP_HERE).await.unwrap();
    let heard = world.hear(&mut far).await.unwrap().unwrap();
    let differ = heard.iter().zip(FLIP_HERE).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>();
    assert_eq!((heard.len(), differ), (FLIP_HERE.len(), 1));
    near.write.write_all(FLIP_HERE).await.unwrap();
    assert_eq!(world.hear(&mut far).await.unwrap().unwrap(), FLIP_HERE, "once");
    assert_eq!(world.network.struck()[&Struck::Flipped], 1);
}

#[tokio::test(start_paused = true)]
async fn connections_that_ended_are_forgotten() {
    let world = World::new();
    for _ in 0..100 {
        drop(world.connected().await);
    }
    assert!(world.network.state().connections.len() < 3);
}
