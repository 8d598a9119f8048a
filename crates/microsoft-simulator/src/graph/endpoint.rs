//! What the simulator knows about one endpoint, and who may read it.

use serde_json::Value;

use super::problem::Problem;
use crate::exchange::Ids;
use crate::options::TenantOptions;
use crate::population::World;

/// The service that stands behind an endpoint; it decides the style of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Directory,
    Intune,
    ConditionalAccess,
}

/// How many objects a page has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Paging {
    /// Not a list.
    Single,
    /// A list that always comes whole and takes no `$top`.
    Whole,
    /// Default and largest page.
    Pages(usize, usize),
}

/// A list below each object.
pub(super) struct Children {
    pub(super) segment: &'static str,
    /// Whether `$expand` can include it.
    pub(super) expandable: bool,
    pub(super) rows: fn(&World, usize) -> Vec<Value>,
}

/// One endpoint.
pub(super) struct Endpoint {
    pub(super) beta: bool,
    /// Path below the version.
    pub(super) path: &'static str,
    /// Type name, for messages.
    pub(super) entity: &'static str,
    pub(super) service: Service,
    /// Application roles, any of which is enough (permissions reference). Only roles that show every property.
    pub(super) roles: &'static [&'static str],
    pub(super) paging: Paging,
    /// Takes `/$count` and `$count=true` with `ConsistencyLevel: eventual`.
    pub(super) advanced: bool,
    /// Always says how many rows the page has, as the managed device list does.
    pub(super) counts_page: bool,
    /// Properties of the declared type when objects have further ones of their own kind; else those of the object.
    pub(super) declared: &'static [&'static str],
    /// Further properties that can be selected and are always null here.
    pub(super) absent: &'static [&'static str],
    /// What is answered without `$select`; empty for everything.
    pub(super) defaults: &'static [&'static str],
    pub(super) children: Option<Children>,
    pub(super) len: fn(&World) -> usize,
    pub(super) id: fn(&World, usize) -> String,
    pub(super) make: fn(&World, usize) -> Value,
}

impl Endpoint {
    pub(super) fn is_single(&self) -> bool {
        matches!(self.paging, Paging::Single)
    }

    /// The path as `@odata.context` writes it.
    pub(super) fn context(&self) -> &'static str {
        self.path.trim_start_matches("identity/")
    }

    /// Licence first, because without one every Intune call fails alike, then permission.
    pub(super) fn admit(
        &self,
        tenant: &TenantOptions,
        granted: &[String],
        path: &str,
        ids: &Ids,
    ) -> Result<(), Problem> {
        if self.service == Service::Intune && !tenant.intune_licensed {
            return Err(Problem::not_licensed());
        }
        if granted.iter().any(|role| self.roles.contains(&role.as_str())) {
            return Ok(());
        }
        Err(Problem::no_permission(self.service, self.roles, path, ids))
    }

    /// The place of an object in its list. Ids are compared as GUIDs are, without case.
    pub(super) fn position(&self, world: &World, key: &str) -> Option<usize> {
        if let Some(app_id) = key.strip_prefix(super::route::APP_ID_KEY) {
            return crate::population::principals::position_of_app(world, app_id);
        }
        (0..(self.len)(world)).find(|&index| (self.id)(world, index).eq_ignore_ascii_case(key))
    }

    /// Whether a property can be selected, given an object of the endpoint.
    pub(super) fn has_property(&self, object: &Value, name: &str) -> bool {
        let known = if self.declared.is_empty() {
            object.get(name).is_some() && !name.starts_with('@')
        } else {
            self.declared.contains(&name)
        };
        known || self.absent.contains(&name)
    }
}
