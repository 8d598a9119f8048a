//! Dates, and what a door without plain http does.

use kernel::SecretText;

use super::*;

#[test]
fn dates_are_read_as_http_writes_them() {
    let expected = Timestamp::from_timestamp(784_111_777, 0);
    assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), expected);
    for other in ["", "soon", "1994-11-06T08:49:37Z", "12"] {
        assert_eq!(http_date(other), None, "{other}");
    }
}

#[tokio::test]
async fn without_an_override_nothing_is_sent_in_the_clear() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let door = Door::new(false).expect("the client can be made");
    let url = Url::parse(&format!("http://127.0.0.1:{port}/v1.0/users")).expect("an address");
    let bearer = SecretText::new("token".to_owned());
    let error = door
        .get(url, &bearer, &[], Uuid::from_u128(1))
        .await
        .err()
        .expect("is refused");
    assert!(
        !format!("{error:?}").contains(&port.to_string()),
        "the address is gone: {error:?}"
    );
    let accepted =
        std::future::poll_fn(|context| std::task::Poll::Ready(listener.poll_accept(context))).await;
    assert!(accepted.is_pending(), "no connection was made");
}
