//! The rules about names: which text names a tenant, which cloud is meant, what can be a
//! credential, which clients are the installation's own. Knows no network, no clock and no store,
//! and keeps no secret; files are read once, when the platform's identities are given to it.

use std::collections::BTreeMap;

use kernel::Timestamp;
use provider_core::{
    CredentialInput, CredentialRefusal, Destination, PlatformClient, PreparedCredential, ProviderContext,
    ProviderKey, ScopeIdentifier, ScopeKind, ScopeProblem, ScopeRules,
};
use serde_json::{Map, Value};
use url::Url;
use uuid::{Uuid, uuid};

use crate::{
    cloud::{Cloud, EndpointOverride, Endpoints},
    contracts::permission,
    credentials,
    federated::{FederatedSource, FederatedSources},
    platform::{MicrosoftPlatformVault, PlatformIdentity, PlatformIdentitySettings, PlatformProblem},
};

/// The tenant in which personal accounts live, in other words `consumers` spelled as a GUID
/// (identity platform page "Access token claims reference", `tid`).
const PERSONAL_ACCOUNTS: Uuid = uuid!("9188040d-6c67-4c5b-b112-36a304b66dad");

/// The rules of this provider.
#[derive(Debug, Clone, Default)]
pub struct MicrosoftScopeRules {
    endpoint_override: Option<EndpointOverride>,
    platform: Vec<PlatformIdentity>,
    federated: FederatedSources,
}

impl MicrosoftScopeRules {
    /// The provider's key.
    pub const KEY: &'static str = "microsoft";

    /// The rules; with an override, addresses lead to it.
    pub fn new(endpoint_override: Option<EndpointOverride>) -> Self {
        Self {
            endpoint_override,
            ..Self::default()
        }
    }

    /// The rules with these clients as the installation's own, at most one for each cloud. Reads
    /// every file once, so that a mistake is found when the program starts. A credential that has
    /// ended is not refused here: whoever resolves an identity with it hears so.
    pub fn with_platform(
        mut self,
        settings: Vec<PlatformIdentitySettings>,
        now: Timestamp,
    ) -> Result<Self, PlatformProblem> {
        for one in settings {
            let cloud = one.cloud;
            if self.platform.iter().any(|other| other.cloud == cloud) {
                let cloud = cloud.as_str();
                return Err(PlatformProblem::DoubledCloud { cloud });
            }
            let identity = PlatformIdentity::new(one, now)?;
            if let Some(path) = identity.token_file() {
                self.federated.add_platform(cloud, path.to_owned());
            }
            self.platform.push(identity);
        }
        Ok(self)
    }

    /// The rules with these token files, which connections may name.
    #[must_use]
    pub fn with_federated_sources(mut self, files: BTreeMap<String, FederatedSource>) -> Self {
        self.federated.name_files(files);
        self
    }

    /// Every token file, for [`crate::MicrosoftSettings`].
    pub fn federated_sources(&self) -> FederatedSources {
        self.federated.clone()
    }

    /// What opens the platform's credentials, for the worker.
    pub fn platform_vault(&self) -> MicrosoftPlatformVault {
        MicrosoftPlatformVault::new(self.platform.clone())
    }

    pub(crate) fn endpoints(&self, destination: &Destination) -> Result<Endpoints, ScopeProblem> {
        let cloud = Cloud::parse(&destination.realm).ok_or(ScopeProblem::InvalidProviderContext)?;
        Ok(Endpoints::of(cloud, self.endpoint_override.as_ref()))
    }
}

/// The GUID in its hyphenated form and in either case; `None` for every other spelling and for
/// GUIDs that name nothing.
pub(crate) fn guid(text: &str) -> Option<Uuid> {
    let guid = (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()?;
    (!guid.is_nil() && !guid.is_max()).then_some(guid)
}

fn canonical(guid: Uuid) -> String {
    guid.hyphenated().to_string()
}

impl ScopeRules for MicrosoftScopeRules {
    fn provider(&self) -> ProviderKey {
        ProviderKey::new(Self::KEY).expect("a valid key")
    }

    fn canonical_identifier(&self, kind: ScopeKind, text: &str) -> Result<ScopeIdentifier, ScopeProblem> {
        match kind {
            ScopeKind::Tenant => {}
        }
        let tenant = guid(text).filter(|tenant| *tenant != PERSONAL_ACCOUNTS);
        let tenant = tenant.ok_or(ScopeProblem::InvalidIdentifier)?;
        Ok(ScopeIdentifier::canonical(canonical(tenant)))
    }

    fn realm(&self, context: &ProviderContext) -> Result<String, ScopeProblem> {
        let mut cloud = Cloud::Global;
        for (key, value) in &context.0 {
            cloud = match (key.as_str(), value.as_str()) {
                ("cloud", Some(text)) => Cloud::parse(text).ok_or(ScopeProblem::InvalidProviderContext)?,
                _ => return Err(ScopeProblem::InvalidProviderContext),
            };
        }
        Ok(cloud.as_str().to_owned())
    }

    fn canonical_client(&self, text: &str) -> Result<String, ScopeProblem> {
        guid(text).map(canonical).ok_or(ScopeProblem::InvalidIdentifier)
    }

    fn prepare_credential(
        &self,
        input: CredentialInput,
        now: Timestamp,
    ) -> Result<PreparedCredential, CredentialRefusal> {
        credentials::prepare(input, &self.federated, now)
    }

    fn platform_client(&self, realm: &str) -> Option<PlatformClient> {
        let mut identities = self.platform.iter();
        let identity = identities.find(|identity| identity.cloud.as_str() == realm)?;
        Some(identity.client())
    }

    fn platform_realms(&self) -> Vec<String> {
        let realms = self.platform.iter().map(|identity| identity.cloud.as_str());
        realms.map(str::to_owned).collect()
    }

    fn context(&self, destination: &Destination) -> ProviderContext {
        let mut map = Map::new();
        let mut put = |key: &str, value: &str| map.insert(key.to_owned(), Value::from(value));
        put("cloud", &destination.realm);
        put("tenant_id", destination.scope_identifier.as_str());
        if let Ok(endpoints) = self.endpoints(destination) {
            put("authority_host", authority(endpoints.login()));
            put("graph_host", authority(endpoints.graph()));
        }
        if let Some(client) = &destination.client_identifier {
            put("client_id", client);
        }
        ProviderContext(map)
    }

    fn requirements(&self, operation_type: &str) -> &'static [&'static str] {
        permission::requirements(operation_type)
    }
}

/// Host, and port if there is one.
fn authority(url: &Url) -> &str {
    &url[url::Position::BeforeHost..url::Position::AfterPort]
}

#[cfg(test)]
mod tests;
