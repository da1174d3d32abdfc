//! `[account.auth]`: how an account logs in.

use std::path::PathBuf;

use super::{
    key::{Key, keys},
    setting::Word,
};
use crate::upstream::AuthMethod;

keys! {
    /// How to log in to the server. Required for route = "submission".
    ACCOUNT_AUTH = "[account.auth]", tables [];

    /// "login" or "plain" (password), "cram-md5" (password), "xoauth2" (token).
    METHOD: Key<Option<AuthMethod>> = Key::new("method").example("login");
    /// The user name. When absent, the account's address.
    AUTH_USER: Key<Option<String>> = Key::new("user").off("scanner@contoso.com");
    /// A file with the password on one line. Read again at each login. The path shown here is that
    /// of a systemd credential (LoadCredential=).
    SECRET_FILE: Key<Option<PathBuf>> = Key::new("password_file")
        .example("/run/credentials/postroom.service/scanner");
    /// Instead of a password: a file with an OAuth access token that another program renews.
    TOKEN_FILE: Key<Option<PathBuf>> = Key::new("token_file").off("/run/postroom/scanner.token");
    /// OAuth at Microsoft: the tenant's ID or one of its domains. Postroom then requests and renews
    /// the tokens itself.
    TENANT: Key<Option<String>> = Key::new("tenant").off("contoso.com");
    /// OAuth: the application's ID.
    CLIENT_ID: Key<Option<String>> = Key::new("client_id")
        .off("11111111-2222-3333-4444-555555555555");
    /// OAuth as an application: a file with the secret's Value. Without a secret and without a
    /// certificate, a person signs in once: postroom account login NAME.
    CLIENT_SECRET_FILE: Key<Option<PathBuf>> = Key::new("client_secret_file")
        .off("/run/credentials/postroom.service/client-secret");
    /// The date on which the secret expires. Entra shows it only when the secret is created.
    /// Postroom warns the administrator 30, 14, 7 and 1 days before.
    CLIENT_SECRET_EXPIRES: Key<Option<String>> = Key::new("client_secret_expires")
        .off("2027-05-01");
    /// OAuth as an application, with a certificate instead of a secret (PEM).
    APP_CERTIFICATE: Key<Option<PathBuf>> = Key::new("client_certificate")
        .off("/etc/postroom/app.pem");
    /// Its RSA key (PEM).
    APP_KEY: Key<Option<PathBuf>> = Key::new("client_key")
        .off("/run/credentials/postroom.service/app-key");
    /// OAuth: the token endpoint of another server, or of the sandbox.
    TOKEN_URL: Key<Option<String>> = Key::new("token_url")
        .off("https://login.example.com/oauth2/token");
    /// The server that issues device codes, if token_url is set.
    DEVICE_URL: Key<Option<String>> = Key::new("device_url")
        .off("https://login.example.com/oauth2/devicecode");
    /// OAuth: the scope of the token. The preset knows it.
    SCOPE: Key<Option<String>> = Key::new("scope")
        .off("https://outlook.office365.com/.default");
}

impl Word for AuthMethod {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("login", Self::Login),
        ("plain", Self::Plain),
        ("cram-md5", Self::CramMd5),
        ("xoauth2", Self::Xoauth2),
    ];
}
