//! What of a suite is expected in the bucket.

/// Which components and architectures a bucket is meant to have; `None` means all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Components by name; of a component of several parts (`updates/main`) the last part counts too.
    pub components: Option<Vec<String>>,
    /// Architectures by name, `source` among them if it is wanted; `all` always is.
    pub architectures: Option<Vec<String>>,
    /// Whether one form of each index is enough, and what apt can do without may be absent: what a relaxed mirror has.
    pub relaxed: bool,
    /// Whether files are expected under further keys too: with a space for each `+`, as S3 understands clients that do not
    /// encode it, and with the `./` that an index writes before a name.
    pub second_keys: bool,
}

/// All that a Region has of an archive by default.
impl Default for Scope {
    fn default() -> Self {
        Self { components: None, architectures: None, relaxed: false, second_keys: true }
    }
}

impl Scope {
    /// All that whoever makes an archive has of it.
    pub fn as_made() -> Self {
        Self { second_keys: false, ..Self::default() }
    }

    /// Whether an index at this path, relative to its suite, may be served.
    pub(super) fn admits(&self, path: &str) -> bool {
        self.admits_component(path) && self.admits_architecture(path)
    }

    /// Whether all forms of such an index may be absent.
    pub(super) fn may_be_absent(&self, path: &str) -> bool {
        self.relaxed
            && path
                .split('/')
                .any(|part| matches!(part, "i18n" | "dep11" | "cnf" | "Release") || part.starts_with("Contents-"))
    }

    fn admits_component(&self, path: &str) -> bool {
        let Some(wanted) = &self.components else { return true };
        let parts: Vec<&str> = path.split('/').collect();
        let belongs_to_a_component = |part: &&str| {
            part.starts_with("binary-")
                || part.starts_with("installer-")
                || part.starts_with("Contents-")
                || matches!(*part, "source" | "i18n" | "dep11" | "cnf" | "debian-installer")
        };
        match parts.iter().position(belongs_to_a_component) {
            None | Some(0) => true,
            Some(end) => {
                let whole = parts[..end].join("/");
                wanted.iter().any(|name| *name == whole || name == parts[end - 1])
            }
        }
    }

    fn admits_architecture(&self, path: &str) -> bool {
        let Some(wanted) = &self.architectures else { return true };
        let architecture = path.split('/').find_map(|part| {
            if part == "source" {
                return Some("source");
            }
            let rest = ["binary-", "installer-", "Contents-udeb-", "Contents-", "Components-", "Commands-"]
                .iter()
                .find_map(|prefix| part.strip_prefix(prefix))?;
            rest.split('.').next()
        });
        architecture.is_none_or(|name| name == "all" || wanted.iter().any(|wanted| wanted == name))
    }
}
