//! Workspaces, environments and members.

use integration_tests::{TestDatabase, on_both_engines};
use kernel::PageRequest;
use tenancy::{AddedMember, InsertedEnvironment, InsertedWorkspace, Role};

use super::world::{World, environment, fresh};

on_both_engines!(
    a_slug_belongs_to_one_workspace,
    a_slug_belongs_to_one_environment_of_a_workspace,
    the_founder_is_the_owner,
    a_principal_keeps_its_id_in_every_workspace,
    a_name_is_the_workspaces_own,
    a_member_is_added_once,
    somebody_who_was_never_seen_is_nobody,
    a_role_is_the_one_of_this_workspace,
    what_is_stored_comes_back_as_it_was,
);

async fn a_slug_belongs_to_one_workspace(database: TestDatabase) {
    let world = World::new(database).await;
    let first = world.workspace("contoso");
    let inserted = world
        .insert_workspace(&first, world.member("one", Role::Owner))
        .await;
    assert!(matches!(inserted, InsertedWorkspace::Inserted(_)));
    let second = world.workspace("contoso");
    let refused = world
        .insert_workspace(&second, world.member("two", Role::Owner))
        .await;
    assert_eq!(refused, InsertedWorkspace::SlugTaken);
    let members = world.read().await;
    let nobody = members
        .members()
        .membership(&world.member("two", Role::Owner).principal.key, second.id)
        .await;
    assert_eq!(nobody.expect("reads"), None, "a refusal makes no member");
    assert_eq!(world.database.number("SELECT count(*) FROM workspaces").await, 1);
    assert_eq!(
        world.database.number("SELECT count(*) FROM principals").await,
        1,
        "nor a principal"
    );
}

async fn a_slug_belongs_to_one_environment_of_a_workspace(database: TestDatabase) {
    let world = World::new(database).await;
    let (ours, theirs) = (world.bare_place().await, world.bare_place().await);
    assert_eq!(
        world
            .insert_environment(&ours, &environment(&ours, "prod", world.now))
            .await,
        InsertedEnvironment::Inserted
    );
    assert_eq!(
        world
            .insert_environment(&ours, &environment(&ours, "prod", world.now))
            .await,
        InsertedEnvironment::SlugTaken
    );
    assert_eq!(
        world
            .insert_environment(&theirs, &environment(&theirs, "prod", world.now))
            .await,
        InsertedEnvironment::Inserted
    );
    assert_eq!(
        world
            .insert_environment(&ours, &environment(&ours, "test", world.now))
            .await,
        InsertedEnvironment::Inserted
    );
}

async fn the_founder_is_the_owner(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.bare_place().await;
    let key = &place.owner.member().principal.key;
    let session = world.read().await;
    let membership = session
        .members()
        .membership(key, place.scope.workspace_id())
        .await
        .expect("reads");
    assert_eq!(membership.as_ref(), Some(&place.owner));
    assert_eq!(place.owner.role(), Role::Owner);
    let page = session
        .workspaces()
        .of_principal(key, PageRequest::default())
        .await
        .expect("reads");
    let ids: Vec<_> = page.items.iter().map(|workspace| workspace.id).collect();
    assert_eq!(ids, [place.scope.workspace_id()]);
}

/// Whoever found a second workspace is the same principal, whatever id the caller made up.
async fn a_principal_keeps_its_id_in_every_workspace(database: TestDatabase) {
    let world = World::new(database).await;
    let (one, two) = (world.workspace("one"), world.workspace("two"));
    let (here, there) = (
        world.member("same", Role::Owner),
        world.member("same", Role::Owner),
    );
    assert_ne!(here.principal.id, there.principal.id, "made up twice");
    let InsertedWorkspace::Inserted(first) = world.insert_workspace(&one, here).await else {
        panic!("new")
    };
    let InsertedWorkspace::Inserted(second) = world.insert_workspace(&two, there).await else {
        panic!("new")
    };
    assert_eq!(first.member().principal, second.member().principal);
    let session = world.read().await;
    let events = session
        .journal()
        .list(&super::world::scope_of(&second), PageRequest::default())
        .await
        .expect("reads");
    assert_eq!(
        events.items[0].actor_id,
        Some(first.member().principal.id),
        "the journal names the known one"
    );
    let key = &first.member().principal.key;
    let page = session
        .workspaces()
        .of_principal(key, PageRequest::default())
        .await
        .expect("reads");
    assert_eq!(page.items.len(), 2);
}

