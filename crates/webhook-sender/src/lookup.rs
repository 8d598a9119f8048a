//! Names to addresses, with the destination guard in between. The client connects to what comes
//! out of here and to nothing else, so there is no second look at the name that could say
//! something different.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use webhooks::DestinationPolicy;

/// The most addresses of one name that are tried. All of them are judged.
const MOST_TRIED: usize = 8;

/// Asks for the addresses of a name.
#[async_trait]
pub trait NameLookup: Send + Sync {
    /// All addresses of `name`, of both families.
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// What the machine answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

#[async_trait]
impl NameLookup for SystemLookup {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((name, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// Why a name leads nowhere. Found again below the client's own error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoWay {
    /// It has no addresses.
    #[error("the name has no addresses")]
    Unknown,
    /// One of its addresses is not allowed.
    #[error("the name leads to an address that is not allowed")]
    Blocked,
}

/// The client's resolver.
pub(crate) struct GuardedLookup {
    pub(crate) lookup: Arc<dyn NameLookup>,
    pub(crate) policy: Arc<DestinationPolicy>,
}

impl Resolve for GuardedLookup {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, policy) = (Arc::clone(&self.lookup), Arc::clone(&self.policy));
        Box::pin(async move {
            let found = lookup.lookup(name.as_str()).await.map_err(|_| NoWay::Unknown)?;
            let checked = check(found, &policy)?;
            Ok(Box::new(checked.into_iter()) as Addrs)
        })
    }
}

/// The addresses to try, if every one of `found` is allowed. Port 0 stands for the URL's own.
fn check(found: Vec<IpAddr>, policy: &DestinationPolicy) -> Result<Vec<SocketAddr>, NoWay> {
    if found.is_empty() {
        return Err(NoWay::Unknown);
    }
    // A single bad answer tells enough about who gives the answers.
    if found.iter().any(|address| policy.permits(*address).is_err()) {
        return Err(NoWay::Blocked);
    }
    let tried = found.into_iter().take(MOST_TRIED);
    Ok(tried.map(|address| SocketAddr::new(address, 0)).collect())
}
