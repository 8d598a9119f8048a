//! What the simulator knows about one endpoint, and who may read it.

use serde_json::Value;
use uuid::Uuid;

use super::filter::Op;
use super::problem::Problem;
use crate::exchange::Ids;
use crate::options::TenantOptions;
use crate::population::column::{Column, named, object};
use crate::population::{World, principals};

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

/// What a tenant must have bought, beside Intune for all of Intune.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Licence {
    Free,
    /// Entra ID P1.
    Premium,
}

/// Where the properties of an object come from.
pub(super) enum Rows {
    /// Each property alone: for what comes in large numbers.
    Columns(&'static [Column]),
    Objects(fn(&World, usize) -> Value),
}

/// Where the keys of objects come from.
#[derive(Clone, Copy)]
pub(super) enum Keys {
    /// Ids of a kind: they lead back to their object.
    Kind(&'static str),
    /// Keys that have to be looked for; the lists are short.
    Made(fn(&World, usize) -> String),
}

/// The rows below one object.
pub(super) type ChildRows = fn(&World, usize) -> Vec<Value>;

/// A list below each object.
pub(super) struct Children {
    pub(super) segment: &'static str,
    /// Whether `$expand` can include it.
    pub(super) expandable: bool,
    pub(super) rows: ChildRows,
    /// What is expanded inside of it, and the rows with it.
    pub(super) nested: Option<(&'static str, ChildRows)>,
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
    pub(super) licence: Licence,
    /// Properties of the declared type when objects have further ones of their own kind; else those of the object.
    pub(super) declared: &'static [&'static str],
    /// Further properties that can be selected and are always null here.
    pub(super) absent: &'static [&'static str],
    /// What is answered without `$select`; empty for everything.
    pub(super) defaults: &'static [&'static str],
    /// Properties that have another value when one object is read with `$select`.
    pub(super) alone: &'static [Column],
    /// What `$filter` understands.
    pub(super) filters: &'static [(&'static str, &'static [Op])],
    pub(super) children: &'static [Children],
    pub(super) len: fn(&World) -> usize,
    pub(super) keys: Keys,
    pub(super) rows: Rows,
}

impl Endpoint {
    pub(super) fn is_single(&self) -> bool {
        matches!(self.paging, Paging::Single)
    }

    /// Whether it takes `$skip`, `$orderby` and `$count` without the header that the directory asks for ("List
    /// policies", "List namedLocations").
    pub(super) fn is_plain_odata(&self) -> bool {
        self.service == Service::ConditionalAccess
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

    /// One object with all its properties.
    pub(super) fn make(&self, world: &World, index: usize) -> Value {
        match self.rows {
            Rows::Columns(columns) => object(columns, world, index),
            Rows::Objects(make) => make(world, index),
        }
    }

    pub(super) fn id(&self, world: &World, index: usize) -> String {
        match self.keys {
            Keys::Kind(kind) => world.id(kind, index),
            Keys::Made(make) => make(world, index),
        }
    }

    /// The place of an object in its list. Ids are compared as GUIDs are, without case.
    pub(super) fn position(&self, world: &World, key: &str) -> Option<usize> {
        if let Some(app_id) = key.strip_prefix(super::route::APP_ID_KEY) {
            return principals::position_of_app(world, app_id);
        }
        let len = (self.len)(world);
        match self.keys {
            Keys::Kind(kind) => world
                .source
                .index_of(kind, Uuid::try_parse(key).ok()?)
                .filter(|&index| index < len),
            Keys::Made(make) => (0..len).find(|&index| make(world, index).eq_ignore_ascii_case(key)),
        }
    }

    /// Whether a property can be selected.
    pub(super) fn has_property(&self, name: &str) -> bool {
        if self.absent.contains(&name) {
            return true;
        }
        match self.rows {
            Rows::Columns(columns) => named(columns, name).is_some(),
            Rows::Objects(_) if !self.declared.is_empty() => self.declared.contains(&name),
            Rows::Objects(make) => {
                let example = make(&World::example(), 0);
                example.get(name).is_some() && !name.starts_with('@')
            }
        }
    }
}
