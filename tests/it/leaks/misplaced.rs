//! Secrets where people paste them by mistake: in names, in addresses, in headers.

use integration_tests::{Customer, app::connection_body};
use serde_json::json;

use super::{
    evidence,
    needles::Canary,
    story::{Story, unique},
};
use crate::{access::cases::Place, wire::Request};

impl Story {
    /// Secrets where people paste them by mistake. All of it is refused.
    pub(super) async fn secrets_in_wrong_places(&mut self, place: &Place) {
        let lost = format!("lS38Q~{}", unique());
        self.canaries
            .push(Canary::new("the secret in the wrong place", &lost));
        let connections = place.fill("/api/v1/workspaces/{workspace_id}/connections");
        let customer = Customer::new();
        let good = connection_body(&place.environment, &customer, &lost);
        let mut wrong = vec![good.to_string().replace('}', "")];
        for (pointer, value) in [
            ("/display_name", json!(lost)),
            ("/scope_identifier", json!(lost)),
            ("/provider", json!(lost)),
            ("/connection_type", json!(lost)),
            ("/environment_id", json!(lost)),
            ("/credential", json!(lost)),
            ("/credential/kind", json!(lost)),
            ("/credential/client_identifier", json!(lost)),
            ("/credential/secret", json!([lost])),
            ("/credential/secret", json!(format!("{lost} "))),
            ("/credential/secret", json!(format!("{lost}{}", "x".repeat(5000)))),
        ] {
            let mut body = good.clone();
            *body.pointer_mut(pointer).expect("a place in the body") = value;
            wrong.push(body.to_string());
        }
        wrong.push(json!({ lost.as_str(): 1 }).to_string());
        for body in wrong {
            let request = Request::new("POST", &connections).with("content-type", "application/json");
            let reply = self.ask(request.bytes(body.as_bytes())).await;
            assert!((400..500).contains(&reply.status), "{}", reply.text());
        }
        for target in [
            format!("/{lost}"),
            format!("{connections}/{lost}"),
            format!("/api/v1/workspaces?cursor={lost}"),
        ] {
            assert!((400..500).contains(&self.ask(Request::get(&target)).await.status));
        }
        for name in [
            "x-request-id",
            "x-api-key",
            "cookie",
            "if-none-match",
            "user-agent",
            "referer",
            "prefer",
        ] {
            self.ask(Request::get("/api/v1/workspaces").with(name, &format!("key <{lost}>")))
                .await;
        }
        let reply = self
            .wire
            .send(&Request::get("/api/v1/workspaces").bearer(&lost))
            .await;
        self.answers
            .push(evidence::answer("GET with a token of nobody", &reply));
    }
}
