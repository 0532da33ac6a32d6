//! The strict S3 over HTTP, a tree on disk, and the real program between them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use suitecast_testing::StrictS3;
use suitecast_testing::archive_maker::Generation;
use suitecast_testing::http::HttpServer;
use suitecast_testing::strict::{BucketSettings, Request, S3Operation};

pub(crate) const MASTER: &str = "archive-master";
pub(crate) const REGION: &str = "us-east-1";
/// Somebody who may read what all may read and nothing else.
const NOBODY: u32 = 65534;
/// Time after which a step that should have come has not.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct World {
    pub(crate) s3: StrictS3,
    pub(crate) tree: PathBuf,
    endpoint: String,
    directory: PathBuf,
    _server: HttpServer,
    _runtime: tokio::runtime::Runtime,
}

impl World {
    /// A master bucket with nothing in it, and an empty tree.
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("suitecast-push-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        let tree = directory.join("tree");
        std::fs::create_dir_all(&tree).unwrap();
        let s3 = StrictS3::new(|| Timestamp::UNIX_EPOCH);
        s3.create_bucket(MASTER, BucketSettings::in_region(REGION).versioned_and_notifying());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let server = runtime.block_on(HttpServer::start(s3.clone())).unwrap();
        Self { s3, tree, endpoint: server.endpoint(), directory, _server: server, _runtime: runtime }
    }

    /// The same with an archive on disk.
    pub(crate) fn with(generation: &Generation) -> Self {
        let world = Self::new();
        generation.write_to(&world.tree).unwrap();
        world
    }

    pub(crate) fn address(&self) -> String {
        self.endpoint.trim_start_matches("http://").to_owned()
    }

    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.tree.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// `suitecast push TREE s3://MASTER …`, not yet started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let url = format!("s3://{MASTER}");
        Self::command_to(&self.endpoint, &[&["--json", "push", self.tree.to_str().unwrap(), &url], arguments].concat())
    }

    /// The program with these arguments, talking to this endpoint.
    pub(crate) fn command_to(endpoint: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_suitecast"));
        command
            .args(arguments)
            .env_clear()
            .envs([
                ("AWS_ENDPOINT_URL", endpoint),
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
                ("AWS_REGION", REGION),
                ("AWS_EC2_METADATA_DISABLED", "true"),
                ("AWS_CONFIG_FILE", "/dev/null"),
                ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ])
            .stdin(Stdio::null());
        command
    }

    /// Pushes, and what came of it: exit code, the result, what was said beside it.
    pub(crate) fn push(&self, arguments: &[&str]) -> Pushed {
        Pushed::of(&self.command(arguments).output().unwrap())
    }

    /// The same without the rights of root, who may read everything.
    pub(crate) fn push_as_nobody(&self, arguments: &[&str]) -> Pushed {
        let mut command = self.command(arguments);
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        Pushed::of(&command.output().unwrap())
    }

    /// What the bucket holds, Suitecast's own keys left out.
    pub(crate) fn keys(&self) -> Vec<String> {
        let keys = self.s3.keys(MASTER, "");
        keys.into_iter().filter(|key| !key.starts_with(".suitecast/")).collect()
    }

    /// The keys that were written since the requests were forgotten, in order, Suitecast's own left out.
    pub(crate) fn written(&self) -> Vec<String> {
        let is_write = |request: &Request| {
            matches!(request.operation, S3Operation::PutObject | S3Operation::CompleteMultipartUpload)
                && request.status == 200
                && !request.key.starts_with(".suitecast/")
        };
        self.s3.requests().iter().filter(|request| is_write(request)).map(|request| request.key.clone()).collect()
    }

    pub(crate) fn count(&self, operation: S3Operation) -> u64 {
        self.s3.count(|_| true).of_operation(operation)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// How a push ended.
#[derive(Debug)]
pub(crate) struct Pushed {
    pub(crate) code: i32,
    pub(crate) result: Value,
    pub(crate) said: String,
}

impl Pushed {
    pub(crate) fn of(output: &Output) -> Self {
        let lines = String::from_utf8(output.stdout.clone()).unwrap();
        // A failure is told behind the result.
        let result = lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .find(|value| value.get("sent").is_some())
            .unwrap_or_default();
        let said = String::from_utf8(output.stderr.clone()).unwrap();
        Self { code: output.status.code().unwrap_or(-1), result, said }
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        self.result[name].as_u64().unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }
}

/// A proxy that holds up the first request whose text holds a word, until it is told to go on.
pub(crate) struct Gate {
    pub(crate) endpoint: String,
    reached: Receiver<String>,
    opened: Arc<(Mutex<bool>, Condvar)>,
}

impl Gate {
    /// Before a server at this address.
    pub(crate) fn before(address: String, word: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (sender, reached) = channel();
        let opened = Arc::new((Mutex::new(false), Condvar::new()));
        let (held, gate) = (Arc::new(AtomicBool::new(false)), Arc::clone(&opened));
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(&address)) else { return };
                let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || std::io::copy(&mut from, &mut to));
                let (sender, held, gate) = (sender.clone(), Arc::clone(&held), Arc::clone(&gate));
                thread::spawn(move || forward(client, server, word, &sender, &held, &gate));
            }
        });
        Self { endpoint, reached, opened }
    }

    /// Waits until the request has come, and says how it begins.
    pub(crate) fn wait(&self) -> String {
        self.reached.recv_timeout(PATIENCE).expect("the request that was waited for never came")
    }

    /// Lets it go on.
    pub(crate) fn open(&self) {
        *self.opened.0.lock().unwrap() = true;
        self.opened.1.notify_all();
    }
}

fn forward(
    mut client: TcpStream,
    mut server: TcpStream,
    word: &str,
    reached: &Sender<String>,
    held: &AtomicBool,
    gate: &(Mutex<bool>, Condvar),
) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(count) = client.read(&mut piece) {
        if count == 0 {
            break;
        }
        let bytes = &piece[..count];
        let is_it = bytes.windows(word.len()).any(|window| window == word.as_bytes());
        if is_it && !held.swap(true, Ordering::SeqCst) {
            let text = String::from_utf8_lossy(bytes);
            let _ = reached.send(text.lines().next().unwrap_or_default().to_owned());
            let open = gate.0.lock().unwrap();
            let _open = gate.1.wait_while(open, |open| !*open).unwrap();
        }
        if server.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = server.shutdown(std::net::Shutdown::Both);
}
