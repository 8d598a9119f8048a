//! `$batch`: up to twenty requests in one (Microsoft Graph documentation, "combine multiple HTTP requests using JSON
//! batching"). Permissions, limits and faults apply to each item alone; answers come in any order.

mod plan;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::Request;
use super::problem::Problem;
use crate::exchange::{Exchange, Passage};
use crate::fault::json_answer;
use crate::population::Source;
use crate::server::Shared;
use plan::{Item, Plan};

/// The most that one item's answer may hold; a fault could make it endless.
const ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// `POST /v1.0/$batch` and `/beta/$batch`
pub(crate) async fn answer(
    State(shared): State<Shared>,
    Extension(exchange): Extension<Exchange>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outer = Request {
        shared: &shared,
        exchange: &exchange,
        uri: &uri,
        headers: &headers,
    };
    let plan = outer
        .authenticate()
        .and_then(|(grant, _)| Ok((grant, Plan::read(&body)?)));
    let (grant, plan) = match plan {
        Ok(read) => read,
        Err(problem) => return outer.refuse(&problem),
    };
    let mut answers: Vec<(u64, Value)> = Vec::new();
    let mut failed: Vec<String> = Vec::new();
    let source = Source::new(shared.seed, grant.tenant);
    for (index, item) in plan.items.iter().enumerate() {
        let blocked = item
            .depends_on
            .iter()
            .any(|id| failed.contains(&id.to_lowercase()));
        let answer = if blocked {
            Ok(refused_dependency())
        } else {
            outer.item(item, grant.tenant).await
        };
        let answer = answer.unwrap_or_else(|problem| outer.refuse(&problem));
        if !answer.status().is_success() {
            failed.push(item.id.to_lowercase());
        }
        answers.push((
            source.draw("$batch", index, &item.id),
            described(&item.id, answer).await,
        ));
    }
    answers.sort_by_key(|(order, _)| *order);
    let answers: Vec<Value> = answers.into_iter().map(|(_, answer)| answer).collect();
    json_answer(200, &json!({ "responses": answers }))
}

impl Request<'_> {
    /// One item, as if it had come alone.
    async fn item(&self, item: &Item, tenant: uuid::Uuid) -> Result<Response, Problem> {
        let version = self.uri.path().split('/').nth(1).unwrap_or("v1.0");
        let target = format!("/{version}/{}", item.url.trim_start_matches('/'));
        let bad = |what: &str| Problem::bad_batch(format!("Invalid {what} of batch item '{}'.", item.id));
        let uri: Uri = target.parse().map_err(|_| bad("url"))?;
        let method: Method = item
            .method
            .to_ascii_uppercase()
            .parse()
            .map_err(|_| bad("method"))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &item.headers {
            let name: HeaderName = name.parse().map_err(|_| bad("header"))?;
            let value = HeaderValue::from_str(value).map_err(|_| bad("header"))?;
            headers.insert(name, value);
        }
        // Who asks is said once, for the whole batch.
        if let Some(token) = self.headers.get(header::AUTHORIZATION) {
            headers.insert(header::AUTHORIZATION, token.clone());
        }
        let ids = self.exchange.ids.clone();
        let passage = Passage::arrive(self.shared, target, method.clone(), Some(tenant), ids);
        let respond = async |exchange: Exchange| {
            let request = Request {
                shared: self.shared,
                exchange: &exchange,
                uri: &uri,
                headers: &headers,
            };
            request.respond(&method)
        };
        Ok(passage.run(self.shared, respond).await)
    }
}

fn refused_dependency() -> Response {
    let message = "The request was not made, because one that it depends on has failed.";
    json_answer(
        424,
        &json!({ "error": { "code": "FailedDependency", "message": message } }),
    )
}

/// An item's answer as the batch shows it: JSON as JSON, anything else as text.
async fn described(id: &str, answer: Response) -> Value {
    let (parts, body) = answer.into_parts();
    let mut headers = Map::new();
    for (name, value) in &parts.headers {
        // `Retry-After` was seen in lower case too; the others are written as usual.
        let name = match name.as_str() {
            "content-type" => "Content-Type",
            "cache-control" => "Cache-Control",
            other => other,
        };
        headers.insert(name.to_owned(), json!(value.to_str().unwrap_or_default()));
    }
    headers.entry("Cache-Control").or_insert(json!("no-cache"));
    json!({ "id": id, "status": parts.status.as_u16(), "headers": headers, "body": read(body).await })
}

async fn read(body: Body) -> Value {
    let bytes = axum::body::to_bytes(body, ANSWER_BYTES).await.unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)))
}
