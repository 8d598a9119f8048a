//! Registrations, credentials and consents of a running simulator.

use std::time::Duration;

use chrono::TimeDelta;
use uuid::Uuid;

use super::Control;
use crate::credential::AppCredential;
use crate::options::{AppOptions, AppState, TenantOptions};
use crate::registration::{AppRegistration, Registrations};
use crate::replication::Replication;

impl Control {
    /// Adds a registration; one with the same client id gives way.
    pub fn add_registration(&self, registration: AppRegistration) {
        self.inner.registrations.put(registration);
    }

    /// Adds a place that the consent page may lead to; false when the client is not registered.
    pub fn add_redirect_uri(&self, client: Uuid, uri: impl Into<String>) -> bool {
        let uri = uri.into();
        self.inner
            .registrations
            .change(client, |registration| registration.redirect_uris.push(uri))
    }

    /// Replaces all secrets of a registration; false when the client is not registered.
    pub fn set_registration_secret(&self, client: Uuid, secret: impl Into<String>) -> bool {
        let secret = AppCredential::secret(secret);
        self.inner.registrations.change(client, |registration| {
            let credentials = &mut registration.credentials;
            credentials.retain(|other| !matches!(other, AppCredential::Secret { .. }));
            credentials.push(secret);
        })
    }

    /// Adds a credential beside those that a registration has; false when the client is not registered.
    pub fn add_registration_credential(&self, client: Uuid, credential: AppCredential) -> bool {
        self.inner
            .registrations
            .change(client, |registration| registration.credentials.push(credential))
    }

    /// Takes a credential away; false when the registration does not have it.
    pub fn remove_registration_credential(&self, client: Uuid, credential: &AppCredential) -> bool {
        let mut removed = false;
        self.inner.registrations.change(client, |registration| {
            removed = remove(&mut registration.credentials, |other| other == credential);
        });
        removed
    }

    /// Adds a secret beside those that the tenant's own application has; false when the tenant does not list it.
    pub fn add_app_secret(&self, tenant: Uuid, client: Uuid, secret: impl Into<String>) -> bool {
        self.add_app_credential(tenant, client, AppCredential::secret(secret))
    }

    /// Takes a secret away, also the one of [`AppOptions::client_secret`]; false when there was no such secret.
    pub fn remove_app_secret(&self, tenant: Uuid, client: Uuid, secret: &str) -> bool {
        let mut removed = false;
        self.inner.directory.change_app(tenant, client, |app| {
            removed = remove(&mut app.credentials, |other| other.is_secret(secret));
            if app.client_secret == secret {
                app.client_secret.clear();
                removed = true;
            }
        });
        removed
    }

    /// Adds a credential to the tenant's own application; false when the tenant does not list it.
    pub fn add_app_credential(&self, tenant: Uuid, client: Uuid, credential: AppCredential) -> bool {
        self.inner
            .directory
            .change_app(tenant, client, |app| app.credentials.push(credential))
    }

    /// Takes a credential away; false when there was no such credential.
    pub fn remove_app_credential(&self, tenant: Uuid, client: Uuid, credential: &AppCredential) -> bool {
        let mut removed = false;
        self.inner.directory.change_app(tenant, client, |app| {
            removed = remove(&mut app.credentials, |other| other == credential);
        });
        removed
    }

    /// What approving on the consent page does: the tenant gets an enabled service principal with the requested
    /// roles beside those it had. False when the tenant or the registration does not exist.
    pub fn consent(&self, tenant: Uuid, client: Uuid) -> bool {
        let Some(registration) = self.inner.registrations.get(client) else {
            return false;
        };
        let granted = self.inner.directory.change_tenant(tenant, |tenant| {
            let before = grant(tenant, &registration);
            self.delay(tenant, client, before);
        });
        granted.is_some()
    }

    fn delay(&self, tenant: &TenantOptions, client: Uuid, before: Option<Vec<String>>) {
        let delay = TimeDelta::from_std(tenant.replication_delay).unwrap_or(TimeDelta::MAX);
        let visible_from = self
            .now()
            .checked_add_signed(delay)
            .unwrap_or(chrono::DateTime::<chrono::Utc>::MAX_UTC);
        self.replication()
            .delay(tenant.tenant_id, client, visible_from, before);
    }

    /// Deletes the service principal with its grants; tokens issued before keep their roles. False when the tenant
    /// does not list the application.
    pub fn revoke_consent(&self, tenant: Uuid, client: Uuid) -> bool {
        self.replication().forget(tenant, client);
        self.inner.directory.change_app(tenant, client, |app| {
            app.state = AppState::Absent;
            app.roles.clear();
        })
    }

    /// How long after the next consents the token endpoint does not know of them yet, by the simulator's clock;
    /// false when there is no such tenant.
    pub fn set_replication_delay(&self, tenant: Uuid, delay: Duration) -> bool {
        self.inner
            .directory
            .change_tenant(tenant, |tenant| tenant.replication_delay = delay)
            .is_some()
    }

    /// The next token requests of installed applications in this tenant answer AADSTS700016, as in the first moments
    /// after a consent.
    pub fn set_replication_misses(&self, tenant: Uuid, requests: u32) {
        self.replication().set_misses(tenant, requests);
    }

    /// The next tokens that this tenant issues carry no roles, as in the first moments after a consent.
    pub fn set_role_misses(&self, tenant: Uuid, tokens: u32) {
        self.replication().set_role_misses(tenant, tokens);
    }

    pub(crate) fn replication(&self) -> &Replication {
        &self.inner.replication
    }

    pub(crate) fn registrations(&self) -> &Registrations {
        &self.inner.registrations
    }

    /// Everything that proves an application: its own credentials in the tenant, and those of its registration.
    pub(crate) fn credentials(&self, app: &AppOptions) -> Vec<AppCredential> {
        let mut all = app.credentials.clone();
        // An empty one is harmless: a request without a secret does not get as far as comparing.
        all.push(AppCredential::secret(app.client_secret.as_str()));
        if let Some(registration) = self.inner.registrations.get(app.client_id) {
            all.extend(registration.credentials);
        }
        all
    }
}

/// Takes out what matches; false when nothing did.
fn remove(credentials: &mut Vec<AppCredential>, matches: impl Fn(&AppCredential) -> bool) -> bool {
    let before = credentials.len();
    credentials.retain(|credential| !matches(credential));
    credentials.len() < before
}

/// Installs an application with the roles it asks for, and returns the roles it could use before.
fn grant(tenant: &mut TenantOptions, registration: &AppRegistration) -> Option<Vec<String>> {
    let client = registration.client_id;
    if !tenant.apps.iter().any(|app| app.client_id == client) {
        tenant.apps.push(AppOptions::of(registration));
    }
    let app = tenant.apps.iter_mut().find(|app| app.client_id == client)?;
    let before = (app.state == AppState::Consented).then(|| app.roles.clone());
    for role in &registration.requested_roles {
        if !app.roles.contains(role) {
            app.roles.push(role.clone());
        }
    }
    app.display_name.clone_from(&registration.display_name);
    app.state = AppState::Consented;
    before
}
