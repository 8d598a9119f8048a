//! App-only access tokens: issuing and checking them.
//!
//! They look like the real ones (three parts, the claims of the access token claims reference) but are signed
//! with a key that exists only in this process, so nobody else accepts them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::control::Control;
use crate::entra::Proof;
use crate::options::AppOptions;
use crate::population::Source;
use crate::seal::Seal;

/// The public address of Graph, accepted as audience beside the simulator's own.
const PUBLIC_GRAPH: &str = "https://graph.microsoft.com";

/// Whether a resource is Graph: the public address, the simulator's own, and its own without the port, because Kiota
/// leaves the port out when it makes a scope from an address.
pub(crate) fn is_graph(resource: &str, base_url: &str) -> bool {
    let portless = base_url.rsplit_once(':').map_or(base_url, |(origin, _)| origin);
    [PUBLIC_GRAPH, base_url, portless].contains(&resource)
}

/// Why Graph does not accept a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Malformed,
    Signature,
    Audience,
    Expired,
}

impl Refusal {
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Malformed => "The access token could not be parsed.",
            Self::Signature => "The signature of the access token is not valid.",
            Self::Audience => "Access token validation failed: wrong audience.",
            Self::Expired => "Lifetime validation failed, the token is expired.",
        }
    }
}

/// What Graph takes from a valid token. Roles are those of the moment it was issued.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) tenant: Uuid,
    pub(crate) client: Uuid,
    pub(crate) roles: Vec<String>,
}

/// What a token is issued for.
pub(crate) struct TokenOrder {
    pub(crate) tenant: Uuid,
    pub(crate) app: AppOptions,
    pub(crate) proof: Proof,
    pub(crate) audience: String,
    /// Whether the client handles claims challenges.
    pub(crate) continuous: bool,
}

/// A fresh token. Not `Debug`: it is a secret.
pub(crate) struct Issued {
    pub(crate) text: String,
    pub(crate) life: Duration,
}

impl Issued {
    /// Above two hours the real service tells when to refresh (`refresh_in`, read in MSAL).
    pub(crate) fn is_long_lived(&self) -> bool {
        self.life >= Duration::from_hours(2)
    }
}

/// The token mint of one simulator.
pub(crate) struct Tokens {
    seal: Seal,
    seed: u64,
    base_url: String,
}

impl Tokens {
    pub(crate) fn new(seal: Seal, seed: u64, base_url: String) -> Self {
        Self { seal, seed, base_url }
    }

    /// Issues a token for a random life: 60 to 90 minutes, as the access token page says, or 24 to 28 hours for a
    /// client that handles claims challenges ("continuous access evaluation").
    pub(crate) fn issue(&self, control: &Control, order: &TokenOrder) -> Issued {
        let (tenant, app) = (order.tenant, &order.app);
        let source = Source::new(self.seed, tenant);
        let number = control.next_token();
        let index = usize::try_from(number).unwrap_or_default();
        let (shortest, spread) = if order.continuous {
            (24 * 3600, 4 * 3600)
        } else {
            (3600, 1800)
        };
        let life = shortest + source.draw("token", index, "life") % (spread + 1);
        let start = control.now().timestamp().unsigned_abs();
        let principal = source.principal(app.client_id);
        let issuer = format!("https://sts.windows.net/{tenant}/");
        let mut claims = json!({
            "aud": order.audience, "iss": issuer, "iat": start, "nbf": start, "exp": start + life,
            "app_displayname": app.display_name, "appid": app.client_id,
            "appidacr": order.proof.authentication_class(), "idp": issuer, "idtyp": "app", "oid": principal,
            "sub": principal, "tenant_region_scope": "EU", "tid": tenant, "uti": self.unique_id(number), "ver": "1.0",
        });
        if !app.roles.is_empty() {
            claims["roles"] = json!(app.roles);
        }
        if order.continuous {
            claims["xms_cc"] = json!(["cp1"]);
        }
        Issued {
            text: self.encode(&claims),
            life: Duration::from_secs(life),
        }
    }

    /// A `uti` claim: it looks random and carries the number of the token.
    fn unique_id(&self, number: u64) -> String {
        let number = number.to_be_bytes();
        let noise = self.seal.sign(&[b"uti", &number]);
        BASE64.encode([&number, &noise[..8]].concat())
    }

    fn encode(&self, claims: &Value) -> String {
        let header = BASE64.encode(r#"{"typ":"JWT","alg":"HS256","kid":"simulator"}"#);
        let body = format!("{header}.{}", BASE64.encode(claims.to_string()));
        let signature = BASE64.encode(self.seal.sign(&[body.as_bytes()]));
        format!("{body}.{signature}")
    }

    /// The claims of a token that this simulator signed, whatever its age.
    fn claims(&self, token: &str) -> Result<Value, Refusal> {
        let (body, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (_, claims) = body.split_once('.').ok_or(Refusal::Malformed)?;
        let claims = BASE64.decode(claims).map_err(|_| Refusal::Malformed)?;
        let claims = serde_json::from_slice(&claims).map_err(|_| Refusal::Malformed)?;
        let signature = BASE64.decode(signature).map_err(|_| Refusal::Malformed)?;
        if signature.len() == 32 && self.seal.verify(&[body.as_bytes()], &signature) {
            Ok(claims)
        } else {
            Err(Refusal::Signature)
        }
    }

    /// The tenant of a token, for the call log.
    pub(crate) fn tenant_of(&self, token: &str) -> Option<Uuid> {
        self.claims(token).ok().and_then(|claims| tenant(&claims))
    }

    /// Checks a token as Graph does.
    pub(crate) fn check(&self, control: &Control, token: &str) -> Result<Grant, Refusal> {
        let claims = self.claims(token)?;
        let audience = claims["aud"].as_str().unwrap_or_default();
        if !is_graph(audience, &self.base_url) {
            return Err(Refusal::Audience);
        }
        let expires = claims["exp"].as_u64().unwrap_or_default();
        if expires <= control.now().timestamp().unsigned_abs() || control.token_expired(number(&claims)) {
            return Err(Refusal::Expired);
        }
        let roles = claims["roles"].as_array().into_iter().flatten();
        Ok(Grant {
            tenant: tenant(&claims).ok_or(Refusal::Malformed)?,
            client: id(&claims["appid"]).ok_or(Refusal::Malformed)?,
            roles: roles.filter_map(Value::as_str).map(str::to_owned).collect(),
        })
    }
}

fn tenant(claims: &Value) -> Option<Uuid> {
    id(&claims["tid"])
}

fn id(claim: &Value) -> Option<Uuid> {
    claim.as_str().and_then(|text| Uuid::try_parse(text).ok())
}

fn number(claims: &Value) -> u64 {
    let bytes = claims["uti"]
        .as_str()
        .and_then(|text| BASE64.decode(text).ok())
        .unwrap_or_default();
    bytes.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

#[cfg(test)]
mod tests;
