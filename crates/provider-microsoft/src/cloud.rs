//! The separate installations of Microsoft's cloud. Each fixes both host names, and nothing a
//! customer or an answer says can change them: tokens, secrets and grants never cross clouds.
//!
//! Hosts: Microsoft identity platform page "National clouds" and Microsoft Graph page "National
//! cloud deployments"; the sovereign ones from the environments that the Graph PowerShell module
//! lists.

use std::net::IpAddr;

use url::{Host, Url};

/// One installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cloud {
    /// The public cloud, GCC included.
    Global,
    /// US Government L4, also called GCC High.
    UsGovL4,
    /// US Government L5: the same sign-in host as L4, its own Graph host.
    UsGovL5Dod,
    /// China, operated by 21Vianet.
    China21Vianet,
    /// France, operated by Bleu.
    BleuFr,
    /// Germany, operated by Delos.
    DelosDe,
    /// Singapore's government.
    GovSg,
}

impl Cloud {
    /// Every installation.
    pub const ALL: [Self; 7] = [
        Self::Global,
        Self::UsGovL4,
        Self::UsGovL5Dod,
        Self::China21Vianet,
        Self::BleuFr,
        Self::DelosDe,
        Self::GovSg,
    ];

    /// The stable id, which is also the realm of a connection.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::UsGovL4 => "usgov-l4",
            Self::UsGovL5Dod => "usgov-l5-dod",
            Self::China21Vianet => "china-21vianet",
            Self::BleuFr => "bleu-fr",
            Self::DelosDe => "delos-de",
            Self::GovSg => "govsg",
        }
    }

    /// The installation that `text` names.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cloud| cloud.as_str() == text)
    }

    /// The host that signs in.
    pub const fn login_host(self) -> &'static str {
        match self {
            Self::Global => "login.microsoftonline.com",
            Self::UsGovL4 | Self::UsGovL5Dod => "login.microsoftonline.us",
            Self::China21Vianet => "login.partner.microsoftonline.cn",
            Self::BleuFr => "login.sovcloud-identity.fr",
            Self::DelosDe => "login.sovcloud-identity.de",
            Self::GovSg => "login.sovcloud-identity.sg",
        }
    }

    /// The host of Graph.
    pub const fn graph_host(self) -> &'static str {
        match self {
            Self::Global => "graph.microsoft.com",
            Self::UsGovL4 => "graph.microsoft.us",
            Self::UsGovL5Dod => "dod-graph.microsoft.us",
            Self::China21Vianet => "microsoftgraph.chinacloudapi.cn",
            Self::BleuFr => "graph.svc.sovcloud.fr",
            Self::DelosDe => "graph.svc.sovcloud.de",
            Self::GovSg => "graph.svc.sovcloud.sg",
        }
    }
}

/// Where a connection's requests go. Made from a cloud; there is no other way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    login: Url,
    graph: Url,
    scope: String,
}

impl Endpoints {
    /// The endpoints of `cloud`, or the loopback address that stands in for all of them.
    pub fn of(cloud: Cloud, instead: Option<&EndpointOverride>) -> Self {
        let (login, graph) = match instead {
            Some(EndpointOverride(url)) => (url.clone(), url.clone()),
            None => (https(cloud.login_host()), https(cloud.graph_host())),
        };
        let scope = format!("{}/.default", graph.as_str().trim_end_matches('/'));
        Self { login, graph, scope }
    }

    /// The root of the sign-in host.
    pub const fn login(&self) -> &Url {
        &self.login
    }

    /// The root of Graph.
    pub const fn graph(&self) -> &Url {
        &self.graph
    }

    /// The scope that asks for everything that was granted (identity platform page "The .default
    /// scope").
    pub fn scope(&self) -> &str {
        &self.scope
    }
}

fn https(host: &str) -> Url {
    Url::parse(&format!("https://{host}/")).expect("the hosts of the table make valid addresses")
}

/// A loopback address in place of Microsoft's hosts, for demos and tests. Plain http exists only
/// with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointOverride(Url);

/// The address was not the bare root of a loopback IP address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an endpoint override must be the root of a loopback IP address")]
pub struct NotLoopback;

impl EndpointOverride {
    /// Whether it is spoken to in the clear.
    pub(crate) fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// Takes `url` if its host is an IP address of 127.0.0.0/8 or `::1` and it has no path, query,
    /// fragment or user. Names are refused, `localhost` too: a name can be made to point elsewhere.
    pub fn loopback(url: Url) -> Result<Self, NotLoopback> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) | None => return Err(NotLoopback),
        };
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let anonymous = url.username().is_empty() && url.password().is_none();
        if address.is_loopback() && bare && anonymous && matches!(url.scheme(), "http" | "https") {
            Ok(Self(url))
        } else {
            Err(NotLoopback)
        }
    }
}

#[cfg(test)]
mod tests;
