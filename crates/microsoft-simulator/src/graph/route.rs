//! From a path to an endpoint and the part of it that is asked for. Segment names are compared without case.

use super::endpoint::{Children, Endpoint};
use super::problem::Problem;
use super::table::endpoints;

/// Marks a key that is an application id instead of an object id.
pub(super) const APP_ID_KEY: &str = "appId=";

/// Which part of an endpoint.
pub(super) enum Part {
    /// The list, or the single object.
    Whole,
    /// `/$count`
    Count,
    /// One object by key.
    One(String),
    /// The list below one object.
    Child(String, &'static Children),
}

/// A path that exists.
pub(super) struct Route {
    pub(super) endpoint: &'static Endpoint,
    pub(super) part: Part,
}

/// Finds the endpoint of a path such as `/v1.0/users/$count`.
pub(super) fn find(path: &str) -> Result<Route, Problem> {
    let mut segments = path.split('/').skip(1).map(percent_decode);
    let beta = segments.next().as_deref() == Some("beta");
    let segments: Vec<String> = segments
        .flat_map(split_key)
        .filter(|segment| !segment.is_empty())
        .collect();
    endpoints()
        .filter(|endpoint| endpoint.beta == beta)
        .find_map(|endpoint| part(endpoint, &segments).map(|part| Route { endpoint, part }))
        .ok_or_else(|| Problem::no_segment(unknown_segment(&segments, beta)))
}

/// `servicePrincipals(appId='x')` is two segments: a name and a key.
fn split_key(segment: String) -> Vec<String> {
    let key = segment
        .strip_suffix("')")
        .and_then(|rest| rest.split_once("(appId='"));
    match key {
        Some((name, app_id)) => vec![name.to_owned(), format!("{APP_ID_KEY}{app_id}")],
        None => vec![segment],
    }
}

fn part(endpoint: &'static Endpoint, segments: &[String]) -> Option<Part> {
    let own: Vec<&str> = endpoint.path.split('/').collect();
    let (head, rest) = segments.split_at_checked(own.len())?;
    if !head
        .iter()
        .zip(&own)
        .all(|(given, name)| given.eq_ignore_ascii_case(name))
    {
        return None;
    }
    match rest {
        [] => Some(Part::Whole),
        _ if endpoint.is_single() => None,
        [count] if count == "$count" => endpoint.advanced.then_some(Part::Count),
        [key] => Some(Part::One(key.clone())),
        [key, child] => {
            let mut lists = endpoint.children.iter();
            let children = lists.find(|children| child.eq_ignore_ascii_case(children.segment))?;
            Some(Part::Child(key.clone(), children))
        }
        _ => None,
    }
}

/// The first segment that no endpoint has at its place; the one after a list is a key and may be anything.
fn unknown_segment(segments: &[String], beta: bool) -> &str {
    let known = |count: usize| {
        endpoints()
            .filter(|endpoint| endpoint.beta == beta)
            .any(|endpoint| {
                let names: Vec<&str> = endpoint.path.split('/').collect();
                let longest = names.len() + usize::from(!endpoint.is_single());
                let agree = names
                    .iter()
                    .zip(&segments[..count])
                    .all(|(name, given)| name.eq_ignore_ascii_case(given));
                count <= longest && agree
            })
    };
    let unknown = (1..=segments.len())
        .find(|&count| !known(count))
        .unwrap_or(segments.len());
    segments.get(unknown.saturating_sub(1)).map_or("", String::as_str)
}

/// Undoes percent-encoding (RFC 3986, section 2.1) where it is well formed.
fn percent_decode(segment: &str) -> String {
    let bytes = segment.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = segment.get(at + 1..at + 3).filter(|_| byte == b'%');
        if let Some(value) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            decoded.push(value);
            at += 3;
        } else {
            decoded.push(byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
