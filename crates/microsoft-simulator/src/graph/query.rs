//! OData query options (Microsoft Graph documentation, "query parameters"): what is understood, what is refused,
//! and how the next link repeats them.

use std::fmt::Write as _;

use url::form_urlencoded;
use uuid::Uuid;

use super::endpoint::{ChildRows, Children, Endpoint, Paging, Service};
use super::filter::Filter;
use super::problem::Problem;
use super::route::Part;

/// A property that only licensed tenants show, and the largest page of users with it.
const SIGN_IN_ACTIVITY: &str = "signInActivity";
const SIGN_IN_PAGE: usize = 500;

/// What `$search` looks for, as `"property:text"`.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) property: String,
    pub(super) text: String,
}

/// The options of one request.
#[derive(Debug, Default)]
pub(super) struct Query {
    pub(super) select: Option<Vec<String>>,
    top: Option<usize>,
    skip: usize,
    skip_token: Option<String>,
    count: bool,
    pub(super) expand: Vec<(&'static str, ChildRows)>,
    pub(super) filter: Option<Filter>,
    /// Property, and whether downwards.
    pub(super) order: Option<(String, bool)>,
    pub(super) search: Option<Search>,
    /// All options but the page token, as they were sent.
    sent: Vec<(String, String)>,
}

impl Query {
    /// Reads the options. `eventual` tells whether the request has the header that advanced queries need.
    pub(super) fn parse(
        text: &str,
        endpoint: &'static Endpoint,
        part: &Part,
        eventual: bool,
    ) -> Result<Self, Problem> {
        let mut query = Self::default();
        let mut conditions = Vec::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()).into_owned() {
            let option = name.to_ascii_lowercase();
            if !option.starts_with('$') {
                continue;
            }
            if query
                .sent
                .iter()
                .any(|(earlier, _)| earlier.eq_ignore_ascii_case(&option))
            {
                let message = format!("The query option '{option}' must not be given more than once.");
                return Err(Problem::bad_query(endpoint.service, message));
            }
            match option.as_str() {
                "$filter" | "$orderby" | "$search" => conditions.push((option.clone(), value.clone())),
                _ => query.take(&option, &value, endpoint, part)?,
            }
            if option != "$skiptoken" {
                query.sent.push((name, value));
            }
        }
        // Whether these are allowed depends on `$count`, which may stand behind them.
        let advanced = eventual && (matches!(part, Part::Count) || query.count);
        let filtered = conditions.iter().any(|(option, _)| option == "$filter");
        for (option, value) in conditions {
            // The directory needs its index only to order what it has filtered.
            let enough = option == "$orderby" && (!filtered || endpoint.is_plain_odata());
            query.condition(&option, &value, endpoint, part, advanced || enough)?;
        }
        Ok(query)
    }

    fn take(
        &mut self,
        option: &str,
        value: &str,
        endpoint: &'static Endpoint,
        part: &Part,
    ) -> Result<(), Problem> {
        let whole = matches!(part, Part::Whole);
        let child = matches!(part, Part::Child(..));
        let paged = (whole || child) && matches!(endpoint.paging, Paging::Pages(..));
        match option {
            "$select" if whole || matches!(part, Part::One(_)) => {
                self.select = Some(selection(value, endpoint)?).filter(|names| !names.is_empty());
            }
            "$top" if paged => self.top = Some(top(value, endpoint)?),
            "$skip" if whole && endpoint.is_plain_odata() => {
                let message = || format!("Invalid value '{value}' for $skip query option found.");
                self.skip = value
                    .parse()
                    .map_err(|_| Problem::bad_query(endpoint.service, message()))?;
            }
            "$skiptoken" if paged => self.skip_token = Some(value.to_owned()),
            "$count" if whole => self.count = value.eq_ignore_ascii_case("true"),
            "$expand" if !child => self.expand = expansion(value, endpoint)?,
            _ => return Err(Problem::unsupported_query(option)),
        }
        Ok(())
    }

    fn condition(
        &mut self,
        option: &str,
        value: &str,
        endpoint: &Endpoint,
        part: &Part,
        advanced: bool,
    ) -> Result<(), Problem> {
        let lists = matches!(part, Part::Whole | Part::Count) && !endpoint.is_single();
        match option {
            "$filter" if lists => self.filter = Some(Filter::parse(value, endpoint, advanced)?),
            "$orderby" if lists && advanced && (endpoint.advanced || endpoint.is_plain_odata()) => {
                let (property, direction) = value.trim().split_once(' ').unwrap_or((value, "asc"));
                if property != "displayName" || !endpoint.has_property(property) {
                    return Err(Problem::unsupported_query(option));
                }
                self.order = Some((property.to_owned(), direction.trim().eq_ignore_ascii_case("desc")));
            }
            "$search" if lists && advanced && endpoint.advanced => {
                let wanted = value.trim().trim_matches('"').split_once(':');
                let (property, text) = wanted
                    .filter(|(property, _)| endpoint.has_property(property))
                    .ok_or_else(|| Problem::unsupported_query(option))?;
                self.search = Some(Search {
                    property: property.to_owned(),
                    text: text.to_lowercase(),
                });
            }
            _ => return Err(Problem::unsupported_query(option)),
        }
        Ok(())
    }

