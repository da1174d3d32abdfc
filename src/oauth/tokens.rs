//! The access token of an account: cached, renewed early, and requested once, however many
//! connections wait for it.
//!
//! # Failure
//! Every failure is a [`TokenTrouble`]. A failure is remembered for a while, so that a full queue
//! does not cause a flood of requests.

use std::time::Duration;

use oauth2::{
    AuthType, ClientId, ClientSecret, EmptyExtraTokenFields, RefreshToken, RequestTokenError,
    Scope, StandardErrorResponse, StandardTokenResponse, TokenResponse, TokenUrl,
    basic::{BasicClient, BasicErrorResponseType, BasicTokenType},
};
use tokio::sync::Mutex;

use crate::{
    classify::{Remedy, TokenTrouble},
    clock::Clock,
    model::{AccountName, Secret, Timestamp},
    oauth::{
        ExchangeError, Expiry, Grant, OAuthSettings, RefreshTokenStore, TokenClient, assertion,
        expiry,
    },
};

/// A token is renewed when it has less than this left: HVE refuses tokens that are about to expire,
/// and a large message takes time.
const RENEW_BEFORE: Duration = Duration::from_secs(15 * 60);
/// A token that has less than this left is not used.
const USELESS_BEFORE: Duration = Duration::from_secs(60);
/// RFC 6749 5.1: a server may omit `expires_in`. Entra's shortest lifetime is an hour.
const UNKNOWN_LIFETIME: Duration = Duration::from_secs(30 * 60);
/// How long a failure that needs a person is remembered before the server is asked again.
const REMEMBER_FAILURE: Duration = Duration::from_secs(60);
/// A sign-in that has been idle for this long is used even without mail: Entra ends it after 90
/// days without use.
const KEEP_ALIVE: Duration = Duration::from_secs(7 * 24 * 3600);
/// The pause after a failed early renewal while the old token is still valid.
const RENEW_AGAIN: Duration = Duration::from_secs(60);

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub(super) type Response = StandardTokenResponse<EmptyExtraTokenFields, BasicTokenType>;
pub(super) type RequestError =
    RequestTokenError<ExchangeError, StandardErrorResponse<BasicErrorResponseType>>;

/// The tokens of one account.
pub struct Tokens {
    account: AccountName,
    settings: OAuthSettings,
    store: RefreshTokenStore,
    http: TokenClient,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Kept>,
    failure: Option<(Timestamp, TokenTrouble)>,
    /// A refresh token that could not be written to disk. The server no longer accepts any other,
    /// so it must not be lost.
    unsaved: Option<Secret>,
}

/// Whether a refused token was old or new.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The token had been used before: a new one may be accepted.
    Old,
    /// The token was just issued: another would be refused too.
    New,
}

struct Kept {
    secret: Secret,
    /// The number of connections that got it.
    given: u64,
    renew_at: Timestamp,
    useless_at: Timestamp,
}

impl Tokens {
    /// Makes no request: Postroom starts even when no token is available yet.
    #[must_use]
    pub fn new(
        account: AccountName,
        settings: OAuthSettings,
        store: RefreshTokenStore,
        http: TokenClient,
        clock: Clock,
    ) -> Self {
        Self { account, settings, store, http, clock, state: Mutex::new(State::default()) }
    }

    /// A token that is valid for at least a minute. Concurrent callers share one request.
    ///
    /// # Errors
    /// When no token is available now. The error is repeated for a while without a new request.
    pub async fn token(&self) -> Result<Secret, TokenTrouble> {
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        if let Some(secret) = state.give(now, |kept| now < kept.renew_at) {
            return Ok(secret);
        }
        if let Some((until, trouble)) = state.failure.clone()
            && now < until
        {
            return state.give(now, |_any| true).ok_or(trouble);
        }
        match self.request(&mut state, now).await {
            Ok(kept) => {
                let secret = kept.secret.clone();
                (state.token, state.failure) = (Some(kept), None);
                Ok(secret)
            }
            Err(trouble) => Self::remember(&mut state, now, trouble),
        }
    }

    /// Discards a token that a server refused.
    pub async fn refused(&self, token: &Secret) -> Refused {
        let mut state = self.state.lock().await;
        let shown = |kept: &mut Kept| kept.secret.expose() == token.expose();
        match state.token.take_if(shown) {
            Some(Kept { given: 0 | 1, .. }) => Refused::New,
            // When another token is cached, another connection has already obtained a newer one.
            Some(_) | None => Refused::Old,
        }
    }

