//! J04: names that lead where nothing may go.

use super::*;

/// Sends to a name with these answers, by a policy of public addresses, and of loopback if `named`.
async fn outcome(answers: &[&[&str]], named: bool) -> (SendOutcome, usize) {
    let (listener, port) = listener().await;
    let settings = if named {
        loopback()
    } else {
        SenderSettings::new(DestinationPolicy::public())
    };
    let lookup = Told::new(answers);
    let url = format!("https://receiver.example:{port}/");
    let outcome = send_with(&settings, lookup.clone(), &url).await;
    untouched(&listener).await;
    (outcome, lookup.asked.load(Ordering::Relaxed))
}

#[tokio::test]
async fn a_name_with_any_bad_answer_is_refused_before_a_connection() {
    let blocked = SendOutcome::Failed(FailureCode::DestinationBlocked);
    let answers: [&[&str]; 6] = [
        &["127.0.0.1"],
        &["10.1.2.3"],
        &["::1"],
        &["::ffff:127.0.0.1"],
        &["93.184.216.34", "::1"],
        &["127.0.0.1", "93.184.216.34"],
    ];
    for answer in answers {
        assert_eq!(outcome(&[answer], false).await, (blocked, 1), "{answer:?}");
    }
    // Loopback is named here, and the other answer is bad all the same.
    assert_eq!(outcome(&[&["127.0.0.1", "10.0.0.1"]], true).await, (blocked, 1));
    let mut many = vec!["127.0.0.1"; 999];
    many.push("169.254.169.254");
    assert_eq!(
        outcome(&[&many], true).await,
        (blocked, 1),
        "the last of a thousand counts"
    );
}

#[tokio::test]
async fn a_name_without_addresses_is_said() {
    let failed = SendOutcome::Failed(FailureCode::DnsFailed);
    assert_eq!(outcome(&[], true).await, (failed, 1));
    assert_eq!(outcome(&[&[]], true).await, (failed, 1));
}

struct Silent;

#[async_trait]
impl NameLookup for Silent {
    async fn lookup(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_lookup_that_never_answers_ends_with_the_attempt() {
    let mut settings = loopback();
    settings.total = Duration::from_millis(100);
    let outcome = send_with(&settings, Arc::new(Silent), "https://receiver.example/").await;
    assert_eq!(outcome, SendOutcome::Failed(FailureCode::Timeout));
}

/// An address never reaches the lookup: it is judged before. So is what was saved under rules that
/// are stricter by now.
#[tokio::test]
async fn addresses_are_judged_without_a_lookup() {
    let (listener, port) = listener().await;
    let settings = SenderSettings::new(DestinationPolicy::public());
    for url in [
        format!("https://127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
        format!("https://0x7f.1:{port}/"),
        format!("https://localhost:{port}/"),
        "http://receiver.example/".to_owned(),
    ] {
        let lookup = Told::new(&[&["127.0.0.1"]]);
        let outcome = send_with(&settings, lookup.clone(), &url).await;
        assert_eq!(
            outcome,
            SendOutcome::Failed(FailureCode::DestinationBlocked),
            "{url}"
        );
        assert_eq!(lookup.asked.load(Ordering::Relaxed), 0, "{url}");
    }
    untouched(&listener).await;
}
