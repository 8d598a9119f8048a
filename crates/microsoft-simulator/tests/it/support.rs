//! A running simulator with one tenant and a client that follows no redirect.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use microsoft_simulator::{AppOptions, AppRegistration, Control, Simulator, SimulatorOptions, TenantOptions};
use serde_json::Value;
use uuid::Uuid;

pub(crate) const TENANT: Uuid = Uuid::from_u128(0x1111_0000_0000_4000_8000_0000_0000_0001);
pub(crate) const CLIENT: Uuid = Uuid::from_u128(0x1111_0000_0000_4000_8000_0000_0000_0002);
pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
pub(crate) const SECRET: &str = "simulated~secret+value";

/// A refusal of the token endpoint.
pub(crate) fn refused<T>(status: u16, error: &str, code: u64) -> Result<T, (u16, String, u64)> {
    Err((status, error.to_owned(), code))
}

pub(crate) struct Stage {
    simulator: Simulator,
    client: reqwest::Client,
}

/// An answer, read as tests need it.
pub(crate) struct Answer(reqwest::Response);

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.0
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    }

    pub(crate) async fn try_json(self) -> Result<Value, reqwest::Error> {
        self.0.json().await
    }

    pub(crate) async fn json(self) -> Value {
        self.try_json().await.expect("a JSON body")
    }

    /// Status and Graph error code.
    pub(crate) async fn problem(self) -> (u16, String) {
        let status = self.status();
        let body = self.json().await;
        (status, body["error"]["code"].as_str().expect("a code").to_owned())
    }
}

impl Stage {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut TenantOptions)) -> Self {
        let mut tenant = TenantOptions::sample(TENANT);
        tenant.apps.push(AppOptions::consented(CLIENT, SECRET));
        change(&mut tenant);
        Self::start_as(tenant, Vec::new()).await
    }

    /// The tenant knows no application; the registrations exist.
    pub(crate) async fn start_registered(registrations: Vec<AppRegistration>) -> Self {
        Self::start_as(TenantOptions::sample(TENANT), registrations).await
    }

    async fn start_as(tenant: TenantOptions, registrations: Vec<AppRegistration>) -> Self {
        let options = SimulatorOptions {
            tenants: vec![tenant],
            registrations,
            ..SimulatorOptions::default()
        };
        let simulator = Simulator::start(options).await.expect("starts");
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build();
        Self {
            simulator,
            client: client.expect("a client"),
        }
    }

    pub(crate) fn base(&self) -> String {
        self.simulator.base_url()
    }

    pub(crate) fn control(&self) -> &Control {
        self.simulator.control()
    }

    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    pub(crate) async fn stop(self) {
        self.simulator.stop().await;
    }

    /// Posts a form to the token endpoint of a tenant.
    pub(crate) async fn post_token(&self, tenant: &str, form: &[(&str, &str)]) -> Answer {
        let url = format!("{}/{tenant}/oauth2/v2.0/token", self.base());
        Answer(self.client.post(url).form(form).send().await.expect("answers"))
    }

    /// The answer to a token request with some proof: nothing but its number when it is refused, and the claims of
    /// the token otherwise.
    pub(crate) async fn prove(
        &self,
        client: Uuid,
        proof: &[(&str, &str)],
    ) -> Result<Value, (u16, String, u64)> {
        let (client, scope) = (client.to_string(), format!("{}/.default", self.base()));
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", client.as_str()),
            ("scope", scope.as_str()),
        ];
        form.extend(proof);
        let answer = self.post_token(&TENANT.to_string(), &form).await;
        let status = answer.status();
        let body = answer.json().await;
        let Some(token) = body["access_token"].as_str() else {
            let code = body["error_codes"][0].as_u64().expect("a number");
            return Err((status, body["error"].as_str().expect("an error").to_owned(), code));
        };
        let claims = token.split('.').nth(1).expect("three parts");
        let claims = BASE64.decode(claims).expect("base64url");
        Ok(serde_json::from_slice(&claims).expect("JSON"))
    }

    /// The same with a client assertion.
    pub(crate) async fn assert(&self, client: Uuid, assertion: &str) -> Result<Value, (u16, String, u64)> {
        let proof = [
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion),
        ];
        self.prove(client, &proof).await
    }

    /// The token endpoint: what an assertion is made for.
    pub(crate) fn endpoint(&self) -> String {
        format!("{}/{TENANT}/oauth2/v2.0/token", self.base())
    }

    pub(crate) async fn token(&self) -> String {
        let (client, scope) = (CLIENT.to_string(), format!("{}/.default", self.base()));
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client.as_str()),
            ("client_secret", SECRET),
            ("scope", scope.as_str()),
        ];
        let body = self.post_token(&TENANT.to_string(), &form).await.json().await;
        body["access_token"].as_str().expect("a token").to_owned()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &self.token().await).await
    }

    pub(crate) async fn get_with(&self, path: &str, token: &str) -> Answer {
        let request = self
            .client
            .get(format!("{}{path}", self.base()))
            .bearer_auth(token);
        Answer(request.send().await.expect("answers"))
    }

    /// Follows a link as it is.
    pub(crate) async fn get_url(&self, url: &str) -> Answer {
        let request = self.client.get(url).bearer_auth(self.token().await);
        Answer(request.send().await.expect("answers"))
    }
}
