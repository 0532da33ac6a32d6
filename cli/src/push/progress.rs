//! How far a push is: a bar where somebody looks at a terminal, a line now and then elsewhere.

use std::convert::Infallible;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{DecimalBytes, HumanDuration, ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::output::Output;

/// How often a line is written where there is no bar.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// How often the bar is drawn anew although nothing happened, so that rate and time left stay true.
const BAR_INTERVAL: Duration = Duration::from_millis(200);
const BAR: &str = "{msg:14} {wide_bar} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left";

/// Counts what was sent.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    total_files: u64,
    total_bytes: u64,
    files: AtomicU64,
    bytes: AtomicU64,
    began: Instant,
    remarks: Mutex<Vec<String>>,
}

impl Progress {
    /// Nothing of so much is sent yet.
    pub(crate) fn new(is_terminal: bool, total_files: u64, total_bytes: u64) -> Self {
        let bar = is_terminal.then(|| {
            let bar = ProgressBar::new(total_bytes);
            if let Ok(style) = ProgressStyle::with_template(BAR) {
                bar.set_style(style);
            }
            bar.enable_steady_tick(BAR_INTERVAL);
            bar
        });
        let began = Instant::now();
        Self {
            bar,
            total_files,
            total_bytes,
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            began,
            remarks: Mutex::default(),
        }
    }

    /// A phase begins.
    pub(crate) fn phase(&self, name: &'static str) {
        if let Some(bar) = &self.bar {
            bar.set_message(name);
        }
    }

    /// Bytes have arrived.
    pub(crate) fn bytes_sent(&self, count: u64) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.inc(count);
        }
    }

    /// A file has arrived.
    pub(crate) fn file_sent(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    /// Keeps something to be said when the bar is gone.
    pub(crate) fn remark(&self, text: String) {
        self.remarks.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(text);
    }

    /// Takes the bar away, and says what was kept.
    pub(crate) fn end(&self, output: &Output) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        for text in self.remarks.lock().unwrap_or_else(std::sync::PoisonError::into_inner).drain(..) {
            output.remark(text);
        }
    }

    /// How long it has been going on.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// `sent 120 of 5000 files, 12 MB of 500 MB, 1.2 MB/s, 7 minutes left`
    fn line(&self) -> String {
        let (files, bytes) = (self.files.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
        let mut line = format!(
            "sent {files} of {} files, {} of {}",
            self.total_files,
            DecimalBytes(bytes),
            DecimalBytes(self.total_bytes)
        );
        let milliseconds = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = bytes.saturating_mul(1000) / milliseconds;
        if let Some(seconds) = self.total_bytes.saturating_sub(bytes).checked_div(rate) {
            let left = HumanDuration(Duration::from_secs(seconds));
            line = format!("{line}, {}/s, {left} left", DecimalBytes(rate));
        }
        line
    }

    /// Writes lines now and then, for ever; none where there is a bar.
    pub(crate) async fn lines(&self, output: &Output) -> Infallible {
        loop {
            tokio::time::sleep(LINE_INTERVAL).await;
            if self.bar.is_none() {
                output.remark(self.line());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;
    use std::sync::Arc;

    /// What was said, to be read by others.
    #[derive(Clone, Default)]
    struct Said(Arc<Mutex<Vec<u8>>>);

    impl Write for Said {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn where_nobody_looks_at_a_terminal_a_line_now_and_then_tells_rate_and_time_left() {
        let said = Said::default();
        let output = Output::to(false, Box::new(std::io::sink()), Box::new(said.clone()));
        let progress = Progress::new(output.is_terminal(), 5, 50_000_000);
        progress.file_sent();
        progress.bytes_sent(10_000_000);
        let _ = tokio::time::timeout(Duration::from_secs(25), progress.lines(&output)).await;
        let text = String::from_utf8(said.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let told = "sent 1 of 5 files, 10.00 MB of 50.00 MB, ";
        assert_eq!(
            lines,
            [format!("{told}1.00 MB/s, 40 seconds left"), format!("{told}500.00 kB/s, 80 seconds left"),]
        );
    }
}
