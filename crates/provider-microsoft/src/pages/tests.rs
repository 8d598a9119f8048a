//! Where a next link may lead.

use super::*;
use crate::contracts::table::USERS_LIST;

#[test]
fn a_next_link_stays_on_host_and_version() {
    let graph = Url::parse("https://graph.microsoft.com/").expect("an address");
    let good = [
        "https://graph.microsoft.com/v1.0/users?$top=999&$skiptoken=aB%2f%2b%3d",
        "https://graph.microsoft.com:443/v1.0/users?$skiptoken=x",
        "HTTPS://GRAPH.MICROSOFT.COM/v1.0/users?$skiptoken=x",
    ];
    for link in good {
        assert!(follow(link, &USERS_LIST.url(&graph)).is_some(), "{link}");
    }
    let bad = [
        "http://graph.microsoft.com/v1.0/users",
        "https://graph.microsoft.com.evil.example/v1.0/users",
        "https://graph.microsoft.us/v1.0/users",
        "https://graph.microsoft.com@evil.example/v1.0/users",
        "https://evil@graph.microsoft.com/v1.0/users",
        "https://:secret@graph.microsoft.com/v1.0/users",
        "https://graph.microsoft.com:8443/v1.0/users",
        "https://graph.microsoft.com/beta/users",
        "https://graph.microsoft.com/v1.0/../beta/users",
        "https://graph.microsoft.com/v1.0",
        "https://graph.microsoft.com/v1.0/me/messages?$skiptoken=x",
        "https://graph.microsoft.com/v1.0/users/x/messages",
        "https://graph.microsoft.com/v1.0/users/..%2fgroups",
        "https://graph.microsoft.com/v1.0/users?$skiptoken=x#@evil.example/",
        "https://graph.microsoft.com#@evil.example/v1.0/users",
        "https://evil.example\\@graph.microsoft.com/v1.0/users",
        "https://graph.microsoft.com\\.evil.example/v1.0/users",
        "//graph.microsoft.com/v1.0/users",
        "/v1.0/users?$skiptoken=x",
        "not a link",
        "",
    ];
    for link in bad {
        assert_eq!(follow(link, &USERS_LIST.url(&graph)), None, "{link}");
    }
    let long = format!(
        "https://graph.microsoft.com/v1.0/users?{}",
        "x".repeat(LONGEST_LINK)
    );
    assert_eq!(follow(&long, &USERS_LIST.url(&graph)), None);
}

#[test]
fn a_next_link_is_followed_unchanged() {
    let graph = Url::parse("http://127.0.0.1:9/").expect("an address");
    let link = "http://127.0.0.1:9/v1.0/users?$skiptoken=m~%2b%2F%3d%3D'x";
    let followed = follow(link, &USERS_LIST.url(&graph)).expect("stays");
    assert_eq!(followed.as_str().replace("%27", "'"), link);
}
