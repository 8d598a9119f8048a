//! OData query options (Microsoft Graph documentation, "query parameters"): what is understood, what is refused,
//! and how the next link repeats them.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use url::form_urlencoded;
use uuid::Uuid;

use super::endpoint::{Endpoint, Paging};
use super::problem::Problem;
use super::route::Part;
use crate::population::World;

/// The options of one request.
#[derive(Debug, Default)]
pub(super) struct Query {
    select: Option<Vec<String>>,
    top: Option<usize>,
    skip_token: Option<String>,
    count: bool,
    expand: bool,
    /// All options but the page token, as they were sent.
    sent: Vec<(String, String)>,
}

impl Query {
    pub(super) fn parse(text: &str, endpoint: &Endpoint, part: &Part) -> Result<Self, Problem> {
        let mut query = Self::default();
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
            query.take(&option, &value, endpoint, part)?;
            if option != "$skiptoken" {
                query.sent.push((name, value));
            }
        }
        Ok(query)
    }

    fn take(&mut self, option: &str, value: &str, endpoint: &Endpoint, part: &Part) -> Result<(), Problem> {
        let whole = matches!(part, Part::Whole);
        let paged = whole && matches!(endpoint.paging, Paging::Pages(..));
        match option {
            "$select" if whole || matches!(part, Part::One(_)) => {
                self.select = Some(selection(value, endpoint)?);
            }
            "$top" if paged => self.top = Some(top(value, endpoint)?),
            "$skiptoken" if paged => self.skip_token = Some(value.to_owned()),
            "$count" if whole => self.count = value.eq_ignore_ascii_case("true"),
            "$expand" if is_expandable(value, endpoint) => self.expand = true,
            _ => return Err(Problem::unsupported_query(option)),
        }
        Ok(())
    }

    pub(super) fn skip_token(&self) -> Option<&str> {
        self.skip_token.as_deref()
    }

    pub(super) fn counts(&self) -> bool {
        self.count
    }

    pub(super) fn expands(&self) -> bool {
        self.expand
    }

    pub(super) fn page_size(&self, endpoint: &Endpoint, len: usize) -> usize {
        match endpoint.paging {
            Paging::Pages(default, max) => self.top.unwrap_or(default).min(max),
            Paging::Single | Paging::Whole => len,
        }
    }

    /// Keeps what was selected, or the default properties. A type that the reader cannot guess stays.
    pub(super) fn narrow(&self, object: Value, endpoint: &Endpoint) -> Value {
        let Value::Object(mut all) = object else {
            return object;
        };
        let type_name = all.remove_entry("@odata.type");
        let mut kept: Map<String, Value> = match &self.select {
            Some(names) => names
                .iter()
                .map(|name| (name.clone(), all.remove(name).unwrap_or(Value::Null)))
                .collect(),
            None if endpoint.defaults.is_empty() => all,
            None => all
                .into_iter()
                .filter(|(name, _)| endpoint.defaults.contains(&name.as_str()))
                .collect(),
        };
        kept.extend(type_name);
        Value::Object(kept)
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
    let example = (endpoint.make)(&World::example(), 0);
    match names.iter().find(|name| !endpoint.has_property(&example, name)) {
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
    let directory = endpoint.service == super::endpoint::Service::Directory;
    match value.parse::<usize>() {
        Ok(size) if size > 0 && (size <= max || !directory) => Ok(size),
        _ => {
            let message =
                format!("Invalid page size specified: '{value}'. Must be between 1 and {max} inclusive.");
            Err(Problem::bad_query(endpoint.service, message))
        }
    }
}

fn is_expandable(value: &str, endpoint: &Endpoint) -> bool {
    endpoint
        .children
        .as_ref()
        .is_some_and(|children| children.expandable && children.segment == value)
}
