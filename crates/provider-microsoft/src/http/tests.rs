//! Dates, what a door without plain http does, and bodies that are longer or slower than they should be.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use kernel::SecretText;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

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

#[test]
fn a_share_of_a_limit_is_read_in_percent() {
    let cases = [
        ("0.8", Some(80)),
        (" 1.75 ", Some(175)),
        ("0.895", Some(90)),
        ("1e9", None),
    ];
    for (text, expected) in cases
        .into_iter()
        .chain(["", "-1", "NaN", "inf", "x"].map(|text| (text, None)))
    {
        assert_eq!(percent(text), expected, "{text}");
    }
}

/// A server that answers one request with `head`, and then with what `rest` does.
async fn server<F>(head: String, rest: impl FnOnce(tokio::net::TcpStream) -> F + Send + 'static) -> Url
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}/", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("somebody comes");
        let mut request = vec![0; 4_096];
        let read = stream.read(&mut request).await.expect("is sent");
        assert!(read > 0, "a request comes");
        stream.write_all(head.as_bytes()).await.expect("is heard");
        rest(stream).await;
    });
    Url::parse(&address).expect("an address")
}

async fn get(door: &Door, url: Url) -> Result<Answer, TransportError> {
    let bearer = SecretText::new("token".to_owned());
    door.get(url, &bearer, &[], Uuid::from_u128(1)).await
}

#[tokio::test]
async fn a_body_that_trickles_ends_with_the_time_for_the_whole() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n".to_owned();
    let url = server(head, async |mut stream| {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        while stream.write_all(b"x").await.is_ok() {
            ticks.tick().await;
        }
    })
    .await;
    let door = Door::within(true, Duration::from_millis(100)).expect("the client can be made");
    let error = get(&door, url).await.err().expect("ends");
    assert_eq!(error.reason(), ReasonCode::ProviderUnreachable);
}

/// `length` spaces, packed, and how long they are then.
fn packed(length: usize) -> (Vec<u8>, String) {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    let block = vec![b' '; 1 << 20];
    for at in (0..length).step_by(block.len()) {
        packer
            .write_all(&block[..block.len().min(length - at)])
            .expect("fits");
    }
    let bytes = packer.finish().expect("fits");
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        bytes.len()
    );
    (bytes, head)
}

#[tokio::test]
async fn a_packed_body_counts_by_what_it_becomes() {
    let door = Door::new(true).expect("the client can be made");
    for (length, fits) in [(PAGE_CAP, true), (PAGE_CAP + 1, false), (4 * PAGE_CAP, false)] {
        let (bytes, head) = packed(length);
        assert!(bytes.len() < PAGE_CAP / 100, "small on the way");
        let url = server(head, async move |mut stream| {
            // Who has heard enough goes away.
            let _ = stream.write_all(&bytes).await;
        })
        .await;
        match get(&door, url).await {
            Ok(answer) => assert!(fits && answer.body.len() == length),
            Err(error) => assert!(!fits && matches!(error, TransportError::TooLarge(PAGE_CAP))),
        }
    }
}
