//! Servers for tests: started on free ports of the loopback, stopped by their own id when dropped.

use std::{
    fs, io,
    io::Write,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Time a server may take until it answers.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// Starts that are tried.
const START_ATTEMPTS: u32 = 3;
/// Pause between two looks whether it answers.
const START_POLL: Duration = Duration::from_millis(50);

/// A server that tests need and that is not part of this tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// The local cloud: S3, SNS, SQS, Lambda and `CloudFormation` in one process.
    MiniStack,
    /// `SeaweedFS`: an S3 server that is meant for use.
    SeaweedFs,
}

impl Tool {
    /// The program, below `.tools/cloud/bin`.
    fn program(self) -> &'static str {
        match self {
            Self::MiniStack => "ministack",
            Self::SeaweedFs => "weed",
        }
    }

    /// Where the program is, if it is there.
    pub fn path(self) -> Option<PathBuf> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/cloud/bin").join(self.program());
        path.exists().then_some(path)
    }
}

/// Tests of this process that were skipped for want of a tool.
static SKIPPED: AtomicU32 = AtomicU32::new(0);

/// Says aloud that a test is skipped, and how many that makes.
///
/// # Panics
/// Where `CI=true`: there every tool must be present, or a green run would prove nothing.
pub fn skip(test: &str, tool: Tool) {
    let count = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
    let line = format!("SKIPPED ({count}): {test}: {} is not installed; `make tools` installs it", tool.program());
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{line}");
    // Nobody to tell if there is no standard error.
    let _ = writeln!(io::stderr(), "{line}");
}

/// A running server.
pub struct Server {
    process: Child,
    endpoint: String,
    directory: PathBuf,
}

impl Server {
    /// Starts a server and waits until it answers; `None` where the tool is not installed.
    ///
    /// # Errors
    /// When it does not start, or does not answer within a minute; its log is in the error.
    pub fn start(tool: Tool) -> io::Result<Option<Self>> {
        let Some(program) = tool.path() else {
            return Ok(None);
        };
        let mut attempt = 1;
        loop {
            match Self::start_once(tool, &program) {
                // Somebody may have taken a port between our look and the server's.
                Err(_) if attempt < START_ATTEMPTS => attempt += 1,
                outcome => return outcome.map(Some),
            }
        }
    }

    fn start_once(tool: Tool, program: &Path) -> io::Result<Self> {
        let directory = fresh_directory(tool.program())?;
        let log = fs::File::create(directory.join("log"))?;
        let mut command = Command::new(program);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
            command.env_remove(name);
        }
        let port = match tool {
            Tool::MiniStack => ministack(&mut command, &directory)?,
            Tool::SeaweedFs => seaweedfs(&mut command, &directory)?,
        };
        command.current_dir(&directory).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let process = command.spawn()?;
        let server = Self { process, endpoint: format!("http://127.0.0.1:{port}"), directory };
        server.wait_until_it_answers(port)
    }

    /// Its address, as `AWS_ENDPOINT_URL` wants it.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn wait_until_it_answers(mut self, port: u16) -> io::Result<Self> {
        let started = Instant::now();
        while started.elapsed() < START_TIMEOUT {
            if let Some(status) = self.process.try_wait()? {
                return Err(io::Error::other(format!("the server ended at once ({status}):\n{}", self.log())));
            }
            if answers_http(port) {
                return Ok(self);
            }
            thread::sleep(START_POLL);
        }
        Err(io::Error::other(format!("no answer from {}:\n{}", self.endpoint, self.log())))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Where it has ended by itself, there is nothing left to stop; its directory is only in the way.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn ministack(command: &mut Command, directory: &Path) -> io::Result<u16> {
    let port = free_port()?;
    command
        .env("BIND_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", port.to_string())
        .env("TMPDIR", directory)
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
    Ok(port)
}

fn seaweedfs(command: &mut Command, directory: &Path) -> io::Result<u16> {
    let data = directory.join("data");
    fs::create_dir_all(&data)?;
    let port = free_port()?;
    command
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .args(["server", "-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", "-volume.max=64"])
        .args(["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.volumeSizeLimitMB=64"])
        .arg(format!("-dir={}", data.display()))
        .arg(format!("-filer.localSocket={}", directory.join("filer.sock").display()))
        .arg(format!("-s3.localSocket={}", directory.join("s3.sock").display()))
        .arg(format!("-s3.port={port}"));
    for flag in [
        "s3.port.grpc",
        "master.port",
        "master.port.grpc",
        "volume.port",
        "volume.port.grpc",
        "filer.port",
        "filer.port.grpc",
    ] {
        command.arg(format!("-{flag}={}", free_port()?));
    }
    Ok(port)
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn fresh_directory(name: &str) -> io::Result<PathBuf> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let directory = std::env::temp_dir().join(format!("suitecast-{name}-{}-{number}", std::process::id()));
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// Whether something at the port speaks HTTP.
fn answers_http(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut first = [0; 4];
    stream.set_read_timeout(Some(Duration::from_secs(2))).is_ok()
        && stream.write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n").is_ok()
        && io::Read::read_exact(&mut stream, &mut first).is_ok()
        && &first == b"HTTP"
}
