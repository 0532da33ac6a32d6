//! What a push reads of the bucket: its listing, the record of earlier pushes, single objects.

use std::collections::HashMap;

use suitecast_store::{
    ErrorKind, GetRequest, Got, ListRequest, ObjectHeaders, PutRequest, Store, StoreError, WriteCondition, collect,
};

use super::plan::ListedObject;
use super::record::{MAX_RECORD_BYTES, Record, record_key};

/// Every object below a prefix.
pub(crate) async fn listing(store: &dyn Store, prefix: &str) -> Result<HashMap<String, ListedObject>, StoreError> {
    let mut objects = HashMap::new();
    let mut request = ListRequest { prefix: prefix.to_owned(), ..ListRequest::default() };
    loop {
        let page = store.list(request.clone()).await?;
        let listed = page.objects.into_iter();
        objects.extend(listed.map(|object| (object.key, ListedObject { size: object.size, etag: object.etag })));
        match page.next {
            Some(next) => request.continuation = Some(next),
            None => return Ok(objects),
        }
    }
}

/// The record of earlier pushes; an empty one where there is none that can be read.
pub(crate) async fn load_record(store: &dyn Store, prefix: &str) -> Result<Record, StoreError> {
    let key = record_key(prefix);
    let got = match store.get(GetRequest { key: key.clone(), ..GetRequest::default() }).await {
        Ok(got) => got,
        // Without the right to read it, it is as good as absent.
        Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::AccessDenied) => {
            return Ok(Record::default());
        }
        Err(error) => return Err(error),
    };
    let Got::Object { body, .. } = got else {
        return Ok(Record::default());
    };
    let packed = collect(body, &key, store.bucket(), MAX_RECORD_BYTES).await?;
    Ok(Record::unpack(&packed).unwrap_or_default())
}

/// Stores the record.
pub(crate) async fn save_record(store: &dyn Store, prefix: &str, record: &Record) -> Result<(), String> {
    let bytes = record.pack().map_err(|error| error.to_string())?.into();
    let headers = ObjectHeaders { content_type: Some("application/gzip"), cache_control: Some("no-store") };
    let request = PutRequest { key: record_key(prefix), bytes, condition: WriteCondition::Always, headers };
    store.put(request).await.map(|_| ()).map_err(|error| error.to_string())
}
