//! Application registrations: the multi-tenant application itself, apart from its service principals.

use std::sync::Mutex;

use uuid::Uuid;

use crate::credential::AppCredential;
use crate::directory::lock;
use crate::options::RECOMMENDED_ROLES;

/// A multi-tenant application. What one tenant knows of it is its service principal, an
/// [`AppOptions`](crate::AppOptions) that appears there with the consent.
#[derive(Clone, Debug)]
pub struct AppRegistration {
    /// Application (client) id.
    pub client_id: Uuid,
    /// Name that the consent page shows.
    pub display_name: String,
    /// Where the consent page may lead to; compared exactly.
    pub redirect_uris: Vec<String>,
    /// Application permissions that a consent grants.
    pub requested_roles: Vec<String>,
    /// Credentials that are good in every tenant.
    pub credentials: Vec<AppCredential>,
}

impl AppRegistration {
    /// An application that asks for [`RECOMMENDED_ROLES`] and has no redirect URI and no credential yet.
    pub fn new(client_id: Uuid, display_name: impl Into<String>) -> Self {
        Self {
            client_id,
            display_name: display_name.into(),
            redirect_uris: Vec::new(),
            requested_roles: RECOMMENDED_ROLES.iter().map(|&role| role.to_owned()).collect(),
            credentials: Vec::new(),
        }
    }

    /// Adds a place that the consent page may lead to.
    #[must_use]
    pub fn with_redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    /// Adds a credential.
    #[must_use]
    pub fn with_credential(mut self, credential: AppCredential) -> Self {
        self.credentials.push(credential);
        self
    }

    /// Adds a secret that never ends.
    #[must_use]
    pub fn with_secret(self, value: impl Into<String>) -> Self {
        self.with_credential(AppCredential::secret(value))
    }

    /// Adds a certificate in DER.
    #[must_use]
    pub fn with_certificate(self, der: impl Into<Vec<u8>>) -> Self {
        self.with_credential(AppCredential::certificate(der))
    }
}

/// All registrations of a running simulator.
#[derive(Default)]
pub(crate) struct Registrations {
    all: Mutex<Vec<AppRegistration>>,
}

impl Registrations {
    /// Adds one; an older one with the same client id gives way.
    pub(crate) fn put(&self, registration: AppRegistration) {
        let mut all = lock(&self.all);
        all.retain(|other| other.client_id != registration.client_id);
        all.push(registration);
    }

    /// A copy of one as it is now.
    pub(crate) fn get(&self, client: Uuid) -> Option<AppRegistration> {
        lock(&self.all)
            .iter()
            .find(|registration| registration.client_id == client)
            .cloned()
    }

    /// Finds one by the text of its id, as the login paths get it.
    pub(crate) fn find(&self, client: &str) -> Option<AppRegistration> {
        lock(&self.all)
            .iter()
            .find(|registration| registration.client_id.to_string().eq_ignore_ascii_case(client))
            .cloned()
    }

    /// Changes one; false when there is none.
    pub(crate) fn change(&self, client: Uuid, change: impl FnOnce(&mut AppRegistration)) -> bool {
        let mut all = lock(&self.all);
        let registration = all
            .iter_mut()
            .find(|registration| registration.client_id == client);
        registration.map(change).is_some()
    }
}
