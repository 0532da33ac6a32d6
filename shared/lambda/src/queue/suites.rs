//! Waking suites.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use suitecast_engine::{QueueError, SuitesQueue, Wake};

use super::{MAX_BATCH_ENTRIES, NewMessage, QueueApi};
use crate::failure::Chain;

/// Attempts to send an entry that the queue refused for a passing reason.
pub const MAX_SEND_ATTEMPTS: u32 = 4;

/// Pause before the second attempt; it doubles from one to the next.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Suites that an error names; the count of the others is added.
const MAX_SUITES_NAMED: usize = 10;

/// The suites queue, on SQS.
pub struct SqsSuitesQueue {
    api: Arc<dyn QueueApi>,
    queue_url: String,
}

impl SqsSuitesQueue {
    /// The queue at a URL.
    pub fn new(api: Arc<dyn QueueApi>, queue_url: &str) -> Self {
        Self { api, queue_url: queue_url.to_owned() }
    }

    /// Sends one batch until each entry is taken or given up; answers those given up, with the last reason.
    async fn send(&self, batch: &[Wake]) -> Vec<Lost> {
        let mut lost = Vec::new();
        let mut pending = Vec::with_capacity(batch.len());
        for (number, wake) in batch.iter().enumerate() {
            match serde_json::to_string(wake) {
                Ok(body) => pending.push(NewMessage { number, body }),
                Err(error) => lost.push(Lost::new(wake, error.to_string())),
            }
        }
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=MAX_SEND_ATTEMPTS {
            if pending.is_empty() {
                break;
            }
            let refusals = match self.api.send(&self.queue_url, &pending).await {
                Ok(refusals) => refusals,
                Err(error) => {
                    let detail = Chain(&error).to_string();
                    lost.extend(given_up(batch, &pending, &detail));
                    return lost;
                }
            };
            pending.retain(|message| refusals.iter().any(|refusal| refusal.number == message.number));
            for refusal in &refusals {
                if refusal.permanent || attempt == MAX_SEND_ATTEMPTS {
                    let (gone, left) = pending.into_iter().partition(|message| message.number == refusal.number);
                    pending = left;
                    lost.extend(given_up(batch, &gone, &refusal.detail));
                }
            }
            if !pending.is_empty() {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
        lost
    }
}

/// A wake-up that the queue did not take.
struct Lost {
    suite: String,
    detail: String,
}

impl Lost {
    fn new(wake: &Wake, detail: String) -> Self {
        Self { suite: wake.suite.to_string(), detail }
    }
}

fn given_up(batch: &[Wake], messages: &[NewMessage], detail: &str) -> Vec<Lost> {
    messages
        .iter()
        .filter_map(|message| batch.get(message.number))
        .map(|wake| Lost::new(wake, detail.to_owned()))
        .collect()
}

#[async_trait]
impl SuitesQueue for SqsSuitesQueue {
    async fn wake(&self, wakes: &[Wake]) -> Result<(), QueueError> {
        let mut lost = Vec::new();
        // A batch that fails is no reason to leave the others unsent: each wake-up that gets through is one less to repeat.
        for batch in wakes.chunks(MAX_BATCH_ENTRIES) {
            lost.extend(self.send(batch).await);
        }
        let Some(detail) = lost.last().map(|lost| lost.detail.clone()) else { return Ok(()) };
        let mut suites: Vec<&str> = lost.iter().take(MAX_SUITES_NAMED).map(|lost| lost.suite.as_str()).collect();
        let others = format!("and {} more", lost.len().saturating_sub(MAX_SUITES_NAMED));
        if lost.len() > MAX_SUITES_NAMED {
            suites.push(&others);
        }
        Err(QueueError { suites: suites.join(", "), detail, source: None })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::collections::VecDeque;
    use std::sync::Mutex;

    use suitecast_archive::SuiteName;

    use super::super::{ApiError, NewVisibility, Refusal};
    use super::*;

    const URL: &str = "https://sqs.eu-west-1.amazonaws.com/1/suites";

    /// A queue that answers as scripted, then takes everything; it keeps what it took.
    #[derive(Default)]
    struct Scripted {
        answers: Mutex<VecDeque<Result<Vec<Refusal>, ()>>>,
        calls: Mutex<Vec<usize>>,
        taken: Mutex<Vec<String>>,
    }

    #[async_trait]
    impl QueueApi for Scripted {
        async fn send(&self, queue_url: &str, messages: &[NewMessage]) -> Result<Vec<Refusal>, ApiError> {
            assert_eq!(queue_url, URL);
            self.calls.lock().unwrap().push(messages.len());
            let answer = self.answers.lock().unwrap().pop_front().unwrap_or(Ok(Vec::new()));
            let refusals = answer.map_err(|()| ApiError {
                call: "SendMessageBatch",
                queue_url: queue_url.to_owned(),
                source: "the network is down".into(),
            })?;
            let taken =
                messages.iter().filter(|message| refusals.iter().all(|refusal| refusal.number != message.number));
            self.taken.lock().unwrap().extend(taken.map(|message| message.body.clone()));
            Ok(refusals)
        }

        async fn change_visibility(&self, _: &str, _: &[NewVisibility]) -> Result<Vec<Refusal>, ApiError> {
            panic!("waking suites changes no visibility");
        }
    }

    fn wakes(count: usize) -> Vec<Wake> {
        (0..count).map(|number| Wake::new(SuiteName::parse(&format!("dists/s{number}")).unwrap())).collect()
    }

    fn refusal(number: usize, permanent: bool) -> Refusal {
        Refusal { number, permanent, detail: "InternalError".to_owned() }
    }

    async fn woken(answers: Vec<Result<Vec<Refusal>, ()>>, wakes: &[Wake]) -> (Result<(), QueueError>, Arc<Scripted>) {
        let api = Arc::new(Scripted { answers: Mutex::new(answers.into()), ..Scripted::default() });
        let result = SqsSuitesQueue::new(api.clone(), URL).wake(wakes).await;
        (result, api)
    }

    fn suites_taken(api: &Scripted) -> Vec<String> {
        let taken = api.taken.lock().unwrap();
        taken.iter().map(|body| serde_json::from_str::<Wake>(body).unwrap().suite.to_string()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn every_suite_is_woken_ten_a_call() {
        let (result, api) = woken(vec![], &wakes(23)).await;
        result.unwrap();
        assert_eq!(*api.calls.lock().unwrap(), [10, 10, 3]);
        assert_eq!(suites_taken(&api), (0..23).map(|number| format!("dists/s{number}")).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_to_wake_is_no_call() {
        let (result, api) = woken(vec![], &[]).await;
        result.unwrap();
        assert!(api.calls.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_entry_is_sent_again_and_only_that_one() {
        let answers = vec![Ok(vec![refusal(1, false), refusal(2, false)]), Ok(vec![refusal(2, false)])];
        let (result, api) = woken(answers, &wakes(4)).await;
        result.unwrap();
        assert_eq!(*api.calls.lock().unwrap(), [4, 2, 1]);
        assert_eq!(suites_taken(&api), ["dists/s0", "dists/s3", "dists/s1", "dists/s2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wake_up_that_stays_refused_is_an_error_that_names_its_suite() {
        let answers = (0..MAX_SEND_ATTEMPTS).map(|_| Ok(vec![refusal(1, false)])).collect();
        let (result, api) = woken(answers, &wakes(2)).await;
        assert_eq!(result.unwrap_err().to_string(), "waking suites dists/s1: InternalError");
        assert_eq!(api.calls.lock().unwrap().len(), MAX_SEND_ATTEMPTS as usize);
        assert_eq!(suites_taken(&api), ["dists/s0"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_that_will_never_be_taken_is_not_sent_again() {
        let (result, api) = woken(vec![Ok(vec![refusal(0, true)])], &wakes(2)).await;
        assert_eq!(result.unwrap_err().suites, "dists/s0");
        assert_eq!(*api.calls.lock().unwrap(), [2]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_fails_whole_does_not_keep_the_others_back() {
        let (result, api) = woken(vec![Err(())], &wakes(12)).await;
        let error = result.unwrap_err();
        assert_eq!(error.suites.split(", ").count(), 10);
        assert!(error.detail.ends_with("the network is down"), "{}", error.detail);
        assert_eq!(suites_taken(&api), ["dists/s10", "dists/s11"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_names_ten_suites_and_counts_the_others() {
        let (result, _) = woken(vec![Err(()), Err(())], &wakes(13)).await;
        assert!(result.unwrap_err().suites.ends_with("dists/s9, and 3 more"));
    }
}
