//! Two buckets and the few words that promises are written in.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use suitecast_store::{
    Copied, CopyRequest, CopySource, ETag, ErrorKind, GetCondition, GetRequest, Got, ListPage, ListRequest, Listed,
    ObjectHeaders, ObjectInfo, PutRequest, SourceCondition, Store, StoreError, VersionId, WriteCondition,
};

use super::Broken;

/// Uploads as clients of S3 make them of large files, which the port has no word for.
#[async_trait]
pub trait UploadInParts: Send + Sync {
    /// Uploads the parts to a key of the master bucket, with SHA-256 asked for: S3 keeps a composite one then.
    async fn upload_in_parts(&self, key: &str, parts: Vec<Bytes>) -> Result<(), Broken>;
}

/// The two buckets that promises are tried on, and a prefix of one's own in both.
#[derive(Clone)]
pub struct Bench {
    /// A bucket that keeps versions.
    pub master: Arc<dyn Store>,
    /// Another one, which need not.
    pub region: Arc<dyn Store>,
    uploader: Arc<dyn UploadInParts>,
    prefix: String,
}

/// Fails unless the claim is true.
pub(super) fn ensure(claim: bool, otherwise: impl Into<String>) -> Result<(), Broken> {
    if claim { Ok(()) } else { Err(Broken(otherwise.into())) }
}

/// Fails unless the outcome is an error of this kind.
pub(super) fn refused_as<T>(kind: ErrorKind, outcome: Result<T, StoreError>, what: &str) -> Result<(), Broken> {
    match outcome {
        Ok(_) => Err(Broken(format!("{what}: a success where {kind:?} belongs"))),
        Err(error) if error.kind == kind => Ok(()),
        Err(error) => Err(Broken(format!("{what}: {:?} where {kind:?} belongs: {error}", error.kind))),
    }
}

impl Bench {
    /// A bench over two empty buckets; `uploader` writes to the master.
    pub fn new(master: Arc<dyn Store>, region: Arc<dyn Store>, uploader: Arc<dyn UploadInParts>) -> Self {
        Self { master, region, uploader, prefix: String::new() }
    }

    /// The same buckets with a prefix for one promise.
    pub(super) fn fresh(&self, promise: &str) -> Self {
        let words: String = promise.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        Self { prefix: format!("{words}/"), ..self.clone() }
    }

    /// A key of this promise's own.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Writes a key of the master bucket.
    pub(super) async fn upload(&self, name: &str, content: &str) -> Result<ETag, Broken> {
        self.put_on(&self.master, name, content, WriteCondition::Always).await.map_err(Broken::from)
    }

    /// Writes a key of the master bucket in parts.
    pub(super) async fn upload_in_parts(&self, name: &str, parts: Vec<Bytes>) -> Result<(), Broken> {
        self.uploader.upload_in_parts(&self.key(name), parts).await
    }

    /// Writes a key of the region bucket.
    pub(super) async fn write(&self, name: &str, content: &str) -> Result<ETag, Broken> {
        self.put(name, content, WriteCondition::Always).await.map_err(Broken::from)
    }

    /// Writes a key of the region bucket, under a condition.
    pub(super) async fn put(&self, name: &str, content: &str, condition: WriteCondition) -> Result<ETag, StoreError> {
        self.put_on(&self.region, name, content, condition).await
    }

    async fn put_on(
        &self,
        store: &Arc<dyn Store>,
        name: &str,
        content: &str,
        condition: WriteCondition,
    ) -> Result<ETag, StoreError> {
        let bytes = Bytes::from(content.to_owned());
        let request = PutRequest { key: self.key(name), bytes, condition, headers: ObjectHeaders::default() };
        store.put(request).await.map(|put| put.etag)
    }

    /// Copies a key of the master bucket to one of the region bucket.
    pub(super) async fn copy(
        &self,
        from: &str,
        source: SourceCondition,
        to: &str,
        condition: WriteCondition,
    ) -> Result<Copied, StoreError> {
        self.copy_version(from, None, source, to, condition).await
    }

    pub(super) async fn copy_version(
        &self,
        from: &str,
        version: Option<VersionId>,
        source: SourceCondition,
        to: &str,
        condition: WriteCondition,
    ) -> Result<Copied, StoreError> {
        let source = CopySource {
            bucket: self.master.bucket().to_owned(),
            key: self.key(from),
            version,
            condition: source,
            size: None,
        };
        let headers = ObjectHeaders { content_type: Some("text/plain"), cache_control: Some("public, max-age=0") };
        self.region.copy(CopyRequest { source, key: self.key(to), condition, headers }).await
    }

    /// What a key of the region bucket holds.
    pub(super) async fn content(&self, name: &str) -> Result<Option<String>, Broken> {
        self.content_on(&self.region, name, None).await
    }

    /// What a version of a key of the master bucket holds.
    pub(super) async fn version_content(&self, name: &str, version: VersionId) -> Result<Option<String>, Broken> {
        self.content_on(&self.master, name, Some(version)).await
    }

    async fn content_on(
        &self,
        store: &Arc<dyn Store>,
        name: &str,
        version: Option<VersionId>,
    ) -> Result<Option<String>, Broken> {
        let request = GetRequest { key: self.key(name), version, condition: GetCondition::Always };
        let mut body = match store.get(request).await {
            Ok(Got::Object { body, .. }) => body,
            Ok(Got::Unchanged) => return Err(Broken("an unconditional read was answered as unchanged".to_owned())),
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut bytes = BytesMut::new();
        while let Some(piece) = body.next().await {
            bytes.extend_from_slice(&piece?);
        }
        String::from_utf8(bytes.to_vec()).map(Some).map_err(|_| Broken("other bytes than were written".to_owned()))
    }

    /// Fails unless a key of the region bucket holds this.
    pub(super) async fn holds(&self, name: &str, content: &str, when: &str) -> Result<(), Broken> {
        let found = self.content(name).await?;
        ensure(found.as_deref() == Some(content), format!("{when}: {name} holds {found:?}, not {content:?}"))
    }

    /// Fails unless a key of the region bucket is absent.
    pub(super) async fn is_absent(&self, name: &str, when: &str) -> Result<(), Broken> {
        let found = self.content(name).await?;
        ensure(found.is_none(), format!("{when}: {name} is there and holds {found:?}"))
    }

    /// What is known of a key that should be there.
    pub(super) async fn info(&self, store: &Arc<dyn Store>, name: &str) -> Result<ObjectInfo, Broken> {
        let info = store.head(&self.key(name)).await?;
        info.ok_or_else(|| Broken(format!("{name} was written and is not there")))
    }

    /// Every page of a listing of the region bucket below this promise's prefix.
    pub(super) async fn pages(&self, request: ListRequest) -> Result<Vec<ListPage>, Broken> {
        let mut request = ListRequest { prefix: self.key(&request.prefix), ..request };
        let mut pages = Vec::new();
        loop {
            let page = self.region.list(request.clone()).await?;
            let next = page.next.clone();
            pages.push(page);
            match next {
                Some(next) => request.continuation = Some(next),
                None => return Ok(pages),
            }
        }
    }

    /// Every key of a listing, without this promise's prefix.
    pub(super) async fn names(&self, request: ListRequest) -> Result<Vec<String>, Broken> {
        let pages = self.pages(request).await?;
        let names = pages.iter().flat_map(|page| &page.objects).map(|Listed { key, .. }| self.name(key));
        Ok(names.collect())
    }

    /// A key without this promise's prefix.
    pub(super) fn name(&self, key: &str) -> String {
        key.strip_prefix(&self.prefix).unwrap_or(key).to_owned()
    }
}
