//! Certificates with their keys, credentials in stages, and what goes through an administrator's
//! browser.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use integration_tests::app::connection_body;
use integration_tests::certificates;
use kernel::{Clock as _, SystemClock};
use microsoft_simulator::{AppCredential, testing::TestCertificate};
use serde_json::{Value, json};
use url::Url;

use super::{
    needles::Canary,
    story::{Story, unique},
};
use crate::{access::cases::Place, wire::Request};

const CONNECTION: &str = "/api/v1/workspaces/{workspace_id}/connections/{connection_id}";
/// The name of a PKCS #12 file of nobody.
const PFX: &str = "modern.pfx.b64";

impl Story {
    /// A private key in PEM that works, and one in a locked file that stays shut.
    pub(super) async fn a_certificate_and_its_key(&mut self) {
        let pfx = certificates::file(PFX);
        let end = SystemClock.now() + TimeDelta::days(90);
        let certificate = TestCertificate::new("atlas", end).expect("a certificate");
        let key = certificate.private_key_pem();
        self.canaries.extend(lines("a line of the private key", &key));
        self.canaries.push(Canary::of_bytes(
            "the private key",
            &certificate.private_key_der(),
        ));
        let control = self.simulator.control();
        let der = certificate.certificate_der();
        assert!(control.add_app_credential(
            self.contoso.tenant_id,
            self.contoso.client_id,
            AppCredential::certificate(der),
        ));
        let pem = format!("{}{key}", certificate.certificate_pem());
        let place = self.home("The certificate").await;
        let mut body = connection_body(&place.environment, &self.contoso, "");
        let client = self.contoso.client_id;
        body["credential"] = json!({ "kind": "certificate", "client_identifier": client, "pem": pem });
        let place = self.add(place, &body).await;
        self.perform(&place, "provider.connection.check", "succeeded")
            .await;

        let password = format!("pF28Q~{}", unique());
        self.canaries
            .push(Canary::new("the password of a locked file", &password));
        self.canaries.extend(lines("a line of a locked file", pfx));
        let target = place.fill(&format!("{CONNECTION}/credential"));
        for wrong in [
            json!({ "kind": "certificate", "pfx": pfx, "password": password }),
            json!({ "kind": "certificate", "pfx": STANDARD.encode(&key), "password": password }),
            json!({ "kind": "certificate", "pfx": password, "password": pfx }),
            json!({ "kind": "certificate", "pem": key }),
            json!({ "kind": "certificate", "pem": format!("{pem}{key}"), "password": password }),
            json!({ "kind": "client_secret", "secret": key }),
            json!({ "kind": "client_secret", "secret": pfx }),
            json!({ "kind": "federated_token", "source": key }),
            json!({ "kind": "federated_token", "source": password }),
        ] {
            let request = Request::new("PUT", &target).with("if-match", "*");
            let refused = self.ask(request.json(&wrong)).await;
            assert_eq!(refused.status, 422, "{}", refused.text());
        }
    }

    /// A next credential that does not work, and one that does and is promoted.
    pub(super) async fn credentials_in_stages(&mut self) {
        let place = self.home("Stages").await;
        let secret = self.contoso.secret.clone();
        let body = connection_body(&place.environment, &self.contoso, &secret);
        let place = self.add(place, &body).await;
        let (wrong, next) = (format!("nW58Q~{}", unique()), format!("nX58Q~{}", unique()));
        let control = self.simulator.control();
        assert!(control.add_app_secret(self.contoso.tenant_id, self.contoso.client_id, &next));
        for (text, outcome) in [(wrong, "failed"), (next, "succeeded")] {
            self.canaries.push(Canary::new("the next credential", &text));
            let body = json!({ "kind": "client_secret", "secret": text });
            self.change(&place, "PUT", "/credential/next", Some(&body)).await;
            let trial = json!({ "credential": "next" });
            self.perform_with(&place, "provider.connection.check", trial, outcome)
                .await;
        }
        self.change(&place, "POST", "/credential/promote", None).await;
        self.perform(&place, "inventory.sync", "succeeded").await;
    }

