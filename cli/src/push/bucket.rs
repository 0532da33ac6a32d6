//! What a push reads of the bucket: its listing, the record of earlier pushes, single objects.

use std::collections::HashMap;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use suitecast_store::{
    ETag, ErrorKind, GetRequest, Got, ListRequest, ObjectHeaders, PutRequest, Store, StoreError, WriteCondition,
    collect,
};

use super::plan::ListedObject;
use super::record::{MAX_RECORD_BYTES, Record, record_key};
use super::tree::TreeFile;

/// Objects on one page of a listing, the most that S3 gives.
pub(crate) const PAGE_OBJECTS: usize = 1_000;

/// Every object below a prefix.
///
/// The pages of a listing come one after the other, and wait for the network most of the time. So where the tree has more
/// than a page of files, its directories are listed side by side, unless that took more requests than the pages: the tree
/// says where it is worth it, the bucket what directories there are, and nothing rests on the order in which a store lists.
pub(crate) async fn listing(
    store: &dyn Store,
    prefix: &str,
    files: &[TreeFile],
    concurrency: usize,
) -> Result<HashMap<String, ListedObject>, StoreError> {
    let mut objects = HashMap::new();
    let mut waiting = vec![prefix.to_owned()];
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < concurrency {
            let Some(directory) = waiting.pop() else { break };
            let is_folded = is_worth_folding(files, directory.strip_prefix(prefix).unwrap_or_default());
            running.push(list_directory(store, directory, is_folded));
        }
        let Some(listed) = running.next().await else {
            return Ok(objects);
        };
        let (listed, directories) = listed?;
        objects.extend(listed);
        waiting.extend(directories);
    }
}

/// Whether the directories in one of the tree are listed one by one: it has more files than a page, and no more directories
/// than its files have pages. In Debian's `pool/main/l/`, with a directory for every source, each would cost a request for two
/// or three files.
fn is_worth_folding(files: &[TreeFile], directory: &str) -> bool {
    let below = files_below(files, directory);
    let pages = below.len() / PAGE_OBJECTS;
    below.len() > PAGE_OBJECTS && directories_in(below, directory) <= pages
}

/// The files of the tree, which are in order, whose paths begin so.
fn files_below<'a>(files: &'a [TreeFile], start: &str) -> &'a [TreeFile] {
    let first = files.partition_point(|file| file.path.as_str() < start);
    let rest = files.get(first..).unwrap_or_default();
    rest.get(..rest.partition_point(|file| file.path.starts_with(start))).unwrap_or_default()
}

/// How many directories these files of one, in order, lie in.
fn directories_in(files: &[TreeFile], directory: &str) -> usize {
    let mut names: Vec<&str> =
        files.iter().filter_map(|file| Some(file.path.get(directory.len()..)?.split_once('/')?.0)).collect();
    names.dedup();
    names.len()
}

type Directory = (Vec<(String, ListedObject)>, Vec<String>);

/// The objects below a directory; folded, those in it and the directories in it.
async fn list_directory(store: &dyn Store, prefix: String, is_folded: bool) -> Result<Directory, StoreError> {
    let (mut objects, mut directories) = (Vec::new(), Vec::new());
    let mut request = ListRequest { prefix, folded: is_folded, ..ListRequest::default() };
    loop {
        let page = store.list(request.clone()).await?;
        let listed = page.objects.into_iter();
        objects.extend(listed.map(|object| (object.key, ListedObject { size: object.size, etag: object.etag })));
        directories.extend(page.prefixes);
        match page.next {
            Some(next) => request.continuation = Some(next),
            None => return Ok((objects, directories)),
        }
    }
}

/// The record of earlier pushes and its tag; an empty one where there is none that can be read.
pub(crate) async fn load_record(store: &dyn Store, prefix: &str) -> Result<(Record, Option<ETag>), StoreError> {
    let found = load(store, &record_key(prefix), MAX_RECORD_BYTES).await?;
    Ok(found.map_or_else(Default::default, |(tag, packed)| (Record::unpack(&packed).unwrap_or_default(), Some(tag))))
}

