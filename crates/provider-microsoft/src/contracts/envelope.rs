//! The one request that is no call of its own: several registered calls sent together (Graph page
//! "Combine multiple HTTP requests using JSON batching").
//!
//! Names its path for the one who sends it, for the listing and for the page, and knows nothing of
//! what a body looks like.

use url::Url;

use super::{ApiVersion, Contract};

/// A request that holds calls.
#[derive(Debug)]
pub struct Envelope {
    name: &'static str,
    version: ApiVersion,
    path: &'static str,
    most: usize,
}

/// Graph's batch.
pub static ENVELOPE: Envelope = Envelope {
    name: "batch",
    version: ApiVersion::V1,
    path: "$batch",
    most: 20,
};

impl Envelope {
    /// The stable name, for logs and records.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The most calls that fit into one.
    pub const fn most(&self) -> usize {
        self.most
    }

    /// As the listing and the page show it.
    pub fn address(&self) -> String {
        format!("{}{}", self.version.prefix(), self.path)
    }

    /// Where it is sent.
    pub(crate) fn url(&self, graph: &Url) -> Url {
        let mut url = graph.clone();
        url.set_path(&self.address());
        url
    }

    /// The address by which it names a call: what stands below the version. Nothing for a call of
    /// another version, which it cannot hold.
    pub(crate) fn below(&self, contract: &Contract, graph: &Url) -> Option<String> {
        let url = contract.url(graph);
        let address = &url[url::Position::BeforePath..];
        let root = self.version.prefix().trim_end_matches('/');
        let rest = address.strip_prefix(root)?;
        (contract.version == self.version).then(|| rest.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::table::{SETTINGS_CATALOG_LIST, USERS_COUNT, USERS_LIST};

    #[test]
    fn a_call_of_its_version_is_named_below_it_and_no_other_call_is() {
        let graph = Url::parse("https://graph.microsoft.com/").expect("an address");
        let below = |contract| ENVELOPE.below(contract, &graph);
        assert_eq!(below(&USERS_COUNT).as_deref(), Some("/users/$count"));
        assert!(below(&USERS_LIST).is_some_and(|url| url.starts_with("/users?$select=id,")));
        assert_eq!(below(&SETTINGS_CATALOG_LIST), None, "a call of beta");
        assert_eq!(ENVELOPE.url(&graph).path(), "/v1.0/$batch");
    }
}
