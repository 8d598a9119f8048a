//! Paths of calls. There is no way to put a text into one: a path is fixed, or it names one object
//! by a GUID, which a caller can only give as a `Uuid`.

use url::Url;
use uuid::Uuid;

use super::Contract;

/// The path of a call below the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    /// Always the same.
    Fixed(&'static str),
    /// The id of an object stands between the two.
    Of(&'static str, &'static str),
}

impl Path {
    /// As the listing shows it.
    pub(super) fn template(self) -> String {
        match self {
            Self::Fixed(path) => path.to_owned(),
            Self::Of(before, after) => format!("{before}{{id}}{after}"),
        }
    }

    /// With an id in its place. A fixed path has no place for one.
    fn filled(self, id: Uuid) -> String {
        match self {
            Self::Fixed(path) => path.to_owned(),
            Self::Of(before, after) => format!("{before}{}{after}", id.hyphenated()),
        }
    }
}

/// A call that names one object by its id. The contract alone makes no address: see [`Self::url`].
#[derive(Debug)]
pub(crate) struct ById(pub(super) Contract);

impl ById {
    /// Everything about the call but its address.
    pub(crate) const fn contract(&'static self) -> &'static Contract {
        &self.0
    }

    /// The first address of the call for the object `id`.
    pub(crate) fn url(&self, graph: &Url, id: Uuid) -> Url {
        self.0.address(graph, &self.0.path.filled(id))
    }
}

impl Contract {
    /// The first address of the call below the root of Graph. What names an object has its address
    /// from [`ById`]; here its place holds the id that no object has.
    pub(crate) fn url(&self, graph: &Url) -> Url {
        self.address(graph, &self.path.filled(Uuid::nil()))
    }

    fn address(&self, graph: &Url, path: &str) -> Url {
        let mut url = graph.clone();
        url.set_path(&format!("{}{path}", self.version.prefix()));
        let query = self.query();
        url.set_query((!query.is_empty()).then_some(query.as_str()));
        url
    }
}
