//! Auth from the first user to the last.

use super::{api, on_each, refused, refused_so};
use crate::support::{Etcd, Scripted, Step, Version};
use api::Verbs;
use etcd_v2::protocol::admin::roles::Access;
use etcd_v2::status::Status;
use etcd_v2::telemetry::hooks::Level;
use etcd_v2::transport::credentials::Authorization;
use std::sync::{Arc, Mutex};

on_each!(a_cluster_is_protected_and_opened_again users_and_roles_are_kept_as_they_are_named);

const READ: Access = Access {
    read: true,
    write: false,
};
const WRITE: Access = Access {
    read: false,
    write: true,
};
const BOTH: Access = Access {
    read: true,
    write: true,
};

fn client(etcd: &Etcd, user: Option<(&str, &str)>) -> api::Client {
    let mut options = api::options(etcd.url(), 20_000);
    let authorization = user.map(|(name, password)| Authorization::basic(name, password).unwrap());
    options.set_authorization(authorization);
    api::Client::new(&options).unwrap()
}

fn a_cluster_is_protected_and_opened_again(version: Version) {
    let etcd = Etcd::start(version);
    let guest = client(&etcd, None);
    let root = client(&etcd, Some(("root", "secret")));
    assert!(!guest.auth_is_enabled().unwrap());
    let words = "auth: No root user available, please create one";
    refused_so(guest.set_auth(true), Status::CONFLICT, 409, words);
    let words = "auth: already disabled";
    refused_so(guest.set_auth(false), Status::CONFLICT, 409, words);

    assert_eq!(
        guest.create_user("root", "secret", &[]).unwrap().name,
        "root"
    );
    // etcd would take it for a new password
    let error = refused(guest.create_user("root", "other", &[]), Status::CONFLICT);
    assert_eq!(error.to_string(), "name: the user root exists already");
    let words = "auth: User al does not exist.";
    let error = guest.set_user_password("al", "pw");
    refused_so(error, Status::NOT_FOUND, 404, words);
    assert_eq!(guest.users().unwrap().len(), 1);
    guest.set_auth(true).unwrap();

    // on, and everybody may do as before
    assert!(guest.auth_is_enabled().unwrap());
    guest.set("/open", "v").unwrap();
    let insufficient = "Insufficient credentials";
    refused_so(
        guest.set_auth(true),
        Status::UNAUTHORIZED,
        401,
        insufficient,
    );
    let words = "auth: already enabled";
    refused_so(root.set_auth(true), Status::CONFLICT, 409, words);
    let guests = root.role("guest").unwrap();
    assert_eq!(
        (&guests.read[..], &guests.write[..]),
        (&["/*".to_owned()][..], &["/*".to_owned()][..])
    );
    let left = root.revoke_role("guest", &["/*"], BOTH).unwrap();
    assert!(left.read.is_empty() && left.write.is_empty());
    for result in [guest.get("/open"), guest.set("/open", "w")] {
        assert_eq!(
            refused(result, Status::UNAUTHORIZED).detail().etcd_code,
            110
        );
    }

    // somebody with rights of his own
    assert!(root.create_role("app").unwrap().read.is_empty());
    assert_eq!(
        root.grant_role("app", &["/app/*", "/open"], READ)
            .unwrap()
            .read
            .len(),
        2
    );
    assert_eq!(
        root.grant_role("app", &["/app/*"], WRITE).unwrap().write,
        ["/app/*"]
    );
    let al = root.create_user("al", "pw", &["app"]).unwrap();
    assert_eq!((&*al.name, &al.roles[..]), ("al", &["app".to_owned()][..]));
    let words = "auth: User al already exists.";
    let again = root.create_user("al", "pw", &["app"]);
    refused_so(again, Status::CONFLICT, 409, words);
    let al = client(&etcd, Some(("al", "pw")));
    al.set("/app/x", "v").unwrap();
    al.get("/open").unwrap();
    refused(al.set("/open", "w"), Status::UNAUTHORIZED);
    refused(al.get("/closed"), Status::UNAUTHORIZED);
    for stranger in [("al", "PW"), ("nobody", "pw")] {
        let stranger = client(&etcd, Some(stranger));
        refused(stranger.get("/app/x"), Status::UNAUTHORIZED);
        refused(stranger.users(), Status::UNAUTHORIZED);
    }

    // what stays open to all, and what to nobody but root
    for other in [&guest, &al] {
        assert_eq!(other.members().unwrap().list.len(), 1);
        assert!(other.health(None).is_ok() && other.auth_is_enabled().unwrap());
        refused_so(other.users(), Status::UNAUTHORIZED, 401, insufficient);
        refused_so(other.role("app"), Status::UNAUTHORIZED, 401, insufficient);
        let new = "http://127.0.0.1:9";
        refused_so(
            other.add_member(new),
            Status::UNAUTHORIZED,
            401,
            insufficient,
        );
        let error = other.create_user("eve", "pw", &["root"]);
        refused_so(error, Status::UNAUTHORIZED, 401, insufficient);
    }
    assert_eq!(
        refused(root.delete_user("root"), Status::FORBIDDEN)
            .detail()
            .http_status,
        403
    );
    root.set_user_password("al", "new").unwrap();
    refused(al.get("/app/x"), Status::UNAUTHORIZED);
    al.set_authorization(Some(Authorization::basic("al", "new").unwrap()))
        .unwrap();
    al.get("/app/x").unwrap();

    root.set_auth(false).unwrap();
    assert!(!guest.auth_is_enabled().unwrap());
    guest.set("/closed", "v").unwrap();
    guest.delete_user("root").unwrap();
}

