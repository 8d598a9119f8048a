//! The tenants of a running simulator and the part of them that changes: their applications.

use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::options::{AppOptions, TenantOptions};

/// Locks without giving up on a poisoned lock: a panicking test must not take the others down.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All tenants.
pub(crate) struct Directory {
    tenants: Mutex<Vec<TenantOptions>>,
}

impl Directory {
    pub(crate) fn new(tenants: Vec<TenantOptions>) -> Self {
        Self {
            tenants: Mutex::new(tenants),
        }
    }

    /// A copy of one tenant as it is now.
    pub(crate) fn tenant(&self, id: Uuid) -> Option<TenantOptions> {
        lock(&self.tenants)
            .iter()
            .find(|tenant| tenant.tenant_id == id)
            .cloned()
    }

    /// Finds a tenant by GUID or by one of its domains, as the login paths allow.
    pub(crate) fn find(&self, name: &str) -> Option<TenantOptions> {
        let id = Uuid::try_parse(name).ok();
        lock(&self.tenants)
            .iter()
            .find(|tenant| match id {
                Some(id) => tenant.tenant_id == id,
                None => {
                    tenant.primary_domain.eq_ignore_ascii_case(name)
                        || tenant.initial_domain().eq_ignore_ascii_case(name)
                }
            })
            .cloned()
    }

    /// Changes one tenant; `None` when there is none.
    pub(crate) fn change_tenant<R>(
        &self,
        tenant: Uuid,
        change: impl FnOnce(&mut TenantOptions) -> R,
    ) -> Option<R> {
        lock(&self.tenants)
            .iter_mut()
            .find(|candidate| candidate.tenant_id == tenant)
            .map(change)
    }

    /// Changes one application; false when the tenant does not list it.
    pub(crate) fn change_app(
        &self,
        tenant: Uuid,
        client: Uuid,
        change: impl FnOnce(&mut AppOptions),
    ) -> bool {
        let changed = self.change_tenant(tenant, |tenant| {
            let app = tenant.apps.iter_mut().find(|app| app.client_id == client);
            app.map(change).is_some()
        });
        changed == Some(true)
    }
}
