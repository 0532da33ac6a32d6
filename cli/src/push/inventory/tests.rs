#![allow(clippy::unwrap_used)]

use suitecast_archive::DigestAlgorithm;
use suitecast_testing::StrictS3;
use suitecast_testing::strict::{BucketSettings, S3Operation};

use super::super::plan::{Expected, Phase};
use super::super::send::Sent;
use super::*;

const MASTER: &str = "master";
const RELEASE: &str = "dists/stable/InRelease";
/// Listing these takes four requests, looking at the one release file and at the seal two.
const FILES: u32 = 3_100;

/// A bucket with an archive in it, and who pushes there.
struct World {
    s3: StrictS3,
    archives: Archives,
    unlisted: UnlistedTrees,
    store: Box<dyn Store>,
    now: Timestamp,
}

impl World {
    fn of(files: u32) -> Self {
        let s3 = StrictS3::new(|| Timestamp::UNIX_EPOCH);
        s3.create_bucket(MASTER, BucketSettings::in_region("us-east-1"));
        for number in 0..files {
            s3.plant(MASTER, &format!("pool/{number:05}.deb"), number.to_string()).unwrap();
        }
        s3.plant(MASTER, RELEASE, "one").unwrap();
        let store = Box::new(s3.bucket(MASTER));
        let (archives, unlisted) = (Archives::parse("/").unwrap(), UnlistedTrees::default());
        Self { s3, archives, unlisted, store, now: "2026-11-28T12:00:00Z".parse().unwrap() }
    }

    /// With a push behind it that found all in place.
    async fn pushed(files: u32) -> Self {
        let world = Self::of(files);
        let mut inventory = world.take().await;
        assert!(inventory.is_listed, "nothing is known yet");
        world.finish(&mut inventory, &Done::default()).await;
        world
    }

    fn target(&self) -> Target<'_> {
        Target {
            store: self.store.as_ref(),
            prefix: "",
            archives: &self.archives,
            unlisted: &self.unlisted,
            concurrency: 8,
            now: self.now,
        }
    }

    async fn take(&self) -> Inventory {
        take(&self.target(), &[], Sources::RecordOrListing).await.unwrap()
    }

    /// Ends a push that found the digest of every object.
    async fn finish(&self, inventory: &mut Inventory, done: &Done) {
        let keys = inventory.objects.keys().filter(|key| !is_private(key));
        let unchanged: Vec<_> = keys.map(|key| (item(key), self.digest_of(key))).collect();
        inventory.keep(&self.target(), &unchanged, done, Ending::Finished).await.unwrap();
    }

    fn digest_of(&self, key: &str) -> Option<Digest> {
        self.s3.peek(MASTER, key).map(|bytes| Digest::of(DigestAlgorithm::Sha256, &bytes))
    }

    /// What a push would send under a key, sent.
    async fn send(&self, key: &str, text: &str) -> Done {
        let request = PutRequest {
            key: key.to_owned(),
            bytes: text.to_owned().into(),
            condition: WriteCondition::Always,
            headers: ObjectHeaders::default(),
        };
        let etag = self.store.put(request).await.unwrap().etag;
        let sha256 = Digest::of(DigestAlgorithm::Sha256, text.as_bytes());
        let sent = Sent { key: key.to_owned(), size: text.len() as u64, etag, sha256 };
        Done { sent: vec![sent], ..Done::default() }
    }
}

fn item(key: &str) -> Item {
    Item {
        path: key.to_owned(),
        key: key.to_owned(),
        size: 0,
        phase: Phase::Pool,
        headers: ObjectHeaders::default(),
        expected: Expected::Nothing,
    }
}

#[tokio::test]
async fn what_a_push_left_is_known_without_a_listing() {
    let world = World::pushed(FILES).await;
    let listed = take(&world.target(), &[], Sources::ListingAlone).await.unwrap();
    world.s3.forget_requests();
    let known = world.take().await;
    assert!(!known.is_listed && known.listed_at == world.now);
    let public = |objects: &HashMap<String, ListedObject>| {
        let mut objects: Vec<_> =
            objects.iter().filter(|(key, _)| !is_private(key)).map(|(key, at)| (key.clone(), at.clone())).collect();
        objects.sort_by(|one, two| one.0.cmp(&two.0));
        objects
    };
    assert_eq!(public(&known.objects), public(&listed.objects));
    let mut operations: Vec<S3Operation> = world.s3.requests().iter().map(|request| request.operation).collect();
    operations.sort_unstable();
    let mut expected = [S3Operation::GetObject, S3Operation::GetObject, S3Operation::HeadObject];
    expected.sort_unstable();
    assert_eq!(operations, expected, "the record, the seal, and the release file");
}

