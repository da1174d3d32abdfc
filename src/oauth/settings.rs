//! The authorization server, the application and the grant of an account.

use std::path::PathBuf;

use crate::model::Timestamp;

/// The checked OAuth settings of an account's login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthSettings {
    /// The token endpoint.
    pub token_url: String,
    /// The device authorization endpoint.
    pub device_url: String,
    /// The scope to request.
    pub scope: String,
    /// The application's client id.
    pub client_id: String,
    /// How the application, or the person who signed in, is authenticated.
    pub grant: Grant,
}

/// How a token is requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Client credentials with a secret (RFC 6749 4.4). The file is read at each request, so that a
    /// new secret is picked up.
    ClientSecret {
        /// `client_secret_file`.
        file: PathBuf,
        /// `client_secret_expires`. It is configured because Entra shows it only where the secret
        /// was created.
        expires: Option<Timestamp>,
    },
    /// Client credentials with a signed assertion (RFC 7523). The files are read at each request.
    ClientCertificate {
        /// `client_certificate`, PEM.
        certificate: PathBuf,
        /// `client_key`, PEM (PKCS#8 or PKCS#1).
        key: PathBuf,
    },
    /// A person signed in with a device code (RFC 8628). [`crate::oauth::RefreshTokenStore`] keeps
    /// the refresh token.
    RefreshToken,
}

/// Microsoft's clouds, as listed in section 4.1 of the OAuth documentation of Exchange Online,
/// 2025.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cloud {
    /// The worldwide cloud, which also serves GCC.
    Global,
    /// The cloud for GCC High.
    GccHigh,
    /// The cloud of the US Department of Defense.
    Dod,
    /// The cloud in China, which 21Vianet operates.
    China,
}

impl Cloud {
    /// The host of the authorization server.
    #[must_use]
    pub const fn login_host(self) -> &'static str {
        match self {
            Self::Global => "login.microsoftonline.com",
            Self::GccHigh | Self::Dod => "login.microsoftonline.us",
            Self::China => "login.partner.microsoftonline.cn",
        }
    }

    /// The scope for an application (client credentials).
    #[must_use]
    pub const fn application_scope(self) -> &'static str {
        match self {
            Self::Global => "https://outlook.office365.com/.default",
            Self::GccHigh => "https://outlook.office365.us/.default",
            Self::Dod => "https://webmail.apps.mil/.default",
            Self::China => "https://partner.outlook.cn/.default",
        }
    }

    /// The scope for a person who signed in.
    #[must_use]
    pub const fn delegated_scope(self) -> &'static str {
        match self {
            Self::Global => "https://outlook.office.com/SMTP.Send offline_access",
            Self::GccHigh | Self::Dod => "https://outlook.office365.us/SMTP.Send offline_access",
            Self::China => "https://partner.outlook.cn/SMTP.Send offline_access",
        }
    }

    /// The host of Microsoft Graph (Microsoft, "Microsoft Graph national cloud deployments").
    #[must_use]
    pub const fn graph_host(self) -> &'static str {
        match self {
            Self::Global => "graph.microsoft.com",
            Self::GccHigh => "graph.microsoft.us",
            Self::Dod => "dod-graph.microsoft.us",
            Self::China => "microsoftgraph.chinacloudapi.cn",
        }
    }

    /// The settings of an application in this cloud.
    #[must_use]
    pub fn settings(self, tenant: &str, client_id: &str, grant: Grant) -> OAuthSettings {
        let base = format!("https://{}/{tenant}/oauth2/v2.0", self.login_host());
        let scope = match grant {
            Grant::ClientSecret { .. } | Grant::ClientCertificate { .. } => {
                self.application_scope()
            }
            Grant::RefreshToken => self.delegated_scope(),
        };
        OAuthSettings {
            token_url: format!("{base}/token"),
            device_url: format!("{base}/devicecode"),
            scope: scope.to_owned(),
            client_id: client_id.to_owned(),
            grant,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cloud_has_its_own_server_and_scope() {
        let secret = Grant::ClientSecret { file: "s".into(), expires: None };
        let settings = Cloud::Global.settings("contoso.com", "app", secret);
        assert_eq!(
            settings.token_url,
            "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token"
        );
        assert_eq!(settings.scope, "https://outlook.office365.com/.default");
        let settings = Cloud::China.settings("t", "app", Grant::RefreshToken);
        assert_eq!(
            settings.device_url,
            "https://login.partner.microsoftonline.cn/t/oauth2/v2.0/devicecode"
        );
        assert_eq!(settings.scope, "https://partner.outlook.cn/SMTP.Send offline_access");
        let settings = Cloud::GccHigh.settings("t", "app", Grant::RefreshToken);
        assert_eq!(settings.token_url, "https://login.microsoftonline.us/t/oauth2/v2.0/token");
        assert_eq!(settings.scope, "https://outlook.office365.us/SMTP.Send offline_access");
        let certificate = Grant::ClientCertificate { certificate: "c".into(), key: "k".into() };
        assert_eq!(
            Cloud::GccHigh.settings("t", "app", certificate.clone()).scope,
            "https://outlook.office365.us/.default"
        );
        assert_eq!(
            Cloud::Dod.settings("t", "app", certificate.clone()).scope,
            "https://webmail.apps.mil/.default"
        );
        assert_eq!(
            Cloud::China.settings("t", "app", certificate).scope,
            "https://partner.outlook.cn/.default"
        );
    }
}