    /// Forgets the token and the failure, because a person signed in or corrected something.
    pub async fn reset(&self) {
        let mut state = self.state.lock().await;
        (state.token, state.failure) = (None, None);
    }

    /// The expiry of the account's credential, where it is known. A sign-in that has been idle for
    /// long is used first, so that it does not expire for lack of use.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub async fn expiry(&self) -> std::io::Result<Option<Expiry>> {
        if self.settings.grant == Grant::RefreshToken
            && let Some(used) = self.store.last_used(&self.account)?
            && self.clock.now().since(used) > KEEP_ALIVE
        {
            // After a failure the expiry comes nearer, and it is reported.
            if self.token().await.is_err() {}
        }
        let (settings, store, account) =
            (self.settings.clone(), self.store.clone(), self.account.clone());
        off_thread(move || expiry::read(&settings, &store, &account)).await
    }

    fn remember(
        state: &mut State,
        now: Timestamp,
        trouble: TokenTrouble,
    ) -> Result<Secret, TokenTrouble> {
        let good = state.give(now, |_any| true);
        let pause = match (&good, trouble.remedy) {
            (Some(_), _) => RENEW_AGAIN,
            (None, Remedy::Wait(pause)) => pause,
            (None, Remedy::Person) => REMEMBER_FAILURE,
        };
        state.failure = Some((now.plus(pause), trouble.clone()));
        good.ok_or(trouble)
    }

    async fn request(&self, state: &mut State, now: Timestamp) -> Result<Kept, TokenTrouble> {
        let response = match &self.settings.grant {
            Grant::ClientSecret { file, expires: _ } => self.by_secret(file).await?,
            Grant::ClientCertificate { certificate, key } => {
                self.by_certificate(certificate, key, now).await?
            }
            Grant::RefreshToken => self.by_refresh_token(state).await?,
        };
        let lifetime = response.expires_in().unwrap_or(UNKNOWN_LIFETIME);
        Ok(Kept {
            secret: Secret::new(response.access_token().secret().clone()),
            given: 1,
            // A short-lived token is renewed halfway through its life.
            renew_at: now.plus(lifetime.saturating_sub(RENEW_BEFORE).max(lifetime / 2)),
            useless_at: now.plus(lifetime.saturating_sub(USELESS_BEFORE).max(lifetime / 2)),
        })
    }

    async fn by_secret(&self, file: &std::path::Path) -> Result<Response, TokenTrouble> {
        let path = file.to_owned();
        let secret = off_thread(move || std::fs::read_to_string(path)).await.map_err(|error| {
            TokenTrouble::ours(
                format!("{}: {error}", file.display()),
                "Store the client secret's Value in client_secret_file, readable by the service.",
            )
        })?;
        let client = BasicClient::new(ClientId::new(self.settings.client_id.clone()))
            .set_client_secret(ClientSecret::new(secret.trim_end().to_owned()))
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(self.token_url()?);
        let request =
            client.exchange_client_credentials().add_scope(Scope::new(self.settings.scope.clone()));
        request.request_async(&self.http).await.map_err(decode)
    }

    async fn by_certificate(
        &self,
        certificate: &std::path::Path,
        key: &std::path::Path,
        now: Timestamp,
    ) -> Result<Response, TokenTrouble> {
        let (high, low) = (random()?, random()?);
        let unique = (u128::from(high) << 64) | u128::from(low);
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        let (client_id, audience) =
            (self.settings.client_id.clone(), self.settings.token_url.clone());
        let signing = tokio::task::spawn_blocking(move || {
            assertion::sign(&certificate, &key, &client_id, &audience, now, unique)
        });
        let assertion =
            signing.await.map_err(|error| TokenTrouble::unreachable(error.to_string()))??;
        let client = BasicClient::new(ClientId::new(self.settings.client_id.clone()))
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(self.token_url()?);
        let request = client
            .exchange_client_credentials()
            .add_scope(Scope::new(self.settings.scope.clone()))
            .add_extra_param("client_assertion_type", ASSERTION_TYPE)
            .add_extra_param("client_assertion", assertion);
        request.request_async(&self.http).await.map_err(decode)
    }

    async fn by_refresh_token(&self, state: &mut State) -> Result<Response, TokenTrouble> {
        let none = || {
            TokenTrouble::ours(
                "nobody has signed in yet".to_owned(),
                "Sign in: postroom account login NAME.",
            )
        };
        let (store, account) = (self.store.clone(), self.account.clone());
        // Nobody else may use the old token until the new one is on disk: an administrator's
        // command also uses the account.
        let _lock = off_thread(move || store.lock(&account)).await.map_err(|error| disk(&error))?;
        self.save(state).await?;
        let (store, account) = (self.store.clone(), self.account.clone());
        let old = off_thread(move || store.load(&account))
            .await
            .map_err(|error| disk(&error))?
            .ok_or_else(none)?;
        let client = BasicClient::new(ClientId::new(self.settings.client_id.clone()))
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(self.token_url()?);
        let refresh = RefreshToken::new(old.expose().to_owned());
        let request = client
            .exchange_refresh_token(&refresh)
            .add_scope(Scope::new(self.settings.scope.clone()));
        let response = request.request_async(&self.http).await.map_err(decode)?;
        // Entra issues a new one at each use. It is on disk before the access token is used.
        match response.refresh_token() {
            Some(fresh) => {
                state.unsaved = Some(Secret::new(fresh.secret().clone()));
                self.save(state).await?;
            }
            None => {
                let (store, account, now) =
                    (self.store.clone(), self.account.clone(), self.clock.now());
                off_thread(move || store.touch(&account, now))
                    .await
                    .map_err(|error| disk(&error))?;
            }
        }
        Ok(response)
    }

    /// Saves a refresh token that has not been saved yet.
    async fn save(&self, state: &mut State) -> Result<(), TokenTrouble> {
        let Some(fresh) = state.unsaved.clone() else {
            return Ok(());
        };
        let (store, account) = (self.store.clone(), self.account.clone());
        off_thread(move || store.save(&account, &fresh)).await.map_err(|error| disk(&error))?;
        state.unsaved = None;
        Ok(())
    }

    fn token_url(&self) -> Result<TokenUrl, TokenTrouble> {
        TokenUrl::new(self.settings.token_url.clone()).map_err(|error| {
            TokenTrouble::ours(
                format!("{}: {error}", self.settings.token_url),
                "Correct token_url in the configuration.",
            )
        })
    }
}

