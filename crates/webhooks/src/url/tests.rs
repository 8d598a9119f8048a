//! Texts one by one, with the reason for which each is refused.

use super::*;
use UrlRefusal as R;

fn parse(text: &str) -> Result<String, UrlRefusal> {
    WebhookUrl::parse(text, &DestinationPolicy::public()).map(|url| url.as_str().to_owned())
}

#[test]
fn texts_that_nobody_should_follow_are_refused() {
    let cases = [
        ("http://example.com/", R::Scheme),
        ("ftp://example.com/", R::Scheme),
        ("file:///etc/passwd", R::Scheme),
        ("gopher://example.com/", R::Scheme),
        ("javascript:alert(1)", R::Scheme),
        ("https:example.com", R::Scheme),
        ("https:/example.com", R::Scheme),
        ("https:///example.com", R::Scheme),
        ("", R::NotAUrl),
        ("example.com", R::NotAUrl),
        ("//example.com/", R::NotAUrl),
        ("https://", R::NotAUrl),
        ("https://user@example.com/", R::UserInfo),
        ("https://user:pass@example.com/", R::UserInfo),
        ("https://@example.com/", R::UserInfo),
        ("https://:@example.com/", R::UserInfo),
        ("https://example.com@10.0.0.1/", R::UserInfo),
        ("https://example.com:22/", R::Port),
        ("https://example.com:25/", R::Port),
        ("https://example.com:80/", R::Port),
        ("https://example.com:1023/", R::Port),
        ("https://example.com:5432/", R::Port),
        ("https://example.com:6379/", R::Port),
        ("https://example.com:11211/", R::Port),
        ("https://example.com:0/", R::Port),
        ("https://example.com:65536/", R::NotAUrl),
        ("https://example.com/#part", R::Fragment),
        ("https://example.com/#", R::Fragment),
        ("https://example.com\\@10.0.0.1/", R::Character),
        ("https:\\\\example.com/", R::Character),
        ("https://exa\tmple.com/", R::Character),
        ("https://example.com/a\nb", R::Character),
        (" https://example.com/", R::Character),
        ("https://example.com/ ", R::Character),
        ("https://example.com/\0", R::Character),
        ("https://ex\u{430}mple.com/", R::Character),
        ("https://\u{ff11}27.0.0.1/", R::Character),
        ("https://127\u{3002}0.0.1/", R::Character),
        ("https://example.com./", R::Host),
        ("https://example..com/", R::Host),
        ("https://xn--exmple-cua.com/", R::Host),
        ("https://pay.XN--80ak6aa92e.com/", R::Host),
        ("https://exa$mple.com/", R::Host),
        ("https://exa%00mple.com/", R::NotAUrl),
        ("https://[fe80::1%25lo]/", R::NotAUrl),
        ("https://[fe80::1%lo]/", R::NotAUrl),
        ("https://localhost/", R::Destination),
        ("https://LOCALHOST:8443/", R::Destination),
        ("https://a.localhost/", R::Destination),
        ("https://printer.local/", R::Destination),
        ("https://metadata.google.internal/", R::Destination),
        ("https://intranet/", R::Destination),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text), Err(expected), "{text:?}");
    }
    let long = format!("https://example.com/{}", "a".repeat(3_000));
    assert_eq!(parse(&long), Err(R::TooLong));
    let deep = format!("https://{}.com/", vec!["a"; 130].join("."));
    assert_eq!(parse(&deep), Err(R::Host));
}

/// J02 and J03: addresses in every notation that the standard reads.
#[test]
fn private_addresses_are_refused_in_every_notation() {
    let hosts = [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0X7F.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "%31%32%37.0.0.1",
        "0",
        "0.0.0.0",
        "10.0.0.1",
        "0xa.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "0251.0376.0251.0376",
        "100.64.0.1",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "4294967295",
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::]",
        "[2002:7f00:1::]",
        "[2001::]",
        "[fe80::1]",
        "[fc00::]",
        "[fec0::]",
        "[ff02::1]",
        "[2001:db8::]",
        "[5f00::]",
    ];
    for host in hosts {
        let text = format!("https://{host}/hook");
        assert_eq!(parse(&text), Err(R::Destination), "{text}");
    }
    for host in ["127.0.0.1.", "0x7f.1."] {
        let text = format!("https://{host}/hook");
        assert!(parse(&text).is_err(), "{text}");
    }
}

#[test]
fn good_texts_come_out_in_one_spelling() {
    let cases = [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://Example.COM:443/Hook", "https://example.com/Hook"),
        ("https://example.com:8443/a?b=c", "https://example.com:8443/a?b=c"),
        ("https://example.com:9443/../a", "https://example.com:9443/a"),
        ("https://my_hooks.example.com/", "https://my_hooks.example.com/"),
        ("https://0x8.0x8.0x8.0x8/", "https://8.8.8.8/"),
        (
            "https://[2606:4700:4700:0::1111]/",
            "https://[2606:4700:4700::1111]/",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn plain_http_goes_to_named_addresses_alone() {
    let loopback = DestinationPolicy::with_private(vec!["127.0.0.0/8".parse().expect("a range")]);
    let judge = |text: &str| WebhookUrl::parse(text, &loopback).map(|_| ());
    for text in [
        "http://127.0.0.1:18080/hook",
        "http://127.0.0.1/",
        "https://127.0.0.1:8443/",
        "https://receiver.internal/",
        "https://localhost:8443/",
    ] {
        assert_eq!(judge(text), Ok(()), "{text}");
    }
    for (text, expected) in [
        ("http://8.8.8.8/", R::Scheme),
        ("http://example.com/", R::Scheme),
        ("http://localhost:18080/", R::Scheme),
        ("http://10.0.0.1/", R::Destination),
        ("http://127.0.0.1:6379/", R::Port),
        ("https://[::ffff:127.0.0.1]/", R::Destination),
        ("http://127.0.0.1:443@8.8.8.8/", R::UserInfo),
    ] {
        assert_eq!(judge(text), Err(expected), "{text}");
    }
}

#[test]
fn a_url_shows_its_host_alone() {
    let url = WebhookUrl::parse(
        "https://example.com/T0/secret?key=hunter2",
        &DestinationPolicy::public(),
    );
    let url = url.expect("a good one");
    assert_eq!(format!("{url:?}"), "WebhookUrl(example.com)");
    assert_eq!(url.host(), "example.com");
}
