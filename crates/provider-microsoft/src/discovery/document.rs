//! The metadata document of one tenant. Every host in it that we read must be one of a cloud that
//! is known, and they must belong together.

use serde::Deserialize;
use url::Url;

use super::{Discovery, DiscoveryError};
use crate::{
    cloud::{Cloud, Endpoints},
    scope::guid,
};

/// Those members that we read.
#[derive(Deserialize)]
pub(super) struct Document {
    issuer: Url,
    token_endpoint: Url,
    #[serde(default)]
    msgraph_host: Option<String>,
    #[serde(default)]
    cloud_instance_name: Option<String>,
    #[serde(default)]
    tenant_region_sub_scope: Option<String>,
}

/// The hosts of one cloud, as it is asked.
struct Hosts {
    cloud: Cloud,
    endpoints: Endpoints,
}

impl Document {
    /// The tenant of a document that was asked for in `cloud`.
    pub(super) fn read(
        body: &[u8],
        cloud: Cloud,
        endpoints: &Endpoints,
    ) -> Result<Discovery, DiscoveryError> {
        let document: Self = serde_json::from_slice(body).map_err(|_| DiscoveryError::Unreadable)?;
        let tenant = document.tenant().ok_or(DiscoveryError::Unreadable)?;
        let asked = Hosts {
            cloud,
            endpoints: endpoints.clone(),
        };
        let all = Cloud::ALL.map(|cloud| Hosts {
            cloud,
            endpoints: Endpoints::of(cloud, None),
        });
        let known: Vec<_> = [asked].into_iter().chain(all).collect();
        let home = document.home(&known).ok_or(DiscoveryError::Unreadable)?;
        let belongs = |url: &Url| same_place(url, home.endpoints.login());
        if belongs(&document.issuer) && belongs(&document.token_endpoint) {
            Ok(Discovery {
                tenant,
                cloud: document.exact(home.cloud),
            })
        } else {
            Err(DiscoveryError::Unreadable)
        }
    }

    /// The GUID that issuer and token endpoint agree on. The issuer of `common` has a placeholder in
    /// its place.
    fn tenant(&self) -> Option<uuid::Uuid> {
        let of = |url: &Url, rest: &str| {
            let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
            let name = url.path().strip_prefix('/')?.strip_suffix(rest)?;
            guid(name).filter(|_| plain)
        };
        let issuer = of(&self.issuer, "/v2.0")?;
        (of(&self.token_endpoint, "/oauth2/v2.0/token") == Some(issuer)).then_some(issuer)
    }

    /// The cloud whose Graph the document names; in documents without it, the one that its
    /// instance names.
    fn home<'k>(&self, known: &'k [Hosts]) -> Option<&'k Hosts> {
        let of_graph = |host: &str| {
            let mut known = known.iter();
            known.find(|hosts| authority(hosts.endpoints.graph()) == host)
        };
        match (&self.msgraph_host, &self.cloud_instance_name) {
            (Some(host), _) => of_graph(host),
            (None, Some(name)) => {
                let mut known = known.iter();
                known.find(|hosts| {
                    authority(hosts.endpoints.login()).strip_prefix("login.") == Some(name.as_str())
                })
            }
            (None, None) => None,
        }
    }

    /// The two clouds of the US government share the host that signs in; a part of the region tells
    /// them apart.
    fn exact(&self, cloud: Cloud) -> Cloud {
        match (cloud, self.tenant_region_sub_scope.as_deref()) {
            (Cloud::UsGovL4 | Cloud::UsGovL5Dod, Some("DOD")) => Cloud::UsGovL5Dod,
            (Cloud::UsGovL4 | Cloud::UsGovL5Dod, Some("DODCON")) => Cloud::UsGovL4,
            (cloud, _) => cloud,
        }
    }
}

fn same_place(url: &Url, home: &Url) -> bool {
    url.scheme() == home.scheme() && authority(url) == authority(home)
}

/// Host, and port if there is one.
fn authority(url: &Url) -> &str {
    &url[url::Position::BeforeHost..url::Position::AfterPort]
}