    async fn change(&mut self, place: &Place, method: &str, below: &str, body: Option<&Value>) {
        let request = Request::new(method, &place.fill(&format!("{CONNECTION}{below}")));
        let request = request.with("if-match", "*");
        let reply = self
            .ask(match body {
                Some(body) => request.json(body),
                None => request,
            })
            .await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    /// Declined once with many words, then given.
    pub(super) async fn consent_in_a_browser(&mut self) {
        let place = self.home("Consent").await;
        let tenant = self.fabrikam.tenant_id;
        let body = json!({
            "environment_id": place.environment, "provider": "microsoft", "connection_type": "platform",
            "display_name": "Consent", "scope_identifier": tenant,
        });
        let place = self.add(place, &body).await;
        let words = format!("AADSTS65004: <b>no</b> says {}", unique());
        self.canaries.push(Canary::new("the words of a callback", &words));
        let refusal = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("error", "access_denied")
            .append_pair("error_description", &words)
            .append_pair("error_uri", &words)
            .finish();
        self.visit(&place, &refusal, "declined").await;
        assert!(self.simulator.control().consent(tenant, self.platform.client_id));
        let answer = format!("admin_consent=True&tenant={tenant}");
        self.visit(&place, &answer, "recorded").await;
        self.perform(&place, "provider.connection.check", "succeeded")
            .await;
    }

    /// From a link to the callback. Each of the three texts is found where it must stand, and may
    /// stand nowhere else.
    async fn visit(&mut self, place: &Place, answer: &str, result: &str) {
        let target = place.fill(&format!("{CONNECTION}/consent-link"));
        let link = self
            .ask(Request::new("POST", &target).json(&json!({})))
            .await
            .json();
        let url = Url::parse(link["url"].as_str().expect("an address")).expect("an address");
        let token = url.path().rsplit('/').next().expect("a token");
        self.canaries
            .push(Canary::new("the text of a consent link", token).may_stand_in(&["/consent-link"]));
        for accept in ["text/html", "application/json"] {
            let page = self
                .browse(Request::get(url.path()).with("accept", accept), "page")
                .await;
            assert_eq!(page.status, 200, "{}", page.text());
        }
        let left = self.browse(Request::new("POST", url.path()), "form").await;
        assert_eq!(left.status, 303, "{}", left.text());
        let next = Url::parse(left.header("location").expect("an address")).expect("an address");
        let state = next
            .query_pairs()
            .find(|(name, _)| name == "state")
            .expect("a state")
            .1;
        self.canaries
            .push(Canary::new("the state of a visit", &state).may_stand_in(&["the header location of form"]));
        let cookie = left.header("set-cookie").expect("a cookie");
        let cookie = cookie.split(';').next().expect("a pair").to_owned();
        let (name, value) = cookie.split_once('=').expect("a pair");
        assert!(name.starts_with("__Host-"), "{name}");
        self.canaries.push(
            Canary::new("the cookie of a browser", value).may_stand_in(&["the header set-cookie of form"]),
        );
        let callback = format!("/consent/callback?{answer}&state={state}");
        let stranger = Request::get(&callback).with("accept", "text/html");
        let stranger = self.browse(stranger, "callback of a stranger").await;
        assert_eq!(stranger.status, 403, "{}", stranger.text());
        let back = self
            .browse(Request::get(&callback).with("cookie", &cookie), "callback")
            .await;
        assert_eq!(back.json()["result"], result, "{}", back.text());
        let again = Request::get(&callback)
            .with("cookie", &cookie)
            .with("accept", "text/html");
        let again = self.browse(again, "callback again").await;
        assert!((400..500).contains(&again.status), "{}", again.text());
        let used = self.browse(Request::get(url.path()), "used page").await;
        assert!((400..500).contains(&used.status), "{}", used.text());
    }

    /// What a browser is answered, under a name that holds nothing of the address.
    async fn browse(&mut self, request: Request, name: &str) -> crate::wire::Reply {
        let reply = self.wire.send(&request).await;
        self.answers.extend(super::evidence::parts(name, &reply));
        reply
    }
}

/// Each line on its own, but for those that say where it begins and ends.
fn lines(name: &'static str, text: &str) -> Vec<Canary> {
    let lines = text
        .lines()
        .filter(|line| line.len() >= 16 && !line.starts_with("-----"));
    let canaries: Vec<_> = lines.map(|line| Canary::new(name, line)).collect();
    assert!(canaries.len() > 20, "{name}: {}", canaries.len());
    canaries
}
