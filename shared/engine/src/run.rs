//! What one run on one suite works with.

use std::sync::Arc;

use jiff::Timestamp;
use suitecast_archive::{Archive, SuiteName};
use suitecast_store::{ObjectHeaders, Store, StoreError};

use crate::meter::{Meter, MeteredStore, WritePermit};
use crate::{Clock, EngineError, Ports, Settings};

/// One run on one suite.
pub(crate) struct Run<'a> {
    pub(crate) master: Arc<dyn Store>,
    pub(crate) region: Arc<dyn Store>,
    pub(crate) ports: &'a Ports,
    pub(crate) settings: &'a Settings,
    pub(crate) suite: &'a SuiteName,
    pub(crate) archive: &'a Archive,
    pub(crate) meter: Arc<Meter>,
    pub(crate) permit: Arc<WritePermit>,
    pub(crate) started: Timestamp,
    /// When the slice ends.
    pub(crate) deadline: Timestamp,
    /// Look, write nothing.
    pub(crate) looks_only: bool,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        ports: &'a Ports,
        settings: &'a Settings,
        suite: &'a SuiteName,
        dry_run: bool,
    ) -> Result<Self, EngineError> {
        let archive = settings.archives.archive_of(suite).ok_or_else(|| EngineError::Rejected {
            what: format!("suite {suite}"),
            rule: "lies in none of the configured archives; check the name and the Archives parameter".into(),
        })?;
        let started = ports.clock.now();
        let meter = Arc::new(Meter::default());
        let permit = Arc::new(WritePermit::unlimited());
        Ok(Self {
            master: metered(&ports.master, &meter, &permit, &ports.clock),
            region: metered(&ports.region, &meter, &permit, &ports.clock),
            ports,
            settings,
            suite,
            archive,
            meter,
            permit,
            started,
            deadline: started + settings.slice,
            looks_only: dry_run,
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// The same run, to be looked at as one on another suite.
    pub(crate) fn view(&self) -> Run<'_> {
        Run {
            master: Arc::clone(&self.master),
            region: Arc::clone(&self.region),
            ports: self.ports,
            settings: self.settings,
            suite: self.suite,
            archive: self.archive,
            meter: Arc::clone(&self.meter),
            permit: Arc::clone(&self.permit),
            started: self.started,
            deadline: self.deadline,
            looks_only: self.looks_only,
        }
    }

    /// Whether the slice is over.
    pub(crate) fn is_over(&self) -> bool {
        self.now() >= self.deadline
    }

    pub(crate) fn concurrency(&self) -> usize {
        self.settings.copy_concurrency.get()
    }

    /// The headers that an object under this key is served with.
    pub(crate) fn headers(&self, key: &str) -> ObjectHeaders {
        object_headers(self.settings, key)
    }

    /// An error of the store, with what was being done for this suite.
    pub(crate) fn failed(&self, doing: &str) -> impl Fn(StoreError) -> EngineError + '_ {
        let doing = format!("suite {}: {doing}", self.suite);
        move |source| EngineError::Store { doing: doing.clone(), source }
    }
}

/// The headers that an object under this key is served with.
pub(crate) fn object_headers(settings: &Settings, key: &str) -> ObjectHeaders {
    let class = settings.archives.classify(key, &settings.unlisted);
    let (content_type, cache_control) = class.headers(key);
    ObjectHeaders { content_type, cache_control }
}

/// A store whose requests are counted and whose writes need a permit.
pub(crate) fn metered(
    store: &Arc<dyn Store>,
    meter: &Arc<Meter>,
    permit: &Arc<WritePermit>,
    clock: &Arc<dyn Clock>,
) -> Arc<dyn Store> {
    Arc::new(MeteredStore {
        inner: Arc::clone(store),
        meter: Arc::clone(meter),
        permit: Arc::clone(permit),
        clock: Arc::clone(clock),
    })
}