impl State {
    /// The token, if it stays valid for a while and `fits`.
    fn give(&mut self, now: Timestamp, fits: impl FnOnce(&Kept) -> bool) -> Option<Secret> {
        let kept = self.token.as_mut().filter(|kept| now < kept.useless_at && fits(kept))?;
        kept.given = kept.given.saturating_add(1);
        Some(kept.secret.clone())
    }
}

fn disk(error: &std::io::Error) -> TokenTrouble {
    TokenTrouble::ours(
        format!("the refresh token: {error}"),
        "Check the disk and the rights of data_dir/secrets.",
    )
}

/// Reads and syncs files on a thread where blocking holds nothing up.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

fn random() -> Result<u64, TokenTrouble> {
    getrandom::u64()
        .map_err(|error| TokenTrouble::unreachable(format!("no random numbers: {error}")))
}

pub(super) fn decode(error: RequestError) -> TokenTrouble {
    match error {
        RequestTokenError::ServerResponse(response) => TokenTrouble::from_response(
            response.error().as_ref(),
            response.error_description().map_or("", String::as_str),
        ),
        RequestTokenError::Request(error) => error.into(),
        RequestTokenError::Parse(error, _body) => TokenTrouble::unreachable(format!(
            "the authorization server's answer makes no sense: {error}"
        )),
        RequestTokenError::Other(what) => TokenTrouble::unreachable(what),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use axum::{
        Form, Json, Router, extract::State as Shared, http::StatusCode, response::IntoResponse,
        routing::post,
    };
    use serde_json::json;

    use super::*;
    use crate::clock;

    /// What the server does, and how often it was asked.
    #[derive(Clone, Default)]
    struct Server {
        asked: Arc<AtomicUsize>,
        down: Arc<AtomicUsize>,
    }

    async fn answer(
        Shared(server): Shared<Server>,
        Form(form): Form<std::collections::BTreeMap<String, String>>,
    ) -> axum::response::Response {
        let count = server.asked.fetch_add(1, Ordering::SeqCst);
        if server.down.load(Ordering::SeqCst) == 1 {
            return (StatusCode::SERVICE_UNAVAILABLE, [("Retry-After", "30")], "").into_response();
        }
        match form["grant_type"].as_str() {
            "client_credentials" if form["client_secret"] != "right" => {
                let error = json!({ "error": "invalid_client", "error_description": "AADSTS7000215: \
                    Invalid client secret provided." });
                (StatusCode::UNAUTHORIZED, Json(error)).into_response()
            }
            "refresh_token" if form["refresh_token"] != format!("refresh-{count}") => {
                (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" }))).into_response()
            }
            _ => Json(json!({
                "token_type": "Bearer", "expires_in": 3600,
                "access_token": format!("token-{count}"), "refresh_token": format!("refresh-{}", count + 1),
            }))
            .into_response(),
        }
    }

    struct Fixture {
        server: Server,
        clock: Clock,
        dir: tempfile::TempDir,
        tokens: Tokens,
    }

    async fn fixture(grant: impl FnOnce(&std::path::Path) -> Grant) -> Fixture {
        let server = Server::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router =
            Router::new().route("/t/oauth2/v2.0/token", post(answer)).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let dir = tempfile::tempdir().unwrap();
        let settings = OAuthSettings {
            token_url: format!("http://{address}/t/oauth2/v2.0/token"),
            device_url: format!("http://{address}/t/oauth2/v2.0/devicecode"),
            scope: "mail".into(),
            client_id: "app".into(),
            grant: grant(dir.path()),
        };
        let clock = Clock::fixed(Timestamp::from_millis(1_763_900_000_000));
        let store = RefreshTokenStore::new(dir.path().join("secrets"));
        let tokens = Tokens::new(
            "scanner".into(),
            settings,
            store,
            TokenClient::new(clock.clone()).unwrap(),
            clock.clone(),
        );
        Fixture { server, clock, dir, tokens }
    }

    fn secret_file(dir: &std::path::Path) -> Grant {
        std::fs::write(dir.join("secret"), "right\n").unwrap();
        Grant::ClientSecret { file: dir.join("secret"), expires: None }
    }

    impl Fixture {
        fn pass(&self, minutes: u64) {
            self.clock.set(self.clock.now().plus(Duration::from_secs(60 * minutes)));
        }

        fn asked(&self) -> usize {
            self.server.asked.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn many_connections_share_one_request_and_the_token_is_kept_until_it_grows_old() {
        let fixture = fixture(secret_file).await;
        let (a, b) = tokio::join!(fixture.tokens.token(), fixture.tokens.token());
        assert_eq!((a.unwrap().expose(), b.unwrap().expose()), ("token-0", "token-0"));
        fixture.pass(44);
        assert_eq!(fixture.tokens.token().await.unwrap().expose(), "token-0");
        assert_eq!(fixture.asked(), 1);
        fixture.pass(2);
        assert_eq!(fixture.tokens.token().await.unwrap().expose(), "token-1");
    }

    #[tokio::test]
    async fn a_server_that_is_down_does_not_cost_a_token_that_is_still_good() {
        let fixture = fixture(secret_file).await;
        fixture.tokens.token().await.unwrap();
        fixture.server.down.store(1, Ordering::SeqCst);
        fixture.pass(50);
        assert_eq!(fixture.tokens.token().await.unwrap().expose(), "token-0");
        assert_eq!(fixture.tokens.token().await.unwrap().expose(), "token-0");
        assert_eq!(fixture.asked(), 2, "the failure is remembered");
        fixture.pass(15);
        let Err(trouble) = fixture.tokens.token().await else {
            panic!("an expired token was used")
        };
        assert_eq!(
            trouble.remedy,
            Remedy::Wait(Duration::from_secs(30)),
            "Retry-After is honoured"
        );
        fixture.server.down.store(0, Ordering::SeqCst);
        fixture.pass(1);
        assert!(fixture.tokens.token().await.is_ok());
    }

    #[tokio::test]
    async fn a_wrong_secret_says_what_to_do_and_is_not_asked_again_at_once() {
        let fixture = fixture(secret_file).await;
        std::fs::write(fixture.dir.path().join("secret"), "wrong").unwrap();
        for _ in 0..5 {
            let Err(trouble) = fixture.tokens.token().await else {
                panic!("a token for a wrong secret")
            };
            assert!(trouble.advice.contains("Value"), "{}", trouble.advice);
        }
        assert_eq!(fixture.asked(), 1);
        std::fs::write(fixture.dir.path().join("secret"), "right").unwrap();
        fixture.pass(2);
        assert!(fixture.tokens.token().await.is_ok(), "the mended file is read again");
    }

    #[tokio::test]
    async fn a_refresh_token_is_replaced_at_each_use() {
        let fixture = fixture(|_| Grant::RefreshToken).await;
        let Err(trouble) = fixture.tokens.token().await else { panic!("nobody signed in") };
        assert!(trouble.advice.contains("account login"));
        let store = RefreshTokenStore::new(fixture.dir.path().join("secrets"));
        let account = AccountName::from("scanner");
        store.save(&account, &Secret::new("refresh-0".into())).unwrap();
        fixture.tokens.reset().await;
        for round in 0..3 {
            assert_eq!(fixture.tokens.token().await.unwrap().expose(), format!("token-{round}"));
            assert_eq!(
                store.load(&account).unwrap().unwrap().expose(),
                format!("refresh-{}", round + 1)
            );
            fixture.pass(61);
        }
    }

    #[tokio::test]
    async fn a_refresh_token_that_the_disk_refused_is_kept_until_the_disk_takes_it() {
        let fixture = fixture(|_| Grant::RefreshToken).await;
        let store = RefreshTokenStore::new(fixture.dir.path().join("secrets"));
        let account = AccountName::from("scanner");
        store.save(&account, &Secret::new("refresh-0".into())).unwrap();
        // A folder stands where the new token is to be written.
        let obstacle = fixture.dir.path().join("secrets/scanner.new");
        std::fs::create_dir(&obstacle).unwrap();
        let Err(trouble) = fixture.tokens.token().await else {
            panic!("a token was used whose successor is not on disk")
        };
        assert!(trouble.advice.contains("disk"), "{}", trouble.advice);
        std::fs::remove_dir(&obstacle).unwrap();
        fixture.pass(2);
        assert_eq!(fixture.tokens.token().await.unwrap().expose(), "token-1");
        assert_eq!(store.load(&account).unwrap().unwrap().expose(), "refresh-2");
    }

    #[tokio::test]
    async fn a_sign_in_is_used_now_and_then_though_there_is_no_mail() {
        let fixture = fixture(|_| Grant::RefreshToken).await;
        assert_eq!(fixture.tokens.expiry().await.unwrap(), None, "nobody signed in");
        let store = RefreshTokenStore::new(fixture.dir.path().join("secrets"));
        store.save(&"scanner".into(), &Secret::new("refresh-0".into())).unwrap();
        fixture.clock.set(clock::system().now().plus(Duration::from_secs(6 * 86_400)));
        let expiry = fixture.tokens.expiry().await.unwrap().unwrap();
        assert_eq!(
            (expiry.kind, expiry.days_left(fixture.clock.now())),
            (crate::oauth::CredentialKind::RefreshToken, 83)
        );
        assert_eq!(fixture.asked(), 0);
        fixture.clock.set(clock::system().now().plus(Duration::from_secs(8 * 86_400)));
        fixture.tokens.expiry().await.unwrap();
        assert_eq!(fixture.asked(), 1);
    }

    #[tokio::test]
    async fn a_token_that_was_refused_is_not_shown_again() {
        let fixture = fixture(secret_file).await;
        let first = fixture.tokens.token().await.unwrap();
        assert_eq!(fixture.tokens.refused(&first).await, Refused::New);
        let second = fixture.tokens.token().await.unwrap();
        assert_eq!(second.expose(), "token-1");
        fixture.tokens.token().await.unwrap();
        assert_eq!(
            fixture.tokens.refused(&first).await,
            Refused::Old,
            "a late refusal of the old one"
        );
        assert_eq!(
            fixture.tokens.token().await.unwrap().expose(),
            "token-1",
            "does not cost the new one"
        );
        assert_eq!(fixture.tokens.refused(&second).await, Refused::Old);
    }
}
