//! `discover`: from a domain name to what a connection is created with. Asks the sign-in hosts for
//! what everybody may read; needs no settings, no database and no credential.

use clap::Args;
use kernel::SystemIds;
use provider_microsoft::{Cloud, Discovery, DiscoveryError, EndpointOverride, MicrosoftScopeRules, discover};
use serde_json::{Value, json};
use url::Url;

use super::{Failure, say};

/// Options of `discover`.
#[derive(Debug, Args)]
pub(super) struct DiscoverArgs {
    /// A domain of the tenant, such as contoso.com, or its id.
    name: String,
    /// The cloud to look in first. If nobody has the name there, the others are asked.
    #[arg(long, default_value = Cloud::Global.as_str(), value_parser = cloud)]
    cloud: Cloud,
    /// An address of this machine in place of the provider's hosts, for demos and tests.
    #[arg(long, value_name = "URL")]
    loopback_endpoint: Option<Url>,
}

fn cloud(text: &str) -> Result<Cloud, String> {
    let known = Cloud::ALL.map(Cloud::as_str).join(", ");
    Cloud::parse(text).ok_or_else(|| format!("one of {known}"))
}

pub(super) async fn run(args: DiscoverArgs) -> Result<(), Failure> {
    let instead = args
        .loopback_endpoint
        .map(EndpointOverride::loopback)
        .transpose()
        .map_err(|problem| Failure::config(format!("--loopback-endpoint: {problem}")))?;
    let found = discover(&args.name, args.cloud, instead.as_ref(), &SystemIds)
        .await
        .map_err(|error| Failure::config(super::chain(&error)))?;
    match found {
        Ok(found) => {
            say(format!("{:#}", description(found)));
            Ok(())
        }
        Err(error @ DiscoveryError::InvalidName) => Err(Failure::config(error)),
        Err(error @ (DiscoveryError::NotFound | DiscoveryError::Elsewhere)) => Err(Failure::data(error)),
        Err(error @ (DiscoveryError::Unreadable | DiscoveryError::Unavailable(_))) => {
            Err(Failure::unavailable(error))
        }
    }
}

/// What a person wants to know, and under `connection` those members of the body that creates one.
fn description(found: Discovery) -> Value {
    let (tenant, cloud) = (found.tenant.hyphenated().to_string(), found.cloud.as_str());
    json!({
        "tenant_id": tenant,
        "cloud": cloud,
        "realm": cloud,
        "connection": {
            "provider": MicrosoftScopeRules::KEY,
            "scope_identifier": tenant,
            "provider_context": { "cloud": cloud },
        },
    })
}

#[cfg(test)]
mod tests {
    use provider_core::{ScopeKind, ScopeRules as _};

    use super::*;

    #[test]
    fn what_is_printed_creates_a_connection() {
        let tenant = uuid::uuid!("11111111-bbbb-4ccc-8ddd-000000000002");
        for cloud in Cloud::ALL {
            let shown = description(Discovery { tenant, cloud });
            let connection = &shown["connection"];
            let rules = MicrosoftScopeRules::default();
            let context = serde_json::from_value(connection["provider_context"].clone()).expect("a context");
            assert_eq!(rules.realm(&context), Ok(cloud.as_str().to_owned()));
            let identifier = connection["scope_identifier"].as_str().expect("a text");
            let canonical = rules.canonical_identifier(ScopeKind::Tenant, identifier);
            assert_eq!(
                canonical.expect("a tenant").as_str(),
                identifier,
                "as it is stored"
            );
        }
    }

    #[test]
    fn only_known_clouds_are_taken() {
        assert_eq!(cloud("usgov-l4"), Ok(Cloud::UsGovL4));
        assert!(cloud("mars").is_err_and(|text| text.contains("china-21vianet")));
    }
}
