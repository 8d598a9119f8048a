//! What the provider knows of people and devices, and the tokens that it issues: asked for with
//! the customer's own secret, as the product could ask and does not.

use integration_tests::Customer;
use microsoft_simulator::Simulator;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::needles::Canary;
use crate::wire::{Request, Wire};

/// Marks values of the simulator that nobody must keep.
const SENSITIVE: &str = "simulated-sensitive-value";

pub(crate) struct Served {
    pub(crate) canaries: Vec<Canary>,
    /// Answers that hold more than was asked for, by a part of the path.
    pub(crate) bodies: Vec<(&'static str, Value)>,
    /// How many devices are in them.
    pub(crate) devices: usize,
    /// How many people are in them.
    pub(crate) people: usize,
}

/// Reads devices, people and policies with every property that they have.
pub(crate) async fn ask_for_everything(simulator: &Simulator, customer: &Customer) -> Served {
    let wire = Wire::to(&simulator.base_url());
    let token = issue(&wire, simulator, customer).await;
    let another = issue(&wire, simulator, customer).await;
    let mut devices = list(&wire, &token, "/v1.0/deviceManagement/managedDevices").await;
    let people = "/v1.0/users?$select=id,displayName,mail,userPrincipalName,businessPhones,proxyAddresses";
    let mut people = list(&wire, &token, people).await;
    devices.truncate(4);
    people.truncate(4);
    let policies = list(&wire, &token, "/v1.0/deviceManagement/deviceConfigurations").await;
    assert!(
        json!(policies).to_string().contains(SENSITIVE),
        "the simulator serves the marked value"
    );

    let mut canaries = token_canaries(&token, &another);
    canaries.push(Canary::new("a value that is marked as sensitive", SENSITIVE));
    canaries.extend(properties(&devices, "the identity of a device", &OF_DEVICES));
    canaries.extend(properties(&people, "the address of a person", &OF_PEOPLE));
    let page = |items: &[Value]| json!({ "value": items });
    let bodies = vec![
        ("/deviceManagement/managedDevices", page(&devices)),
        ("/deviceManagement/deviceConfigurations", page(&policies)),
        ("/v1.0/users?", page(&people)),
    ];
    Served {
        canaries,
        bodies,
        devices: devices.len(),
        people: people.len(),
    }
}

const OF_DEVICES: [&str; 6] = [
    "/imei",
    "/serialNumber",
    "/phoneNumber",
    "/wiFiMacAddress",
    "/emailAddress",
    "/userPrincipalName",
];

const OF_PEOPLE: [&str; 3] = ["/mail", "/businessPhones/0", "/proxyAddresses/0"];

fn properties(items: &[Value], name: &'static str, pointers: &[&str]) -> Vec<Canary> {
    let value = |item: &Value, pointer: &str| {
        let text = item.pointer(pointer).and_then(Value::as_str);
        Canary::new(name, text.unwrap_or_else(|| panic!("{pointer} of {item}")))
    };
    items
        .iter()
        .flat_map(|item| pointers.iter().map(|pointer| value(item, pointer)))
        .collect()
}

/// Two tokens of one issuer begin alike, and so does the one that the product gets.
fn token_canaries(token: &str, another: &str) -> Vec<Canary> {
    let alike = token
        .chars()
        .zip(another.chars())
        .take_while(|(one, other)| one == other)
        .count();
    assert!(alike > 60 && token != another, "{alike}");
    vec![
        Canary::new("the beginning of every token of the provider", &token[..60]),
        Canary::new("a token of the provider", token),
    ]
}

async fn issue(wire: &Wire, simulator: &Simulator, customer: &Customer) -> String {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("client_id", &customer.client_id.to_string())
        .append_pair("client_secret", &customer.secret)
        .append_pair("scope", &format!("{}/.default", simulator.base_url()))
        .finish();
    let request = Request::new("POST", &format!("/{}/oauth2/v2.0/token", customer.tenant_id))
        .with("content-type", "application/x-www-form-urlencoded")
        .bytes(form.as_bytes());
    let reply = wire.send(&request).await;
    reply.json()["access_token"]
        .as_str()
        .unwrap_or_else(|| panic!("{}", reply.text()))
        .to_owned()
}

/// The first page of a list.
async fn list(wire: &Wire, token: &str, target: &str) -> Vec<Value> {
    let reply = wire.send(&Request::get(target).bearer(token)).await;
    let body = reply.json();
    let items = body["value"]
        .as_array()
        .unwrap_or_else(|| panic!("{target}: {}", reply.text()));
    items.clone()
}
