//! How a push sends: many at once and no more than allowed, parts side by side, deletions at the very end, and told on the way.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

use suitecast_testing::strict::{S3Operation, Trouble, TroubleRule};

use crate::generation;
use crate::proxies::{Traffic, expiring_at};
use crate::world::{Gate, MASTER, PATIENCE, Pushed, World};

const LARGE_BYTES: usize = 20 * 1024 * 1024;

fn push_by(endpoint: &str, world: &World, arguments: &[&str]) -> Command {
    let url = format!("s3://{MASTER}");
    let tree = world.tree.to_str().unwrap();
    let mut command = World::command_to(endpoint, &[&["--json", "push", tree, &url], arguments].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits until the server has seen so many requests of a kind.
#[allow(clippy::disallowed_methods, reason = "a test that waits in vain has to end")]
fn wait_for(world: &World, operation: S3Operation, count: u64) {
    let began = Instant::now();
    while world.count(operation) < count {
        assert!(began.elapsed() < PATIENCE, "{} of {count} requests came", world.count(operation));
        thread::yield_now();
    }
}

#[test]
fn one_file_that_is_slow_does_not_keep_the_others_of_its_phase() {
    let generation = generation(1);
    let world = World::with(&generation);
    let gate = Gate::before(world.address(), "PUT /archive-master/pool/");
    let child = push_by(&gate.endpoint, &world, &["--concurrency", "4"]).spawn().unwrap();
    let held = gate.wait();
    let others = generation.files.keys().filter(|key| !key.starts_with("dists/")).count() as u64 - 1;
    wait_for(&world, S3Operation::PutObject, others);
    // The one is not among them, as it were had it been given up and repeated; nor is anything of a later phase.
    let there = world.keys();
    let is_held = |key: &&String| held.starts_with(&format!("PUT /{MASTER}/{}", key.replace('+', "%2B")));
    assert!(there.len() as u64 == others && !there.iter().any(|key| is_held(&key)), "{held} came: {there:?}");
    assert!(there.iter().all(|key| !key.starts_with("dists/")), "{there:?}");
    gate.open();
    let pushed = Pushed::of(&child.wait_with_output().unwrap());
    assert_eq!((pushed.code, pushed.number("sent")), (0, generation.files.len() as u64), "{pushed:?}");
}

#[test]
fn no_more_requests_are_in_flight_than_allowed() {
    for concurrency in [1, 3] {
        let world = World::with(&generation(1));
        world.write("pool/large.bin", vec![7; LARGE_BYTES]);
        let traffic = Traffic::before(world.address());
        let command = push_by(&traffic.endpoint, &world, &["--concurrency", &concurrency.to_string()]).output();
        assert_eq!(Pushed::of(&command.unwrap()).code, 0);
        assert!((1..=concurrency).contains(&traffic.most()), "{} of {concurrency}", traffic.most());
    }
}

#[test]
fn the_parts_of_a_large_file_go_up_side_by_side() {
    let world = World::new();
    world.write("pool/large.bin", vec![7; LARGE_BYTES]);
    let gate = Gate::before(world.address(), "partNumber=1");
    let child = push_by(&gate.endpoint, &world, &["--concurrency", "4"]).spawn().unwrap();
    gate.wait();
    wait_for(&world, S3Operation::UploadPart, 2);
    gate.open();
    assert_eq!(Pushed::of(&child.wait_with_output().unwrap()).code, 0);
    assert_eq!(world.s3.peek(MASTER, "pool/large.bin").unwrap().len(), LARGE_BYTES);
}

#[test]
fn deletions_come_after_the_last_release_file() {
    let generation = generation(1);
    let world = World::with(&generation);
    for key in ["pool/old.deb", "dists/gone/InRelease"] {
        world.s3.plant(MASTER, key, "old").unwrap();
    }
    assert_eq!(world.push(&["--delete"]).number("deleted"), 2);
    let requests = world.s3.requests();
    let place = |wanted: &dyn Fn(S3Operation, &str) -> bool| {
        requests.iter().position(|request| wanted(request.operation, &request.key)).unwrap()
    };
    let in_release = generation.suite_key("InRelease");
    let committed = place(&|operation, key| operation == S3Operation::PutObject && key == in_release);
    assert!(committed < place(&|operation, _| operation == S3Operation::DeleteObject));
}

#[test]
fn nothing_is_deleted_when_something_could_not_be_sent() {
    let generation = generation(1);
    for key in [generation.pool_keys().next().unwrap(), &generation.suite_key("InRelease")] {
        let world = World::with(&generation);
        world.s3.plant(MASTER, "pool/old.deb", "old").unwrap();
        let denied = TroubleRule::once(Trouble::Denied).on(S3Operation::PutObject).at(MASTER, key).times(1_000, 0);
        world.s3.trouble(denied);
        let pushed = world.push(&["--delete"]);
        assert_eq!((pushed.code, pushed.number("deleted")), (4, 0), "{pushed:?}");
        assert!(world.s3.peek(MASTER, "pool/old.deb").is_some());
    }
}

#[test]
fn a_store_that_is_too_busy_for_long_ends_it_with_3_and_the_next_push_goes_on() {
    let generation = generation(1);
    let world = World::with(&generation);
    let busy = TroubleRule::once(Trouble::SlowDown).on(S3Operation::PutObject).at(MASTER, "dists/").times(100_000, 0);
    world.s3.trouble(busy);
    let pushed = world.push(&["--concurrency", "1"]);
    assert_eq!(pushed.code, 3, "{pushed:?}");
    assert!(pushed.said.contains("push again to go on") && pushed.said.contains("--concurrency"), "{pushed:?}");
    world.s3.clear_troubles();
    let there = world.keys().len() as u64;
    let again = world.push(&[]);
    assert_eq!((again.code, again.number("unchanged")), (0, there), "{again:?}");
}

#[test]
fn credentials_that_expire_on_the_way_are_told_and_with_new_ones_it_goes_on() {
    let generation = generation(1);
    let world = World::with(&generation);
    let endpoint = expiring_at(world.address(), "PUT /archive-master/dists/");
    let pushed = Pushed::of(&push_by(&endpoint, &world, &["--concurrency", "2"]).output().unwrap());
    assert_eq!(pushed.code, 4, "{pushed:?}");
    assert!(pushed.said.contains("credentials have expired: get new ones"), "{pushed:?}");
    assert!(pushed.said.contains("no release file was sent"), "{pushed:?}");
    let there = world.keys();
    assert!(!there.is_empty() && there.iter().all(|key| !key.starts_with("dists/")), "{there:?}");
    let again = world.push(&[]);
    assert_eq!((again.code, again.number("unchanged")), (0, there.len() as u64), "{again:?}");
}

/// `script` gives the program a terminal and passes on what it draws there.
#[test]
fn a_terminal_shows_a_bar_with_rate_and_time_left() {
    let world = World::new();
    world.write("pool/large.bin", vec![7; LARGE_BYTES]);
    let gate = Gate::before(world.address(), "partNumber=3");
    let program = env!("CARGO_BIN_EXE_suitecast");
    let line = format!("stty cols 120 rows 24; {program} push {} s3://{MASTER}", world.tree.display());
    let variables = World::command_to(&gate.endpoint, &[]);
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).env_clear().env("TERM", "xterm").env("PATH", "/usr/bin:/bin");
    command.envs(variables.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    gate.wait();
    let mut screen = child.stdout.take().unwrap();
    let (sender, drawn) = channel();
    thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = screen.read(&mut piece) {
            let _ = sender.send(String::from_utf8_lossy(&piece[..count]).into_owned());
        }
    });
    let mut text = String::new();
    // Of 20 MiB two parts are up, and the third waits.
    while !(text.contains("/20.97 MB") && text.contains("MB/s") && text.contains(" left")) {
        text.push_str(&drawn.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no such bar: {text:?}")));
    }
    gate.open();
    assert!(child.wait().unwrap().success());
    assert!(text.contains("pool "), "the phase is named: {text:?}");
}