/// How one workspace calls somebody is not told to another one.
async fn a_name_is_the_workspaces_own(database: TestDatabase) {
    let world = World::new(database).await;
    let (ours, theirs) = (world.bare_place().await, world.bare_place().await);
    let mut names = Vec::new();
    for (place, label) in [(&ours, "Our name"), (&theirs, "Their name")] {
        let mut member = world.member("somebody", Role::Operator);
        member.principal.label.replace_range(.., label);
        assert!(matches!(
            world.add_member(place, &member).await,
            AddedMember::Added(_)
        ));
        let session = world.read().await;
        let key = &member.principal.key;
        let found = session
            .members()
            .membership(key, place.scope.workspace_id())
            .await
            .expect("reads");
        let listed = session
            .members()
            .list(&place.scope, PageRequest::default())
            .await
            .expect("reads")
            .items;
        let found = found.expect("a member").member().clone();
        assert!(listed.contains(&found));
        names.push(found.principal.label);
    }
    assert_eq!(names, ["Our name", "Their name"]);
}

async fn a_member_is_added_once(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.bare_place().await;
    let first = world.member("somebody", Role::Operator);
    assert_eq!(
        world.add_member(&place, &first).await,
        AddedMember::Added(first.id)
    );
    let again = world.member("somebody", Role::Owner);
    assert_eq!(world.add_member(&place, &again).await, AddedMember::AlreadyMember);
    let session = world.read().await;
    let stored = session
        .members()
        .membership(&first.principal.key, place.scope.workspace_id())
        .await
        .expect("reads");
    assert_eq!(
        stored.expect("a member").role(),
        Role::Operator,
        "adding again raises nobody"
    );
}

async fn somebody_who_was_never_seen_is_nobody(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.bare_place().await;
    let stranger = world.member("stranger", Role::Owner).principal;
    let session = world.read().await;
    let members = session.members();
    assert_eq!(
        members
            .membership(&stranger.key, place.scope.workspace_id())
            .await
            .expect("reads"),
        None
    );
    assert_eq!(
        members
            .membership(&place.owner.member().principal.key, fresh())
            .await
            .expect("reads"),
        None
    );
    assert_eq!(
        members.role_of(&place.scope, stranger.id).await.expect("reads"),
        None
    );
    let page = session
        .workspaces()
        .of_principal(&stranger.key, PageRequest::default())
        .await
        .expect("reads");
    assert!(page.items.is_empty() && page.next.is_none());
    let mut other_issuer = place.owner.member().principal.key.clone();
    other_issuer.issuer.push_str("/other");
    let found = members
        .membership(&other_issuer, place.scope.workspace_id())
        .await
        .expect("reads");
    assert_eq!(found, None, "the same subject of another issuer is somebody else");
}

async fn a_role_is_the_one_of_this_workspace(database: TestDatabase) {
    let world = World::new(database).await;
    let (ours, theirs) = (world.bare_place().await, world.bare_place().await);
    let mut member = world.member("visitor", Role::Readonly);
    member.principal = ours.owner.member().principal.clone();
    assert!(matches!(
        world.add_member(&theirs, &member).await,
        AddedMember::Added(_)
    ));
    let id = ours.owner.member().principal.id;
    let session = world.read().await;
    let members = session.members();
    assert_eq!(
        members.role_of(&ours.scope, id).await.expect("reads"),
        Some(Role::Owner)
    );
    assert_eq!(
        members.role_of(&theirs.scope, id).await.expect("reads"),
        Some(Role::Readonly)
    );
}

async fn what_is_stored_comes_back_as_it_was(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.bare_place().await;
    let made = environment(&place, "production", world.now);
    assert_eq!(
        world.insert_environment(&place, &made).await,
        InsertedEnvironment::Inserted
    );
    let session = world.read().await;
    assert_eq!(
        session
            .environments()
            .find(&place.scope, made.id)
            .await
            .expect("reads"),
        Some(made)
    );
    let workspace = session.workspaces().get(&place.scope).await.expect("reads");
    assert_eq!(
        (workspace.id, workspace.created_at),
        (place.scope.workspace_id(), world.now)
    );
    let members = session
        .members()
        .list(&place.scope, PageRequest::default())
        .await
        .expect("reads");
    assert_eq!(members.items, [place.owner.member().clone()]);
}
