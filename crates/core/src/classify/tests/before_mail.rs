//! What servers say before `MAIL FROM`, as it was seen on the wire, with what follows.

use crate::classify::Stage::{self, Auth, Ehlo, Greeting};

/// exchange-online: connection, TLS, AUTH.
pub(super) const OPENING: &[(Stage, &str, &str)] = &[
    (Greeting, "421 4.3.2 Service not available", "account pause 1m"),
    (Greeting, "421 4.3.2 Service not active", "account pause 1m"),
    (
        Auth,
        "421 4.4.2 Message submission rate for this client has exceeded the configured limit",
        "account pause 1m",
    ),
    (
        Auth,
        "421 4.7.0 Too many errors on this connection, closing transmission channel",
        "account pause 5m",
    ),
    (
        Auth,
        "421 4.7.66 TLS 1.0 and 1.1 are not supported. Please upgrade/update your client to \
        support TLS 1.2. Visit https://aka.ms/smtp_auth_tls. \
        [LO2P265CA0123.GBRP265.PROD.OUTLOOK.COM]",
        "account stop",
    ),
    (Auth, "550 5.7.67 TLS 1.0 and 1.1 are not supported by your organization", "account stop"),
    (Auth, "454 4.7.0 Temporary authentication failure", "account pause 1m"),
    (
        Auth,
        "451 4.7.3 Authentication unsuccessful due to temporary server error. Please try again \
        later.",
        "account pause 1m",
    ),
    (Ehlo, "501 5.5.4 Invalid domain name", "account stop"),
    (
        Auth,
        "500 5.3.3 Unrecognized command 'AUTH' [BN9PR03CA0123.namprd03.prod.outlook.com \
        2025-08-04T13:15:53.123Z 08DDD2]",
        "account stop",
    ),
    (Auth, "504 5.7.4 Unrecognized authentication type", "account stop"),
    (
        Auth,
        "535 5.7.3 Authentication unsuccessful [SN2PR00CA0018.namprd00.prod.outlook.com]",
        "account stop",
    ),
    (
        Auth,
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the \
        Tenant. Visit https://aka.ms/smtp_auth_disabled for more information. \
        [CP0PR80CA0014.lamprd80.prod.outlook.com 2024-10-10T20:31:23.429Z 08DCE853B9232A86]",
        "account stop",
    ),
    (
        Auth,
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the \
        Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information. \
        [CP0PR80CA0014.lamprd80.prod.outlook.com 2024-10-10T20:31:23.429Z 08DCE853B9232A86]",
        "account stop",
    ),
    (
        Auth,
        "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. \
        [AM0PR04CA0123.eurprd04.prod.outlook.com]",
        "account stop",
    ),
    (
        Auth,
        "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. \
        [AM0PR04CA0123.eurprd04.prod.outlook.com]",
        "account stop",
    ),
    (
        Auth,
        "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be \
        authenticated successfully. Contact your administrator.",
        "account stop",
    ),
    (
        Auth,
        "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security \
        defaults policy. Contact your administrator.",
        "account stop",
    ),
    (
        Auth,
        "535 5.7.139 Authentication unsuccessful, the organization configuration doesn't allow \
        this authentication request.",
        "account stop",
    ),
    (
        Auth,
        "535 5.7.139 Authentication unsuccessful, federated STS service was unreachable.",
        "account pause 5m",
    ),
    (
        Auth,
        "535 5.7.139 Authentication unsuccessful, the federated STS URL does not support HTTPS.",
        "account pause 5m",
    ),
    (
        Auth,
        "550 5.7.30 Basic authentication is not supported for Client Submission.",
        "account stop",
    ),
    (
        Auth,
        "535 5.7.30 Basic authentication is not supported for Client Submission.",
        "account stop",
    ),
    (
        Auth,
        "530 5.7.57 Client not authenticated to send mail. \
        [AM0PR04CA0123.eurprd04.prod.outlook.com]",
        "account stop",
    ),
    (Auth, "530 5.7.0 Must issue a STARTTLS command first", "account stop"),
    // High Volume Email.
    (
        Auth,
        "501 5.5.124 Invalid XOAUTH2 auth data - User address provided is not valid. Please ensure \
        the auth data is well formed.",
        "account stop",
    ),
    (Auth, "535 5.7.142 Token will expire soon", "account stop"),
    (Auth, "535 5.7.143 Expired token", "account stop"),
    (Auth, "535 5.7.144 XOAUTH2 authentication failed. Invalid API permissions", "account stop"),
    (
        Auth,
        "550 5.7.240 The application is not allowed for use with this High Volume Email account",
        "account stop",
    ),
    // Others.
    (
        Auth,
        "534 5.7.9 Application-specific password required. For more information, go to \
        https://support.google.com/mail/?p=InvalidSecondFactor",
        "account stop",
    ),
    (
        Auth,
        "535 5.7.8 Username and Password not accepted. For more information, go to \
        https://support.google.com/mail/?p=BadCredentials",
        "account stop",
    ),
    (Auth, "454 4.7.0 Too many login attempts, please try again later.", "account pause 5m"),
    (Auth, "432 4.3.2 Concurrent connections limit exceeded.", "account pause 20s"),
    (Greeting, "421 4.7.0 Too many connections from your address", "account pause 1m"),
    (Greeting, "554 5.7.0 Too many connections", "account stop"),
    (Greeting, "432 4.3.2 busy", "account pause 1m"),
    (Auth, "451 4.3.0 not now", "account pause 1m"),
    (Auth, "550 no", "account stop"),
    (Ehlo, "454 4.7.0 TLS not available due to local problem", "account pause 1m"),
    (Greeting, "554 No SMTP service here", "account stop"),
    (
        Greeting,
        "550 5.7.606 Access denied, banned sending IP [192.0.2.1]. To request removal from this \
        list please visit https://sender.office.com/",
        "account stop",
    ),
    (Greeting, "354 Start mail input", "account pause 1m"),
    (Auth, "250 2.0.0 OK", "account pause 1m"),
];
