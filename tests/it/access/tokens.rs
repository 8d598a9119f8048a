//! What stands in an `Authorization` header and does not count.

use std::{net::TcpListener, sync::Arc};

use api::{
    ApiSettings,
    auth::{LocalIssuer, TokenVerifier},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use kernel::{Clock as _, SystemClock};
use serde_json::{Value, json};
use server::{compose::Program, files};
use tokio_util::sync::CancellationToken;

use crate::wire::{Request, Wire};

/// The same API behind another socket, with an issuer whose key the test holds.
pub(crate) struct Door {
    pub(crate) wire: Wire,
    pub(crate) issuer: LocalIssuer,
    shutdown: CancellationToken,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Door {
    pub(crate) fn open(program: &Program) -> Self {
        let issuer = LocalIssuer::from_key(files::random_key());
        let verifier = TokenVerifier::new(vec![issuer.verifier_issuer()]);
        let state = program.api(
            verifier,
            program.database.derived_key("cursor"),
            ApiSettings::default(),
        );
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let wire = Wire::to(&format!("http://{}", listener.local_addr().expect("an address")));
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(api::serve(
            listener,
            Arc::new(state),
            1,
            shutdown.clone().cancelled_owned(),
        ));
        Self {
            wire,
            issuer,
            shutdown,
            serving,
        }
    }

    pub(crate) async fn close(self) {
        self.shutdown.cancel();
        self.serving.await.expect("joins").expect("serves to the end");
    }

    /// A token that counts.
    pub(crate) fn token(&self, subject: &str) -> String {
        self.issuer
            .mint(subject, None, TimeDelta::hours(1), SystemClock.now())
    }

    /// Ways to send no token that counts, each with its name. Apart from its one fault every
    /// token would be the owner's.
    pub(crate) fn refused(&self) -> Vec<(&'static str, Vec<(String, String)>)> {
        let good = self.token("owner");
        let one = |value: String| vec![("authorization".to_owned(), value)];
        let bearer = |token: &str| one(format!("Bearer {token}"));
        let mut refused = vec![
            ("none", Vec::new()),
            ("an empty header", one(String::new())),
            ("the scheme alone", one("Bearer".to_owned())),
            ("another scheme", one(format!("Basic {good}"))),
            ("two tokens", one(format!("Bearer {good}, Bearer {good}"))),
            ("two headers", [bearer(&good), bearer(&good)].concat()),
            (
                "a cookie",
                vec![("cookie".to_owned(), format!("access_token={good}"))],
            ),
        ];
        refused.extend(self.spoiled(&good).map(|(name, token)| (name, bearer(&token))));
        refused
    }

    /// Tokens with one fault each.
    fn spoiled(&self, good: &str) -> [(&'static str, String); 12] {
        let (head, rest) = good.split_once('.').expect("three parts");
        let (claims, seal) = rest.split_once('.').expect("three parts");
        let headed = |head: &Value| format!("{}.{claims}.{seal}", encoded(head));
        let unsigned = format!("{}.{claims}.", encoded(&json!({ "alg": "none", "typ": "JWT" })));
        let other_key = LocalIssuer::from_key(files::random_key());
        let (now, hour) = (SystemClock.now(), TimeDelta::hours(1));
        let own = |life, from| self.issuer.mint("owner", None, life, from);
        [
            ("garbage", "garbage".to_owned()),
            ("garbage in three parts", "a.b.c".to_owned()),
            ("an expired token", own(hour, now - hour * 2)),
            ("a token that lives too long", own(hour * 48, now)),
            ("a token of tomorrow", own(hour, now + hour)),
            ("a token of another key", other_key.mint("owner", None, hour, now)),
            ("algorithm none", unsigned),
            ("algorithm nOnE", headed(&json!({ "alg": "nOnE" }))),
            ("another algorithm", headed(&json!({ "alg": "HS512" }))),
            ("no signature", format!("{head}.{claims}.")),
            ("another subject", format!("{head}.{}.{seal}", altered(claims))),
            ("20 KB of token", format!("{good}{}", "x".repeat(20 * 1024))),
        ]
    }
}

/// A request with these headers.
pub(crate) fn with_all(request: &Request, headers: &[(String, String)]) -> Request {
    headers.iter().fold(request.clone(), |request, (name, value)| {
        request.with(name, value)
    })
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn altered(claims: &str) -> String {
    let bytes = URL_SAFE_NO_PAD.decode(claims).expect("base64");
    let mut claims: Value = serde_json::from_slice(&bytes).expect("claims");
    claims["sub"] = json!("manager");
    encoded(&claims)
}
