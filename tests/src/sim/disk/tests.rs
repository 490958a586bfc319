use super::*;
use broker_lite::Cluster;
use broker_lite::log::disk::Disk;
use ottla::{Client, NewTopic};
use ottla_runtime::net::memory::MemoryNetwork;
use std::sync::mpsc;

fn written(disk: &SimDisk) -> UnrulyDisk {
    let used = disk.state().disk.clone();
    let file = used.open("f", true).unwrap();
    file.append(&[b"bytes"]).unwrap();
    used
}

fn found(disk: &SimDisk) -> Option<Vec<u8>> {
    let used = disk.state().disk.clone();
    let file = used.open("f", false).ok()?;
    let mut bytes = vec![0; 16];
    let len = file.read_at(0, &mut bytes).unwrap();
    Some(bytes[..len].to_vec())
}

/// How a sync that starts now ends, and after how long.
async fn sync(clock: &Clock, used: &UnrulyDisk) -> (bool, Duration) {
    let (done, ended) = mpsc::channel();
    let from = clock.now();
    let file = used.open("f", false).unwrap();
    file.start_sync(Box::new(move |result| done.send(result.is_ok()).unwrap()));
    loop {
        if let Ok(is_ok) = ended.try_recv() {
            return (is_ok, clock.now() - from);
        }
        clock.sleep(Duration::from_micros(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_leaves_what_it_wrote_and_a_power_failure_takes_what_was_not_synced() {
    let clock = Clock::starting_at(0);
    let mut lost = 0;
    for seed in 0..20 {
        let disk = SimDisk::new(&clock, seed);
        written(&disk);
        disk.end_process();
        assert_eq!(found(&disk).unwrap(), b"bytes");
        disk.fail_power();
        lost += u32::from(found(&disk).as_deref() != Some(b"bytes"));
        assert_eq!(disk.misdeeds()[&Misdeed::PowerFailure], 1);
    }
    assert!((5..=20).contains(&lost), "{lost} of 20 lost something");
}

#[tokio::test(start_paused = true)]
async fn what_was_synced_survives_and_takes_its_time() {
    let clock = Clock::starting_at(0);
    for seed in 0..20 {
        let disk = SimDisk::new(&clock, seed);
        let used = written(&disk);
        let (is_ok, took) = sync(&clock, &used).await;
        assert!(is_ok && took > Duration::ZERO && took < Duration::from_millis(4), "{took:?}");
        used.sync_dir("").unwrap();
        disk.fail_power();
        assert_eq!(found(&disk).unwrap(), b"bytes");
    }
}

#[tokio::test(start_paused = true)]
async fn syncs_stall_and_fail_and_a_failed_one_never_succeeds_again() {
    let clock = Clock::starting_at(0);
    let disk = SimDisk::new(&clock, 1);
    let used = written(&disk);
    let stall = Duration::from_secs(7);
    disk.set_manners(Manners { stalls_permille: 1_000, stall, ..Manners::GOOD });
    let (is_ok, took) = sync(&clock, &used).await;
    assert!(is_ok && took >= stall, "{took:?}");
    let keeps_it_open = used.open("f", false).unwrap();
    keeps_it_open.append(&[b" and more"]).unwrap();
    disk.set_manners(Manners { failed_syncs_permille: 1_000, ..Manners::GOOD });
    assert!(!sync(&clock, &used).await.0);
    disk.set_manners(Manners::GOOD);
    assert!(!sync(&clock, &used).await.0, "the pages are gone, and nobody may believe otherwise");
    used.sync_dir("").unwrap();
    disk.fail_power();
    assert_eq!(found(&disk).unwrap(), b"bytes", "not what the failed sync was for");
}

#[tokio::test(start_paused = true)]
async fn a_sync_under_way_when_the_power_fails_tells_nobody() {
    let clock = Clock::starting_at(0);
    let disk = SimDisk::new(&clock, 1);
    let used = written(&disk);
    let (done, ended) = mpsc::channel();
    let file = used.open("f", false).unwrap();
    file.start_sync(Box::new(move |result| done.send(result.is_ok()).unwrap()));
    disk.fail_power();
    clock.sleep(Duration::from_secs(60)).await;
    assert_eq!(ended.try_recv(), Err(mpsc::TryRecvError::Disconnected));
}

#[tokio::test(start_paused = true)]
async fn a_broker_starts_on_it_again_after_each_end() {
    let clock = Clock::starting_at(1_700_000_000_000);
    let disk = SimDisk::new(&clock, 3);
    for round in 0..6 {
        let builder = Cluster::builder().storage(disk.storage()).clock(clock.clone()).seed(7);
        let cluster = builder.topic("t", 2).start().await.unwrap();
        match round % 3 {
            0 => drop(cluster.stop().await.unwrap()),
            1 => {
                cluster.kill().await;
                disk.end_process();
            }
            _ => {
                cluster.kill().await;
                disk.fail_power();
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_controller_goes_on_while_syncs_take_long() {
    let clock = Clock::starting_at(1_700_000_000_000);
    let disk = SimDisk::new(&clock, 3);
    let builder = Cluster::builder().storage(disk.storage()).clock(clock.clone()).seed(7);
    let cluster = builder.memory_network(&MemoryNetwork::new()).start().await.unwrap();
    let stall = Duration::from_secs(7);
    disk.set_manners(Manners { stalls_permille: 1_000, stall, ..Manners::GOOD });
    let client = Client::builder(&cluster.bootstrap())
        .connector(cluster.connector())
        .clock(clock.clone())
        .build()
        .unwrap();
    client.admin().create_topic(NewTopic::new("t")).await.unwrap();
    cluster.stop().await.unwrap();
}
