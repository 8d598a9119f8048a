//! Tokens of another issuer: the operator says where the files are, a connection names one, and a
//! run reads it anew.

use std::{collections::BTreeSet, time::Duration};

use integration_tests::{TestDatabase, on_both_engines};
use microsoft_simulator::testing::FederatedIssuer;
use provider_microsoft::{AllowedWorkspaces, FederatedSource};
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::kit::{Life, Untouched, assert_outcome};

on_both_engines!(
    the_token_file_is_read_anew_for_each_token,
    a_source_that_the_operator_did_not_name_is_refused,
);

const AUDIENCE: &str = "api://AzureADTokenExchange";
const SUBJECT: &str = "repo:tenantatlas/tests";
const SOURCE: &str = "pipelines";

async fn begin(database: TestDatabase) -> (Life, std::path::PathBuf) {
    let file = database.folder.path().join("projected-token");
    let named = file.clone();
    let life = Life::begin_with(database, |setup| {
        let source = |workspaces| FederatedSource {
            file: named.clone(),
            workspaces,
        };
        setup
            .federated_tokens
            .insert(SOURCE.to_owned(), source(AllowedWorkspaces::All));
        let somebody = AllowedWorkspaces::Only(BTreeSet::from([Uuid::from_u128(7)]));
        setup
            .federated_tokens
            .insert("of-somebody-else".to_owned(), source(somebody));
    });
    (life.await, file)
}

fn token(issuer: &FederatedIssuer) -> String {
    issuer
        .token(SUBJECT, AUDIENCE, Duration::from_hours(1))
        .expect("a token")
}

async fn the_token_file_is_read_anew_for_each_token(database: TestDatabase) {
    let (life, file) = begin(database).await;
    let issuer = FederatedIssuer::new().expect("an issuer");
    let stranger = FederatedIssuer::new().expect("an issuer");
    let contoso = &life.app.contoso;
    let (control, tenant, client) = (life.control(), contoso.tenant_id, contoso.client_id);
    let trust = issuer.credential(SUBJECT, AUDIENCE).expect("a credential");
    assert!(control.add_app_credential(tenant, client, trust));
    assert!(control.remove_app_secret(tenant, client, &contoso.secret));
    let put = life
        .changed(
            Method::PUT,
            "/credential",
            Some(&json!({ "kind": "federated_token", "source": SOURCE })),
        )
        .await;
    assert_eq!(put["credential"]["kind"], "federated_token", "{put}");
    assert_eq!(put["credential"]["state"], "valid");
    let path = file.to_str().expect("a path");
    assert!(
        !put.to_string().contains(path),
        "nobody is told where the file is"
    );

    let absent = life.run("provider.connection.check").await;
    assert_ne!(absent["outcome"], "succeeded", "there is no file: {absent}");
    assert!(!absent.to_string().contains(path), "{absent}");
    for (issuer, works) in [(&issuer, true), (&stranger, false), (&issuer, true)] {
        std::fs::write(&file, token(issuer)).expect("written");
        control.expire_tokens();
        let run = life.run("provider.connection.check").await;
        assert_eq!(run["outcome"] == "succeeded", works, "{run}");
    }
    let first = life.tokens();
    control.expire_tokens();
    std::fs::write(&file, token(&issuer)).expect("written");
    assert_outcome(&life.run("inventory.sync").await, "succeeded", None);
    assert!(life.tokens() > first);
    life.end().await;
}

async fn a_source_that_the_operator_did_not_name_is_refused(database: TestDatabase) {
    let (life, file) = begin(database).await;
    std::fs::write(&file, "not read").expect("written");
    let untouched = Untouched::since(&life).await;
    let path = file.to_str().expect("a path").to_owned();
    for source in [
        "others",
        "of-somebody-else",
        "",
        "platform:global",
        path.as_str(),
        "../projected-token",
    ] {
        let body = json!({ "kind": "federated_token", "source": source });
        for tail in ["/credential", "/credential/next"] {
            let refused = life.change(Method::PUT, tail, Some(&body)).await;
            let needles: &[&str] = if source.is_empty() { &[] } else { &[source] };
            Untouched::answered(
                &refused,
                (422, "invalid_value"),
                ("/source", "unknown_source"),
                needles,
            );
        }
    }
    untouched.ends(&life).await;
    life.end().await;
}
