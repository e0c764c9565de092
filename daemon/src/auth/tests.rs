//! The gate's table, credentials of every shape, and logins end to end.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::{any, proptest};

use super::authenticator::{AuthFailure, Authenticator};
use super::credentials::{CredentialError, parse};
use super::{Access, Action, Decision, FirstBoot, Gate, Principal};
use crate::config::pattern::Pattern;
use crate::config::settings::{Secret, User};
use crate::oci::name::RepositoryName;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn encode(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let symbol = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() {
                char::from(symbol)
            } else {
                '='
            });
        }
    }
    text
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", encode(format!("{name}:{password}").as_bytes()))
}

fn user(name: &str, secret: Secret) -> User {
    User {
        name: name.to_owned(),
        secret,
    }
}

fn on_a_core<T>(future: impl Future<Output = T>) -> T {
    let mut core = monoio::RuntimeBuilder::<monoio::LegacyDriver>::new()
        .build()
        .unwrap();
    core.block_on(future)
}

#[test]
fn gate_denies_by_default() {
    let gate = Gate::new(vec![Pattern::parse("public/**").unwrap()]);
    let open = RepositoryName::parse("public/tool").unwrap();
    let closed = RepositoryName::parse("private/tool").unwrap();
    let nobody = Principal::anonymous();
    let at = |name, action| Access::Repository { name, action };
    let table = [
        (Access::Public, Decision::Granted),
        (at(&open, Action::Pull), Decision::Granted),
        (at(&open, Action::Push), Decision::NeedsLogin),
        (at(&open, Action::Delete), Decision::NeedsLogin),
        (at(&closed, Action::Pull), Decision::NeedsLogin),
        (Access::Authenticated, Decision::NeedsLogin),
        (Access::Catalog, Decision::NeedsLogin),
        (Access::Admin, Decision::NeedsLogin),
    ];
    for (access, expected) in table {
        assert_eq!(gate.check(&nobody, &access), expected, "{access:?}");
        assert_eq!(
            gate.check(&Principal::user("ci"), &access),
            Decision::Granted
        );
    }
    gate.reload(Vec::new());
    assert_eq!(
        gate.check(&nobody, &at(&open, Action::Pull)),
        Decision::NeedsLogin
    );
}

#[test]
fn malformed_credentials() {
    let table = [
        ("", CredentialError::Scheme),
        ("Basic", CredentialError::Scheme),
        ("Bearer YTpi", CredentialError::Scheme),
        ("Basic YTpi=", CredentialError::Base64),
        ("Basic YTp", CredentialError::Base64),
        ("Basic YT=i", CredentialError::Base64),
        ("Basic YTpi YTpi", CredentialError::Base64),
        ("Basic YTpi\u{e9}", CredentialError::Base64),
        ("Basic YTr=", CredentialError::Base64),
        ("Basic A===", CredentialError::Base64),
        ("Basic YWI=", CredentialError::UserPass),
        ("Basic /zph", CredentialError::UserPass),
        ("Basic ", CredentialError::UserPass),
    ];
    for (value, expected) in table {
        assert_eq!(parse(value).err(), Some(expected), "{value}");
    }
    assert_eq!(
        parse(&basic("a", "b\n")).err(),
        Some(CredentialError::UserPass)
    );
    assert_eq!(
        parse(&basic("a", &"x".repeat(2000))).err(),
        Some(CredentialError::TooLong)
    );
    assert_eq!(
        parse(&"x".repeat(100_000)).err(),
        Some(CredentialError::TooLong)
    );
}

proptest! {
    #[test]
    fn credentials_survive_the_wire(name in "[^:\\p{C}]{0,20}", password in "[^\\p{C}]{0,40}") {
        let parsed = parse(&basic(&name, &password)).ok().unwrap();
        assert_eq!((parsed.name, parsed.password), (name, password));
    }

    #[test]
    fn nothing_panics_and_one_spelling_only(value in any::<String>(), token in "[A-Za-z0-9+/=]{0,40}") {
        let _ = parse(&value);
        if let Ok(parsed) = parse(&format!("bAsIc {token}")) {
            assert_eq!(encode(format!("{}:{}", parsed.name, parsed.password).as_bytes()), token);
        }
    }
}

#[test]
fn logins_of_every_kind() {
    let first = FirstBoot::make().unwrap();
    assert!(first.password.len() >= 20);
    let users = vec![
        user("plain", Secret::Plain("changeme".to_owned())),
        user(
            "bcrypt",
            Secret::Bcrypt(
                bcrypt::hash("secret", 4)
                    .unwrap()
                    .replacen("$2b$", "$2y$", 1),
            ),
        ),
        user(first.name, Secret::Argon2(first.hash.clone())),
    ];
    let authenticator = Authenticator::new(users).unwrap();
    on_a_core(async {
        let nobody = authenticator.authenticate(None, PEER).await.unwrap();
        assert!(nobody.anonymous);
        for (name, password) in [
            ("plain", "changeme"),
            ("bcrypt", "secret"),
            ("admin", first.password.as_str()),
        ] {
            let good = basic(name, password);
            for _ in 0..2 {
                let principal = authenticator.authenticate(Some(&good), PEER).await.unwrap();
                assert_eq!((&*principal.name, principal.anonymous), (name, false));
            }
            for wrong in ["", "x", &format!("{password}x")] {
                let answer = authenticator
                    .authenticate(Some(&basic(name, wrong)), PEER)
                    .await;
                assert_eq!(answer, Err(AuthFailure::Rejected), "{name}");
            }
        }
        let unknown = authenticator
            .authenticate(Some(&basic("nobody", "decoy")), PEER)
            .await;
        assert_eq!(unknown, Err(AuthFailure::Rejected));
        let malformed = authenticator.authenticate(Some("Basic !"), PEER).await;
        assert_eq!(malformed, Err(AuthFailure::Malformed));
    });
}

#[test]
fn reload_voids_what_was_remembered() {
    let authenticator =
        Authenticator::new(vec![user("ci", Secret::Plain("old".to_owned()))]).unwrap();
    on_a_core(async {
        assert!(
            authenticator
                .authenticate(Some(&basic("ci", "old")), PEER)
                .await
                .is_ok()
        );
        authenticator.reload(vec![user("ci", Secret::Plain("new".to_owned()))]);
        let stale = authenticator
            .authenticate(Some(&basic("ci", "old")), PEER)
            .await;
        assert_eq!(stale, Err(AuthFailure::Rejected));
        assert!(
            authenticator
                .authenticate(Some(&basic("ci", "new")), PEER)
                .await
                .is_ok()
        );
    });
}