    pub(super) fn skip_token(&self) -> Option<&str> {
        self.skip_token.as_deref()
    }

    /// How many of the found rows are left out before the first page; later pages have a token.
    pub(super) fn skipped(&self) -> usize {
        if self.skip_token.is_some() { 0 } else { self.skip }
    }

    pub(super) fn counts(&self) -> bool {
        self.count
    }

    /// Whether it asks for something that only licensed tenants have.
    pub(super) fn needs_premium(&self) -> bool {
        let names = self.select.iter().flatten();
        names.into_iter().any(|name| name == SIGN_IN_ACTIVITY)
    }

    pub(super) fn page_size(&self, endpoint: &Endpoint, len: usize) -> usize {
        let size = match endpoint.paging {
            Paging::Pages(default, max) => self.top.unwrap_or(default).min(max),
            Paging::Single | Paging::Whole => return len,
        };
        if self.needs_premium() {
            size.min(SIGN_IN_PAGE)
        } else {
            size
        }
    }

    /// The collection with the selected properties, as `@odata.context` shows it.
    pub(super) fn context(&self, path: &str) -> String {
        match &self.select {
            Some(names) => format!("{path}({})", names.join(",")),
            None => path.to_owned(),
        }
    }

    /// What a page token is valid for: this tenant, this path, these options.
    pub(super) fn binding(&self, tenant: Uuid, path: &str) -> String {
        let mut options: Vec<String> = self
            .sent
            .iter()
            .map(|(name, value)| format!("{}={value}", name.to_lowercase()))
            .collect();
        options.sort_unstable();
        format!("{tenant}\n{}\n{}", path.to_lowercase(), options.join("\n"))
    }

    /// The address of the next page: all options again, and the token.
    pub(super) fn next_link(&self, base_url: &str, path: &str, token: &str) -> String {
        let mut link = format!("{base_url}{path}?");
        for (name, value) in &self.sent {
            push_option(&mut link, name, value);
            link.push('&');
        }
        push_option(&mut link, "$skiptoken", token);
        link
    }
}

/// Escapes with lower-case digits, as Graph does: a client that takes links apart and puts them together again
/// ends up with other bytes.
fn push_option(link: &mut String, name: &str, value: &str) {
    link.push_str(name);
    link.push('=');
    for &byte in value.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            link.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(link, "%{byte:02x}");
        }
    }
}

fn selection(value: &str, endpoint: &Endpoint) -> Result<Vec<String>, Problem> {
    let names: Vec<String> = value
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    match names.iter().find(|name| !endpoint.has_property(name)) {
        Some(name) => {
            let message = format!(
                "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type \
                 'microsoft.graph.{}'.",
                endpoint.entity
            );
            Err(Problem::bad_query(endpoint.service, message))
        }
        None => Ok(names),
    }
}

fn top(value: &str, endpoint: &Endpoint) -> Result<usize, Problem> {
    let Paging::Pages(_, max) = endpoint.paging else {
        return Err(Problem::unsupported_query("$top"));
    };
    let directory = endpoint.service == Service::Directory;
    match value.parse::<usize>() {
        Ok(size) if size > 0 && (size <= max || !directory) => Ok(size),
        _ => {
            let message =
                format!("Invalid page size specified: '{value}'. Must be between 1 and {max} inclusive.");
            Err(Problem::bad_query(endpoint.service, message))
        }
    }
}

/// Which lists are expanded. The directory expands one at a time, and nothing inside of it.
fn expansion(value: &str, endpoint: &'static Endpoint) -> Result<Vec<(&'static str, ChildRows)>, Problem> {
    let one = |name: &str| {
        let children = endpoint.children.iter().filter(|children| children.expandable);
        children.into_iter().find_map(|children| rows_of(children, name))
    };
    let names: Vec<&str> = value.split(',').map(str::trim).collect();
    let refused = || Problem::unsupported_query("$expand");
    if endpoint.service == Service::Directory && names.len() > 1 {
        return Err(refused());
    }
    names
        .into_iter()
        .map(|name| one(name).ok_or_else(refused))
        .collect()
}

fn rows_of(children: &'static Children, name: &str) -> Option<(&'static str, ChildRows)> {
    let (outer, inner) = match name.strip_suffix(')').and_then(|name| name.split_once('(')) {
        Some((outer, options)) => (outer, Some(options.strip_prefix("$expand=")?)),
        None => (name, None),
    };
    let rows = match (inner, children.nested) {
        (None, _) => children.rows,
        (Some(inner), Some((name, rows))) if inner == name => rows,
        _ => return None,
    };
    (outer == children.segment).then_some((children.segment, rows))
}
