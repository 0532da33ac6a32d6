//! Where a suite stands in a Region: a plain function of what was seen.

use jiff::Timestamp;
use serde::Serialize;
use suitecast_archive::SuiteName;
use suitecast_mirror::SuiteState;

use crate::reader::SeenRelease;

/// What a Region makes of the master's release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    /// It is what clients see.
    Live,
    /// It is what clients see, and something that it names was lost since.
    Damaged,
    /// It waits for objects that the master does not hold.
    Waiting,
    /// A run is at work on the suite.
    Filling,
    /// It breaks a rule, and will not be served as it is.
    Refused,
    /// The release files do not belong together, so that nobody can say what is to be served.
    Unsettled,
    /// An operator holds the suite at another release.
    Held,
    /// It is older than what clients see.
    Older,
    /// Nobody has come to it yet.
    Behind,
    /// The master has none; what was served stays.
    Withdrawn,
    /// The Region does not mirror the suite.
    NotMirrored,
    /// It could not be looked at.
    Unknown,
}

impl Standing {
    /// Whether there is nothing to wait for: the Region serves what the master holds, or has no business with it.
    pub(crate) fn is_settled(self) -> bool {
        matches!(self, Self::Live | Self::Withdrawn | Self::NotMirrored)
    }
}

/// A suite in one Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SuiteInRegion {
    /// The Region.
    pub region: String,
    /// How it stands.
    pub standing: Standing,
    /// The `Date` of the release that clients see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub served_date: Option<Timestamp>,
    /// By how much that is older than the master's, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_seconds: Option<u64>,
    /// How many objects the master's release waits for, at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_count: Option<usize>,
    /// Since when it waits, stands unsettled or is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<Timestamp>,
    /// Which rule the master's release breaks, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// A suite in the master and in all Regions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SuiteRow {
    /// The suite.
    pub suite: SuiteName,
    /// The `Date` of the master's release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_date: Option<Timestamp>,
    /// How it stands in each Region.
    pub regions: Vec<SuiteInRegion>,
}

impl SuiteInRegion {
    /// How a suite that the Region mirrors stands there. `state` is what is remembered of it.
    pub(crate) fn of(
        region: &str,
        master: &SeenRelease,
        served: &SeenRelease,
        state: &SuiteState,
        now: Timestamp,
    ) -> Self {
        let waiting = state.waiting.as_ref().filter(|waiting| waiting.identity == master.identity);
        let unsettled = state.unsettled.as_ref().filter(|unsettled| unsettled.identity == master.identity);
        let refused = state.refused.as_ref().filter(|refused| refused.identity == master.identity);
        let is_worked_on = state.lease.as_ref().is_some_and(|lease| lease.expires_at > now)
            || state.filling.is_some()
            || state.intent.is_some();
        let standing = match () {
            () if !master.is_there() => Standing::Withdrawn,
            () if master.identity == served.identity && waiting.is_some() => Standing::Damaged,
            () if master.identity == served.identity => Standing::Live,
            () if refused.is_some() => Standing::Refused,
            () if state.hold.is_some() => Standing::Held,
            () if waiting.is_some() => Standing::Waiting,
            () if unsettled.is_some() => Standing::Unsettled,
            () if is_worked_on => Standing::Filling,
            () if master.date.is_some() && master.date < served.date => Standing::Older,
            () => Standing::Behind,
        };
        let lag = match (master.date, served.date) {
            (Some(master), Some(served)) => u64::try_from(master.duration_since(served).as_secs()).ok(),
            _ => None,
        };
        Self {
            region: region.to_owned(),
            standing,
            served_date: served.date,
            lag_seconds: lag,
            waiting_count: waiting.map(|waiting| waiting.count),
            waiting_since: match standing {
                Standing::Refused => refused.map(|refused| refused.since),
                _ => waiting.map(|waiting| waiting.since).or(unsettled.map(|unsettled| unsettled.since)),
            },
            rule: refused.filter(|_| standing == Standing::Refused).map(|refused| refused.rule.clone()),
        }
    }

