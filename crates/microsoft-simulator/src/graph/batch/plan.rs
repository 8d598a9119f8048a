//! What a batch asks for, and the rules that make it one.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use super::Problem;

/// The most requests in one batch.
const MOST: usize = 20;

#[derive(Deserialize)]
pub(super) struct Plan {
    #[serde(rename = "requests")]
    pub(super) items: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    pub(super) id: String,
    pub(super) method: String,
    pub(super) url: String,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) depends_on: Vec<String>,
    body: Option<serde_json::Value>,
}

impl Plan {
    /// Reads a batch; the message says what is wrong with it.
    pub(super) fn read(body: &[u8]) -> Result<Self, Problem> {
        let plan: Self =
            serde_json::from_slice(body).map_err(|_| Problem::bad_batch("Invalid batch payload format."))?;
        if plan.items.is_empty() {
            return Err(Problem::bad_batch("The batch holds no request."));
        }
        if plan.items.len() > MOST {
            let message = format!("Number of batch request steps exceeds the maximum value of {MOST}.");
            return Err(Problem::bad_batch(message));
        }
        let mut ids = HashSet::new();
        for item in &plan.items {
            item.check(&ids).map_err(|what| {
                Problem::bad_batch(format!("Invalid batch request '{}': {what}.", item.id))
            })?;
            ids.insert(item.id.to_lowercase());
        }
        if plan.follows_a_pattern() {
            Ok(plan)
        } else {
            Err(Problem::bad_batch(
                "Dependencies must make all requests a sequence, or all depend on the same request.",
            ))
        }
    }

    /// No dependency at all, each request on the one before it, or all that depend on the same one.
    fn follows_a_pattern(&self) -> bool {
        let is = |item: &Item, id: &str| matches!(item.depends_on.as_slice(), [only] if only.eq_ignore_ascii_case(id));
        let dependent: Vec<&Item> = self
            .items
            .iter()
            .filter(|item| !item.depends_on.is_empty())
            .collect();
        let Some(first) = dependent.first() else {
            return true;
        };
        let serial = self.items.windows(2).all(|pair| is(&pair[1], &pair[0].id));
        let same = first
            .depends_on
            .first()
            .is_some_and(|id| dependent.iter().all(|item| is(item, id)));
        serial || same
    }
}

impl Item {
    fn check(&self, earlier: &HashSet<String>) -> Result<(), &'static str> {
        if self.id.is_empty() {
            return Err("the id is empty");
        }
        if earlier.contains(&self.id.to_lowercase()) {
            return Err("the id is not unique");
        }
        if self.url.is_empty() || self.url.contains("://") || self.url.starts_with("//") {
            return Err("the url must be relative");
        }
        if !self
            .depends_on
            .iter()
            .all(|id| earlier.contains(&id.to_lowercase()))
        {
            return Err("it depends on a request that does not stand before it");
        }
        let typed = self
            .headers
            .keys()
            .any(|name| name.eq_ignore_ascii_case("content-type"));
        if self.body.is_some() && !typed {
            return Err("a body needs a Content-Type");
        }
        Ok(())
    }
}
