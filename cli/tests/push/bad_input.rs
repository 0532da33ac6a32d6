//! What goes wrong around a push: a clear message, the right exit code, no release file ahead of what it names.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use suitecast_testing::strict::{BucketSettings, S3Operation, Trouble, TroubleRule};

use crate::generation;
use crate::world::{Gate, MASTER, PATIENCE, Pushed, World};

fn no_release_is_up(world: &World) {
    let releases: Vec<String> = world.keys().into_iter().filter(|key| key.ends_with("Release")).collect();
    let at_the_suite: Vec<&String> = releases.iter().filter(|key| key.matches('/').count() == 2).collect();
    assert!(at_the_suite.is_empty(), "{at_the_suite:?}");
}

fn send_signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

#[test]
fn an_unreadable_file_keeps_the_release_from_being_sent() {
    let generation = generation(1);
    let world = World::with(&generation);
    let path = world.tree.join(generation.pool_keys().next().unwrap());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    let pushed = world.push_as_nobody(&[]);
    assert_eq!(pushed.code, 1, "{pushed:?}");
    assert!(pushed.said.contains("cannot be read"), "{pushed:?}");
    no_release_is_up(&world);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(world.push(&[]).code, 0, "mended, it goes on");
}

#[test]
fn a_file_that_is_not_what_its_index_says_keeps_the_release_from_being_sent() {
    let generation = generation(1);
    let world = World::with(&generation);
    let key = generation.pool_keys().next().unwrap();
    let spoilt: Vec<u8> = generation.files[key].iter().map(|byte| byte ^ 1).collect();
    world.write(key, spoilt);
    let pushed = world.push(&[]);
    assert_eq!(pushed.code, 1, "{pushed:?}");
    assert!(pushed.said.contains(key) && pushed.said.contains("its index says"), "{pushed:?}");
    assert!(world.s3.peek(MASTER, key).is_none());
    no_release_is_up(&world);
}

#[test]
fn a_tree_that_changes_while_it_is_pushed_is_noticed() {
    let generation = generation(1);
    let world = World::with(&generation);
    let gate = Gate::before(world.address(), "PUT /archive-master/pool/");
    let url = format!("s3://{MASTER}");
    let arguments = ["--json", "push", world.tree.to_str().unwrap(), &url, "--concurrency", "1"];
    let mut command = World::command_to(&gate.endpoint, &arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    gate.wait();
    // Somebody publishes meanwhile.
    let newer = suitecast_testing::archive_maker::ArchiveMaker::new(7).generation(2).unwrap();
    newer.write_to(&world.tree).unwrap();
    gate.open();
    let pushed = Pushed::of(&child.wait_with_output().unwrap());
    assert_eq!(pushed.code, 1, "{pushed:?}");
    assert!(pushed.said.contains("changed while the tree was being pushed") || pushed.said.contains("its index says"));
    no_release_is_up(&world);
    // Files that both generations hold stayed the same; whatever was sent, the next push makes it whole.
    assert_eq!(world.push(&[]).code, 0);
    let release = newer.suite_key("InRelease");
    assert_eq!(world.s3.peek(MASTER, &release).as_ref(), newer.files.get(&release));
}

#[test]
fn a_bucket_that_is_not_there_is_told() {
    let world = World::with(&generation(1));
    world.s3.remove_bucket(MASTER);
    let pushed = world.push(&[]);
    assert_eq!(pushed.code, 4, "{pushed:?}");
    assert!(pushed.said.contains("no such bucket"), "{pushed:?}");
}

#[test]
fn a_bucket_in_another_region_is_found_there() {
    let generation = generation(1);
    let world = World::with(&generation);
    world.s3.create_bucket(MASTER, BucketSettings::in_region("eu-west-1"));
    let pushed = world.push(&[]);
    assert_eq!((pushed.code, pushed.number("sent")), (0, generation.files.len() as u64), "{pushed:?}");
}

#[test]
fn without_rights_it_stops_and_says_which() {
    let generation = generation(1);
    let world = World::with(&generation);
    world.s3.trouble(TroubleRule::once(Trouble::Denied).on(S3Operation::PutObject).times(1_000, 3));
    let pushed = world.push(&["--concurrency", "2"]);
    assert_eq!(pushed.code, 4, "{pushed:?}");
    assert!(pushed.said.contains("AccessDenied"), "{pushed:?}");
    no_release_is_up(&world);
    assert!(world.count(S3Operation::PutObject) <= 10, "it went on in vain");
}

#[test]
fn passing_troubles_are_outlived() {
    let generation = generation(1);
    let world = World::with(&generation);
    world.s3.trouble(TroubleRule::once(Trouble::SlowDown).on(S3Operation::PutObject).times(5, 2));
    world.s3.trouble(TroubleRule::once(Trouble::LostAnswer).on(S3Operation::PutObject).times(2, 9));
    let pushed = world.push(&[]);
    assert_eq!((pushed.code, pushed.number("sent")), (0, generation.files.len() as u64), "{pushed:?}");
}

#[test]
fn expired_credentials_are_told() {
    let world = World::with(&generation(1));
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(mut client) = client else { return };
            thread::spawn(move || {
                let mut piece = [0; 16 * 1024];
                let Ok(count) = client.read(&mut piece) else { return };
                let body = "<?xml version=\"1.0\"?><Error><Code>ExpiredToken</Code>\
                            <Message>The provided token has expired.</Message></Error>";
                let is_head = piece[..count].starts_with(b"HEAD");
                let length = body.len();
                let head = format!("HTTP/1.1 400 Bad Request\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
                let _ = client.write_all(head.as_bytes());
                let _ = client.write_all(if is_head { b"" } else { body.as_bytes() });
            });
        }
    });
    let url = format!("s3://{MASTER}");
    let output = World::command_to(&endpoint, &["push", world.tree.to_str().unwrap(), &url]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("credentials have expired"), "{said}");
}