    /// A suite that the Region leaves alone.
    pub(crate) fn not_mirrored(region: &str) -> Self {
        Self::nothing_known(region, Standing::NotMirrored)
    }

    /// A suite that could not be looked at there.
    pub(crate) fn unknown(region: &str) -> Self {
        Self::nothing_known(region, Standing::Unknown)
    }

    fn nothing_known(region: &str, standing: Standing) -> Self {
        Self {
            region: region.to_owned(),
            standing,
            served_date: None,
            lag_seconds: None,
            waiting_count: None,
            waiting_since: None,
            rule: None,
        }
    }
}

/// What a watch does after a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Every Region serves what the master holds.
    IsLive,
    /// Look again after so many seconds.
    LookAgain(u64),
    /// The time is over.
    TimeIsOver,
}

/// Whether every Region serves what the master holds. Of no suite at all that cannot be said: whoever waits for one waits
/// for it to be uploaded first.
pub(crate) fn is_live_everywhere(rows: &[SuiteRow]) -> bool {
    let is_settled = |row: &SuiteRow| row.regions.iter().all(|region| region.standing.is_settled());
    let is_served = |row: &SuiteRow| row.regions.iter().any(|region| region.standing == Standing::Live);
    rows.iter().all(is_settled) && rows.iter().any(is_served)
}