fn users_and_roles_are_kept_as_they_are_named(version: Version) {
    let etcd = Etcd::start(version);
    let client = client(&etcd, None);
    assert!(client.users().unwrap().is_empty());
    let names = |client: &api::Client| -> Vec<String> {
        client
            .roles()
            .unwrap()
            .into_iter()
            .map(|role| role.name)
            .collect()
    };
    assert_eq!(names(&client), ["root"]);

    // no %, which etcd takes for a format of its own in what it says
    let odd = "a b\"ä+;?#";
    assert_eq!(client.create_role(odd).unwrap().name, odd);
    let words = format!("auth: Role {odd} already exists.");
    refused_so(client.create_role(odd), Status::CONFLICT, 409, &words);
    // in the order in which etcd tells them
    let patterns = ["/q", "/ö \"%/*"];
    client.grant_role(odd, &patterns, BOTH).unwrap();
    assert_eq!(client.role(odd).unwrap().write, patterns);
    let words = "auth: Granting duplicate read permission /q";
    let error = client.grant_role(odd, &["/new", "/q"], READ);
    refused_so(error, Status::CONFLICT, 409, words);
    assert_eq!(client.role(odd).unwrap().read, patterns);
    // what is not granted is taken away all the same
    let left = client.revoke_role(odd, &["/q", "/never"], READ).unwrap();
    assert_eq!((left.read.len(), left.write.len()), (1, 2));
    for error in [
        client.grant_role("root", &["/q"], READ).map(drop),
        client.delete_role("root"),
        client.create_role("root").map(drop),
    ] {
        assert_eq!(refused(error, Status::FORBIDDEN).detail().http_status, 403);
    }
    let words = "auth: Role none does not exist.";
    refused_so(client.role("none"), Status::NOT_FOUND, 404, words);
    refused(client.grant_role("none", &["/q"], READ), Status::NOT_FOUND);

    client.create_user(odd, "p\"ä\\", &[]).unwrap();
    assert_eq!(
        client.grant_user(odd, &["root", odd]).unwrap().roles.len(),
        2
    );
    let words = format!("auth: Granting duplicate role {odd} for user {odd}");
    let error = client.grant_user(odd, &["new", odd]);
    refused_so(error, Status::CONFLICT, 409, &words);
    assert_eq!(client.user(odd).unwrap().roles.len(), 2);
    assert_eq!(client.revoke_user(odd, &[odd]).unwrap().roles, ["root"]);
    let words = format!("auth: Revoking ungranted role {odd} for user {odd}");
    refused_so(
        client.revoke_user(odd, &[odd]),
        Status::CONFLICT,
        409,
        &words,
    );
    let words = "auth: User none does not exist.";
    refused_so(client.user("none"), Status::NOT_FOUND, 404, words);
    refused(client.grant_user("none", &["root"]), Status::NOT_FOUND);

    // a role that nobody has made hides the user, but it is there
    assert_eq!(
        client.grant_user(odd, &["ghost"]).unwrap().roles,
        ["ghost", "root"]
    );
    let words = "auth: Role ghost does not exist.";
    refused_so(client.user(odd), Status::NOT_FOUND, 404, words);
    refused(client.create_user(odd, "pw", &[]), Status::CONFLICT);
    client.set_user_password(odd, "pw").unwrap();
    let users = client.users().unwrap();
    assert_eq!(
        (users.len(), &users[0].roles[..]),
        (1, &["root".to_owned()][..])
    );

    client.delete_user(odd).unwrap();
    let error = refused(client.delete_user(odd), Status::NOT_FOUND);
    let said = &error.detail().etcd_message;
    assert!(said.starts_with("auth: User "), "{error:?}");
    client.delete_role(odd).unwrap();
    refused(client.delete_role(odd), Status::NOT_FOUND);
    assert_eq!(names(&client), ["root"]);
}

/// Passwords of users are in the bodies of requests, and who listens is told requests.
#[test]
fn passwords_of_users_are_told_to_nobody_but_etcd() {
    let etcd = Etcd::start(Version::V3_4);
    let eats = Scripted::steps(vec![Step::Read, Step::Close]);
    let heard: Arc<Mutex<String>> = Arc::default();
    for (url, lost) in [(etcd.url(), false), (eats.url(), true)] {
        let mut options = api::options(url, 20_000);
        options.set_authorization(Some(Authorization::basic("root", "canary-1").unwrap()));
        let (log, curl, trace) = (heard.clone(), heard.clone(), heard.clone());
        options.set_log(Level::Debug, Arc::new(move |_, line| add(&log, line)));
        options.set_curl(Arc::new(move |line| add(&curl, line)));
        options.set_trace(Arc::new(move |moment| add(&trace, &format!("{moment:?}"))));
        let client = api::Client::new(&options).unwrap();
        for result in [
            client.create_user("al", "canary-2", &[]).map(drop),
            client.create_user("bo", "canary-3", &["r"]).map(drop),
            client.create_user("bo", "canary-4", &["r"]).map(drop),
            client.set_user_password("al", "canary-5"),
            client.set_user_password("none", "canary-6"),
        ] {
            assert!(result.is_err() || !lost);
            add(&heard, &format!("{result:?}"));
        }
        add(&heard, &format!("{client:?} {options:?}"));
    }
    let heard = heard.lock().unwrap();
    assert!(heard.contains("curl ") && heard.contains("/v2/auth/users/al"));
    assert!(heard.contains("already exists") && heard.contains("***"));
    let told: Vec<&str> = heard
        .lines()
        .filter(|line| line.contains("canary"))
        .collect();
    assert!(told.is_empty(), "{told:?}");
}

fn add(heard: &Mutex<String>, line: &str) {
    let mut all = heard.lock().unwrap();
    all.push_str(line);
    all.push('\n');
}
