//! Conditions of writes, reads and copy sources.

use suitecast_store::{ETag, GetCondition, SourceCondition, WriteCondition};

use super::{failure::Failure, object::Object};

/// Whether a write may take place over `current`. A deleted key counts as absent.
pub(super) fn check_write(condition: &WriteCondition, current: Option<&Object>) -> Result<(), Failure> {
    match (condition, current) {
        (WriteCondition::Absent, Some(_)) => Err(Failure::precondition_failed()),
        (WriteCondition::Matches(_), None) => Err(Failure::no_such_key()),
        (WriteCondition::Matches(wanted), Some(object)) if wanted.as_str() != object.etag => {
            Err(Failure::precondition_failed())
        }
        _ => Ok(()),
    }
}

/// Whether a copy may read `source`.
pub(super) fn check_source(condition: &SourceCondition, source: &Object) -> Result<(), Failure> {
    match condition {
        SourceCondition::Matches(wanted) if wanted.as_str() != source.etag => Err(Failure::precondition_failed()),
        _ => Ok(()),
    }
}

/// Whether a read is answered with bytes; `Ok(false)` is 304.
pub(super) fn check_read(condition: &GetCondition, object: &Object) -> Result<bool, Failure> {
    match condition {
        GetCondition::Always => Ok(true),
        GetCondition::Changed(known) => Ok(*known != ETag::new(&object.etag)),
        GetCondition::Same(wanted) if *wanted == ETag::new(&object.etag) => Ok(true),
        GetCondition::Same(_) => Err(Failure::precondition_failed()),
    }
}
