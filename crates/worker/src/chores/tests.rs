//! When a sweep believes that a lease that is over tells of a worker that is gone.

use tokio::time::advance;

use super::*;

const ENOUGH: Duration = Duration::from_secs(15);

async fn arrives(contact: &mut Contact) -> bool {
    contact.arrived(Instant::now(), ENOUGH)
}

#[tokio::test(start_paused = true)]
async fn it_has_to_be_in_touch_for_a_while_first() {
    let mut contact = Contact::default();
    for _ in 0..3 {
        assert!(!arrives(&mut contact).await);
        advance(Duration::from_secs(5)).await;
    }
    assert!(arrives(&mut contact).await);
    advance(Duration::from_secs(5)).await;
    assert!(arrives(&mut contact).await, "and as long as nothing breaks it");
}

#[tokio::test(start_paused = true)]
async fn silence_for_as_long_breaks_it() {
    let mut contact = Contact::default();
    for _ in 0..4 {
        arrives(&mut contact).await;
        advance(Duration::from_secs(5)).await;
    }
    advance(Duration::from_secs(11)).await;
    assert!(!arrives(&mut contact).await, "what was meanwhile nobody knows");
    for _ in 0..3 {
        advance(Duration::from_secs(5)).await;
        arrives(&mut contact).await;
    }
    assert!(arrives(&mut contact).await);
}