#[test]
fn a_name_that_is_not_utf8_is_told_before_anything_is_sent() {
    let world = World::with(&generation(1));
    std::fs::write(world.tree.join(OsStr::from_bytes(b"pool/caf\xe9.deb")), "1").unwrap();
    let pushed = world.push(&[]);
    assert_eq!(pushed.code, 1, "{pushed:?}");
    assert!(pushed.said.contains("not UTF-8"), "{pushed:?}");
    assert!(world.s3.keys(MASTER, "").is_empty());
    assert_eq!(world.push(&["--exclude", "caf*"]).code, 0);
}

#[test]
fn a_reader_that_goes_away_ends_it_without_a_word() {
    let world = World::with(&generation(1));
    let url = format!("s3://{MASTER}");
    let endpoint = format!("http://{}", world.address());
    let mut command = World::command_to(&endpoint, &["push", world.tree.to_str().unwrap(), &url, "--dry-run"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(141), ""));
}

/// A push whose result nobody can read: with its stdout closed, or on a device without room.
fn push_untold(world: &World, is_device_full: bool, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = world.command(arguments);
    command.stderr(Stdio::piped());
    let output = if is_device_full {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        command.stdout(full).spawn().unwrap().wait_with_output().unwrap()
    } else {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        child.wait_with_output().unwrap()
    };
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_push_whose_result_nobody_reads_is_done_all_the_same() {
    let generation = generation(1);
    for (is_device_full, code, word) in [(false, 141, ""), (true, 3, "cannot write to stdout")] {
        let world = World::with(&generation);
        let (ended, said) = push_untold(&world, is_device_full, &[]);
        assert_eq!(ended, Some(code), "{said}");
        assert!(said.contains(word) && said.is_empty() == word.is_empty(), "{said}");
        assert_eq!(world.keys().len(), generation.files.len());
        assert_eq!(world.push(&[]).number("asked"), 0, "what was learnt was kept");
    }
}

#[test]
fn a_stdout_that_is_broken_does_not_hide_why_a_push_failed() {
    let generation = generation(1);
    let key = generation.pool_keys().next().unwrap();
    let spoilt: Vec<u8> = generation.files[key].iter().map(|byte| byte ^ 1).collect();
    for is_device_full in [false, true] {
        let world = World::with(&generation);
        world.s3.trouble(TroubleRule::once(Trouble::Denied).on(S3Operation::PutObject).times(1_000, 0));
        let (ended, said) = push_untold(&world, is_device_full, &[]);
        assert_eq!(ended, Some(4), "{said}");
        assert!(said.contains("AccessDenied"), "{said}");
        world.s3.clear_troubles();
        world.write(key, &spoilt);
        let (ended, said) = push_untold(&world, is_device_full, &[]);
        assert_eq!(ended, Some(1), "{said}");
        assert!(said.contains(key) && said.contains("no release file was sent"), "{said}");
        std::fs::remove_file(world.tree.join(key)).unwrap();
        let (ended, said) = push_untold(&world, is_device_full, &[]);
        assert_eq!(ended, Some(1), "{said}");
        assert!(said.contains(key) && said.contains("--no-check"), "{said}");
    }
}

#[test]
fn an_interrupt_ends_it_in_order_and_the_next_push_goes_on() {
    let generation = generation(1);
    let world = World::with(&generation);
    world.write("pool/large.bin", vec![7; 20 * 1024 * 1024]);
    let gate = Gate::before(world.address(), "partNumber=2");
    let url = format!("s3://{MASTER}");
    let mut command = World::command_to(&gate.endpoint, &["--json", "push", world.tree.to_str().unwrap(), &url]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    gate.wait();
    send_signal(&child, "INT");
    let pushed = Pushed::of(&child.wait_with_output().unwrap());
    assert_eq!(pushed.code, 130, "{pushed:?}");
    assert!(pushed.said.contains("interrupted"), "{pushed:?}");
    no_release_is_up(&world);
    assert_eq!(world.count(S3Operation::AbortMultipartUpload), 1, "the parts were cleared away");
    let before = world.keys().len() as u64;
    let again = world.push(&[]);
    assert_eq!((again.code, again.number("unchanged")), (0, before), "{again:?}");
    assert_eq!(world.keys().len(), generation.files.len() + 1);
}

#[test]
fn an_interrupt_while_a_file_is_read_for_comparison_ends_it_at_once() {
    let world = World::with(&generation(1));
    let path = world.tree.join("pool/unnamed.bin");
    std::fs::write(&path, "1234").unwrap();
    // Of the same size, and nobody says which digest: it has to be read.
    world.s3.plant(MASTER, "pool/unnamed.bin", "5678").unwrap();
    let gate = Gate::before(world.address(), "list-type=2");
    let url = format!("s3://{MASTER}");
    let mut command = World::command_to(&gate.endpoint, &["--json", "push", world.tree.to_str().unwrap(), &url]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    gate.wait();
    // The tree has been looked through by now. A disk that does not answer is like a pipe that nobody writes to.
    std::fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    gate.open();
    // Opened only once the program has opened it too.
    let never_written = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    send_signal(&child, "INT");
    let pushed = ended(child);
    drop(never_written);
    assert_eq!(pushed.code, 130, "{pushed:?}");
    assert!(pushed.said.contains("interrupted"), "{pushed:?}");
    no_release_is_up(&world);
}

#[test]
fn what_was_learnt_before_an_interrupt_is_kept() {
    let generation = generation(1);
    let world = World::with(&generation);
    assert_eq!(world.push(&[]).code, 0);
    // Each object has to be asked about, and one file never answers.
    world.s3.uproot(MASTER, ".suitecast/pushed/record.gz").unwrap();
    world.write("pool/unnamed.bin", "1234");
    world.s3.plant(MASTER, "pool/unnamed.bin", "5678").unwrap();
    let path = world.tree.join("pool/unnamed.bin");
    let gate = Gate::before(world.address(), "list-type=2");
    let url = format!("s3://{MASTER}");
    world.s3.forget_requests();
    // Two at once: the file takes one place, and the objects come one after the other in the other.
    let arguments = ["push", world.tree.to_str().unwrap(), &url, "--concurrency", "2"];
    let mut command = World::command_to(&gate.endpoint, &arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    gate.wait();
    std::fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    gate.open();
    let never_written = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    let objects = generation.files.len() as u64;
    while world.count(S3Operation::HeadObject) < objects {
        thread::yield_now();
    }
    send_signal(&child, "INT");
    assert_eq!(ended(child).code, 130);
    drop(never_written);
    std::fs::remove_file(&path).unwrap();
    let again = world.push(&[]);
    // The answer to the last question may have come too late.
    assert!(again.code == 0 && again.number("asked") <= 1, "{again:?}");
}

/// What a program that is to end by itself came to.
fn ended(child: Child) -> Pushed {
    let id = child.id();
    let (sender, receiver) = channel();
    thread::spawn(move || sender.send(child.wait_with_output().unwrap()));
    let Ok(output) = receiver.recv_timeout(PATIENCE) else {
        let _ = Command::new("kill").args(["-KILL", &id.to_string()]).status();
        panic!("it did not end");
    };
    Pushed::of(&output)
}
