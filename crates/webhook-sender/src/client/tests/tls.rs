//! Receivers with certificates: the connection goes to the address that was checked, under the
//! name that was asked for.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::PrivateKeyDer},
};

use super::*;

/// A receiver with a certificate for `name`, and the authority that gave it.
async fn secure(name: &str) -> (u16, String) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(authority, key).expect("signed");
    let key = KeyPair::generate().expect("a key");
    let leaf = CertificateParams::new([name.to_owned()]).expect("a name");
    let leaf = leaf.signed_by(&key, &authority).expect("signed");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
        )
        .expect("fits");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (listener, port) = listener().await;
    tokio::spawn(async move {
        // Kept open, so that who wanted to use a connection twice could.
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = [0; 4_096];
            let read = stream.read(&mut request).await.expect("is sent");
            assert!(read > 0, "a request comes");
            let head = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(head).await.expect("is heard");
            open.push(stream);
        }
    });
    (port, authority.pem())
}

#[tokio::test]
async fn the_connection_goes_to_the_address_that_was_checked() {
    let (port, authority) = secure("receiver.example").await;
    let mut settings = loopback();
    settings.extra_roots = vec![authority];
    // Whoever asked the name a second time would be sent elsewhere.
    let lookup = Told::new(&[&["127.0.0.1"], &["10.0.0.1"]]);
    let sender = Sender::new(&settings, lookup.clone()).expect("the client can be made");
    let url = WebhookUrl::from_stored(&format!("https://receiver.example:{port}/")).expect("a URL");
    let secrets = [SigningSecret::from_bytes(vec![7; 32]).expect("a secret")];
    let message = SignedMessage::sign(&url, "msg_1", now(), b"{}", &secrets).expect("fits");
    assert_eq!(sender.send(&message).await, answered(202));
    let asked = || lookup.asked.load(Ordering::Relaxed);
    assert_eq!(asked(), 1, "the name is asked once");
    let blocked = SendOutcome::Failed(FailureCode::DestinationBlocked);
    assert_eq!(sender.send(&message).await, blocked, "each attempt asks anew");
    assert_eq!(asked(), 2);
}

#[tokio::test]
async fn another_name_and_another_authority_are_refused() {
    let failed = SendOutcome::Failed(FailureCode::TlsFailed);
    let (port, authority) = secure("other.example").await;
    let url = format!("https://receiver.example:{port}/");
    let lookup = || Told::new(&[&["127.0.0.1"]]);
    assert_eq!(
        send_with(&loopback(), lookup(), &url).await,
        failed,
        "an unknown authority"
    );
    let mut settings = loopback();
    settings.extra_roots = vec![authority];
    assert_eq!(send_with(&settings, lookup(), &url).await, failed, "another name");
}