#[tokio::test]
async fn the_bucket_is_listed_where_the_record_may_be_behind_it() {
    type Change = fn(&mut World);
    let changes: [(&str, Change); 5] = [
        ("a release file was overwritten", |world| _ = world.s3.plant(MASTER, RELEASE, "two").unwrap()),
        ("a release file was removed", |world| world.s3.uproot(MASTER, RELEASE).unwrap()),
        ("the seal is gone", |world| world.s3.uproot(MASTER, &seal_key("")).unwrap()),
        ("the seal cannot be read", |world| _ = world.s3.plant(MASTER, &seal_key(""), "{}").unwrap()),
        ("the listing is a day old", |world| world.now += LISTING_HOLDS),
    ];
    for (what, change) in changes {
        let mut world = World::pushed(FILES).await;
        assert!(!world.take().await.is_listed);
        change(&mut world);
        let mut inventory = world.take().await;
        assert!(inventory.is_listed && inventory.listed_at == world.now, "{what}");
        world.finish(&mut inventory, &Done::default()).await;
        let is_whole = world.s3.peek(MASTER, RELEASE).is_some();
        assert_eq!(world.take().await.is_listed, !is_whole, "{what}: and sealed again, if there is a release to go by");
    }
    let mut world = World::pushed(FILES).await;
    world.now -= A_SECOND;
    assert!(world.take().await.is_listed, "by a clock that went back nothing is known");
}

const A_SECOND: SignedDuration = SignedDuration::from_secs(1);

#[tokio::test]
async fn an_archive_of_few_files_is_listed() {
    let world = World::pushed(1_900).await;
    world.s3.forget_requests();
    assert!(world.take().await.is_listed);
    assert_eq!(world.s3.count(|_| true).of_operation(S3Operation::GetObject), 1, "nobody looks for a seal");
    assert_eq!(world.s3.peek(MASTER, &seal_key("")), None);
}

#[tokio::test]
async fn a_push_that_writes_and_is_cut_short_leaves_no_seal() {
    let world = World::pushed(FILES).await;
    let mut inventory = world.take().await;
    inventory.unseal(&world.target()).await.unwrap();
    // From here on it may be killed at any moment.
    assert!(world.take().await.is_listed);
    let done = world.send("pool/00001.deb", "another").await;
    inventory.keep(&world.target(), &[], &done, Ending::CutShort).await.unwrap();
    assert!(world.take().await.is_listed, "what became of the rest is not known");
    let mut next = world.take().await;
    world.finish(&mut next, &Done::default()).await;
    assert!(!world.take().await.is_listed);
}

#[tokio::test]
async fn what_a_push_sends_is_known_to_the_next() {
    let world = World::pushed(FILES).await;
    let mut inventory = world.take().await;
    inventory.unseal(&world.target()).await.unwrap();
    let mut done = world.send("pool/new.deb", "new").await;
    done.sent.extend(world.send(RELEASE, "two").await.sent);
    inventory.keep(&world.target(), &[], &done, Ending::Finished).await.unwrap();
    let next = world.take().await;
    assert!(!next.is_listed);
    for sent in done.sent {
        assert_eq!(next.record.sha256_of(&sent.key, &next.objects[&sent.key].etag), Some(sent.sha256));
    }
}

#[tokio::test]
async fn a_record_that_lacks_an_object_is_not_sealed() {
    let world = World::of(FILES);
    world.s3.plant(MASTER, "pool/of-somebody-else.deb", "x").unwrap();
    let mut inventory = world.take().await;
    let keys = inventory.objects.keys().filter(|key| !key.contains("somebody"));
    let unchanged: Vec<_> = keys.map(|key| (item(key), world.digest_of(key))).collect();
    inventory.keep(&world.target(), &unchanged, &Done::default(), Ending::Finished).await.unwrap();
    assert!(world.take().await.is_listed);
    assert_eq!(world.s3.peek(MASTER, &seal_key("")), None);
}

#[tokio::test]
async fn of_two_pushes_at_once_neither_is_gone_by() {
    let world = World::pushed(FILES).await;
    let (mut one, mut two) = (world.take().await, world.take().await);
    for inventory in [&mut one, &mut two] {
        inventory.unseal(&world.target()).await.unwrap();
    }
    let (of_one, of_two) = (world.send("pool/1.deb", "1").await, world.send("pool/2.deb", "2").await);
    two.keep(&world.target(), &[], &of_two, Ending::Finished).await.unwrap();
    one.keep(&world.target(), &[], &of_one, Ending::Finished).await.unwrap();
    let next = world.take().await;
    assert!(next.is_listed);
    for key in ["pool/1.deb", "pool/2.deb"] {
        assert!(next.objects.contains_key(key));
    }
}
