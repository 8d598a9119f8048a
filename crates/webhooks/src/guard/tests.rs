//! Addresses one by one: those of the registries, at both ends of each range and just outside.

use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("{text} is an address"))
}

const REFUSED: [&str; 74] = [
    "0.0.0.0",
    "0.255.255.255",
    "10.0.0.0",
    "10.255.255.255",
    "100.64.0.0",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.255",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "254.255.255.255",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::",
    "64:ff9b:1::7f00:1",
    "100::",
    "100::1",
    "100:0:0:1::1",
    "2001::",
    "2001:0:53aa:64c::1",
    "2001:1::1",
    "2001:2::1",
    "2001:3::1",
    "2001:4:112::1",
    "2001:10::1",
    "2001:20::1",
    "2001:30::1",
    "2001:1ff:ffff::1",
    "2001:db8::",
    "2001:db8:ffff::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "3fff::1",
    "3fff:fff::1",
    "4000::1",
    "5f00::",
    "5f00:ffff::1",
    "8000::1",
    "fc00::",
    "fc00::1",
    "fd00:ec2::254",
    "fdff:ffff::1",
    "fe80::1",
    "febf::1",
    "fec0::",
    "feff::1",
    "ff00::1",
    "ff02::1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
];

const PASSING: [&str; 22] = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.1",
    "192.0.3.1",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
];

#[test]
fn what_is_not_globally_reachable_is_refused() {
    for text in REFUSED {
        assert!(publicly_reachable(address(text)).is_err(), "{text}");
        assert!(
            DestinationPolicy::public().permits(address(text)).is_err(),
            "{text}"
        );
    }
}

#[test]
fn what_everybody_reaches_passes() {
    for text in PASSING {
        assert_eq!(publicly_reachable(address(text)), Ok(()), "{text}");
    }
}

#[test]
fn a_named_range_is_allowed_and_nothing_beside_it() {
    let named = ["127.0.0.0/8", "10.1.0.0/16", "fd12:3456::/32", "::1"];
    let networks = named.map(|text| text.parse().expect("a range"));
    let policy = DestinationPolicy::with_private(networks.to_vec());
    for text in ["127.0.0.1", "10.1.2.3", "fd12:3456::7", "::1", "8.8.8.8"] {
        assert_eq!(policy.permits(address(text)), Ok(()), "{text}");
    }
    for text in [
        "10.2.0.1",
        "192.168.0.1",
        "fd12:3457::7",
        "::ffff:127.0.0.1",
        "::2",
    ] {
        assert!(policy.permits(address(text)).is_err(), "{text}");
    }
}

#[test]
fn some_addresses_cannot_be_allowed_by_anybody() {
    let all = ["0.0.0.0/0", "::/0"].map(|text| text.parse().expect("a range"));
    let policy = DestinationPolicy::with_private(all.to_vec());
    for text in [
        "0.0.0.0",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::127.0.0.1",
        "fe80::1",
        "ff02::1",
    ] {
        assert!(policy.permits(address(text)).is_err(), "{text}");
    }
    assert_eq!(policy.permits(address("10.0.0.1")), Ok(()));
    assert_eq!(policy.permits(address("::1")), Ok(()));
}

#[test]
fn ranges_are_read_as_people_write_them() {
    for text in ["10.0.0.0/8", "127.0.0.1/32", "fd00::/8", "0.0.0.0/0", "::/0"] {
        let network: Network = text.parse().expect("a range");
        assert_eq!(network.to_string(), text);
    }
    for text in [
        "",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "::1/64",
        "fd00::/129",
        "localhost",
        "10/8",
        "/8",
        "10.0.0.0/",
    ] {
        assert_eq!(text.parse::<Network>(), Err(NotANetwork), "{text}");
    }
}
