//! Where a function under test writes its metrics.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// Keeps what is written to it: lines of JSON, as `CloudWatch` takes metrics from a log. Clones are the same page.
#[derive(Debug, Clone, Default)]
pub struct MetricsPage(Arc<Mutex<Vec<u8>>>);

impl MetricsPage {
    /// Everything that was written.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// Every value of a metric that was written, in order.
    ///
    /// # Panics
    /// When something else than lines of JSON was written.
    #[allow(clippy::expect_used, reason = "what is no JSON fails the test")]
    pub fn values(&self, metric: &str) -> Vec<f64> {
        let text = self.text();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("metrics are lines of JSON"));
        lines.filter_map(|line| line.get(metric).and_then(Value::as_f64)).collect()
    }

    /// Forgets what was written.
    pub fn clear(&self) {
        self.bytes().clear();
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for MetricsPage {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