/// What comes after a look, `elapsed` seconds after the first.
pub(crate) fn next(is_live: bool, elapsed: u64, timeout: u64, interval: u64) -> Next {
    match timeout.saturating_sub(elapsed) {
        _ if is_live => Next::IsLive,
        0 => Next::TimeIsOver,
        left => Next::LookAgain(interval.min(left)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use suitecast_archive::{Digest, DigestAlgorithm};
    use suitecast_mirror::{Identity, Lease, Refusal, Unsettled, Waiting, Woken};

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn release(name: &str, date: &str) -> SeenRelease {
        let digest = Digest::of(DigestAlgorithm::Sha256, name.as_bytes());
        let identity = Identity { in_release: Some(digest), release: None, release_gpg: None };
        SeenRelease { identity, date: Some(time(date)) }
    }

    fn nothing() -> SeenRelease {
        SeenRelease { identity: Identity { in_release: None, release: None, release_gpg: None }, date: None }
    }

    fn state() -> SuiteState {
        SuiteState::new(SuiteName::parse("dists/stable").unwrap())
    }

    fn now() -> Timestamp {
        time("2026-01-03T00:00:00Z")
    }

    fn first() -> SeenRelease {
        release("one", "2026-01-01T00:00:00Z")
    }

    fn second() -> SeenRelease {
        release("two", "2026-01-02T00:00:00Z")
    }

    fn waiting(identity: Identity) -> Waiting {
        Waiting { identity, since: time("2026-01-02T12:00:00Z"), count: 7, missing: Vec::new() }
    }

    fn standing(master: &SeenRelease, served: &SeenRelease, state: &SuiteState) -> Standing {
        SuiteInRegion::of("eu-west-1", master, served, state, now()).standing
    }

    #[test]
    fn what_is_served_is_told_by_the_files_and_not_by_what_is_remembered() {
        let mut remembered = state();
        remembered.waiting = Some(waiting(first().identity));
        assert_eq!(standing(&second(), &second(), &remembered), Standing::Live, "the other one no longer matters");
        assert_eq!(standing(&second(), &first(), &state()), Standing::Behind);
        assert_eq!(standing(&second(), &nothing(), &state()), Standing::Behind);
        assert_eq!(standing(&nothing(), &first(), &state()), Standing::Withdrawn);
        assert_eq!(standing(&first(), &second(), &state()), Standing::Older);
    }

    #[test]
    fn why_it_is_not_served_is_told_by_what_is_remembered() {
        let mut held = state();
        held.hold = Some(first().identity);
        assert_eq!(standing(&second(), &first(), &held), Standing::Held);
        let mut waits = state();
        waits.waiting = Some(waiting(second().identity));
        let found = SuiteInRegion::of("eu-west-1", &second(), &first(), &waits, now());
        assert_eq!(
            (found.standing, found.waiting_count, found.lag_seconds),
            (Standing::Waiting, Some(7), Some(86_400))
        );
        assert_eq!(found.waiting_since, Some(time("2026-01-02T12:00:00Z")));
        assert_eq!(standing(&second(), &second(), &waits), Standing::Damaged);
        let mut unsettled = state();
        unsettled.unsettled = Some(Unsettled { identity: second().identity, since: now() });
        assert_eq!(standing(&second(), &first(), &unsettled), Standing::Unsettled);
        let mut refused = unsettled.clone();
        refused.refuse(second().identity, "Date lies in the future", now());
        let found = SuiteInRegion::of("eu-west-1", &second(), &first(), &refused, now());
        assert_eq!((found.standing, found.waiting_since), (Standing::Refused, Some(now())));
        assert_eq!(found.rule.as_deref(), Some("Date lies in the future"));
        assert_eq!(standing(&second(), &second(), &refused), Standing::Live);
        refused.refused = Some(Refusal { identity: first().identity, since: now(), rule: "a rule".to_owned() });
        assert_eq!(standing(&second(), &first(), &refused), Standing::Unsettled, "another one was refused");
        let mut leased = state();
        let lease = |until: &str| Some(Lease { holder: "1".into(), expires_at: time(until), owed: Woken::default() });
        leased.lease = lease("2026-01-03T00:01:00Z");
        assert_eq!(standing(&second(), &first(), &leased), Standing::Filling);
        leased.lease = lease("2026-01-02T00:00:00Z");
        assert_eq!(standing(&second(), &first(), &leased), Standing::Behind, "a lease that ran out says nothing");
    }

    #[test]
    fn a_release_that_is_served_has_no_lag_and_one_never_served_none_that_can_be_told() {
        let lag = |served: &SeenRelease| SuiteInRegion::of("r", &second(), served, &state(), now()).lag_seconds;
        assert_eq!((lag(&second()), lag(&first()), lag(&nothing())), (Some(0), Some(86_400), None));
    }

    fn row(standings: &[Standing]) -> SuiteRow {
        let regions =
            standings.iter().map(|standing| SuiteInRegion { standing: *standing, ..SuiteInRegion::not_mirrored("r") });
        SuiteRow { suite: SuiteName::parse("dists/stable").unwrap(), master_date: None, regions: regions.collect() }
    }

    #[test]
    fn a_watch_ends_when_every_region_serves_what_the_master_holds() {
        use Standing::{Behind, Damaged, Live, NotMirrored, Waiting, Withdrawn};
        assert!(is_live_everywhere(&[row(&[Live, Live]), row(&[NotMirrored, Live])]));
        assert!(is_live_everywhere(&[row(&[Live]), row(&[Withdrawn])]), "what is withdrawn is not waited for");
        for other in [Behind, Waiting, Damaged] {
            assert!(!is_live_everywhere(&[row(&[Live, Live]), row(&[Live, other])]), "{other:?}");
        }
        assert!(!is_live_everywhere(&[]), "nothing was uploaded yet");
        assert!(!is_live_everywhere(&[row(&[NotMirrored])]));
    }

    #[test]
    fn a_watch_ends_in_time_and_looks_once_more_at_its_end() {
        assert_eq!(next(true, 100, 60, 10), Next::IsLive);
        assert_eq!(next(false, 0, 60, 10), Next::LookAgain(10));
        assert_eq!(next(false, 55, 60, 10), Next::LookAgain(5));
        assert_eq!(next(false, 60, 60, 10), Next::TimeIsOver);
        assert_eq!(next(false, 0, 0, 10), Next::TimeIsOver);
    }
}
