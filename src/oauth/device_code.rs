//! The sign-in with a device code (RFC 8628): the code is shown here, and a person types it into
//! any browser.

use oauth2::{
    AuthType, ClientId, DeviceAuthorizationUrl, DeviceCodeErrorResponse, RequestTokenError, Scope,
    StandardDeviceAuthorizationResponse, TokenResponse, TokenUrl, basic::BasicClient,
};

use crate::{
    classify::TokenTrouble,
    model::{AccountName, Secret},
    oauth::{ExchangeError, OAuthSettings, RefreshTokenStore, TokenClient, tokens::decode},
};

/// A sign-in in progress.
pub struct DeviceLogin {
    settings: OAuthSettings,
    http: TokenClient,
    response: StandardDeviceAuthorizationResponse,
}

/// The instructions for the person who signs in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignIn {
    /// The address to open in a browser.
    pub address: String,
    /// The code to type there.
    pub code: String,
    /// The number of minutes for which the code is valid.
    pub minutes: u64,
}

impl DeviceLogin {
    /// Requests a device code.
    ///
    /// # Errors
    /// When the server issues no code.
    pub async fn begin(settings: OAuthSettings, http: TokenClient) -> Result<Self, TokenTrouble> {
        let url = DeviceAuthorizationUrl::new(settings.device_url.clone())
            .map_err(|error| wrong_url(&settings.device_url, &error))?;
        let client = BasicClient::new(ClientId::new(settings.client_id.clone()))
            .set_auth_type(AuthType::RequestBody)
            .set_device_authorization_url(url);
        let request = client.exchange_device_code().add_scope(Scope::new(settings.scope.clone()));
        let response: StandardDeviceAuthorizationResponse =
            request.request_async(&http).await.map_err(decode)?;
        Ok(Self { settings, http, response })
    }

    /// The instructions to show to the person.
    #[must_use]
    pub fn sign_in(&self) -> SignIn {
        SignIn {
            address: self.response.verification_uri().to_string(),
            code: self.response.user_code().secret().clone(),
            minutes: self.response.expires_in().as_secs() / 60,
        }
    }

    /// Waits until the person has signed in, then stores the refresh token.
    ///
    /// # Errors
    /// When the person declines, the code expires, or the token cannot be stored.
    pub async fn finish(
        self,
        account: &AccountName,
        store: &RefreshTokenStore,
    ) -> Result<(), TokenTrouble> {
        let url = TokenUrl::new(self.settings.token_url.clone())
            .map_err(|error| wrong_url(&self.settings.token_url, &error))?;
        let client = BasicClient::new(ClientId::new(self.settings.client_id.clone()))
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(url);
        let request = client.exchange_device_access_token(&self.response);
        let response = request
            .request_async(&self.http, tokio::time::sleep, None)
            .await
            .map_err(decode_poll)?;
        let Some(token) = response.refresh_token() else {
            return Err(TokenTrouble::ours(
                "the server gave no refresh token".to_owned(),
                "The scope must contain offline_access; leave scope at its default.",
            ));
        };
        store.save(account, &Secret::new(token.secret().clone())).map_err(|error| {
            TokenTrouble::ours(
                format!("the refresh token: {error}"),
                "Check the disk and the rights of data_dir/secrets.",
            )
        })
    }
}

fn wrong_url(url: &str, error: &dyn std::error::Error) -> TokenTrouble {
    TokenTrouble::ours(format!("{url}: {error}"), "Correct the URL in the configuration.")
}

fn decode_poll(error: RequestTokenError<ExchangeError, DeviceCodeErrorResponse>) -> TokenTrouble {
    match error {
        RequestTokenError::ServerResponse(response) => match response.error().as_ref() {
            "expired_token" => TokenTrouble::ours(
                "the code has run out".to_owned(),
                "Start again: postroom account login NAME, and type the code in time.",
            ),
            "access_denied" | "authorization_declined" => TokenTrouble::ours(
                "the sign-in was declined".to_owned(),
                "Start again, and accept in the browser.",
            ),
            error => TokenTrouble::from_response(
                error,
                response.error_description().map_or("", String::as_str),
            ),
        },
        RequestTokenError::Request(error) => error.into(),
        RequestTokenError::Parse(error, _body) => TokenTrouble::unreachable(format!(
            "the authorization server's answer makes no sense: {error}"
        )),
        RequestTokenError::Other(what) => TokenTrouble::unreachable(what),
    }
}