/// Reads an object that pushes keep for themselves, of at most `limit` bytes, with its tag. `None` where there is none, or
/// nobody may read it.
pub(crate) async fn load(store: &dyn Store, key: &str, limit: usize) -> Result<Option<(ETag, Vec<u8>)>, StoreError> {
    match store.get(GetRequest { key: key.to_owned(), ..GetRequest::default() }).await {
        Ok(Got::Object { info, body }) => Ok(Some((info.etag, collect(body, key, store.bucket(), limit).await?))),
        Ok(Got::Unchanged) => Ok(None),
        Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::AccessDenied) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Stores the record, and answers its tag.
pub(crate) async fn save_record(store: &dyn Store, prefix: &str, record: &Record) -> Result<ETag, String> {
    let bytes = record.pack().map_err(|error| error.to_string())?.into();
    let headers = ObjectHeaders { content_type: Some("application/gzip"), cache_control: Some("no-store") };
    let request = PutRequest { key: record_key(prefix), bytes, condition: WriteCondition::Always, headers };
    store.put(request).await.map(|put| put.etag).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use jiff::Timestamp;
    use suitecast_testing::StrictS3;
    use suitecast_testing::strict::BucketSettings;

    fn files(count: u32) -> Vec<TreeFile> {
        let path = |number| format!("pool/{}/{number:05}.deb", number % 7);
        let mut files: Vec<TreeFile> = (0..count).map(|number| TreeFile { path: path(number), size: 1 }).collect();
        files.sort_by(|one, two| one.path.cmp(&two.path));
        files
    }

    #[tokio::test]
    async fn a_listing_side_by_side_finds_every_object_once_and_no_other() {
        let s3 = StrictS3::new(|| Timestamp::UNIX_EPOCH);
        s3.create_bucket("master", BucketSettings::in_region("us-east-1"));
        let files = files(2_500);
        let mut keys: Vec<String> = files.iter().map(|file| format!("debian/{}", file.path)).collect();
        keys.extend(
            ["debian/index.html", "debian/pool/0", "debian/elsewhere/a/b", "debian/pool/0/x/y"].map(str::to_owned),
        );
        for key in keys.iter().map(String::as_str).chain(["debian-other/a", "other"]) {
            s3.plant("master", key, "1").unwrap();
        }
        keys.sort();
        for (known, is_split) in [(&files[..], true), (&files[..100], false), (&[], false)] {
            s3.forget_requests();
            let mut found: Vec<String> =
                listing(&s3.bucket("master"), "debian/", known, 4).await.unwrap().into_keys().collect();
            found.sort();
            assert_eq!(found, keys);
            assert_eq!(s3.requests().len() > 3, is_split, "{}", s3.requests().len());
        }
    }

    /// Lists a bucket that holds these files and no others: how many requests that took.
    async fn requests_of(mut files: Vec<TreeFile>) -> usize {
        let s3 = StrictS3::new(|| Timestamp::UNIX_EPOCH);
        s3.create_bucket("master", BucketSettings::in_region("us-east-1"));
        files.sort_by(|one, two| one.path.cmp(&two.path));
        for file in &files {
            s3.plant("master", &file.path, "1").unwrap();
        }
        assert_eq!(listing(&s3.bucket("master"), "", &files, 64).await.unwrap().len(), files.len());
        s3.requests().len()
    }

    #[tokio::test]
    async fn a_directory_for_every_source_costs_pages_and_not_a_request_each() {
        let path = |number| format!("pool/main/p/package-{:04}/{number}.deb", number % 1_200);
        let files = (0..2_500).map(|number| TreeFile { path: path(number), size: 1 }).collect();
        // The root, pool/, main/, and the three pages of p/.
        assert_eq!(requests_of(files).await, 6);
    }

    #[tokio::test]
    async fn few_directories_of_many_files_are_listed_side_by_side() {
        let path = |number| format!("pool/{}/{number:05}.deb", number % 3);
        let files = (0..3_300).map(|number| TreeFile { path: path(number), size: 1 }).collect();
        // The root, pool/, and the two pages of each of its three.
        assert_eq!(requests_of(files).await, 8);
    }
}
